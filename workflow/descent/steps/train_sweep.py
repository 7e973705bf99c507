"""Train some points of a sweep's grid, all seeds of all of them at once, and write what they reach on the test set."""

import json

from descent import jobs
from descent.files import write_csv
from descent.optimizers import OPTIMIZERS, make_stacked_step
from descent.steps import command_line
from descent.training import divergence


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes evaluation.csv (a row per point, seed and epoch) and run.json into the output folder.",
    )
    jobs.add_arguments(parser)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, required=True)
    parser.add_argument("--points", type=json.loads, required=True, metavar="JSON", help="a list of hyperparameters")
    arguments = parser.parse_args()

    points = arguments.points
    initial, seeds = jobs.load_parameters(arguments)
    parameters = {name: stack.repeat(len(points), *[1] * (stack.dim() - 1)) for name, stack in initial.items()}
    step = make_stacked_step(arguments.optimizer, parameters.values(), points)
    training, evaluation, seconds = jobs.run(
        arguments, parameters, step, jobs.load_mnist(arguments), seeds * len(points)
    )

    rows = jobs.rows(evaluation, seeds * len(points), range(arguments.epochs))
    diverged = divergence(training, evaluation)
    values = [[json.dumps(v) if isinstance(v, list) else v for v in point.values()] for point in points]
    write_csv(
        arguments.output / "evaluation.csv",
        [*points[0], "seed", "epoch", "loss", "accuracy", "diverged"],
        (
            [*values[run // len(seeds)], *next(rows), first]
            for run, first in enumerate(diverged)
            for _ in range(arguments.epochs)
        ),
    )
    jobs.write_record(arguments, training, seconds, ["evaluation.csv"])


if __name__ == "__main__":
    main()
