import inspect
import os
import subprocess
import sys

import pytest
import torch
from cases import HYPERPARAMETERS, LEARNERS, RECIPES, STACKS
from checkouts import PACKAGE_PATH
from descent.evaluation import cross_entropy
from descent.network import forward, initialize, stack
from descent.optimizers import OPTIMIZERS, defaults, make_step
from hypothesis import given, settings
from hypothesis import strategies as st

TWINS = [name for name, optimizer in OPTIMIZERS.items() if optimizer.torch]


@pytest.mark.parametrize("name", TWINS)
def test_every_optimizer_has_cases(name):
    assert name in HYPERPARAMETERS and name in STACKS
    assert {name} <= {recipe["optimizer"] for recipe in RECIPES} & {recipe["optimizer"] for recipe in LEARNERS.values()}


@st.composite
def recipes(draw):
    """An optimizer with some of its hyperparameters; the others have their default."""
    optimizer = draw(st.sampled_from(sorted(HYPERPARAMETERS)))
    chosen = draw(st.fixed_dictionaries({}, optional=HYPERPARAMETERS[optimizer]))
    if not chosen.get("momentum"):
        chosen.pop("nesterov", None)
    return {"optimizer": optimizer, "lr": draw(st.floats(1e-5, 1.0))} | chosen


@given(
    recipe=recipes(),
    shape=st.lists(st.integers(1, 5), min_size=0, max_size=3),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_each_rule_follows_its_torch_twin_whatever_the_gradients(recipe, shape, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(shape, generator=generator, dtype=torch.float64)
    gradients = scale * torch.randn([50, *shape], generator=generator, dtype=torch.float64)
    trained = {}
    for implementation in ("custom", "torch"):
        w = start.clone().requires_grad_()
        step = make_step(implementation, parameters=[w], **recipe)
        for g in gradients:
            w.grad = g.clone()
            step()
        trained[implementation] = w.detach()
    assert not torch.equal(trained["torch"], start), "nothing was trained"
    torch.testing.assert_close(trained["custom"], trained["torch"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_hyperparameters_with_the_same_defaults(name):
    theirs = inspect.signature(getattr(torch.optim, OPTIMIZERS[name].torch)).parameters
    for hyperparameter, default in defaults(name).items():
        value = theirs[hyperparameter].default
        assert default == (list(value) if isinstance(value, tuple) else value)


def test_the_rules_need_no_pytorch():
    program = "import sys, descent.optimizers, descent.config; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": PACKAGE_PATH}, check=True)


def test_sgd_steps_down_the_gradient_by_the_learning_rate():
    w = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    step = make_step("custom", "sgd", [w], lr=0.25)
    for expected in ([0.0, -4.0], [-1.0, -6.0]):
        w.grad = torch.tensor([4.0, 8.0], dtype=torch.float64)
        step()
        assert w.tolist() == expected


def test_momentum_accumulates_the_gradients_as_the_lab_has_it():
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    step = make_step("custom", "sgd", [w], lr=0.5, momentum=0.5)
    # v ← 0.5 v + g is 2, then 0.5·2 + 4 = 5, then 0.5·5 − 1 = 1.5; w ← w − 0.5 v
    for g, expected in ((2.0, 0.0), (4.0, -2.5), (-1.0, -3.25)):
        w.grad = torch.tensor([g], dtype=torch.float64)
        step()
        assert w.item() == expected


@pytest.mark.parametrize("implementation", ["custom", "torch"])
def test_a_step_clears_the_gradients(implementation):
    w = torch.ones(2, requires_grad=True)
    step = make_step(implementation, "sgd", [w], lr=0.1)
    w.sum().backward()
    step()
    assert w.grad is None


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_custom_and_torch_twins_stay_together_for_hundreds_of_steps(recipe):
    torch.manual_seed(0)
    x, y = torch.rand(300, 20, 784, dtype=torch.float64), torch.randint(10, (300, 20))
    start = stack([initialize([10, 8], seed) for seed in (0, 1)])
    trained = {}
    for implementation in ("custom", "torch"):
        p = {name: tensor.double().requires_grad_() for name, tensor in start.items()}
        step = make_step(implementation, parameters=p.values(), **recipe)
        for batch, labels in zip(x, y):
            cross_entropy(forward(p, batch), labels.expand(2, -1)).sum().backward()
            step()
        trained[implementation] = p
    for name in start:
        moved = (trained["torch"][name] - start[name]).abs().max()
        assert moved > 1e-3, "nothing was trained"
        torch.testing.assert_close(trained["custom"][name], trained["torch"][name], rtol=0, atol=1e-10)


def test_momentum_is_no_plain_sgd():
    w = {}
    for momentum in (0.0, 0.9):
        w[momentum] = torch.ones(1, requires_grad=True)
        step = make_step("custom", "sgd", [w[momentum]], lr=0.1, momentum=momentum)
        for _ in range(2):
            w[momentum].sum().backward()
            step()
    assert w[0.9].item() == pytest.approx(1 - 0.1 * (1 + 1.9))
    assert w[0.0].item() == pytest.approx(1 - 0.1 * 2)
