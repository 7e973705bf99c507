"""Event files, read back with TensorBoard's own package."""

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def test_tensorboard_reads_every_minibatch_and_epoch(checkout):
    checkout.edit_config(lambda config: config["training"].update(tensorboard=True))
    checkout.snakemake("results/tensorboard/exercise/torch_sgd")
    training = pd.read_csv(checkout.path / "results/exercise/torch_sgd/training.csv")
    evaluation = pd.read_csv(checkout.path / "results/exercise/torch_sgd/evaluation.csv")
    for seed in (0, 1):
        events = EventAccumulator(str(checkout.path / f"results/tensorboard/exercise/torch_sgd/seed_{seed}"))
        events.Reload()
        assert set(events.Tags()["scalars"]) == {"train/loss", "train/accuracy", "test/loss", "test/accuracy"}
        ours = training[training["seed"] == seed]
        for metric in ("loss", "accuracy"):
            scalars = events.Scalars(f"train/{metric}")
            assert [scalar.step for scalar in scalars] == ours["iteration"].tolist()
            assert [scalar.value for scalar in scalars] == pytest.approx(ours[metric].tolist(), rel=1e-6)
        tested = events.Scalars("test/accuracy")
        assert [scalar.step for scalar in tested] == [61, 123]  # the last iterations of the two epochs
        assert [s.value for s in tested] == pytest.approx(evaluation[evaluation["seed"] == seed]["accuracy"].tolist())
