from types import SimpleNamespace

import pandas as pd
import pytest
from descent.progress import describe_targets, describe_turning
from descent.steps.plot_curves import by_epoch


def run(test_losses, training_losses, accuracies=None, diverged=None, seconds=None) -> SimpleNamespace:
    """A run as ``Run`` reads it; of every seed a list with a value per epoch."""
    evaluation = pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "loss": loss, "accuracy": (accuracies or test_losses)[seed][epoch]}
            for seed, losses in enumerate(test_losses)
            for epoch, loss in enumerate(losses)
        ]
    )
    training = pd.DataFrame(
        [
            {"seed": seed, "epoch": epoch, "loss": loss}
            for seed in range(len(test_losses))
            for epoch, loss in enumerate(training_losses)
        ]
    )
    record = {"epoch_seconds": seconds or [1.0] * len(training_losses), "seeds": len(test_losses)}
    return SimpleNamespace(evaluation=evaluation, training=training, record=record, diverged=diverged or {})


def test_a_training_overfits_if_its_test_loss_really_rises_while_its_training_loss_falls():
    rises = [[0.5, 0.2, 0.3 + 0.01 * seed] for seed in range(4)]
    turning = describe_turning(run(rises, [0.5, 0.3, 0.1]))
    assert turning["lowest_epochs"] == 2
    assert turning["lowest_test_loss"] == pytest.approx(0.2)
    assert turning["rise"] == pytest.approx(0.115)
    assert turning["overfits"] is True
    assert describe_turning(run(rises, [0.5, 0.1, 0.3]))["overfits"] is False, "the training loss rises too"
    scattered = [[0.5, 0.2, 0.2 + 0.1 * (-1) ** seed + 0.01] for seed in range(4)]
    assert describe_turning(run(scattered, [0.5, 0.3, 0.1]))["overfits"] is False, "it rises for half of the seeds"
    assert describe_turning(run(rises[:2], [0.5, 0.3, 0.1]))["overfits"] is None, "two seeds cannot say"


def test_a_training_whose_test_loss_falls_to_the_end_does_not_overfit():
    turning = describe_turning(run([[0.5, 0.3, 0.2]] * 4, [0.5, 0.3, 0.1]))
    assert (turning["lowest_epochs"], turning["rise"], turning["overfits"]) == (3, 0, False)


def test_a_run_that_diverged_has_no_turning_point():
    assert describe_turning(run([[0.5, 0.2]], [0.5, 0.3], diverged={0: 3}))["lowest_epochs"] is None


def test_epochs_and_seconds_to_a_target_are_the_median_seeds():
    accuracies = [[0.8, 0.9, 0.95], [0.7, 0.8, 0.92], [0.91, 0.92, 0.96]]
    rows = describe_targets(run(accuracies, [1, 1, 1], accuracies, seconds=[3.0, 6.0, 9.0]), [0.9, 0.95, 0.99])
    # The seeds reach 90 % after 2, 3 and 1 epochs; a seed's share of 9 seconds is 3.
    assert rows[0] == {"target": 0.9, "epochs": 2, "seconds": 3, "reached": 3, "runs": 3}
    assert (rows[1]["epochs"], rows[1]["reached"]) == (3, 2)
    assert rows[2]["epochs"] != rows[2]["epochs"] and rows[2]["reached"] == 0


def test_the_test_sets_curves_end_where_a_seed_diverges():
    lost = [[0.5, float("nan"), float("nan")], [0.4, 0.3, 0.2]]
    curve = by_epoch(run(lost, [1, 1, 1]).evaluation)
    assert curve.index.tolist() == [1]
    assert curve["loss", "mean"].tolist() == [pytest.approx(0.45)]
