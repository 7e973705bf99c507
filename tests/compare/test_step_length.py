"""What the page says of momentum and plain SGD at one learning rate."""

import math

import pandas as pd
import pytest
from descent.compare.step_length import answer

SGD = {"implementation": "custom", "optimizer": "sgd", "lr": 0.01}
VARIANTS = {
    "slow": SGD,
    "fast": SGD | {"lr": 0.1},
    "heavy": SGD | {"momentum": 0.9},
    "decayed": SGD | {"momentum": 0.9, "weight_decay": 0.1},
    "adam": {"implementation": "custom", "optimizer": "adam", "lr": 0.01},
    "nesterov": SGD | {"implementation": "torch", "momentum": 0.9, "nesterov": True},
    "lighter": SGD | {"momentum": 0.8},
    "dampened": SGD | {"implementation": "torch", "momentum": 0.9, "dampening": 0.9},
    "default": {"implementation": "torch", "optimizer": "sgd"},
    "heavy_default": {"implementation": "torch", "optimizer": "sgd", "lr": 0.001, "momentum": 0.5},
}


def differences(*pairs: tuple[str, str], lead: float = 0.0006, real: object = False, network: str = "net"):
    figures = {"mean": lead, "low": lead - 0.002, "high": lead + 0.001}
    return pd.DataFrame(
        {"network": network, "variant": one, "other_network": network, "other": other, "real": real}
        | {f"test_accuracy_difference_{name}": value for name, value in figures.items()}
        for one, other in pairs
    )


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("heavy", "slow", "momentum 0.9 makes steps 10 times as long, as those of slow with lr 0.1 would be."),
        ("slow", "heavy", "heavy has the lr of slow"),
        ("nesterov", "slow", "10 times as long"),
        ("heavy", "lighter", "2 times as long, as those of lighter with lr 0.02 would"),
        ("heavy_default", "default", "2 times as long, as those of default with lr 0.002 would"),
        ("heavy", "fast", None),
        ("decayed", "slow", None),
        ("dampened", "slow", None),
        ("adam", "slow", None),
        ("nesterov", "heavy", None),
    ],
)
def test_it_is_said_of_two_that_differ_in_momentum_alone(one, other, said):
    found = answer(VARIANTS, differences((one, other)))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_each_setting_is_compared_once_with_that_of_the_least_momentum():
    pairs = [("lighter", "slow"), ("heavy", "slow"), ("heavy", "lighter"), ("twin", "heavy"), ("twin", "slow")]
    lines = answer(VARIANTS | {"twin": VARIANTS["heavy"] | {"implementation": "torch"}}, differences(*pairs))
    assert [line.partition(",")[0] for line in lines] == ["lighter has the lr of slow", "heavy has the lr of slow"]
    lines = answer({"a": SGD, "b": SGD | {"momentum": 0.999}}, differences(("b", "a")))
    assert "makes steps 1000 times as long" in lines[0]


def test_a_variant_with_steps_as_long_is_named_with_the_lead_over_it_on_each_network():
    table = pd.concat(
        [
            differences(("slow", "heavy"), ("fast", "slow")),
            differences(("fast", "heavy"), lead=-0.0006),
            differences(("heavy", "fast"), lead=-0.003, real=True, network="other"),
            differences(("heavy", "fast"), lead=math.nan, network="third"),
            differences(("heavy", "fast"), lead=0.001, real=None, network="fourth"),
        ]
    )
    (line,) = answer(VARIANTS, table)
    assert line.endswith(
        "Against fast, with steps as long, it is 0.06 points ahead on net (not shown to be real), 0.30 points "
        "behind on other (real) and 0.10 points ahead on fourth."
    )
    lost = differences(("heavy", "slow"), ("heavy", "fast"), lead=math.nan)
    assert answer(VARIANTS, lost)[0].endswith("10 times as long, as those of slow with lr 0.1 would be.")
