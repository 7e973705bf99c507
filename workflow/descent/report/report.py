"""Write the experiment's page, one self-contained HTML file, and the answer in Markdown."""

import sys
from pathlib import Path
from typing import Annotated

import yaml
from markupsafe import Markup

from descent import step
from descent.check import verdicts
from descent.compare import compare_published, compare_twins, differences, summarize
from descent.experiment.studies import contradiction, studies
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
    summary, contrasts = summarize.summarized(results), differences.described(results)
    twins, checked = compare_twins.compared(results), verdicts.checked(results)
    networks = {name: in_full(config["networks"][name]) for name in dict.fromkeys(summary["network"])}
    variants = {name: config["variants"][name] for name in dict.fromkeys(summary["variant"])}  # in config.yaml's order
    runs = {network: {its: Run(results / network / its) for its in variants} for network in networks}
    records = {(network, its): run.record for network, all_runs in runs.items() for its, run in all_runs.items()}
    asked = studies(config)
    for (network, variant), record in records.items():
        if wrong := contradiction(asked[network], variant, record):
            sys.exit(f"{results / network / variant} is not of this config.yaml: {wrong}. Delete it and run again.")

    answer = [differences.leader(network, summary, contrasts) for network in networks]
    answer += summarize.answer(summary) + verdicts.answer(checked) + compare_twins.answer(twins)
    answer += compare_published.answer(results)
    once = {network: same_bits(its) for network, its in runs.items()}
    summarized = summarize.section(summary, once)
    write_json(
        results / "experiment.json",
        {"config": config, "code": provenance.revision(), "versions": provenance.versions()},
    )
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
            *provenance.sections(records, yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100)),
            departures(),
        ],
    )


if __name__ == "__main__":
    step.run(main)
