"""The comparison with the sheet, on runs that are written down here."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from checkouts import REPOSITORY
from descent.compare.compare_published import SPREAD, judge, limit, load_sheet, match, rename, side_by_side

SHEET = load_sheet()


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


def published(*rows):
    columns = ["variant", "epoch", "split", "loss", "accuracy"]
    return pd.DataFrame(rows, columns=columns).astype({"epoch": "Int64"})


def test_the_sheets_figures_are_set_beside_the_mean_and_the_deviation_of_ours_of_the_same_epoch():
    """Ours are written down as epochs.csv has them, of 3 seeds and 2 epochs."""
    epochs = pd.DataFrame(
        [
            {"variant": "a", "seed": seed, "epoch": epoch, "train_loss": seed + epoch, "train_accuracy": 0.1 * seed}
            | {"test_loss": seed / 10 + epoch, "test_accuracy": 0.9 + seed / 100}
            for seed in (1, 2, 3)
            for epoch in (0, 1)
        ]
    )
    initial = pd.DataFrame({"seed": [1, 2, 3], "loss": [2.2, 2.3, 2.4], "accuracy": [0.1, 0.1, 0.13]})
    sheet = published(
        ("initial", None, "test", 2.35, 0.11),
        ("a", 0, "train_cumulative", 2.5, 0.2),
        ("a", 1, "train_cumulative", 90.0, 0.2),
        ("a", 1, "test", 1.2, 0.92),
        ("a", 7, "train_cumulative", 1.0, 0.5),
        ("a", 7, "test", 1.0, 0.5),
    )
    table = side_by_side(sheet, epochs, initial)
    assert len(table) == 8, "this run has no epoch 7"
    assert set(table["seeds"]) == {3}
    losses = table[table["metric"] == "loss"]
    assert losses["published"].tolist() == [2.35, 2.5, 90, 1.2]
    assert losses["mean"].tolist() == pytest.approx([2.3, 2, 3, 1.2])
    assert losses["std"].tolist() == pytest.approx([0.1, 1, 1, 0.1])
    one = side_by_side(sheet, epochs[epochs["seed"] == 1], initial[:1])
    assert one["mean"].notna().all() and one["std"].isna().all()
    lost = side_by_side(sheet, epochs.assign(train_loss=[1, 1, math.nan, 1, 1, 1]), initial)
    assert lost["mean"].isna().sum() == 1, "a seed that diverged leaves no mean"


def recorded(implementation="custom", losses=(1.0,), diverged=(), **change):
    """A run that repeats one of the lab's, but for a ``change`` of its record; of each seed a mean training loss."""
    record = {"optimizer": "sgd", "epochs": 20, "batch_size": 128, "shuffle": False, "drop_last": True}
    record |= {"schedule": "constant", "warmup": 0, "activation": "relu"}
    record |= {"implementation": implementation, "hyperparameters": {"lr": 0.01}}
    rows = [{"seed": seed, "loss": loss + sign} for seed, loss in enumerate(losses) for sign in (0.5, -0.5)]
    return SimpleNamespace(record=record | change, training=pd.DataFrame(rows), diverged=dict.fromkeys(diverged, 3))


MOMENTUM = {"hyperparameters": {"lr": 0.01, "momentum": 0.9}}


