"""Mini-batch SGD with momentum. Write the body of the function; keep its name and its signature."""


def sgd(w, g, v, *, lr=1e-3, momentum=0.0):
    """Change w, and v, in place by one step.

    v ← μ v + g        (v is 0 before the first step)
    w ← w − α v

    w is a parameter, g its gradient and v its velocity, three tensors of one shape; α is ``lr``, μ is ``momentum``.
    In place means that ``w -= …`` changes the tensor itself; ``w = w − …`` would only make another one.
    """
    raise NotImplementedError("the step is still to be written")
