"""Write the page of a sweep, one self-contained HTML file, and its answer in Markdown."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from descent import step
from descent.check import verdicts
from descent.experiment.grids import final, trials
from descent.experiment.variants import describe_network, in_full
from descent.files import write_json, write_text
from descent.report import provenance
from descent.report.page import data_uri, to_markdown, write_page
from descent.sweep import choose, rank
from descent.words import count


def how(config: Mapping[str, Any]) -> str:
    """How a sweep of config.yaml compares its optimizers."""
    sweep = config["sweep"]
    training, network = config["training"] | sweep.get("training", {}), in_full(config["networks"][sweep["network"]])
    shuffled = "shuffled anew in each epoch" if training["shuffle"] else "in the order of the files"
    return (
        f"Each optimizer is compared at the best setting of its trials, which have the network "
        f"{describe_network(sweep['network'], network)}, {count(training['epochs'], 'epoch')} and minibatches of "
        f"{training['batch_size']}, {shuffled}. A trial is the "
        f"mean of {count(sweep['seeds'], 'seed')} on the last {sweep['validation']} training images, with which no "
        "run trains. The best trial and the default setting were then trained again in the same way, with "
        f"{count(sweep['final_seeds'], 'new seed')}, and tested once. Seed by seed, all start from the same "
        "parameters and see the same minibatches. With other seeds, another trial might have been chosen."
    )


def main(config: Annotated[dict, "the experiment, as JSON"], results: step.Results) -> None:
    """Writes sweep.html, sweep/ranking.md, and sweep/experiment.json (config, versions)."""
    folder, checked, grids = results / "sweep", verdicts.checked(results), config["sweep"]["optimizers"]
    choices = json.loads((folder / "choices.json").read_bytes())
    provenance.read_records(config, results, [("sweep/trials", name) for name in trials(grids)])
    records = provenance.read_records(config, results, [("sweep/final", name) for name in final(grids, choices)])
    experiment = provenance.experiment(config, records)
    ranking = rank.ranked(folder)
    used = checked[checked["optimizer"].isin([grid["optimizer"] for grid in grids.values()])]
    answer = rank.answer(ranking) + verdicts.faults(used)
    write_json(folder / "experiment.json", experiment)
    write_text(folder / "ranking.md", to_markdown(answer, rank.section(ranking).table))
    write_page(
        results / "sweep.html",
        "sweep.html.j2",
        answer=answer,
        compared=how(config),
        before=[rank.section(ranking), rank.targets_section(folder)],
        sensitivity=data_uri(folder / "sensitivity.svg"),
        after=[choose.section(choose.described_trials(folder)), *provenance.sections(records, experiment)],
    )


if __name__ == "__main__":
    step.run(main)