@pytest.mark.parametrize(
    ("change", "hyperparameters", "expected"),
    [
        ({}, {"lr": 0.01}, ("sgd", None)),
        ({}, {"lr": 0.01, "momentum": 0.9, "nesterov": False}, ("momentum", None)),
        ({}, {"lr": 0.01, "momentum": 0, "weight_decay": 0.0}, ("sgd", None)),
        ({}, {"lr": 0.1}, ("sgd", "lr is 0.1, the lab's is 0.01")),
        ({}, {"lr": 0.01, "momentum": 0.5}, ("momentum", "momentum is 0.5, the lab's is 0.9")),
        (
            {},
            {"lr": 0.01, "momentum": 0.9, "nesterov": True},
            ("momentum", "nesterov is True, the lab has none"),
        ),
        ({"optimizer": "adam"}, {"lr": 0.01}, ("sgd", "optimizer is adam, the lab's is sgd")),
        ({"epochs": 2}, {"lr": 0.01}, ("sgd", "epochs is 2, the lab's is 20")),
        ({"shuffle": True}, {"lr": 0.01}, ("sgd", "shuffle is True, the lab's is False")),
        ({"activation": "tanh"}, {"lr": 0.01}, ("sgd", "activation is tanh, the lab's is relu")),
        ({"schedule": "linear"}, {"lr": 0.01}, ("sgd", "schedule is linear, the lab's is constant")),
    ],
)
def test_a_run_repeats_the_lab_by_what_it_was_trained_with(change, hyperparameters, expected):
    assert match(recorded(hyperparameters=hyperparameters, **change).record) == expected


def test_the_limit_is_exceeded_by_chance_in_one_of_twenty_cases():
    random, n = np.random.default_rng(0), 5
    sheet, ours = random.normal(0, SPREAD, (2, 40_000, 2, 2)), random.normal(0, SPREAD, (40_000, 2, n))
    apart = np.abs(sheet[0].mean(2) - ours.mean(2))
    assert (apart > limit(n, 2)).any(1).mean() == pytest.approx(0.05, abs=0.004)
    assert (apart[:, 0] > limit(n, 1)).mean() == pytest.approx(0.05, abs=0.004)
    assert limit(1, 2) > limit(5, 2) > limit(5, 1)


SGD_LOSS, MOMENTUM_LOSS = math.sqrt(0.3642 * 0.3588), math.sqrt(0.1199 * 0.1205)  # geometric means of the sheet's runs


def verdicts(**runs):
    return {row["optimizer"]: row["verdict"] for row in judge("net", runs, SHEET)}


@pytest.mark.parametrize(("factor", "word"), [(1, "reproduced"), (0.99, "reproduced"), (1.01, "not reproduced")])
def test_a_loss_within_the_limit_reproduces_and_one_beyond_it_does_not(factor, word):
    far = math.exp(factor * limit(4, 2)) * (1 - 1e-9 if factor == 1 else 1)
    for loss in (SGD_LOSS * far, SGD_LOSS / far):
        sgd, momentum = recorded(losses=[loss] * 4), recorded(losses=[MOMENTUM_LOSS] * 4, **MOMENTUM)
        assert verdicts(plain=sgd, heavy=momentum) == {"sgd": word, "momentum": "reproduced"}


def test_the_mean_is_over_the_logs_of_the_seeds_and_the_first_that_repeats_is_compared():
    plain = recorded(losses=[SGD_LOSS * 1.2, SGD_LOSS / 1.2])
    fast = recorded(hyperparameters={"lr": 0.1})
    sgd, momentum = judge("net", {"fast": fast, "plain": plain, "again": recorded()}, SHEET)
    assert (sgd["variant"], sgd["seeds"], sgd["left_out"]) == ("plain", 2, "fast: lr is 0.1, the lab's is 0.01")
    assert sgd["ours"] == pytest.approx(sgd["sheet"]) == pytest.approx(SGD_LOSS)
    assert sgd["limit"] == limit(2, 1), "momentum is not compared"
    assert momentum == {"network": "net", "optimizer": "momentum", "verdict": "not compared", "left_out": ""}


def test_a_seed_that_diverged_does_not_reproduce():
    assert verdicts(plain=recorded(losses=[SGD_LOSS] * 4, diverged=[2]))["sgd"] == "not reproduced"


def test_figures_are_set_beside_the_same_implementation_whatever_its_name():
    runs = {"mine": recorded(), "its_twin": recorded("torch"), "custom_sgd": recorded(hyperparameters={"lr": 0.1})}
    rows = [(name, 0, "test", 1, 1) for name in ("initial", "custom_sgd", "torch_sgd", "custom_momentum")]
    assert rename(published(*rows), runs)["variant"].tolist() == ["initial", "mine", "its_twin"]
