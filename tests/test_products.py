import pytest
import torch
from descent import products
from descent.backpropagation import gradients
from descent.network import activations, initialize, stack
from descent.products import onednn_is_faster, onednn_product, product
from torch.nn.functional import one_hot

has_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")


@has_onednn
@pytest.mark.parametrize(("m", "k", "n"), [(500, 784, 128), (500, 128, 784), (50, 784, 256), (3, 784, 16), (1, 1, 1)])
def test_both_products_are_the_exact_one_within_rounding(m, k, n):
    a, b = torch.randn(m, k), torch.randn(n, k).mT
    exact = a.double() @ b.double()
    bound = k * torch.finfo(torch.float32).eps * (a.abs().double() @ b.abs().double())  # k roundings of partial sums
    for found in (a @ b, onednn_product(a, b)):
        assert ((found.double() - exact).abs() <= bound).all()


@has_onednn
def test_training_is_the_same_within_rounding_with_either_product(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(20, 32, 784, generator=generator), torch.randint(10, (20, 32), generator=generator)
    start, ends = stack([initialize([20, 10], seed) for seed in (0, 1)]), []
    for faster in (False, True):
        monkeypatch.setattr(products, "onednn_is_faster", lambda faster=faster: faster)
        p = {name: parameter.clone() for name, parameter in start.items()}
        for images, labels in zip(x, y):
            for name, gradient in gradients(p, activations(p, images), one_hot(labels, 10).mT.float()).items():
                p[name] -= 0.05 * gradient
        ends.append(p)
    for name in start:
        assert (ends[0][name] - start[name]).abs().max() > 1e-3, "nothing was trained"
        torch.testing.assert_close(ends[0][name], ends[1][name], rtol=0, atol=1e-5)


@has_onednn
def test_where_the_operator_is_missing_products_are_plain(monkeypatch):
    monkeypatch.setattr(products.Path, "read_text", lambda _: "vendor_id: AuthenticAMD")
    onednn_is_faster.cache_clear()
    try:
        assert onednn_is_faster()
        monkeypatch.setattr(torch.ops, "mkldnn", object())
        onednn_is_faster.cache_clear()
        assert not onednn_is_faster()
        a, b = torch.rand(4, 3), torch.rand(3, 2)
        assert torch.equal(product(a, b), a @ b)
    finally:
        onednn_is_faster.cache_clear()


def test_double_precision_is_always_plain(monkeypatch):
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    a, b = torch.rand(40, 30, dtype=torch.float64), torch.rand(30, 20, dtype=torch.float64)
    assert torch.equal(product(a, b), a @ b)
