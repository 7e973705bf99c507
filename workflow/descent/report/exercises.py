"""The lab's exercises, each with its answer in this experiment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from descent.compare.compare_twins import DIFFERENT_RULE, IDENTICAL, SAME_RULE
from descent.compare.summarize import in_per_cent
from descent.experiment.variants import Variant, describe_network
from descent.run import read_table
from descent.words import Row, Section, count, join, spread

ALIKE = {IDENTICAL: "bit-identical", SAME_RULE: "not bit-identical", DIFFERENT_RULE: "other rule"}


def trained(networks: Mapping[str, Mapping[str, Any]], record: Row) -> str:
    """What was trained on which images, from the networks, in full, and one run.json."""
    sizes = join(describe_network(name, network) for name, network in networks.items())
    return (
        f"Networks: {sizes}. Each was trained for {count(record['epochs'], 'epoch')}, in minibatches of "
        f"{record['batch_size']} and with {count(len(record['seeds']), 'seed')}."
    )


def link(text: str, file: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(file, text)


def section(
    results: Path,
    networks: Mapping[str, Mapping[str, Any]],
    variants: Mapping[str, Variant],
    records: Mapping[tuple[str, str], Row],
    summary: pd.DataFrame,
    twins: pd.DataFrame,
) -> Section:
    """A row for each exercise and a column for each network; each answer is a link to its figure or file.

    Exercises 3 and 4 and the optional one need a custom variant of SGD, without and with momentum, and its twin.
    """
    initial = read_table(results / "initial.csv", ["network"]).set_index("network").to_dict("index")
    reached = {(row["network"], row["variant"]): in_per_cent(row) for row in summary.to_dict("records")}
    rows: dict[str, dict[str, Markup]] = {}
    for network in networks:
        variant = next(iter(variants))
        record, untrained = records[network, variant], initial[network]
        answers = {
            "1: images to train with, and to test": link(
                f"{record['training_images']:,} and {record['evaluation_images']:,}", f"{network}/{variant}/run.json"
            ),
            "2: accuracy and loss of the untrained network": link(
                f"{in_per_cent(untrained)}, {spread(untrained, 'test_loss')} nats", f"{network}/initial.csv"
            ),
        }
        for momentum, from_scratch, pytorchs in (
            (False, "3: test accuracy of SGD from scratch", "4: `torch.optim.SGD`, overlaid"),
            (True, "Optional: momentum from scratch", "Optional: `torch.optim.SGD` with momentum"),
        ):
            for pair in twins[twins["network"] == network].to_dict("records"):
                custom, torch, its = pair["custom"], pair["torch"], variants[pair["custom"]]
                if its["optimizer"] == "sgd" and bool(its.get("momentum")) == momentum and from_scratch not in answers:
                    answers[from_scratch] = link(reached[network, custom], f"{network}/{custom}/curves.png")
                    same = f"{reached[network, torch]}: {ALIKE[pair['verdict']]}"
                    answers[pytorchs] = link(same, f"{network}/{custom}+{torch}.png")
        for exercise, answer in answers.items():
            rows.setdefault(exercise, {})[network] = answer
    return Section(
        "The lab's exercises",
        table=pd.DataFrame.from_dict(rows, orient="index").rename_axis("exercise").reset_index(),
        caption=f"{trained(networks, next(iter(records.values())))} Every variant starts from the same parameters, "
        "seed by seed, and sees the same minibatches. Mean ± standard deviation over seeds; losses are mean cross "
        "entropies in nats. Each answer links to its figure or file.",
        file="initial.csv",
    )
