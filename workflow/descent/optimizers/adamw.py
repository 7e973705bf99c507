"""AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2."""

from descent.optimizers.adam import adam


def adamw(w, g, t, m, s, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    """One step of AdamW.

    w ← w − α λ w, then Adam's update without weight decay. As in ``torch.optim.AdamW``, α scales the decay;
    in the paper's algorithm it does not.
    """
    w.mul_(1 - lr * weight_decay)
    adam(w, g, t, m, s, lr=lr, betas=betas, eps=eps)
