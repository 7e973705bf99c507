"""RMSprop: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012)."""


def rmsprop(w, g, s, v, *, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.0):
    """One step of RMSprop.

    s ← a s + (1 − a) g²         (s = 0 at first; a is ``alpha``)
    v ← μ v + g / (√s + ε)       (v = 0 at first)
    w ← w − α v

    Without momentum v is g / (√s + ε).
    """
    s.mul_(alpha).addcmul_(g, g, value=1 - alpha)
    root = s.sqrt().add_(eps)
    if momentum:
        v.mul_(momentum).addcdiv_(g, root)
        w.add_(v, alpha=-lr)
    else:
        w.addcdiv_(g, root, value=-lr)
