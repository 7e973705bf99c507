"""summary.csv, differences.csv, epochs.csv and targets.csv, from runs that are written down here."""

import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from descent.compare.differences import (
    DIFFERENCES,
    Outcome,
    contrasts,
    describe_difference,
    describe_differences,
    outcome,
)
from descent.compare.summarize import describe_final, running_means
from descent.run import Run, read_table, same_bits

IMAGES = 10


def evaluation(accuracies: list[float]) -> pd.DataFrame:
    """evaluation.csv of two epochs; ``accuracies`` are those of the last, a seed each."""
    return pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "loss": 1.0 - epoch, "accuracy": accuracy * epoch}
            for seed, accuracy in enumerate(accuracies)
            for epoch in (0, 1)
        ]
    )


def run(accuracies, diverged=()) -> SimpleNamespace:
    """A run whose seeds are right about the first of ten images, as many as make their accuracy."""
    return SimpleNamespace(
        training=pd.DataFrame({"loss": [2.3, 2.5]}),
        evaluation=evaluation(accuracies),
        correct=(np.arange(IMAGES) < np.round(np.array(accuracies) * IMAGES)[:, None]).astype(float),
        diverged=dict.fromkeys(diverged, 30),
    )


def final(accuracies, diverged=(), network="small", variant="a") -> Outcome:
    return outcome(network, variant, run(accuracies, diverged))


def test_the_summary_is_that_of_the_last_epoch():
    row = describe_final(final([0.5, 0.7]), run([0.5, 0.7]))
    assert (row["network"], row["variant"], row["seeds"], row["diverged_seeds"]) == ("small", "a", 2, 0)
    assert row["test_accuracy_mean"] == pytest.approx(0.6)
    assert row["test_accuracy_std"] == pytest.approx(math.sqrt(0.02))
    assert row["test_loss_mean"] == 0
    assert (row["test_accuracy_by_seed"], row["test_accuracy_worst_seed"]) == ("0.5000 0.7000", 0.5)
    assert (row["lowest_test_loss_epochs"], row["highest_training_loss"]) == (2, 2.5)


def test_differences_are_taken_seed_by_seed():
    row = describe_difference(final([0.9, 0.5, 0.6, 0.7]), final([0.8, 0.4, 0.5, 0.6], variant="b"))
    assert row["test_accuracy_difference_mean"] == pytest.approx(0.1)
    assert row["test_accuracy_difference_std"] == pytest.approx(0, abs=1e-12)
    row = describe_difference(final([0.9] * 4), final([0.8] * 4, variant="b"))
    assert row["test_accuracy_difference_low"] < 0.1, (
        "the seeds agree, but one image in ten makes all of the difference"
    )


def test_every_two_variants_of_a_network_and_a_variant_of_two_networks_are_compared():
    names = ["a", "b", "c"]
    finals = [final([0.5] * 4, network=network, variant=name) for network in ("small", "large") for name in names]
    found = {(one.network, one.variant, other.network, other.variant) for one, other in contrasts(finals)}
    expected = {
        (network, one, network, other) for network in ("small", "large") for other, one in combinations(names, 2)
    }
    assert found == expected | {("large", name, "small", name) for name in names}


def test_only_trainings_that_are_the_same_to_the_bit_count_once(tmp_path):
    bits = {"a": ("losses", "W"), "b": ("losses", "W"), "c": ("losses", "V"), "d": ("others", "W")}
    runs = {name: Run(tmp_path) for name in bits}
    for name, (losses, parameters) in bits.items():
        runs[name].record = {"sha256": {"training.csv": losses, "parameters.safetensors": parameters}}
    assert same_bits(runs) == {"a": ["a", "b"], "c": ["c"], "d": ["d"]}


def test_a_difference_is_real_after_the_correction_alone():
    random = np.random.default_rng(0)
    scatter = random.normal(0, 0.02, (8, 5))
    finals = [final(list(0.5 + 0.03 * (i == 0) + scatter[i]), variant=f"v{i}") for i in range(8)]
    table = describe_differences(contrasts(finals))
    assert list(table) == DIFFERENCES
    assert (table["real"] == (table["p_holm"] < 0.05)).all()
    assert (table["p_holm"] >= table["p"]).all()
    few = describe_differences([(final([0.5, 0.6]), final([0.1, 0.2], variant="b"))])
    assert few["real"].isna().all() and few["p"].isna().all()


def test_running_means_are_those_since_the_first_minibatch():
    training = pd.DataFrame(
        [(seed, i, i // 3, seed + i, i / 10) for seed in (4, 2) for i in range(6)],
        columns=["seed", "iteration", "epoch", "loss", "accuracy"],
    )
    its = SimpleNamespace(training=training, evaluation=evaluation([0.5, 0.7]).replace({"seed": {0: 4, 1: 2}}))
    table = running_means("small", "a", its)
    assert table[["seed", "epoch"]].to_numpy().tolist() == [[4, 0], [4, 1], [2, 0], [2, 1]]
    assert table["train_loss"].tolist() == [5, 6.5, 3, 4.5]
    assert table["train_accuracy"].tolist() == pytest.approx([0.1, 0.25, 0.1, 0.25])
    assert table["test_accuracy"].tolist() == [0, 0.5, 0, 0.7]


def test_a_run_that_diverged_has_no_mean():
    row = describe_final(final([0.5, 0.7], diverged=[1]), run([0.5, 0.7], diverged=[1]))
    assert (row["diverged_seeds"], row["diverged_iteration"]) == (1, 30)
    assert math.isnan(row["test_accuracy_mean"]) and math.isnan(row["lowest_test_loss_epochs"])
    assert row["test_accuracy_by_seed"] == "0.5000 diverged"


def test_a_target_is_reached_after_as_many_epochs_as_the_median_seed_needs(tmp_path):
    accuracies = {0: [0.8, 0.9, 0.95], 1: [0.7, 0.8, 0.92], 2: [0.91, 0.92, 0.96]}
    rows = [{"seed": s, "epoch": e, "accuracy": a} for s, its in accuracies.items() for e, a in enumerate(its)]
    its = Run(tmp_path)
    its.evaluation = pd.DataFrame(rows)
    found = its.describe_targets([0.9, 0.95, 0.99])
    # The seeds reach 90 % after 2, 3 and 1 epochs; two reach 95 %, and none 99 %.
    assert found[0] == {"target": 0.9, "epochs": 2, "reached": 3, "runs": 3}
    assert found[1] == {"target": 0.95, "epochs": 3, "reached": 2, "runs": 3}
    assert math.isnan(found[2]["epochs"]) and found[2]["reached"] == 0


def test_text_is_read_as_it_is_written_and_numbers_as_numbers(tmp_path):
    (tmp_path / "table.csv").write_text("# a comment\nnetwork,mistake,seeds,p\n007,007,4,\nnan,,5,0.5\n")
    table = read_table(tmp_path / "table.csv", ["network", "mistake", "none of its columns"])
    assert table["network"].tolist() == ["007", "nan"] and table["mistake"].tolist() == ["007", ""]
    assert table["seeds"].tolist() == [4, 5]
    assert math.isnan(table["p"][0]) and table["p"][1] == 0.5


def test_a_network_is_right_about_an_image_if_it_predicts_its_label(tmp_path):
    its = Run(tmp_path)
    its.predictions = {"classes": np.array([[3, 1, 4], [3, 5, 5]]), "labels": np.array([3, 1, 5])}
    its.record = {"diverged": {"12": 30}}
    assert its.correct.tolist() == [[1, 1, 0], [1, 0, 1]]
    assert its.diverged == {12: 30}
