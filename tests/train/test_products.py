import pytest
import torch
from descent.train import matrix_product as products
from descent.train.loss import cross_entropy
from descent.train.matrix_product import affine, onednn_is_faster, onednn_product
from descent.train.network import forward, initialize, stack

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
@pytest.mark.parametrize("hidden", [[7, 5], [6], []], ids=str)
def test_the_gradients_of_a_network_are_the_same_with_either_library(hidden, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(9, 784, generator=generator, dtype=torch.float64)
    y = torch.randint(10, (3, 9), generator=generator)
    networks = {name: w.double() for name, w in stack([initialize(hidden, s) for s in range(3)]).items()}
    networks |= {
        name: torch.randn(b.shape, generator=generator).double() for name, b in networks.items() if "b" in name
    }
    gradients = []
    for faster in (False, True):
        monkeypatch.setattr(products, "onednn_is_faster", lambda faster=faster: faster)
        p = {name: w.clone().requires_grad_() for name, w in networks.items()}
        cross_entropy(forward(p, x), y).sum().backward()
        gradients.append({name: parameter.grad for name, parameter in p.items()})
    assert gradients[0]["W0"].any(dim=(1, 2)).all(), "W0 is not trained"
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-12, atol=1e-14)


@has_onednn
def test_where_the_operator_is_missing_products_are_plain(monkeypatch):
    monkeypatch.setattr(products.Path, "read_text", lambda _: "vendor_id: AuthenticAMD, flags: avx512f")
    onednn_is_faster.cache_clear()
    try:
        assert onednn_is_faster()
        monkeypatch.setattr(torch.ops, "mkldnn", object())
        onednn_is_faster.cache_clear()
        assert not onednn_is_faster()
        a, b, c = torch.rand(4, 3), torch.rand(3, 2), torch.rand(4, 1)
        assert torch.equal(affine(a, b, c), torch.addmm(c, a, b))
    finally:
        onednn_is_faster.cache_clear()


@pytest.mark.parametrize("processor", ["GenuineIntel avx512f", "AuthenticAMD avx2"])
def test_where_mkl_is_faster_products_are_plain(processor, monkeypatch):
    monkeypatch.setattr(products.Path, "read_text", lambda _: processor)
    onednn_is_faster.cache_clear()
    try:
        assert not onednn_is_faster()
    finally:
        onednn_is_faster.cache_clear()
