"""Write the experiment's page, one self-contained HTML file, and the answer in Markdown."""

from itertools import product
from pathlib import Path
from typing import Annotated

from markupsafe import Markup

from descent import step
from descent.check import verdicts
from descent.compare import compare_published, compare_twins, differences, step_length, summarize
from descent.experiment.variants import in_full, twins_of
from descent.files import write_json, write_text
from descent.report import exercises, provenance
from descent.report.figures import Figure, figures
from descent.report.page import TEMPLATES, data_uri, to_markdown, write_page
from descent.run import Run, same_bits
from descent.words import Section

LAB = "Lab 3 of COMP 691, Deep Learning (spring 2023), from scratch and from PyTorch, each variant with several seeds."


def departures() -> Section:
    """Where this departs from the lab's sheet: a title and a list in Markdown."""
    title, _, *lines = (TEMPLATES / "departures.md").read_text(encoding="utf-8").splitlines()
    return Section(title.removeprefix("# "), sentences=[line.removeprefix("- ") for line in lines])


def shown(folder: Path, all_figures: list[Figure], apart: set[str], problems: list[str]) -> dict[str, object]:
    """What the page shows of a network; of the figures of twins those in ``apart``."""
    curves = (folder / ".intermediate/curves.json").read_text(encoding="utf-8")
    return {
        "curves": Markup(curves.replace("<", "\\u003c")),
        "folded": [its for its in all_figures if its.kind == "alone"],
        "open": [its for its in all_figures if its.kind not in ("alone", "twins") or its.name in apart],
        "problems": problems,
    }


def main(
    config: Annotated[dict, "the experiment, as JSON"],
    results: step.Results,
    data: Annotated[str, "what the data set is called"],
) -> None:
    """Writes report.html, summary.md and experiment.json (config, versions)."""
    networks = {name: in_full(network) for name, network in config["networks"].items()}
    variants, mnist = config["variants"], "sha256" not in config["data"]
    records = provenance.read_records(config, results, product(networks, variants))
    summary, contrasts = summarize.summarized(results), differences.described(results)
    twins, checked = compare_twins.compared(results), verdicts.checked(results)
    leads = {network: differences.lead(network, summary, contrasts) for network in networks}
    judged = compare_published.judged(results)

    answer = [differences.answer(leads), *step_length.answer(variants, contrasts), *summarize.answer(summary)]
    answer += [" ".join(verdicts.answer(checked) + compare_twins.answer(twins)), *compare_published.answer(judged)]
    once = {network: same_bits({its: Run(results / network / its) for its in variants}) for network in networks}
    summarized = summarize.section(summary, once)
    experiment = provenance.experiment(config, records)
    write_json(results / "experiment.json", experiment)
    write_text(results / "summary.md", to_markdown(answer, summarized.table[summarize.MAIN_COLUMNS]))
    shuffle, smoothing = config["training"]["shuffle"], config["curves"]["smoothing"]
    smoothing = min([smoothing, *(record["iterations"] for record in records.values())])
    apart = twins[twins["verdict"] != compare_twins.IDENTICAL]
    write_page(
        results / "report.html",
        "report.html.j2",
        data=data,
        about=LAB if mnist else exercises.trained(networks, next(iter(records.values()))),
        answer=answer,
        strip=data_uri(results / "accuracies.png"),
        before=[
            *([exercises.section(results, networks, variants, records, summary, twins)] if mnist else []),
            summarized,
            *differences.sections(contrasts, leads, shuffle),
            summarize.targets_section(results, summary, once),
        ],
        networks={
            network: shown(
                results / network,
                figures(list(variants), twins_of(variants), smoothing, shuffle),
                {f"{row['custom']}+{row['torch']}" for row in apart[apart["network"] == network].to_dict("records")},
                summarize.problems([row for row in summarize.once(summary, once) if row["network"] == network]),
            )
            for network in networks
        },
        after=[
            *verdicts.sections(checked),
            compare_twins.section(twins),
            *compare_published.sections(results, judged),
            *provenance.sections(records, experiment),
            *([departures()] if mnist else []),
        ],
    )


if __name__ == "__main__":
    step.run(main)
