"""summary.csv, epochs.csv and targets.csv, from runs that are written down here; and what is said of them."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from descent.compare import summarize
from descent.run import Run, guesses, read_table, same_bits
from runs import MEANS, ROW, SUMMARY, final, run


def described(accuracies, diverged=(), losses=None):
    its = final(accuracies, diverged)
    if losses:
        its.last["loss"] = losses
    return summarize.describe_final(its, run(accuracies, diverged))


def test_the_summary_is_that_of_the_last_epoch():
    row = described([0.5, 0.7])
    expected = {"network": "small", "variant": "a", "seeds": 2, "diverged_seeds": 0, "guessing_seeds": 0}
    expected |= {"test_accuracy_by_seed": "0.5000 0.7000", "test_accuracy_worst_seed": 0.5, "test_loss_mean": 0}
    assert row.items() >= (expected | {"lowest_test_loss_epochs": 2, "highest_training_loss": 2.5}).items()
    assert (row["test_accuracy_mean"], row["test_accuracy_std"]) == pytest.approx((0.6, math.sqrt(0.02)))


def test_intervals_stay_between_the_least_and_the_most_that_are_possible():
    accuracies, losses = [0.9, 1.0, 0.6, 1.0], [0.0, 0.0, 0.3, 0.0]
    initial = summarize.describe_initial("small", pd.DataFrame({"accuracy": accuracies, "loss": losses}))
    for row in (described(accuracies, losses=losses), initial):
        assert (row["test_accuracy_high"], row["test_loss_low"], row["seeds"]) == (1, 0, 4)


def test_a_run_that_diverged_has_no_mean():
    row = described([0.5, 0.6, 0.7], [2, 1])
    assert (row["diverged_seeds"], row["diverged_iteration"]) == (2, 31), "the first"
    none = ("test_accuracy_mean", "test_accuracy_worst_seed", "test_loss_mean", "lowest_test_loss_epochs")
    assert all(math.isnan(row[figure]) for figure in none)
    assert row["test_accuracy_by_seed"] == "0.5000 diverged diverged"


def test_networks_that_only_guess_have_the_loss_and_the_accuracy_of_guessing():
    rows = pd.DataFrame({"loss": [2.3025, 2.302, 2.2, 2.4], "accuracy": [0.1, 0.2, 0.1, 0.3]})
    assert guesses(rows).tolist() == [True, True, False, False]
    assert described([0.1, 0.1, 0.1], losses=[2.31, 2.31, 0.1])["guessing_seeds"] == 2


def test_running_means_are_those_since_the_first_minibatch():
    training = [(seed, i, i // 3, seed + i, i / 10) for seed in (4, 2) for i in range(6)]
    training = pd.DataFrame(training, columns=["seed", "iteration", "epoch", "loss", "accuracy"])
    evaluation = run([0.5, 0.7]).evaluation.replace({"seed": {0: 4, 1: 2}})
    table = summarize.running_means("small", "a", SimpleNamespace(training=training, evaluation=evaluation))
    assert table[["seed", "epoch"]].to_numpy().tolist() == [[4, 0], [4, 1], [2, 0], [2, 1]]
    assert table["train_loss"].tolist() == [5, 6.5, 3, 4.5]
    assert table["train_accuracy"].tolist() == pytest.approx([0.1, 0.25, 0.1, 0.25])
    assert table["test_accuracy"].tolist() == [0, 0.5, 0, 0.7]


def test_a_target_is_reached_after_as_many_epochs_as_the_median_seed_needs(tmp_path):
    accuracies = [[0.8, 0.9, 0.95], [0.7, 0.8, 0.92], [0.91, 0.92, 0.96]]
    rows = [(seed, epoch, reached) for seed, its in enumerate(accuracies) for epoch, reached in enumerate(its)]
    its = Run(tmp_path)
    its.evaluation = pd.DataFrame(rows, columns=["seed", "epoch", "accuracy"])
    # The seeds reach 90 % after 2, 3 and 1 epochs; two reach 95 %, and one 95.5 %.
    found = its.describe_targets([0.9, 0.95, 0.955])
    assert [row["epochs"] for row in found] == pytest.approx([2, 3, math.nan], nan_ok=True)
    assert [(row["target"], row["reached"], row["runs"]) for row in found] == [(0.9, 3, 3), (0.95, 2, 3), (0.955, 1, 3)]
    shown = {"epochs to 90 %": "2", "epochs to 95 %": "3", "epochs to 95.5 %": "never"}
    assert summarize.epochs_to(found) == shown


def test_only_trainings_that_are_the_same_to_the_bit_count_once(tmp_path):
    bits = {"a": ("losses", "W"), "b": ("losses", "W"), "c": ("losses", "V"), "d": ("others", "W")}
    runs = {name: Run(tmp_path) for name in bits}
    for name, its in bits.items():
        runs[name].record = {"sha256": dict(zip(("training.csv", "parameters.safetensors"), its))}
    assert same_bits(runs) == {"a": ["a", "b"], "c": ["c"], "d": ["d"]}


def test_text_is_read_as_it_is_written_and_numbers_as_numbers(tmp_path):
    (tmp_path / "table.csv").write_text("# a comment\nnetwork,mistake,seeds,p\n007,007,4,\nnan,,5,0.5\n")
    table = read_table(tmp_path / "table.csv", ["network", "mistake", "none of its columns"])
    assert table[["network", "mistake", "seeds"]].to_numpy().tolist() == [["007", "007", 4], ["nan", "", 5]]
    assert math.isnan(table["p"][0]) and table["p"][1] == 0.5


def test_a_network_is_right_about_an_image_if_it_predicts_its_label(tmp_path):
    its = Run(tmp_path)
    its.predictions = {"classes": np.array([[3, 1, 4], [3, 5, 5]]), "labels": np.array([3, 1, 5])}
    its.record = {"diverged": {"12": 30}}
    assert (its.correct.tolist(), its.diverged) == ([[1, 1, 0], [1, 0, 1]], {12: 30})


def test_the_answer_warns_of_few_seeds_and_of_diverged_variants():
    summary = SUMMARY.assign(seeds=2, diverged_seeds=[1, 0, 0], guessing_seeds=[1, 0, 2])
    said = summarize.answer(pd.concat([summary, summary.assign(network="large")]))
    lost, few = "slow diverged; its_twin only guess: see their curves.", "Only 2 seeds: intervals and verdicts need 4"
    assert said == [lost, f"{few} or more."]
    assert summarize.answer(SUMMARY.assign(seeds=4)) == []


def test_at_a_networks_curves_stands_what_to_do_about_those_that_diverged_or_only_guess():
    far = {"variant": "far, its_twin", "diverged_seeds": 2, "diverged_iteration": 30.0, "guessing_seeds": 1}
    low, high = {"variant": "low", "guessing_seeds": 5}, {"guessing_seeds": 1, "highest_training_loss": 1e6}
    changes = [{"variant": "well"}, far, low, high | {"variant": "a"}, high | {"variant": "b"}]
    assert summarize.problems([ROW | change for change in changes]) == [
        "far, its_twin (2 of 5 seeds, from iteration 30 on) diverged. Try a lower learning rate.",
        "low (5 of 5 seeds) only guess. Their loss stayed below 3: try a higher learning rate, or more epochs.",
        "a (1 of 5 seeds) and b (1 of 5 seeds) only guess. Their loss exceeded 3: try a lower learning rate.",
    ]


SAME, APART = {"slow": ["slow"], "fast": ["fast", "its_twin"]}, {name: [name] for name in MEANS}
REACHED, INTERVAL = ["90.00 ± 0.20", "95.00 ± 0.20", "95.00 ± 0.20"], "89.40 to 90.60"
SHOWN = [  # the change of a summary, the accuracies in its table, and their interval
    (SAME, {}, REACHED[:2], INTERVAL),
    (APART, {}, REACHED, INTERVAL),
    (SAME, {"guessing_seeds": 2}, [f"{reached} (2 of 5 guess)" for reached in REACHED[:2]], INTERVAL),
    (SAME, {"diverged_seeds": [1, 0, 0]}, ["diverged: 1 of 5 seeds", REACHED[1]], INTERVAL),
    (SAME, {"test_accuracy_std": math.nan, "test_accuracy_low": math.nan}, ["90.00", "95.00"], ""),
]


@pytest.mark.parametrize(("names", "change", "reached", "interval"), SHOWN)
def test_the_table_has_per_cent_lost_seeds_and_a_row_for_what_is_the_same_to_the_bit(names, change, reached, interval):
    table = summarize.section(SUMMARY.assign(**change), {"small": names}).table
    assert table["variant"].tolist() == [", ".join(its) for its in names.values()]
    assert table["test accuracy, %"].tolist() == reached
    assert set(table["95 % interval"]) == {interval}
