"""The twins' comparison and the comparison with the sheet, on runs that are written down here."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from checkouts import REPOSITORY
from descent.files import sha256, write_json
from descent.runs import Run
from descent.steps.compare_published import compare as compare_published
from descent.steps.compare_published import first_of_each, matching, rename
from descent.steps.compare_twins import compare as compare_twins
from descent.steps.compare_twins import verdict
from safetensors.numpy import save_file

SEEDS = [2, 5]


def write_run(folder, losses, accuracies, W0):
    """What `train` writes, for losses [iterations, seeds], final test accuracies [seeds], and parameters [seeds, n]."""
    folder.mkdir(parents=True)
    iterations = np.arange(len(losses))
    pd.concat(
        pd.DataFrame({"seed": seed, "iteration": iterations, "epoch": iterations // 10, "loss": losses[:, i]})
        for i, seed in enumerate(SEEDS)
    ).assign(accuracy=0.5).to_csv(folder / "training.csv", index=False)
    last = (len(losses) - 1) // 10
    pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "loss": 0.1, "accuracy": accuracy if epoch == last else 0}
            for seed, accuracy in zip(SEEDS, accuracies)
            for epoch in range(last + 1)
        ]
    ).to_csv(folder / "evaluation.csv", index=False)
    save_file({"W0": np.asarray(W0, dtype=np.float32)}, folder / "parameters.safetensors")
    write_json(folder / "run.json", {"diverged": {}, "sha256": {file.name: sha256(file) for file in folder.iterdir()}})
    return Run(folder)


@pytest.fixture
def pair(tmp_path):
    """Compare a run with a changed copy of it; each change is added to the losses."""

    def compare(change, W0=((1.0, -4.0), (2.0, 8.0)), accuracies=(0.9, 0.8)):
        losses = np.linspace(2, 1, 40)[:, None].repeat(2, axis=1)
        torch = write_run(tmp_path / "torch", losses, (0.9, 0.8), ((1.0, -4.0), (2.0, 8.0)))
        return compare_twins(write_run(tmp_path / "custom", losses + change, accuracies, W0), torch)

    return compare


def test_a_run_and_its_copy_are_identical(pair):
    comparison = pair(np.zeros((40, 2)))
    assert comparison["seed"].tolist() == SEEDS
    assert comparison["max_loss_difference"].tolist() == [0, 0]
    assert comparison.filter(like="first").isna().all(axis=None)
    assert verdict(comparison, "float32", "equal")["verdict"] == "identical"


def test_where_twins_part_is_found_for_each_seed(pair):
    change = np.zeros((40, 2))
    change[15:, 1] = 1e-5
    change[30, 1] = -0.25
    comparison = pair(change, W0=((1.0, -4.0), (2.0, 6.0)), accuracies=(0.9, 0.75))
    two = comparison.set_index("seed").loc[5]
    assert two["max_loss_difference"] == pytest.approx(0.25)
    assert two["rms_loss_difference"] == pytest.approx(math.sqrt((0.25**2 + 24 * 1e-10) / 40))
    assert two["first_iteration_above_1e-6"] == 15
    assert two["first_iteration_above_1e-3"] == 30
    assert two["max_parameter_difference"] == pytest.approx(2 / 8)
    assert two["test_accuracy_difference"] == pytest.approx(-0.05)
    assert comparison.set_index("seed").loc[2]["max_loss_difference"] == 0
    summed = verdict(comparison, "float32", "equal")
    assert summed["verdict"] == "drift"
    assert summed["first_iteration_above_1e-3"] == 30
    assert summed["test_accuracy_difference"] == pytest.approx(0.05)


LATER = np.arange(40)[:, None] >= 30


@pytest.mark.parametrize(
    ("change", "dtype", "word"),
    [
        (1e-7, "float32", "rounding"),
        (2e-6, "float32", "drift"),
        (LATER * 2e-3, "float32", "drift"),
        (2e-5, "float32", "different"),
        (1e-7, "float64", "different"),
        (LATER * 1e-7, "float64", "rounding"),
        (np.where(LATER, np.nan, 0), "float32", "different"),
    ],
    ids=["1e-7", "2e-6", "2e-3 later", "2e-5", "1e-7 in float64", "1e-7 later in float64", "one diverges"],
)
def test_the_verdict_tells_rounding_from_a_mistake(pair, change, dtype, word):
    assert verdict(pair(np.zeros((40, 2)) + change), dtype, "equal")["verdict"] == word


@pytest.mark.parametrize("change", [0, 1e-7, LATER * 2e-3], ids=["identical", "1e-7", "2e-3 later"])
def test_twins_whose_rule_differs_are_different_whatever_their_losses(pair, change):
    summed = verdict(pair(np.zeros((40, 2)) + change), "float32", "different")
    assert (summed["rule"], summed["verdict"]) == ("different", "different")


def test_twins_that_diverge_together_are_alike(tmp_path):
    losses = np.full((40, 2), np.nan)
    runs = [write_run(tmp_path / name, losses, (0.1, 0.1), [[np.nan], [np.nan]]) for name in ("custom", "torch")]
    assert verdict(compare_twins(*runs), "float32", "equal")["verdict"] == "identical"


def test_every_figure_of_the_sheet_is_a_resource():
    published = pd.read_csv(REPOSITORY / "workflow/resources/published.csv", comment="#")
    assert published[["loss", "accuracy"]].notna().sum().sum() == 170
    assert published["variant"].value_counts().to_dict() == {
        "custom_sgd": 21,
        "torch_sgd": 21,
        "custom_momentum": 21,
        "torch_momentum": 21,
        "initial": 1,
    }


@pytest.fixture
def run():
    """A training of 3 seeds, 2 epochs of 2 iterations, and losses that are easy to add up."""
    training = pd.DataFrame(
        [
            {"seed": seed, "iteration": i, "epoch": i // 2, "loss": seed + i, "accuracy": 0.1 * seed}
            for seed in (1, 2, 3)
            for i in range(4)
        ]
    )
    evaluation = pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "loss": seed / 10 + epoch, "accuracy": 0.9 + seed / 100}
            for seed in (1, 2, 3)
            for epoch in (0, 1)
        ]
    )
    return SimpleNamespace(training=training, evaluation=evaluation, diverged={})


INITIAL = pd.DataFrame({"seed": [1, 2, 3], "loss": [2.2, 2.3, 2.4], "accuracy": [0.1, 0.1, 0.13]})


def published(*rows):
    columns = ["variant", "epoch", "split", "loss", "accuracy"]
    return pd.DataFrame(rows, columns=columns).astype({"epoch": "Int64"})


def test_the_sheets_figures_are_set_beside_running_means_and_the_last_test(run):
    sheet = published(
        ("initial", None, "test", 2.35, 0.11),
        ("a", 0, "train_cumulative", 2.5, 0.2),
        ("a", 1, "train_cumulative", 90.0, 0.2),
        ("a", 1, "test", 1.2, 0.92),
        ("a", 7, "train_cumulative", 1.0, 0.5),
        ("a", 7, "test", 1.0, 0.5),
    )
    table = pd.DataFrame(compare_published("net", sheet, INITIAL, {"a": run}))
    assert len(table) == 8, "this run has no epoch 7"
    losses = table[table["metric"] == "loss"]
    # Means over iterations 0, 1 and 0 to 3 of seed + iteration; the test loss is seed / 10 + 1.
    assert losses["mean"].tolist() == pytest.approx([2.3, 2.5, 3.5, 1.2])
    assert losses["std"].tolist() == pytest.approx([0.1, 1, 1, 0.1])
    assert losses["distance"].tolist() == pytest.approx([0.5, 0, 86.5, 0], abs=1e-9)
    assert losses["inside"].tolist() == [True, True, False, True]
    # Student's t for two degrees of freedom is 4.303 in every table.
    assert losses["high"].iloc[1] == pytest.approx(2.5 + 4.303 * math.sqrt(4 / 3), rel=1e-3)


def test_a_run_of_which_a_seed_diverged_has_no_interval(run):
    run.diverged = {2: 3}
    sheet = published(("a", 0, "train_cumulative", 2.5, 0.2), ("a", 1, "test", 1.2, 0.92))
    table = pd.DataFrame(compare_published("net", sheet, INITIAL, {"a": run}))
    assert len(table) == 4
    assert table["inside"].isna().all()
    assert table["mean"].isna().all()


def test_one_seed_has_no_interval_to_lie_in(run):
    one = published(("a", 1, "test", 1.2, 0.92))
    run.training, run.evaluation = (table.query("seed == 1") for table in (run.training, run.evaluation))
    table = pd.DataFrame(compare_published("net", one, INITIAL, {"a": run}))
    assert table["inside"].isna().all()


def recorded(implementation, digest, **hyperparameters):
    """A run of which only run.json is read: one of the lab's, but for its hyperparameters."""
    settings = {"optimizer": "sgd", "epochs": 20, "batch_size": 128, "shuffle": False, "drop_last": True}
    settings |= {"implementation": implementation, "sha256": {"training.csv": digest}}
    return SimpleNamespace(record=settings | {"hyperparameters": hyperparameters})


RUNS = {
    "mine": recorded("custom", "a", lr=0.01),
    "its_twin": recorded("torch", "a", lr=0.01),
    "custom_sgd": recorded("custom", "b", lr=0.1),
    "fast": recorded("torch", "c", lr=0.1),
    "heavy": recorded("torch", "d", lr=0.01, momentum=0.9),
}


def test_runs_are_compared_by_what_they_were_trained_with_and_not_by_their_name():
    optimizers, left_out = matching(RUNS)
    assert optimizers == {"mine": "sgd", "its_twin": "sgd", "heavy": "momentum"}
    assert left_out == "custom_sgd, fast: lr is 0.1, the lab's is 0.01"
    sheet = published(*[(name, 0, "test", 1, 1) for name in ("initial", "custom_sgd", "torch_sgd", "custom_momentum")])
    assert rename(sheet, RUNS, optimizers)["variant"].tolist() == ["initial", "mine", "its_twin"]


def test_of_the_variants_that_repeat_one_training_the_first_is_compared():
    optimizers, _ = matching(RUNS)
    assert first_of_each(optimizers) == {"sgd": "mine", "momentum": "heavy"}
