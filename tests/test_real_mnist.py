"""The main job on the real MNIST, a few epochs of it, through the workflow."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from checkouts import check_out
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def lab(mnist, initial, activation, **hyperparameters) -> np.ndarray:
    """One epoch as the lab has it, written without Descent: the loss and accuracy of every minibatch."""
    model = nn.Sequential(nn.Linear(784, 100), activation(), nn.Linear(100, 100), activation(), nn.Linear(100, 10))
    model.double()
    with torch.no_grad():
        for name, parameter in zip(["W0", "b0", "W1", "b1", "W2", "b2"], model.parameters()):
            parameter.copy_(initial[name][0])
    data = load_file(mnist)
    images = TensorDataset(data["train_images"].flatten(1).double() / 255, data["train_labels"].long())
    optimizer = torch.optim.SGD(model.parameters(), **hyperparameters)
    metrics = []
    for x, y in DataLoader(images, batch_size=128, drop_last=True):
        optimizer.zero_grad()
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        metrics.append((loss.item(), (logits.argmax(1) == y).double().mean().item()))
    return np.array(metrics)


SETTINGS = {"custom_sgd": {"lr": 0.01}, "custom_momentum": {"lr": 0.01, "momentum": 0.9}}


@pytest.mark.parametrize(
    ("activation", "variants"),
    [
        ("relu", ["custom_momentum"]),
        pytest.param("tanh", ["custom_sgd"], marks=pytest.mark.slow),
    ],
)
def test_every_minibatch_of_an_epoch_is_that_of_an_independent_loop(activation, variants, tmp_path, real_mnist):
    checkout = check_out(tmp_path)
    (tmp_path / "resources").mkdir()
    shutil.copy(real_mnist, tmp_path / "resources/mnist.safetensors")

    def in_double_precision(config: dict) -> None:
        config["seeds"] = [3]
        config["networks"] = {"text_100": {"hidden": [100, 100], "activation": activation}}
        config["training"] |= {"epochs": 1, "dtype": "float64"}

    checkout.edit_config(in_double_precision)
    folder = tmp_path / "results/text_100"
    checkout.snakemake(*(f"results/text_100/{variant}/training.csv" for variant in variants))
    initial = load_file(folder / ".intermediate/initial.safetensors")
    for variant in variants:
        ours = pd.read_csv(folder / variant / "training.csv")[["loss", "accuracy"]]
        theirs = lab(real_mnist, initial, {"relu": nn.ReLU, "tanh": nn.Tanh}[activation], **SETTINGS[variant])
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_the_labs_trainings_with_50_units_reproduce_its_sheet(tmp_path, real_mnist):
    checkout = check_out(tmp_path)
    (tmp_path / "resources").mkdir()
    shutil.copy(real_mnist, tmp_path / "resources/mnist.safetensors")

    def as_the_lab(config: dict) -> None:
        config["seeds"] = [0, 1, 2, 3]
        config["networks"] = {"mine": [50, 50]}
        config["variants"] = {
            "plain": {"implementation": "custom", "optimizer": "sgd", "lr": 0.01},
            "heavy": {"implementation": "custom", "optimizer": "sgd", "lr": 0.01, "momentum": 0.9},
        }

    checkout.edit_config(as_the_lab)
    checkout.snakemake("--touch", "resources/mnist.safetensors")
    checkout.snakemake()
    table = pd.read_csv(tmp_path / "results/reproduction.csv")
    assert table["optimizer"].tolist() == ["sgd", "momentum"]
    assert table["verdict"].tolist() == ["reproduced", "reproduced"]
    # The sheet has 41 figures of each, and loss and accuracy before any training.
    figures = pd.read_csv(tmp_path / "results/published.csv")["variant"].value_counts()
    assert figures.to_dict() == {"plain": 42, "heavy": 42, "initial": 2}
    assert "mine reproduces the lab&#39;s printed figures" in (tmp_path / "results/report.html").read_text()
