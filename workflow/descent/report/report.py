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


def departures() -> Section:
    """Where this departs from the lab's sheet: a title and a list in Markdown."""
    title, _, *lines = (TEMPLATES / "departures.md").read_text(encoding="utf-8").splitlines()
    return Section(title.removeprefix("# "), sentences=[line.removeprefix("- ") for line in lines])


def shown(folder: Path, all_figures: list[Figure], apart: set[str]) -> dict[str, object]:
    """What the page shows of a network; of the figures of twins those in ``apart``."""
    images = [(its, data_uri(folder / f".intermediate/{its.name}.svg")) for its in all_figures]
    curves = (folder / ".intermediate/curves.json").read_text(encoding="utf-8")
    return {
        "curves": Markup(curves.replace("<", "\\u003c")),
        "folded": [(its, image) for its, image in images if its.kind == "alone"],
        "open": [pair for pair in images if pair[0].kind not in ("alone", "twins") or pair[0].name in apart],
    }


def main(config: Annotated[dict, "the experiment, as JSON"], results: step.Results) -> None:
    """Writes report.html, summary.md and experiment.json (config, versions)."""
    networks = {name: in_full(network) for name, network in config["networks"].items()}
    variants = config["variants"]
    records = provenance.read_records(config, results, product(networks, variants))
    summary, contrasts = summarize.summarized(results), differences.described(results)
    twins, checked = compare_twins.compared(results), verdicts.checked(results)

    answer = [differences.leader(network, summary, contrasts) for network in networks]
    answer += step_length.answer(variants, contrasts)
    answer += summarize.answer(summary) + verdicts.answer(checked) + compare_twins.answer(twins)
    answer += compare_published.answer(results)
    once = {network: same_bits({its: Run(results / network / its) for its in variants}) for network in networks}
    summarized = summarize.section(summary, once)
    experiment = provenance.experiment(config, records)
    write_json(results / "experiment.json", experiment)
    write_text(results / "summary.md", to_markdown(answer, summarized.table[summarize.MAIN_COLUMNS]))
    shuffle = config["training"]["shuffle"]
    apart = twins[twins["verdict"] != compare_twins.IDENTICAL]
    write_page(
        results / "report.html",
        "report.html.j2",
        answer=answer,
        before=[
            exercises.section(results, networks, variants, records, summary, twins),
            summarized,
            *differences.sections(contrasts, shuffle),
            summarize.targets_section(results, summary, once),
        ],
        networks={
            network: shown(
                results / network,
                figures(list(variants), twins_of(variants), shuffle),
                {f"{row['custom']}+{row['torch']}" for row in apart[apart["network"] == network].to_dict("records")},
            )
            for network in networks
        },
        after=[
            *verdicts.sections(checked),
            compare_twins.section(twins),
            *compare_published.sections(results),
            *provenance.sections(records, experiment),
            departures(),
        ],
    )


if __name__ == "__main__":
    step.run(main)
