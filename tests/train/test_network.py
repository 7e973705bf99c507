import math

import pytest
import torch
from descent.data.mnist import Split
from descent.files import numbers
from descent.train.loop import train
from descent.train.loss import classify, evaluate
from descent.train.network import forward, initialize, stack
from descent.train.seeds import INITIALIZATION, OPTIMIZER, SHUFFLING, generator


def random_parameters(seeds: int, hidden: list[int]) -> dict[str, torch.Tensor]:
    """Parameters of which none is zero, biases neither."""
    networks = stack([initialize(hidden, seed) for seed in range(seeds)])
    return {name: p.double() + 0.1 * torch.randn(p.shape, dtype=torch.float64) for name, p in networks.items()}


@pytest.mark.parametrize("own", [False, True], ids=["images of all", "images of each seed's own"])
@pytest.mark.parametrize(
    ("hidden", "options", "activation"),
    [([7, 5], {}, torch.relu), ([6], {"activation": "tanh"}, torch.tanh), ([], {}, None)],
)
def test_forward_is_the_labs_formula_for_every_seed(hidden, options, activation, own):
    p, x = random_parameters(3, hidden), torch.rand(3, 4, 784, dtype=torch.float64)
    for seed, logits in enumerate(forward(p, x if own else x[0], **options)):
        for n in range(4):
            expected = x[seed if own else 0, n]
            for layer in range(len(hidden) + 1):
                expected = activation(expected) if layer else expected
                expected = p[f"W{layer}"][seed] @ expected + p[f"b{layer}"][seed]
            torch.testing.assert_close(logits[:, n], expected, rtol=1e-12, atol=1e-12)


def test_weights_are_standard_normal_numbers_over_root_n_in_and_biases_are_zero():
    for seed in range(3):
        p, stream = initialize([30, 20], seed), generator(seed, INITIALIZATION, 30, 20)
        for layer, (n_in, n_out) in enumerate([(784, 30), (30, 20), (20, 10)]):
            assert torch.equal(p[f"W{layer}"], torch.randn(n_out, n_in, generator=stream) / n_in**0.5)
            assert torch.equal(p[f"b{layer}"], torch.zeros(n_out))


def test_each_use_of_a_seed_and_each_shape_of_a_network_has_numbers_of_its_own():
    uses = [(SHUFFLING,), (OPTIMIZER,), (INITIALIZATION,), (INITIALIZATION, 100, 100), (INITIALIZATION, 100)]
    drawn = torch.stack([torch.rand(5000, generator=generator(seed, *use)) for use in uses for seed in (0, 1)])
    assert (torch.corrcoef(drawn) - torch.eye(len(drawn))).abs().max() < 5 / math.sqrt(5000)


def test_evaluation_counts_every_image_once_whatever_the_batch_size():
    p = random_parameters(2, [6, 5])
    split = Split(torch.rand(100, 784, dtype=torch.float64), torch.randint(10, (100,)))
    logits = forward(p, split.images, "tanh")
    classes = logits.argmax(1)
    loss = torch.stack([torch.nn.functional.cross_entropy(its.T, split.labels) for its in logits])
    for batch_size in (1, 7, 100, 1000):
        measured = evaluate(p, split, batch_size, "tanh")
        torch.testing.assert_close(measured, (loss, (classes == split.labels).double().mean(1)), rtol=1e-12, atol=0)
        torch.testing.assert_close(classify(p, split, batch_size, "tanh"), classes.to(torch.uint8))


@pytest.mark.parametrize("batch_size", [256, 300, 10_000])
def test_accuracies_are_counts_divided_once(batch_size):
    """9,650 of 10,000 are 0.965, in whatever batches they are counted: the network says which pixel is on."""
    parameters = {"W0": torch.eye(10, 784).unsqueeze(0).requires_grad_(), "b0": torch.zeros(1, 10, requires_grad=True)}
    labels = torch.arange(10_000) % 10
    shown = (labels + (torch.arange(10_000) < 350)) % 10
    split = Split(torch.nn.functional.one_hot(shown, 784).float(), labels)
    (training,) = train(parameters, torch.optim.SGD(parameters.values(), lr=0.0), split, [[slice(None)]])
    for accuracy in (evaluate(parameters, split, batch_size)[1], training.accuracy[0]):
        assert accuracy.tolist() == [0.965]
        assert list(numbers(accuracy)) == ["0.965"]
