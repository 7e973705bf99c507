import math

import torch
from descent.evaluation import accuracy, cross_entropy
from descent.network import forward, initialize, stack
from descent.streams import INITIALIZATION, SHUFFLING, generator
from descent.training import permutations


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


def test_weights_are_drawn_with_standard_deviation_one_over_root_n_in_and_biases_are_zero():
    p = initialize([100, 100], seed=0)
    assert [tuple(p[name].shape) for name in ("W0", "W1", "W2")] == [(100, 784), (100, 100), (10, 100)]
    for layer, n_in in enumerate([784, 100, 100]):
        W = p[f"W{layer}"]
        # Of n values, mean and standard deviation have errors of σ/√n and σ/√(2n): five of them are allowed.
        sigma, n = 1 / math.sqrt(n_in), W.numel()
        assert abs(W.mean().item()) < 5 * sigma / math.sqrt(n)
        assert abs(W.std().item() - sigma) < 5 * sigma / math.sqrt(2 * n)
        # Normal, not uniform: a uniform distribution of this σ ends at 1.73 σ.
        assert 0.03 < (W.abs() > 2 * sigma).float().mean() < 0.065
        assert not p[f"b{layer}"].any()


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


def test_networks_of_other_sizes_and_the_shuffling_draw_other_numbers_from_a_seed():
    wide, narrow = (initialize(hidden, seed=0)["W0"].flatten()[:5000] for hidden in ([100, 100], [50, 50]))
    assert abs(torch.corrcoef(torch.stack([wide, narrow]))[0, 1]) < 5 / math.sqrt(5000)
    order = next(permutations([0], 50))[0]
    for stream, same in [((SHUFFLING,), True), ((INITIALIZATION, 100, 100), False), ((INITIALIZATION,), False)]:
        assert torch.equal(order, torch.randperm(50, generator=generator(0, *stream))) == same
