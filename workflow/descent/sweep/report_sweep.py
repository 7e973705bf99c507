"""Write the page of a sweep, one self-contained HTML file, and its answer in Markdown."""

from typing import Annotated, Any

import yaml

from descent import step
from descent.check import verdicts
from descent.files import write_json, write_text
from descent.report.page import data_uri, to_markdown, write_page
from descent.sweep import choose, rank
from descent.words import Section, count


def how(sweep: dict[str, Any], training: dict[str, Any]) -> str:
    """How a sweep of config.yaml compares its optimizers."""
    shuffled = "shuffled anew in each epoch" if training["shuffle"] else "in the order of the files"
    return (
        f"Each optimizer is compared at the best setting of its trials, which have the network {sweep['network']}, "
        f"{count(training['epochs'], 'epoch')} and minibatches of {training['batch_size']}, {shuffled}. A trial is the "
        f"mean of {count(sweep['seeds'], 'seed')} on the last {sweep['validation']} training images, with which no "
        "run trains. The best trial and the default setting were then trained again in the same way, with "
        f"{count(sweep['final_seeds'], 'new seed')}, and tested once. Seed by seed, all start from the same "
        "parameters and see the same minibatches. With other seeds, another trial might have been chosen."
    )


def main(
    sweep: Annotated[dict, "the sweep of config.yaml"],
    training: Annotated[dict, "how it trains"],
    results: step.Results,
) -> None:
    """Writes sweep.html, sweep/ranking.md, and sweep/experiment.json with the config."""
    folder, checked = results / "sweep", verdicts.checked(results)
    ranking = rank.ranked(folder)
    used = checked[checked["optimizer"].isin([grid["optimizer"] for grid in sweep["optimizers"].values()])]
    answer = rank.answer(ranking) + verdicts.faults(used)
    experiment = {"training": training, "sweep": sweep}
    write_json(folder / "experiment.json", experiment)
    write_text(folder / "ranking.md", to_markdown(answer, rank.section(ranking).table))
    write_page(
        results / "sweep.html",
        "sweep.html.j2",
        answer=answer,
        compared=how(sweep, training),
        before=[rank.section(ranking), rank.targets_section(folder)],
        sensitivity=data_uri(folder / "sensitivity.svg"),
        after=[
            choose.section(choose.described_trials(folder)),
            Section(
                "How to reproduce it",
                "With this in `config.yaml`, and the same `networks`: `snakemake sweep --cores 1 --resources gpu=1`",
                listing=yaml.safe_dump(experiment, sort_keys=False, default_flow_style=None, width=100),
            ),
        ],
    )


if __name__ == "__main__":
    step.run(main)
