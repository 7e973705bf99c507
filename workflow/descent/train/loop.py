"""The training loop: mini-batch gradient descent on a stack of networks, one for each seed."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from descent.data.mnist import Split
from descent.train.loss import accuracy, cross_entropy
from descent.train.network import Parameters, forward
from descent.train.seeds import SHUFFLING, generator

Minibatch = slice | Tensor  # the same images for every seed, or their indices, [seeds, batch]


class Metrics(NamedTuple):
    """Loss (mean cross entropy, nats) and accuracy (a fraction, float64), each [time, seeds]."""

    loss: Tensor
    accuracy: Tensor


def train(
    parameters: Parameters,
    optimizer: Any,
    split: Split,
    epochs: Iterable[list[Minibatch]],
    set_lr: Callable[[float], None] | None = None,
    activation: str = "relu",
) -> Iterator[Metrics]:
    """Train the networks of all seeds at once, in place, and yield the metrics of each epoch when it is done.

    ``parameters`` are stacked over seeds and require gradients; ``optimizer`` updates them, with
    ``zero_grad()`` and ``step()`` as in ``torch.optim``; ``epochs`` are those of ``minibatches``; ``set_lr``, if the
    learning rate follows a schedule, sets it after so many epochs. The metrics are those of each minibatch before its
    step, [minibatches, seeds].
    """
    seeds = len(parameters["W0"])
    for epoch, batches in enumerate(epochs):
        empty = split.images.new_empty(len(batches), seeds)
        metrics = Metrics(empty, torch.empty_like(empty, dtype=torch.float64))
        for i, batch in enumerate(batches):
            x = split.images[batch]  # [batch, 784], or [seeds, batch, 784] if shuffled
            y = split.labels[batch].expand(seeds, -1)

            logits = forward(parameters, x, activation)  # [seeds, 10, batch]
            loss = cross_entropy(logits, y)  # [seeds]
            optimizer.zero_grad()
            loss.sum().backward()  # a seed's parameters get the gradient of their own loss: no other depends on them
            if set_lr:
                set_lr(epoch + i / len(batches))
            optimizer.step()
            metrics.loss[i] = loss.detach()
            metrics.accuracy[i] = accuracy(logits.detach(), y)
        yield metrics


def minibatches(
    split: Split, *, seeds: list[int], epochs: int, batch_size: int, shuffle: bool, drop_last: bool
) -> Iterator[list[Minibatch]]:
    """Cut the images into minibatches, epoch by epoch; ``drop_last`` leaves out a last one that is not full.

    ``shuffle`` puts the images into a new order in each epoch, drawn on the CPU from each seed alone, so that every
    variant and every device sees the same minibatches.
    """
    images = len(split.labels)
    stop = images - images % batch_size if drop_last else images
    slices: list[Minibatch] = [slice(start, min(start + batch_size, stop)) for start in range(0, stop, batch_size)]
    generators = [generator(seed, SHUFFLING) for seed in seeds]
    for _ in range(epochs):
        if shuffle:
            order = torch.stack([torch.randperm(images, generator=g) for g in generators]).to(split.labels.device)
            yield [order[:, batch] for batch in slices]  # [seeds, batch] each
        else:
            yield slices


def divergence(training: Metrics, evaluation: Metrics) -> list[int | None]:
    """For each seed, the first iteration whose loss is not finite, or None.

    A last step that diverges shows only in the evaluation: it counts as the iteration that would come next.
    """
    lost = ~torch.cat([training.loss, evaluation.loss[-1:]]).isfinite()
    return [first if diverged else None for first, diverged in zip(lost.int().argmax(0).tolist(), lost.any(0).tolist())]
