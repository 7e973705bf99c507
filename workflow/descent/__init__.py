"""Mini-batch SGD on MNIST, from scratch and from ``torch.optim``: what the workflow's rules run."""

from pathlib import Path

WORKFLOW = Path(__file__).parents[1]  # with the rules, the schema, the templates and this package
