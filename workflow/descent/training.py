"""The training loop: mini-batch gradient descent on a stack of networks, one for each seed."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from descent.evaluation import accuracy, cross_entropy, evaluate
from descent.mnist import Split
from descent.network import Parameters, forward
from descent.streams import SHUFFLING, generator


class Metrics(NamedTuple):
    """Loss (mean cross entropy, nats) and accuracy (a fraction), each [time, seeds]."""

    loss: Tensor
    accuracy: Tensor


def stack(measured: list[tuple[Tensor, Tensor]]) -> Metrics:
    """Losses and accuracies, each [seeds], stacked over time."""
    return Metrics(*map(torch.stack, zip(*measured)))


def train(
    parameters: Parameters,
    step: Callable[[], None],
    train_split: Split,
    evaluation_split: Split,
    *,
    seeds: list[int],
    epochs: int,
    batch_size: int,
    evaluation_batch_size: int,
    shuffle: bool,
    drop_last: bool,
    after_epoch: Callable[[int, Metrics, Metrics], None] = lambda *_: None,
) -> tuple[Metrics, Metrics]:
    """Train the networks of all seeds at once, in place, and return their metrics.

    ``parameters`` are stacked over ``seeds``. ``step`` updates them by their ``.grad`` and clears it
    (``optimizers.make_step``). Returns the metrics of each minibatch before its step, [epochs * minibatches, seeds],
    and on ``evaluation_split`` after each epoch, [epochs, seeds]. ``after_epoch(epoch, training, evaluation)`` gets all
    metrics so far.
    """
    images = len(train_split.labels)
    batches = minibatches(images, batch_size, drop_last)
    orders = permutations(seeds, images)
    # One buffer: small tensors kept between large ones that come and go would fragment the memory, by gigabytes.
    training, evaluation = Metrics(*train_split.images.new_empty(2, epochs * len(batches), len(seeds))), []
    for parameter in parameters.values():
        parameter.requires_grad_()

    for epoch in range(epochs):
        if shuffle:
            order = next(orders).to(train_split.labels.device)
        for iteration, batch in enumerate(batches, epoch * len(batches)):
            chosen = order[:, batch] if shuffle else batch
            x = train_split.images[chosen]  # [batch, 784], or [seeds, batch, 784] if shuffled
            y = train_split.labels[chosen].expand(len(seeds), -1)

            logits = forward(parameters, x)  # [seeds, 10, batch]
            loss = cross_entropy(logits, y)  # [seeds]
            loss.sum().backward()  # a seed's parameters get the gradient of their own loss: no other depends on them
            step()
            training.loss[iteration] = loss.detach()
            training.accuracy[iteration] = accuracy(logits.detach(), y)

        evaluation.append(evaluate(parameters, evaluation_split, evaluation_batch_size))
        after_epoch(epoch, Metrics(*(metric[: iteration + 1] for metric in training)), stack(evaluation))
    return training, stack(evaluation)


def minibatches(images: int, batch_size: int, drop_last: bool) -> list[slice]:
    """Cut ``images`` images into consecutive minibatches; ``drop_last`` leaves out the last if it is not full."""
    stop = images - images % batch_size if drop_last else images
    return [slice(start, min(start + batch_size, stop)) for start in range(0, stop, batch_size)]


def permutations(seeds: list[int], images: int) -> Iterator[Tensor]:
    """Yield an order of the images for each seed, epoch by epoch: [seeds, images].

    Drawn on the CPU from the seed alone, so that every variant and every device sees the same minibatches.
    """
    generators = [generator(seed, SHUFFLING) for seed in seeds]
    while True:
        yield torch.stack([torch.randperm(images, generator=g) for g in generators])


def divergence(training: Metrics, evaluation: Metrics) -> list[int | None]:
    """For each seed, the first iteration whose loss is not finite, or None.

    A network that is lost in the very last step shows it only in the evaluation: it diverges in the iteration that
    would come next.
    """
    lost = ~torch.cat([training.loss, evaluation.loss[-1:]]).isfinite()
    return [first if diverged else None for first, diverged in zip(lost.int().argmax(0).tolist(), lost.any(0).tolist())]
