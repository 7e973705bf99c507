"""Adagrad: Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011), the diagonal form."""


def adagrad(w, g, s, *, lr=1e-2, eps=1e-10):
    """One step of Adagrad.

    s ← s + g²         (s = 0 at first)
    w ← w − α g / (√s + ε)
    """
    s.addcmul_(g, g)
    w.addcdiv_(g, s.sqrt().add_(eps), value=-lr)
