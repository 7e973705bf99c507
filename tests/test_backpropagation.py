import pytest
import torch
from descent.backpropagation import gradients
from descent.evaluation import cross_entropy
from descent.network import activations, forward
from test_network import random_parameters
from torch.nn.functional import one_hot


def columns(labels):
    """Labels [..., batch] as one-hot columns, [..., 10, batch]."""
    return one_hot(labels, 10).mT.double()


@pytest.mark.parametrize("hidden", [[7, 5], [6], [8, 7, 6, 5], []], ids=str)
@pytest.mark.parametrize("images", [(9, 784), (3, 9, 784)], ids=["shared", "of each seed's own"])
def test_each_seeds_gradient_is_that_which_autograd_finds_for_its_loss(hidden, images):
    p = random_parameters(3, hidden)
    x, y = torch.rand(images, dtype=torch.float64), torch.randint(10, (3, 9))
    found = gradients(p, activations(p, x), columns(y))
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in p.items()}
    cross_entropy(forward(leaves, x), y).sum().backward()
    assert found.keys() == p.keys()
    for name, leaf in leaves.items():
        torch.testing.assert_close(found[name], leaf.grad, rtol=1e-12, atol=1e-14)


def test_gradients_agree_with_finite_differences():
    p = random_parameters(2, [4, 3])
    x, y = torch.rand(3, 784, dtype=torch.float64), torch.tensor([[1, 0, 9], [1, 0, 9]])
    found, step = gradients(p, activations(p, x), columns(y)), 1e-6
    for name, at in [("W0", (1, 2, 300)), ("b0", (0, 1)), ("W1", (0, 2, 3)), ("b1", (1, 0)), ("W2", (1, 9, 2))]:
        losses = []
        for moved in (step, -step):
            q = {n: tensor.clone() for n, tensor in p.items()}
            q[name][at] += moved
            losses.append(cross_entropy(forward(q, x), y))
        slope = (losses[0] - losses[1]) / (2 * step)
        torch.testing.assert_close(found[name][at], slope[at[0]], rtol=1e-6, atol=1e-8)
        assert not slope[1 - at[0]].any(), "one seed's loss depends on another's parameters"


def test_a_unit_that_is_off_passes_no_gradient_on():
    p = random_parameters(1, [4, 3])
    p["b0"][:, 1] = -1e3
    found = gradients(p, activations(p, torch.rand(5, 784, dtype=torch.float64)), columns(torch.randint(10, (1, 5))))
    assert not found["W0"][:, 1].any()
    assert not found["W1"][:, :, 1].any()
    assert found["W0"][:, 0].any() or found["W0"][:, 2].any()
