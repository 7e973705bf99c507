"""The twins' comparison, on runs that are written down here."""

import math

import numpy as np
import pandas as pd
import pytest
from descent.files import sha256, write_json
from descent.runs import Run
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
    assert verdict(comparison, "equal")["verdict"] == "identical"


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
    summed = verdict(comparison, "equal")
    assert summed["verdict"] == "drift"
    assert summed["first_iteration_above_1e-3"] == 30
    assert summed["test_accuracy_difference"] == pytest.approx(0.05)


def test_twins_with_the_same_losses_and_other_parameters_are_not_identical(pair):
    comparison = pair(np.zeros((40, 2)), W0=((1.0, -4.0), (2.0, 8.000001)))
    assert verdict(comparison, "equal")["verdict"] == "rounding"


LATER = np.arange(40)[:, None] >= 30


@pytest.mark.parametrize(
    ("change", "word"),
    [(1e-7, "rounding"), (2e-6, "drift"), (LATER * 2e-3, "drift"), (np.where(LATER, np.nan, 0), "drift")],
    ids=["1e-7", "2e-6", "2e-3 later", "one diverges"],
)
def test_the_verdict_is_by_the_largest_difference(pair, change, word):
    assert verdict(pair(np.zeros((40, 2)) + change), "equal")["verdict"] == word


@pytest.mark.parametrize("change", [0, 1e-7, LATER * 2e-3], ids=["identical", "1e-7", "2e-3 later"])
def test_twins_whose_rule_differs_are_different_whatever_their_losses(pair, change):
    summed = verdict(pair(np.zeros((40, 2)) + change), "different")
    assert (summed["rule"], summed["verdict"]) == ("different", "different")


def test_twins_that_diverge_together_are_alike(tmp_path):
    losses = np.full((40, 2), np.nan)
    runs = [write_run(tmp_path / name, losses, (0.1, 0.1), [[np.nan], [np.nan]]) for name in ("custom", "torch")]
    assert verdict(compare_twins(*runs), "equal")["verdict"] == "identical"


@pytest.mark.parametrize("name", ["training.csv", "evaluation.csv", "parameters.safetensors", "run.json"])
def test_a_file_that_is_not_what_train_wrote_is_refused_by_its_name(name, tmp_path):
    run = write_run(tmp_path / "run", np.ones((20, 2)), (0.9, 0.8), ((1.0,), (2.0,)))
    (tmp_path / "run" / name).write_bytes(b"my own notes")
    with pytest.raises(SystemExit, match=f"run/{name} is not what `train` wrote: delete it and run again"):
        compare_twins(run, run)
