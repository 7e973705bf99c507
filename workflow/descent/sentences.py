"""The sentences that people read, made once: the pages, the Markdown files and the terminal show the same."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from descent.compare.statistics import LEAST_SEEDS
from descent.tables import join, per_cent, spread

Row = Mapping[str, Any]


def answer(
    summary: pd.DataFrame,
    differences: pd.DataFrame,
    optimizers: pd.DataFrame,
    twins: pd.DataFrame,
    reproduction: pd.DataFrame,
) -> list[str]:
    """What the run found, from its tables; ``reproduction`` is empty if the data is not MNIST."""
    networks, seeds = summary["network"].unique(), summary["seeds"].iloc[0]
    lines = [best(network, summary, differences) for network in networks]
    lines += [f"{row['variant']} diverged on {row['network']}: {remedy(row)}" for row in lost(summary)]
    if seeds < LEAST_SEEDS:
        lines.append(
            f"{count(seeds, 'seed')} only: {LEAST_SEEDS} or more give intervals, and show which differences are real."
        )
    lines += rules(optimizers, twins)
    lines += [reproduces(network, its) for network, its in reproduction.groupby("network", sort=False)]
    return lines if len(reproduction) else [*lines, "The data is not MNIST: the lab's figures do not apply."]


def best(network: str, summary: pd.DataFrame, differences: pd.DataFrame) -> str:
    """Which variant of a network is best, and whether it is really better than the next.

    A twin with the same setting is not the next one: ``differences`` does not have it.
    """
    ranked = summary[summary["network"] == network].dropna(subset="test_accuracy_mean")
    ranked = ranked.sort_values("test_accuracy_mean", ascending=False, kind="stable").to_dict("records")
    if not ranked:
        return f"{network}: every variant diverged."
    first, *others = ranked
    line = f"{network}: {first['variant']} is best with a test accuracy of {spread(first, 'test_accuracy', 100, 2)} %"
    within = differences[(differences["network"] == network) & (differences["other_network"] == network)]
    pairs = {frozenset([row["variant"], row["other"]]): row for row in within.to_dict("records")}
    for other in (row["variant"] for row in others):
        if found := pairs.get(frozenset([first["variant"], other])):
            figures = [f"test_accuracy_difference_{figure}" for figure in ("mean", "low", "high")]
            mean, *ends = (found[figure] * (1 if found["variant"] == first["variant"] else -1) for figure in figures)
            line += f", {per_cent(mean)} points above {other}"
            if not math.isnan(ends[0]):
                low, high = map(per_cent, sorted(ends))
                line += f" (95 % interval {low} to {high}): "
                corrected = f", after the correction for {count(len(differences), 'difference')}"
                line += "a real difference" if found["real"] else f"not shown to be a real difference{corrected}"
            break
    return f"{line}."


def lost(summary: pd.DataFrame) -> list[dict[str, Any]]:
    return summary[summary["diverged_seeds"] > 0].to_dict("records")


def remedy(row: Row) -> str:
    return (
        f"{row['diverged_seeds']} of {count(row['seeds'], 'seed')}, from iteration {row['diverged_iteration']:.0f} on. "
        "Try a lower learning rate."
    )


def count(n: int, noun: str) -> str:
    return f"{n} {noun}" + ("" if n == 1 else "s")


def rules(optimizers: pd.DataFrame, twins: pd.DataFrame) -> list[str]:
    """What is known of the update rules, and of the twins."""
    if wrong := wrong_rules(optimizers):
        return wrong
    text, words = "All update rules that have a class in torch.optim equal it", set(twins["verdict"])
    if words == {"identical"}:
        return [f"{text}, and all twins are identical."]
    if "different" in words:
        return [f"{text}, but not all twins agree."]
    return [f"{text}; twins differ only by rounding." if words else f"{text}."]


def wrong_rules(optimizers: pd.DataFrame) -> list[str]:
    """A sentence for each update rule that is wrong, from rows of optimizers.csv."""
    wrong = optimizers[optimizers["verdict"] == "different"].drop_duplicates("optimizer").to_dict("records")
    faults = (f"differs from torch.optim.{row['torch']}" if row["torch"] else "has a mistake" for row in wrong)
    return [f"The rule of {row['optimizer']} {fault}: `make check` says how." for row, fault in zip(wrong, faults)]


def twins(row: Row) -> str:
    """A row of twins.csv."""
    pair = f"{row['network']}: {row['custom']} and {row['torch']}"
    if row["verdict"] == "identical":
        return f"{pair} are the same to the bit, in every minibatch loss and in the final parameters."
    if row["verdict"] == "different":
        return (
            f"{pair} do not follow the same rule: in double precision they are further apart than rounding takes them, "
            f"from iteration {row['first_different_iteration']:.0f} on."
        )
    parted = row["first_visible_iteration"]
    visible = (
        f"their losses are at most {row['max_loss_difference']:.1e} nats apart"
        if pd.isna(parted)
        else f"training amplifies it: their losses are more than 10⁻³ nats apart from iteration {parted:.0f} on, and "
        f"their final test accuracies up to {per_cent(row['max_accuracy_difference'])} points"
    )
    return (
        f"{pair} follow the same rule and differ only by rounding, over the first {row['compared_iterations']:.0f} "
        f"iterations in double precision; {visible}."
    ) + (
        f" They ran on other processors ({row['instructions']}), which round otherwise." if row["instructions"] else ""
    )


def reproduces(network: str, rows: pd.DataFrame) -> str:
    """A network's rows of reproduction.csv."""
    compared = rows.dropna(subset="log_ratio").to_dict("records")
    if not compared:
        return f"{network}: no variant repeats one of the lab's trainings, so nothing is compared."
    verdict = "reproduces" if all(row["verdict"] == "reproduced" for row in compared) else "does not reproduce"
    apart = join(f"{distance(row['log_ratio'])} ours for {row['optimizer']}" for row in compared)
    left_out = "; ".join(filter(None, rows["left_out"]))
    return (
        f"{network} {verdict} the lab's printed figures: the sheet's mean training loss over all epochs is {apart}; "
        f"by chance they differ by up to {per_cent(-np.expm1(-compared[0]['limit']), '.1f')} %."
    ) + (f" Not compared: {left_out}." if left_out else "")


