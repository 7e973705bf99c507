"""Mini-batch SGD on MNIST, from scratch and from ``torch.optim``: what the workflow's rules run."""
