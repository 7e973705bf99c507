"""Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1."""


def adam(w, g, t, m, s, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """One step of Adam.

    g ← g + λ w
    m ← β1 m + (1 − β1) g        (m = 0 at first)
    s ← β2 s + (1 − β2) g²       (s = 0 at first)
    w ← w − α m̂ / (√ŝ + ε)       with m̂ = m / (1 − β1^t) and ŝ = s / (1 − β2^t) in iteration t = 1, 2, ...
    """
    if weight_decay:
        g = g.add(w, alpha=weight_decay)
    beta1, beta2 = betas
    m.lerp_(g, 1 - beta1)
    s.mul_(beta2).addcmul_(g, g, value=1 - beta2)
    root = s.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)
    w.addcdiv_(m, root, value=-lr / (1 - beta1**t))
