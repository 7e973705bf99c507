import pytest
import torch
from descent.train import matrix_product as products
from descent.train.matrix_product import Affine, affine, onednn_is_faster, onednn_product

ONEDNN = torch.backends.mkldnn.is_available()
has_onednn = pytest.mark.skipif(not ONEDNN, reason="this PyTorch has no oneDNN")


@has_onednn
@pytest.mark.parametrize(("m", "k", "n"), [(500, 784, 128), (500, 128, 784), (50, 784, 256), (3, 784, 16), (1, 1, 1)])
def test_both_products_are_the_exact_one_within_rounding(m, k, n):
    a, b = torch.randn(m, k), torch.randn(n, k).mT
    exact = a.double() @ b.double()
    bound = k * torch.finfo(torch.float32).eps * (a.abs().double() @ b.abs().double())  # k roundings of partial sums
    for found in (a @ b, onednn_product(a, b)):
        assert ((found.double() - exact).abs() <= bound).all()


def test_the_product_by_onednn_has_the_derivatives_of_the_formula():
    for wanted in ((True, True, True), (True, False, True), (False, True, False)):
        shapes = zip([(4, 3), (3, 2), (4, 1)], wanted)
        a, b, c = (torch.rand(shape, dtype=torch.float64, requires_grad=its) for shape, its in shapes)
        torch.testing.assert_close(Affine.apply(a, b, c), a @ b + c, rtol=1e-14, atol=0)
        assert torch.autograd.gradcheck(Affine.apply, (a, b, c))


@pytest.mark.parametrize(
    ("processor", "operator", "faster"),
    [("AuthenticAMD avx512f", True, ONEDNN), ("AuthenticAMD avx512f", False, False),
     ("GenuineIntel avx512f", True, False), ("AuthenticAMD avx2", True, False)],
)  # fmt: skip
def test_products_are_plain_where_mkl_is_faster_or_the_operator_is_missing(processor, operator, faster, monkeypatch):
    monkeypatch.setattr(products.Path, "read_text", lambda _: processor)
    if not operator:
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    onednn_is_faster.cache_clear()
    try:
        assert onednn_is_faster() == faster
        a, b, c = torch.rand(4, 3), torch.rand(3, 2), torch.rand(4, 1)
        assert faster or torch.equal(affine(a, b, c), torch.addmm(c, a, b))
    finally:
        onednn_is_faster.cache_clear()