def distance(log_ratio: float) -> str:
    if math.isinf(log_ratio):
        return "finite, unlike"
    return f"{per_cent(abs(np.expm1(log_ratio)), '.1f')} % {'above' if log_ratio > 0 else 'below'}"


def trained(networks: Mapping[str, Mapping[str, Any]], record: Row) -> str:
    """What was trained on which images, from the networks, in full, and one run.json."""
    sizes = join(
        f"{name} ({'-'.join(map(str, network['hidden']))} hidden units, {network['activation']})"
        for name, network in networks.items()
    )
    return (
        f"Networks: {sizes}. Each was trained for {count(record['epochs'], 'epoch')}, in minibatches of "
        f"{record['batch_size']} and with {count(record['seeds'], 'seed')}."
    )


def ranking(table: pd.DataFrame) -> list[str]:
    """A sweep's answer, from ranking.csv."""
    ranked, unranked = table.dropna(subset="may_be_best"), table[table["may_be_best"].isna()]
    may_be_best = ranked["may_be_best"].astype(bool)
    best = join(ranked.loc[may_be_best, "optimizer"])
    if len(ranked) == 1:
        lines = [f"Only {best} could be ranked."]
    elif may_be_best.sum() == 1:
        lines = [f"Each at its best setting, {best} is the best."]
    else:
        lines = [f"Each at its best setting, {best} may be the best."]
    if others := ranked[~may_be_best].to_dict("records"):
        behind = join(f"{row['optimizer']} {per_cent(row['behind_at_most'])}" for row in others)
        lines.append(f"At most this many points behind the best: {behind}.")
    if len(ranked) > 1 and ranked["behind_at_most"].isna().all():
        lines.append(f"With fewer than {LEAST_SEEDS} seeds, none can be ruled out.")
    if table["trials"].nunique() > 1:
        lines.append("The numbers of trials differ: more trials find a better setting.")
    for row in ranked[ranked["edge"] != ""].to_dict("records"):
        lines.append(f"{row['optimizer']}: the chosen {row['edge']} is at the edge of its grid.")
    for row in ranked[ranked["other_choices"] != ""].to_dict("records"):
        lines.append(f"{row['optimizer']}: halves of the trials' seeds would have chosen {row['other_choices']}.")
    return lines + [f"{optimizer}: every trial lost a seed." for optimizer in unranked["optimizer"]]


def sweep(config: Row, training: Row) -> str:
    """How a sweep of config.yaml compares its optimizers."""
    shuffled = "shuffled anew in each epoch" if training["shuffle"] else "in the order of the files"
    return (
        f"Each optimizer is compared at the best setting of its trials, which have the network {config['network']}, "
        f"{count(training['epochs'], 'epoch')} and minibatches of {training['batch_size']}, {shuffled}. A trial is the "
        f"mean of {count(config['seeds'], 'seed')} on the last {config['validation']} training images, with which no "
        "run trains. The best trial and the default setting were then trained again in the same way, with "
        f"{count(config['final_seeds'], 'new seed')}, and tested once. Seed by seed, all start from the same "
        "parameters and see the same minibatches. With other seeds, another trial might have been chosen."
    )
