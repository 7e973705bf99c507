"""Draw a network's initial parameters for every seed, and evaluate them before any training."""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save

from descent import mnist
from descent.evaluation import evaluate
from descent.files import write_csv, written_whole
from descent.network import initialize, stack
from descent.steps import leave


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True, help="what download_mnist wrote")
    parser.add_argument("--hidden", type=int, nargs="+", required=True, help="sizes of the hidden layers")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--evaluation-batch-size", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_argument("--parameters", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--metrics", type=Path, required=True, help="CSV to write: on the test set, a row a seed")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    parameters = stack([initialize(arguments.hidden, seed) for seed in arguments.seeds])
    loss, accuracy = evaluate(parameters, mnist.load(arguments.mnist, "test"), arguments.evaluation_batch_size)
    rows = list(zip(arguments.seeds, map("{:.9g}".format, loss.tolist()), map("{:.9g}".format, accuracy.tolist())))
    for row in rows:
        print("seed {}: test loss {}, test accuracy {}".format(*row))

    with written_whole(arguments.parameters) as path:
        path.write_bytes(save(parameters | {"seeds": torch.tensor(arguments.seeds)}))
    write_csv(arguments.metrics, ["seed", "loss", "accuracy"], rows)


if __name__ == "__main__":
    main()
    leave()
