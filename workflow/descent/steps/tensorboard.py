"""Write one variant's metrics as TensorBoard's event files, one run per seed."""

import shutil
from pathlib import Path

import pandas as pd
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from descent.runs import Run
from descent.steps import command_line


def write_events(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write scalars ``split/metric`` at each table's column step, for one seed."""
    writer = EventFileWriter(str(folder))
    for split, table in tables.items():
        for metric in ("loss", "accuracy"):
            for step, value in zip(table["step"], table[metric]):
                scalar = Summary.Value(tag=f"{split}/{metric}", simple_value=value)
                # Iterations were not timed, so TensorBoard's relative time shows the iteration.
                writer.add_event(Event(wall_time=float(step), step=step, summary=Summary(value=[scalar])))
    writer.close()


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder that `train` wrote")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write, with a folder for each seed")
    arguments = parser.parse_args()

    run = Run(arguments.run)
    training, evaluation = run.training, run.evaluation
    training["step"] = training["iteration"]
    evaluation["step"] = evaluation["epoch"].map(training.groupby("epoch")["iteration"].max())
    unfinished = arguments.output.with_name(f".unfinished.{arguments.output.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    for seed, rows in training.groupby("seed"):
        write_events(unfinished / f"seed_{seed}", {"train": rows, "test": evaluation[evaluation["seed"] == seed]})
    shutil.rmtree(arguments.output, ignore_errors=True)
    unfinished.rename(arguments.output)


if __name__ == "__main__":
    main()
