"""The main job on the real MNIST, a few epochs of it, through the workflow."""

import shutil

import pandas as pd
from conftest import check_out


def test_two_epochs_on_the_real_mnist_reach_what_only_a_well_trained_network_can(tmp_path, real_mnist):
    checkout = check_out(tmp_path)
    (tmp_path / "resources").mkdir()
    shutil.copy(real_mnist, tmp_path / "resources/mnist.safetensors")

    def shorten(config: dict) -> None:
        config["seeds"] = [0, 1]
        config["networks"] = {"exercise": [100, 100]}
        config["training"]["epochs"] = 2

    checkout.edit_config(shorten)
    # A file of unknown origin counts as made by a download: nothing is known that would make it stale.
    checkout.snakemake("--touch", "resources/mnist.safetensors")
    checkout.snakemake()

    initial = pd.read_csv(tmp_path / "results/exercise/initial.csv")
    assert initial["accuracy"].between(0.02, 0.25).all()
    assert initial["loss"].between(2.2, 2.5).all()

    # With the lab's data and settings; two epochs bring SGD to about 88 % and momentum to about 94 %, and a
    # learning rate of half or momentum of half of what they should be stay below.
    summary = pd.read_csv(tmp_path / "results/summary.csv").set_index("variant")
    assert (summary["seeds"] == 2).all()
    for implementation in ("custom", "torch"):
        assert 0.87 < summary.loc[f"{implementation}_sgd", "test_accuracy_mean"] < 0.91
        assert 0.93 < summary.loc[f"{implementation}_momentum", "test_accuracy_mean"] < 0.96

    training = pd.read_csv(tmp_path / "results/exercise/torch_momentum/training.csv")
    assert len(training) == 2 * 2 * 468
