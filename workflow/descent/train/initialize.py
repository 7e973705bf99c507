"""Draw a network's initial parameters for every seed, and evaluate them before any training."""

from pathlib import Path
from typing import Annotated

import torch

from descent import step
from descent.data.mnist import load
from descent.files import numbers, write_csv, write_tensors
from descent.train.loss import evaluate
from descent.train.network import initialize, stack


def main(
    mnist: step.Mnist,
    hidden: Annotated[list[int], "sizes of the hidden layers"],
    seeds: list[int],
    evaluation_batch_size: int,
    output: Annotated[Path, "the folder to write"],
    activation: str = "relu",
    threads: step.Threads = 1,
) -> None:
    """Writes .intermediate/initial.safetensors, and initial.csv: loss and accuracy on the test set."""
    torch.set_num_threads(threads)
    parameters = stack([initialize(hidden, seed) for seed in seeds])
    loss, accuracy = evaluate(parameters, load(mnist, "test"), evaluation_batch_size, activation)
    for row in zip(seeds, loss.tolist(), accuracy.tolist()):
        print("seed {}: test loss {:.4f}, test accuracy {:.2%}".format(*row))

    write_tensors(output / ".intermediate/initial.safetensors", parameters | {"seeds": torch.tensor(seeds)})
    write_csv(output / "initial.csv", ["seed", "loss", "accuracy"], zip(seeds, numbers(loss), numbers(accuracy)))


if __name__ == "__main__":
    step.run(main)
