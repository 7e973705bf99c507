"""Put what jobs wrote for some seeds each together into one file for all seeds."""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from descent.files import written_whole


def concatenate(parts: list[Path], target: Path) -> None:
    """Concatenate CSV files of one header."""
    with written_whole(target) as path, path.open("wb") as whole:
        for i, part in enumerate(parts):
            with part.open("rb") as file:
                header = file.readline()
                if i == 0:
                    whole.write(header)
                shutil.copyfileobj(file, whole)


def stack(parts: list[Path], target: Path) -> None:
    """Concatenate the tensors of safetensors files along their first axis, which is that of the seeds."""
    stacks = [load_file(part) for part in parts]
    with written_whole(target) as path:
        path.write_bytes(save({name: np.concatenate([tensors[name] for tensors in stacks]) for name in stacks[0]}))


def add_up(parts: list[Path], target: Path) -> None:
    """One run.json of several: sums of seeds and seconds; where device or versions differ, all of them."""
    runs = [json.loads(part.read_text()) for part in parts]
    total = {}
    for key in runs[0]:
        values = list(dict.fromkeys(run[key] for run in runs))
        total[key] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    seeds, seconds = (sum(run[key] for run in runs) for key in ("seeds", "seconds"))
    microseconds = seconds / runs[0]["iterations"] / seeds * 1e6
    total |= {"seeds": seeds, "seconds": seconds, "microseconds_per_iteration_and_seed": microseconds}
    with written_whole(target) as path:
        path.write_text(json.dumps(total, indent=2) + "\n")


GATHER = {".csv": concatenate, ".safetensors": stack, ".json": add_up}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--file",
        type=Path,
        nargs="+",
        action="append",
        required=True,
        metavar=("OUTPUT", "PART"),
        help=f"the file to write, and its parts in the order of their seeds; by its ending, one of {', '.join(GATHER)}",
    )
    arguments = parser.parse_args()
    for output, *parts in arguments.file:
        GATHER[output.suffix](parts, output)


if __name__ == "__main__":
    main()
