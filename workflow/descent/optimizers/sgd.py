"""Mini-batch stochastic gradient descent, with momentum, Nesterov's momentum and weight decay."""


def sgd(w, g, v, *, lr=1e-3, momentum=0.0, weight_decay=0.0, nesterov=False):
    """One step of SGD, with momentum in the lab's formulation.

    g ← g + λ w
    v ← μ v + g        (v = 0 at first)
    w ← w − α v        (Nesterov's: w ← w − α (g + μ v))

    Without momentum the step uses g, and v stays 0. The learning rate is outside the velocity, as in
    ``torch.optim.SGD``; Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013),
    put it inside, v ← μ v − α g, which differs once the learning rate changes. Nesterov's momentum is that of Sutskever
    et al., in the form of Bengio et al., "Advances in optimizing recurrent networks" (2013); weight decay is that of
    Krogh and Hertz, "A simple weight decay can improve generalization" (1991).
    """
    if weight_decay:
        g = g.add(w, alpha=weight_decay)
    if momentum:
        v.mul_(momentum).add_(g)
        g = g.add(v, alpha=momentum) if nesterov else v
    w.add_(g, alpha=-lr)
