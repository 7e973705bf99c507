import math

import pytest
import torch
from descent.data.mnist import Split
from descent.files import numbers
from descent.train.loss import accuracy, classify, cross_entropy, evaluate
from descent.train.network import forward, initialize, stack
from descent.train.seeds import INITIALIZATION, SHUFFLING, generator


def random_parameters(seeds: int, hidden: list[int], dtype=torch.float64) -> dict[str, torch.Tensor]:
    """Parameters of which none is zero, biases neither."""
    networks = stack([initialize(hidden, seed) for seed in range(seeds)])
    return {name: p.to(dtype) + 0.1 * torch.randn(p.shape, dtype=dtype) for name, p in networks.items()}


def test_forward_is_the_labs_formula_for_every_seed():
    p = random_parameters(3, [7, 5])
    x = torch.rand(4, 784, dtype=torch.float64)
    for seed, logits in enumerate(forward(p, x)):
        W0, b0, W1, b1, W2, b2 = (p[name][seed] for name in ("W0", "b0", "W1", "b1", "W2", "b2"))
        for n in range(len(x)):
            hidden = (W0 @ x[n] + b0).clamp(min=0)
            hidden = (W1 @ hidden + b1).clamp(min=0)
            torch.testing.assert_close(logits[:, n], W2 @ hidden + b2, rtol=1e-12, atol=1e-12)


def test_forward_takes_images_of_each_seeds_own():
    p = random_parameters(2, [7, 5])
    x = torch.rand(2, 4, 784, dtype=torch.float64)
    logits = forward(p, x)
    for seed in range(2):
        torch.testing.assert_close(logits[seed], forward(p, x[seed])[seed])


def test_forward_has_as_many_layers_as_hidden_sizes_ask_for():
    p = random_parameters(1, [6])
    x = torch.rand(4, 784, dtype=torch.float64)
    expected = torch.nn.functional.linear((x @ p["W0"][0].T + p["b0"][0]).relu(), p["W1"][0], p["b1"][0])
    torch.testing.assert_close(forward(p, x)[0], expected.T)


def test_weights_are_standard_normal_numbers_over_root_n_in_and_biases_are_zero():
    for seed in range(3):
        p, stream = initialize([30, 20], seed), generator(seed, INITIALIZATION, 30, 20)
        for layer, (n_in, n_out) in enumerate([(784, 30), (30, 20), (20, 10)]):
            assert torch.equal(p[f"W{layer}"], torch.randn(n_out, n_in, generator=stream) / n_in**0.5)
            assert torch.equal(p[f"b{layer}"], torch.zeros(n_out))


def test_a_seed_draws_the_same_parameters_again_and_another_seed_others():
    assert torch.equal(initialize([9], seed=3)["W0"], initialize([9], seed=3)["W0"])
    assert not torch.equal(initialize([9], seed=3)["W0"], initialize([9], seed=4)["W0"])


def test_cross_entropy_is_the_mean_negative_log_probability_of_the_label():
    logits = torch.tensor([[[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]], [[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]]])
    labels = torch.tensor([[0, 2], [1, 0]])
    for seed in range(2):
        expected = 0.0
        for row, label in zip(logits[seed].tolist(), labels[seed].tolist()):
            expected -= math.log(math.exp(row[label]) / sum(map(math.exp, row))) / 2
        assert math.isclose(cross_entropy(logits.mT, labels)[seed].item(), expected, rel_tol=1e-6)


def test_accuracy_is_the_fraction_whose_largest_logit_is_the_labels():
    logits = torch.eye(4).expand(2, 4, 4)
    labels = torch.tensor([[0, 1, 2, 3], [0, 1, 3, 2]])
    assert accuracy(logits, labels).tolist() == [1.0, 0.5]


def test_evaluation_counts_every_image_once_whatever_the_batch_size():
    p = random_parameters(2, [6, 5])
    split = Split(torch.rand(100, 784, dtype=torch.float64), torch.randint(10, (100,)))
    logits = forward(p, split.images)
    classes = logits.argmax(1)
    loss = torch.stack([torch.nn.functional.cross_entropy(its.T, split.labels) for its in logits])
    for batch_size in (1, 7, 100, 1000):
        measured = evaluate(p, split, batch_size)
        torch.testing.assert_close(measured, (loss, (classes == split.labels).double().mean(1)), rtol=1e-12, atol=0)
        assert torch.equal(classify(p, split, batch_size), classes.to(torch.uint8))


def test_networks_of_other_sizes_draw_other_numbers_from_a_seed():
    wide, narrow = (initialize(hidden, seed=0)["W0"].flatten()[:5000] for hidden in ([100, 100], [50, 50]))
    assert abs(torch.corrcoef(torch.stack([wide, narrow]))[0, 1]) < 5 / math.sqrt(5000)


def test_each_use_of_a_seed_has_numbers_of_its_own():
    uses = [(SHUFFLING,), (INITIALIZATION,), (INITIALIZATION, 100, 100), (INITIALIZATION, 100)]
    drawn = torch.stack([torch.rand(5000, generator=generator(seed, *use)) for use in uses for seed in (0, 1)])
    assert (torch.corrcoef(drawn) - torch.eye(len(drawn))).abs().max() < 5 / math.sqrt(5000)


@pytest.mark.parametrize("batch_size", [256, 300, 10_000])
def test_accuracies_are_counts_divided_once(batch_size):
    """9,650 of 10,000 are 0.965, in whatever batches they are counted: the network says which pixel is on."""
    parameters = {"W0": torch.zeros(1, 10, 784), "b0": torch.zeros(1, 10)}
    parameters["W0"][0, :, :10] = torch.eye(10)
    labels = torch.arange(10_000) % 10
    shown = labels.clone()
    shown[:350] = (shown[:350] + 1) % 10
    images = torch.nn.functional.one_hot(shown, 784).float()
    _, accuracy = evaluate(parameters, Split(images, labels), batch_size)
    assert accuracy.tolist() == [0.965]
    assert list(numbers(accuracy)) == ["0.965"]
