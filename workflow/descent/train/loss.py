"""Mean cross entropy and accuracy, for the networks of all seeds at once."""

import torch
from torch import Tensor
from torch.nn import functional as F

from descent.data.mnist import Split
from descent.train.network import Parameters, forward


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy in nats, 1/N Σ CrossEntropy(f(x_i), y_i), for each seed.

    ``logits`` is [seeds, 10, batch], ``labels`` is [seeds, batch]. Returns [seeds].
    """
    return F.cross_entropy(logits, labels, reduction="none").mean(1)


def count_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """How many images of the batch have their largest logit at their label, for each seed: [seeds], int64."""
    return (logits.max(1).indices == labels).sum(1)  # on a CPU argmax(1) takes ten times as long


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Fraction of the batch that is correct, for each seed: [seeds], float64, so 9,650 of 10,000 are 0.965."""
    return count_correct(logits, labels).double() / labels.shape[1]


@torch.no_grad()
def classify(parameters: Parameters, split: Split, batch_size: int, activation: str = "relu") -> Tensor:
    """The class of the largest logit, for every seed and image: [seeds, images], uint8."""
    classes = [forward(parameters, images, activation).max(1).indices for images in split.images.split(batch_size)]
    return torch.cat(classes, 1).to(torch.uint8)


@torch.no_grad()
def evaluate(parameters: Parameters, split: Split, batch_size: int, activation: str = "relu") -> tuple[Tensor, Tensor]:
    """Mean cross entropy and accuracy (float64) over all of ``split``, each [seeds].

    Batches only limit the memory: each counts by its size, so the result is the mean over all images.
    (The lab's loader, with ``drop_last``, leaves out the last 16 test images.)
    """
    seeds = len(parameters["W0"])
    loss, correct = split.images.new_zeros(seeds), split.labels.new_zeros(seeds)
    for images, labels in zip(split.images.split(batch_size), split.labels.split(batch_size)):
        logits = forward(parameters, images, activation)
        labels = labels.expand(seeds, -1)
        loss += cross_entropy(logits, labels) * len(images)
        correct += count_correct(logits, labels)
    return loss / len(split.labels), correct.double() / len(split.labels)
