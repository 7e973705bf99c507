import pytest
import torch
from descent.evaluation import cross_entropy
from descent.network import forward, initialize, stack
from descent.optimizers import make_step

RECIPES = [
    {"optimizer": "sgd", "lr": 0.01},
    {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9},
    {"optimizer": "sgd", "lr": 0.1, "momentum": 0.5},
]


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
