"""The twins' comparison, on trainings that are written down here."""

import math

import numpy as np
import pytest
from descent.compare.compare_twins import DISTANCES, distances, verdict
from descent.files import sha256, write_json
from descent.run import Run
from safetensors.numpy import save_file


def write_run(folder, losses, W0=(1.0, 2.0), accuracies=(0.9, 0.8)):
    """What `train` writes, for losses [iterations, 2 seeds], and final test accuracies."""
    folder.mkdir(parents=True)
    rows = [f"{seed},{i},{loss}" for i, pair in enumerate(losses) for seed, loss in zip((2, 5), pair)]
    (folder / "training.csv").write_text("\n".join(["seed,iteration,loss", *rows]))
    rows = [f"{seed},{epoch},{its * (epoch + 1)}" for epoch in (0, 1) for seed, its in zip((2, 5), accuracies)]
    (folder / "evaluation.csv").write_text("\n".join(["seed,epoch,accuracy", *rows]))
    save_file({"W0": np.array(W0, dtype=float)}, folder / "parameters.safetensors")
    record = {"instructions": folder.name.upper(), "optimizer": "sgd", "hyperparameters": {"momentum": 0.9, "lr": 0.1}}
    write_json(folder / "run.json", record | {"sha256": {file.name: sha256(file) for file in folder.iterdir()}})
    return Run(folder)


def test_the_trainings_themselves_are_compared_over_all_seeds(tmp_path):
    losses, later = np.ones((20, 2)), np.arange(20)[:, None] >= 12
    one, two = (
        write_run(tmp_path / "a", losses),
        write_run(tmp_path / "b", losses + later * [0, -0.25], (1, 2), (0.9, 0.7)),
    )
    found = distances(one, two)
    assert found == {
        "max_loss_difference": pytest.approx(0.25),
        "first_visible_iteration": 12,
        "max_accuracy_difference": pytest.approx(0.2),
        "instructions": "A and B",
    }
    assert [*DISTANCES] == [*found]


def test_losses_are_apart_where_just_one_training_diverged(tmp_path):
    losses = np.ones((5, 2))
    lost = losses.copy()
    lost[3:, 1] = np.nan
    one, two = write_run(tmp_path / "a", losses), write_run(tmp_path / "b", lost)
    assert distances(one, two)["max_loss_difference"] == math.inf
    assert distances(one, two)["first_visible_iteration"] == 3
    assert distances(two, two)["max_loss_difference"] == 0


@pytest.mark.parametrize(
    ("W0", "wrong", "expected"),
    [
        ((1, 2), {("sgd", "lr 0.1, momentum 0.9")}, "identical"),
        ((1, 3), {("sgd", "lr 0.1"), ("adam", "lr 0.1, momentum 0.9")}, "same rule"),
        ((1, 3), {("sgd", "lr 0.1, momentum 0.9")}, "different rule"),
    ],
)
def test_twins_with_other_parameters_are_not_identical_and_the_check_judges_their_rule(W0, wrong, expected, tmp_path):
    runs = write_run(tmp_path / "a", np.ones((5, 2))), write_run(tmp_path / "b", np.ones((5, 2)), W0)
    assert verdict(*runs, wrong) == expected


@pytest.mark.parametrize("name", ["training.csv", "evaluation.csv", "run.json"])
def test_a_file_that_is_not_what_train_wrote_is_refused_by_its_name(name, tmp_path):
    run = write_run(tmp_path / "run", np.ones((20, 2)))
    (tmp_path / "run" / name).write_bytes(b"my own notes")
    with pytest.raises(SystemExit, match=f"run/{name} is not what `train` wrote: delete it and run again"):
        distances(run, run)
