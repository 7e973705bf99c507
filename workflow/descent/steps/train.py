"""Train one variant of one network, all seeds at once, and write what was measured."""

import json

from descent import jobs
from descent.evaluation import classify
from descent.files import write_csv, write_tensors
from descent.optimizers import OPTIMIZERS, make_step
from descent.steps import command_line
from descent.training import divergence


def hyperparameter(text: str) -> tuple[str, float]:
    """Parse ``name=value``, the value as in JSON."""
    name, value = text.split("=", 1)
    return name, json.loads(value)


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes training.csv (a row per seed and minibatch), evaluation.csv (a row per seed and epoch), "
        "parameters.safetensors, predictions.safetensors (the test images' classes [seeds, images] and labels) and "
        "run.json (settings, device, versions, time, divergence, checksums) into the output folder.",
    )
    jobs.add_arguments(parser)
    parser.add_argument("--implementation", choices=["custom", "torch"], required=True)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, required=True)
    parser.add_argument("--hyperparameters", type=hyperparameter, nargs="+", required=True, metavar="NAME=VALUE")
    arguments = parser.parse_args()

    parameters, seeds = jobs.load_parameters(arguments)
    step = make_step(
        arguments.implementation, arguments.optimizer, parameters.values(), **dict(arguments.hyperparameters)
    )
    splits = jobs.load_mnist(arguments)
    training, evaluation, seconds = jobs.run(arguments, parameters, step, splits, seeds)

    diverged = {seed: first for seed, first in zip(seeds, divergence(training, evaluation)) if first is not None}
    for seed, first in diverged.items():
        print(f"seed {seed} diverged: its loss is not finite from iteration {first} on")
    iterations = range(len(training.loss))
    epoch_of = [iteration // (len(iterations) // arguments.epochs) for iteration in iterations]
    write_csv(
        arguments.output / "training.csv",
        ["seed", "iteration", "epoch", "loss", "accuracy"],
        jobs.rows(training, seeds, iterations, epoch_of),
    )
    write_csv(
        arguments.output / "evaluation.csv",
        ["seed", "epoch", "loss", "accuracy"],
        jobs.rows(evaluation, seeds, range(arguments.epochs)),
    )
    write_tensors(arguments.output / "parameters.safetensors", parameters)
    test = splits[1]
    classes = classify(parameters, test, arguments.evaluation_batch_size)
    write_tensors(
        arguments.output / "predictions.safetensors", {"classes": classes, "labels": test.labels.to(classes.dtype)}
    )
    jobs.write_record(
        arguments,
        training,
        seconds,
        ["training.csv", "evaluation.csv", "parameters.safetensors", "predictions.safetensors"],
        implementation=arguments.implementation,
        hyperparameters=dict(arguments.hyperparameters),
        diverged=diverged,
    )


if __name__ == "__main__":
    main()
