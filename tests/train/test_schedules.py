"""The schedules beside those of ``torch.optim.lr_scheduler``."""

import pytest
import torch
from descent.train.schedules import fraction
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

STEPS = 40


def theirs(schedule: str, warmup: int) -> list[float]:
    """The learning rates of PyTorch's schedulers, after ``warmup`` steps of one that rises from (almost) 0 to 1."""
    optimizer, left = torch.optim.SGD([torch.zeros(1)], lr=1.0), STEPS - warmup
    its = {
        "constant": lambda: ConstantLR(optimizer, factor=1, total_iters=1),
        "linear": lambda: LinearLR(optimizer, start_factor=1, end_factor=0, total_iters=left),
        "cosine": lambda: CosineAnnealingLR(optimizer, T_max=left),
    }[schedule]
    if warmup:
        rising = LinearLR(optimizer, start_factor=1e-15, total_iters=warmup)
        scheduler = SequentialLR(optimizer, [rising, its()], milestones=[warmup])
    else:
        scheduler = its()
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("warmup", [0, 10])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_a_schedule_is_that_of_pytorch(schedule, warmup):
    ours = [fraction(schedule, warmup / STEPS, i / STEPS) for i in range(STEPS)]
    assert ours == pytest.approx(theirs(schedule, warmup), abs=1e-12)


@pytest.mark.parametrize(("schedule", "end"), [("constant", 1), ("linear", 0), ("cosine", 0)])
def test_a_schedule_ends_at_the_end(schedule, end):
    assert fraction(schedule, 0.1, 1.0) == pytest.approx(end)
    assert fraction(schedule, 0.1, 0.1) == 1
