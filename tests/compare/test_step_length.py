"""What the page says of momentum and plain SGD at one learning rate."""

import math

import pandas as pd
import pytest
from descent.compare.step_length import answer

SGD = {"implementation": "custom", "optimizer": "sgd", "lr": 0.01}
TORCH = {"implementation": "torch", "optimizer": "sgd"}
HEAVY, TWIN = SGD | {"momentum": 0.9}, TORCH | {"lr": 0.01, "momentum": 0.9}
VARIANTS = {"slow": SGD, "fast": SGD | {"lr": 0.1}, "heavy": HEAVY, "twin": TWIN, "lighter": SGD | {"momentum": 0.8}}
VARIANTS |= {"nesterov": TWIN | {"nesterov": True}, "dampened": TWIN | {"dampening": 0.9}}
VARIANTS |= {"decayed": HEAVY | {"weight_decay": 0.1}, "scheduled": HEAVY | {"schedule": "linear"}}
VARIANTS |= {"default": TORCH, "heavy_default": TORCH | {"lr": 0.001, "momentum": 0.5}}
VARIANTS |= {"adam": SGD | {"optimizer": "adam"}, "dampened_lighter": TWIN | {"momentum": 0.8, "dampening": 0.9}}


def differences(*pairs: tuple[str, str], lead: float = 0.0006, real: object = False, network: str = "net"):
    figures = {"mean": lead, "low": lead - 0.002, "high": lead + 0.001}
    return pd.DataFrame(
        {"network": network, "variant": one, "other_network": network, "other": other, "real": real}
        | {f"test_accuracy_difference_{name}": value for name, value in figures.items()}
        for one, other in pairs
    )


PAIRS = [
    ("heavy", "slow", "momentum 0.9 makes steps 10 times as long, as those of slow with lr 0.1 would be."),
    ("slow", "heavy", "heavy has the lr of slow"),
    ("nesterov", "slow", "10 times as long"),
    ("heavy", "lighter", "2 times as long, as those of lighter with lr 0.02 would"),
    ("heavy_default", "default", "2 times as long, as those of default with lr 0.002 would"),
    *((one, "slow", None) for one in ("decayed", "scheduled", "dampened", "adam")),
    *(("heavy", other, None) for other in ("fast", "nesterov")),
    ("dampened", "dampened_lighter", None),
]


@pytest.mark.parametrize(("one", "other", "said"), PAIRS)
def test_it_is_said_of_two_that_differ_in_momentum_alone(one, other, said):
    found = answer(VARIANTS, differences((one, other)))
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_each_setting_is_compared_once_with_that_of_the_least_momentum():
    pairs = [("lighter", "slow"), ("heavy", "slow"), ("heavy", "lighter"), ("twin", "heavy"), ("twin", "slow")]
    lines = answer(VARIANTS, differences(*pairs))
    assert [line.partition(",")[0] for line in lines] == ["lighter has the lr of slow", "heavy has the lr of slow"]
    (line,) = answer({"a": SGD, "b": SGD | {"momentum": 0.999}}, differences(("b", "a")))
    assert "makes steps 1000 times as long" in line


def test_a_variant_with_steps_as_long_is_named_with_the_lead_over_it_on_each_network():
    others = [(-0.003, True, "other"), (math.nan, False, "third"), (0.001, None, "fourth")]
    on_others = [differences(("heavy", "fast"), lead=lead, real=real, network=name) for lead, real, name in others]
    here = [differences(("slow", "heavy"), ("fast", "slow")), differences(("fast", "heavy"), lead=-0.0006)]
    (line,) = answer(VARIANTS, pd.concat(here + on_others))
    assert line.endswith(
        "Against fast, with steps as long, it is 0.06 points ahead on net (not shown to be real), 0.30 points "
        "behind on other (real) and 0.10 points ahead on fourth."
    )
    lost = differences(("heavy", "slow"), ("heavy", "fast"), lead=math.nan)
    assert answer(VARIANTS, lost)[0].endswith("10 times as long, as those of slow with lr 0.1 would be.")
