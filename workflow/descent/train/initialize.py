"""Draw a network's initial parameters for every seed, and evaluate them before any training."""

from pathlib import Path

import torch

from descent.data import mnist
from descent.files import numbers, write_csv, write_tensors
from descent.step import command_line
from descent.train.loss import evaluate
from descent.train.network import ACTIVATIONS, initialize, stack


def main() -> None:
    parser = command_line(
        __doc__, "Writes .intermediate/initial.safetensors, and initial.csv: loss and accuracy on the test set."
    )
    parser.add_argument("--mnist", type=Path, required=True, help="the file that download_mnist wrote")
    parser.add_argument("--hidden", type=int, nargs="+", required=True, help="sizes of the hidden layers")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--evaluation-batch-size", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    seeds = arguments.seeds
    parameters = stack([initialize(arguments.hidden, seed) for seed in seeds])
    test = mnist.load(arguments.mnist, "test")
    loss, accuracy = evaluate(parameters, test, arguments.evaluation_batch_size, arguments.activation)
    for row in zip(seeds, loss.tolist(), accuracy.tolist()):
        print("seed {}: test loss {:.4f}, test accuracy {:.2%}".format(*row))

    write_tensors(arguments.output / ".intermediate/initial.safetensors", parameters | {"seeds": torch.tensor(seeds)})
    write_csv(
        arguments.output / "initial.csv", ["seed", "loss", "accuracy"], zip(seeds, numbers(loss), numbers(accuracy))
    )


if __name__ == "__main__":
    main()
