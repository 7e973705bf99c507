"""The training loop: mini-batch gradient descent on a stack of networks, one for each seed."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch.nn import functional as F

from descent.backpropagation import gradients
from descent.cuda_graph import recorded
from descent.evaluation import accuracy, cross_entropy, evaluate
from descent.mnist import Split
from descent.network import CLASSES, Parameters, activations
from descent.optimizers import Step


class Metrics(NamedTuple):
    """Loss (mean cross entropy, nats) and accuracy (a fraction), each [time, seeds]."""

    loss: torch.Tensor
    accuracy: torch.Tensor

    @classmethod
    def empty(cls, time: int, seeds: int, like: torch.Tensor) -> "Metrics":
        return cls(like.new_empty(time, seeds), like.new_empty(time, seeds))

    def record(self, time: int | slice, loss: torch.Tensor, accuracy: torch.Tensor) -> None:
        self.loss[time], self.accuracy[time] = loss, accuracy


def minibatches(images: int, batch_size: int, drop_last: bool) -> list[slice]:
    """Cut ``images`` images into consecutive minibatches; ``drop_last`` leaves out one that is not full."""
    stop = images - images % batch_size if drop_last else images
    return [slice(start, min(start + batch_size, stop)) for start in range(0, stop, batch_size)]


def permutations(seeds: list[int], images: int) -> Iterator[torch.Tensor]:
    """Yield an order of the images for each seed, epoch by epoch: [seeds, images].

    Drawn on the CPU from the seed alone, so that every variant and every device sees the same batches.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        yield torch.stack([torch.randperm(images, generator=g) for g in generators])


@torch.inference_mode()  # the gradients are written out: autograd need not watch, which saves a fifteenth of the time
def train(
    parameters: Parameters,
    step: Step,
    train_split: Split,
    test_split: Split,
    *,
    seeds: list[int],
    epochs: int,
    batch_size: int,
    evaluation_batch_size: int,
    shuffle: bool,
    drop_last: bool,
    after_epoch: Callable[[int, Metrics, Metrics], None] = lambda *_: None,
) -> tuple[Metrics, Metrics]:
    """Train every seed's network at once, in place, and return its metrics.

    ``parameters`` are stacked over ``seeds``; ``step`` updates them (``optimizers.make_step``) by their ``.grad``,
    in which each seed has the gradient of its own loss.
    Returns the metrics of each minibatch before its step, [epochs * minibatches, seeds], and on the
    test set after each epoch, [epochs, seeds]. ``after_epoch(epoch, training, evaluation)`` is given
    what was measured so far.
    """
    W0, images = parameters["W0"], len(train_split.labels)
    batches = minibatches(images, batch_size, drop_last)
    onehot = F.one_hot(train_split.labels, CLASSES).to(W0.dtype)  # [images, 10]
    training = Metrics.empty(epochs * len(batches), len(seeds), like=W0)
    evaluation = Metrics.empty(epochs, len(seeds), like=W0)
    if shuffle:
        orders = permutations(seeds, images)
        order = torch.empty(len(seeds), images, dtype=torch.int64, device=W0.device)
    epoch_training = Metrics.empty(len(batches), len(seeds), like=W0)
    epoch_evaluation = Metrics.empty(1, len(seeds), like=W0)

    def run_epoch() -> None:
        """Train on every minibatch, then evaluate: always in the same memory, and waiting for no result."""
        for iteration, batch in enumerate(batches):
            chosen = order[:, batch] if shuffle else batch
            x = train_split.images[chosen]  # [batch, 784], or [seeds, batch, 784] if shuffled
            y = train_split.labels[chosen].expand(len(seeds), -1)

            layers = activations(parameters, x)
            for name, gradient in gradients(parameters, layers, onehot[chosen].mT).items():
                parameters[name].grad = gradient
            step()

            epoch_training.record(iteration, cross_entropy(layers[-1], y), accuracy(layers[-1], y))
        epoch_evaluation.record(0, *evaluate(parameters, test_split, evaluation_batch_size))

    for epoch in range(epochs):
        if shuffle:
            order.copy_(next(orders))
        if epoch == 1:  # the first has set everything up
            tests = len(test_split.labels) // evaluation_batch_size
            run_epoch = recorded(run_epoch, [parameters, *step.states], len(batches) + tests)
        run_epoch()
        start, stop = epoch * len(batches), (epoch + 1) * len(batches)
        training.record(slice(start, stop), *epoch_training)
        evaluation.record(slice(epoch, epoch + 1), *epoch_evaluation)
        after_epoch(epoch, Metrics(*(m[:stop] for m in training)), Metrics(*(m[: epoch + 1] for m in evaluation)))
    return training, evaluation
