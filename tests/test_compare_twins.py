"""The twins' comparison: by what rounding does to a real training, and on losses that are written down here."""

import math

import numpy as np
import pytest
import torch
from cases import optimizers_in
from descent.compare.compare_twins import FIGURES, compare, identical, judge, repeat
from descent.data import mnist
from descent.data.mnist import Split
from descent.files import sha256, write_json
from descent.run import Run
from descent.train.network import initialize
from safetensors.numpy import save_file

MOMENTUM = {"optimizer": "sgd", "hyperparameters": {"lr": 0.01, "momentum": 0.9}}
RECORD = {"batch_size": 128, "shuffle": False, "drop_last": True, "epochs": 20, "activation": "relu"}
RECORD |= {"schedule": "constant", "warmup": 0}
RULE = "def sgd(w, g, t, v, *, lr, momentum):\n    "


@pytest.fixture(scope="module")
def epoch(real_mnist):
    """The first epoch of a training on the real MNIST, or its first images."""
    split, start = mnist.load(real_mnist, "train", dtype=torch.float64), initialize([50, 50], seed=0)
    return lambda implementation, images=60000, **changes: repeat(
        RECORD | MOMENTUM | changes | {"implementation": implementation}, start, Split(*(its[:images] for its in split))
    )


@pytest.fixture(scope="module")
def by_torch(epoch):
    return epoch("torch")


def test_rounding_grows_in_a_training_and_ours_has_the_same_bits(epoch, by_torch):
    assert by_torch.shape == (468, 2)
    apart = np.abs(by_torch[:, 1] - by_torch[:, 0])
    assert 0 < apart[:10].max() < apart.max() < 1e-9
    assert np.array_equal(epoch("custom"), by_torch)


@pytest.mark.parametrize(
    ("body", "first"),
    [
        ("v.mul_(momentum).add_(g, alpha=lr); w.sub_(v)", None),
        ("v.copy_(momentum * (v + g / momentum)); w.sub_(lr * v)", None),
        ("v.mul_(momentum).add_(g); w.sub_(1.001 * lr * v)", 1),
        ("v.mul_(momentum).add_(g); w.sub_((lr if t <= 200 else lr / 10) * v)", 201),
    ],
    ids=["lr inside the velocity", "another order", "0.1 % more", "a tenth after 200 iterations"],
)
def test_a_right_rule_in_another_order_is_told_from_a_wrong_one(body, first, epoch, by_torch, tmp_path):
    with optimizers_in(tmp_path / "optimizers") as folder:
        (folder / "sgd.py").write_text(RULE + body)
        ours = epoch("custom")
    judged = judge(ours, by_torch)
    assert judged["compared_iterations"] == 468
    if first is None:
        assert judged["verdict"] == "rounding" and 0 < judged["times_rounding"] < 10
    else:
        assert (judged["verdict"], judged["first_different_iteration"]) == ("different", first)


def test_the_first_epoch_has_the_settings_of_the_training(epoch):
    plain = epoch("torch", images=2000)
    for change in (
        {"schedule": "linear"},
        {"warmup": 0.1},
        {"shuffle": True},
        {"activation": "tanh"},
        {"batch_size": 127},
        {"hyperparameters": {"lr": 0.01}},
    ):
        assert not np.array_equal(epoch("torch", images=2000, **change), plain)


ROUNDING = 1e-14 * np.arange(100)  # what moving the start does


def twins(custom, rounding=ROUNDING):
    """Losses [iterations, 2] of both twins, which are ``custom`` apart."""
    loss = np.linspace(2, 1, len(rounding))
    return np.stack([loss + custom, loss], 1), np.stack([loss, loss + rounding], 1)


@pytest.mark.parametrize(
    ("custom", "first"),
    [
        (0 * ROUNDING, math.nan),
        (900 * ROUNDING, math.nan),
        (ROUNDING * np.where(np.arange(100) < 60, 1, 1100), 60),
        (np.where(np.arange(100) < 60, 0, np.nan), 60),
    ],
    ids=["the same", "below the limit", "above it later", "one diverges"],
)
def test_twins_are_different_once_they_are_further_apart_than_rounding_takes_them(custom, first):
    judged = judge(*twins(custom))
    assert [*judged] == ["verdict", *FIGURES][:4]
    assert judged["compared_iterations"] == 100
    assert judged["first_different_iteration"] == pytest.approx(first, nan_ok=True)
    assert judged["verdict"] == ("rounding" if math.isnan(first) else "different")


def test_nothing_is_judged_once_rounding_alone_is_visible():
    rounding = np.where(np.arange(100) < 30, 1e-14, 2e-3)
    judged = judge(*twins(np.where(np.arange(100) < 30, 0, 1e3), rounding))
    assert (judged["compared_iterations"], judged["times_rounding"]) == (30, 0)
    assert math.isnan(judged["first_different_iteration"])


def test_twins_that_diverge_together_are_alike():
    lost = np.where(np.arange(100) < 30, 0, np.nan)
    assert math.isnan(judge(*twins(lost, lost))["first_different_iteration"])


def write_run(folder, losses, W0=(1.0, 2.0), accuracies=(0.9, 0.8)):
    """What `train` writes, for losses [iterations, 2 seeds], and final test accuracies."""
    folder.mkdir(parents=True)
    rows = [f"{seed},{i},{loss}" for i, pair in enumerate(losses) for seed, loss in zip((2, 5), pair)]
    (folder / "training.csv").write_text("\n".join(["seed,iteration,loss", *rows]))
    rows = [f"{seed},{epoch},{its * (epoch + 1)}" for epoch in (0, 1) for seed, its in zip((2, 5), accuracies)]
    (folder / "evaluation.csv").write_text("\n".join(["seed,epoch,accuracy", *rows]))
    save_file({"W0": np.array(W0, dtype=float)}, folder / "parameters.safetensors")
    write_json(
        folder / "run.json",
        {"instructions": folder.name.upper(), "sha256": {file.name: sha256(file) for file in folder.iterdir()}},
    )
    return Run(folder)


def test_the_trainings_themselves_are_compared_over_all_seeds(tmp_path):
    losses, later = np.ones((20, 2)), np.arange(20)[:, None] >= 12
    one, two = (
        write_run(tmp_path / "a", losses),
        write_run(tmp_path / "b", losses + later * [0, -0.25], (1, 2), (0.9, 0.7)),
    )
    found = compare(one, two)
    assert found == {
        "max_loss_difference": pytest.approx(0.25),
        "first_visible_iteration": 12,
        "max_accuracy_difference": pytest.approx(0.2),
        "instructions": "A and B",
    }
    assert [*FIGURES][3:] == [*found]


@pytest.mark.parametrize(("W0", "same"), [((1, 2), True), ((1, 3), False)])
def test_trainings_with_the_same_losses_and_other_parameters_are_not_identical(W0, same, tmp_path):
    runs = write_run(tmp_path / "a", np.ones((5, 2))), write_run(tmp_path / "b", np.ones((5, 2)), W0)
    assert identical(*runs) == same


@pytest.mark.parametrize("name", ["training.csv", "evaluation.csv", "run.json"])
def test_a_file_that_is_not_what_train_wrote_is_refused_by_its_name(name, tmp_path):
    run = write_run(tmp_path / "run", np.ones((20, 2)))
    (tmp_path / "run" / name).write_bytes(b"my own notes")
    with pytest.raises(SystemExit, match=f"run/{name} is not what `train` wrote: delete it and run again"):
        compare(run, run)
