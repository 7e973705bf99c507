"""Write the page of a sweep, one self-contained HTML file, and its answer in Markdown."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any

from descent import step
from descent.check import verdicts
from descent.experiment.grids import default, final, swept, trials
from descent.experiment.variants import describe_network, given, in_full, in_words
from descent.files import write_json, write_text
from descent.report import provenance
from descent.report.page import data_uri, to_markdown, write_page
from descent.sweep import choose, rank
from descent.words import count, join

RARE = 0.05  # the share of trainings with a failure, for an example


def how(config: Mapping[str, Any]) -> list[str]:
    """How a sweep of config.yaml compares its optimizers, and for what the comparison holds."""
    sweep = config["sweep"]
    training, network = config["training"] | sweep.get("training", {}), in_full(config["networks"][sweep["network"]])
    shuffled = "shuffled anew in each epoch" if training["shuffle"] else "in the order of the files"
    tuned, fixed = defaultdict(list), defaultdict(list)
    for name, grid in sweep["optimizers"].items():
        its, varied = default(grid), swept(grid)
        tuned[join(varied or ["nothing"])].append(name)
        fixed[in_words({key: value for key, value in given(its).items() if key not in varied})].append(name)
    used = {grid["optimizer"] for grid in sweep["optimizers"].values()}
    unseen = (1 - RARE) ** sweep["final_seeds"]
    return [
        f"All train the network {describe_network(sweep['network'], network)} for {count(training['epochs'], 'epoch')} "
        f"with minibatches of {training['batch_size']}, {shuffled}. Seed by seed, they start from the same parameters "
        "and see the same minibatches.",
        f"A trial's accuracy is the mean of {count(sweep['seeds'], 'seed')} on the last {sweep['validation']:,} "
        "training images, which no run trains on. The best trial and the default setting train again with "
        f"{count(sweep['final_seeds'], 'new seed')}, and are tested once.",
        f"Tuned: {by_optimizer(tuned)}. Fixed: {by_optimizer(fixed)}. Everything else has its default"
        + ("; SGD's lr of 0.001 is a placeholder." if "sgd" in used else "."),
        "The ranking holds for these settings, training images, network and epochs; other seeds or a finer grid might "
        "choose other settings.",
        f"No interval covers a failure that no seed showed: one that befalls {RARE * 100:.0f} % of trainings stays "
        f"unseen in {unseen * 100:.0f} % of sweeps with {count(sweep['final_seeds'], 'final seed')}.",
    ]


def by_optimizer(found: Mapping[str, list[str]]) -> str:
    """What several optimizers have in common, with their names unless it is the same for all."""
    alone = len(found) == 1
    said = (what if alone else f"{what} ({join(names)})" for what, names in found.items() if what)
    return "; ".join(said) or "nothing"


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
    write_text(folder / "ranking.md", to_markdown(answer, rank.short(rank.section(ranking))))
    write_page(
        results / "sweep.html",
        "sweep.html.j2",
        answer=answer,
        compared=how(config),
        before=[rank.section(ranking), rank.targets_section(folder)],
        ranking=data_uri(folder / "ranking.png"),
        sensitivity=data_uri(folder / "sensitivity.png"),
        after=[choose.section(choose.described_trials(folder)), *provenance.sections(records, experiment)],
    )


if __name__ == "__main__":
    step.run(main)
