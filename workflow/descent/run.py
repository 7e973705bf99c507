"""Read results: tables, and a training from its folder."""

import json
import math
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from descent.files import sha256

# Columns of text, names among them: pandas would read some names as numbers, and an empty cell as NaN.
TEXT = ["network", "variant", "other_network", "other", "custom", "torch", "optimizer", "setting", "trial"]
TEXT += ["default_setting", "edge", "other_choices", "verdict", "mistake", "left_out", "instructions"]


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV of the results as a pandas DataFrame; an empty cell of text is an empty string."""
    numbers = pd.read_csv(path, comment="#", nrows=0).columns.difference(TEXT)
    missing = {name: ["", "nan"] for name in numbers}
    return pd.read_csv(path, comment="#", dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=missing)


class Run:
    """What `train` wrote into a folder.

    Every file is compared with its checksum in run.json before it is read. If it was edited or damaged, SystemExit
    names it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def record(self) -> dict[str, Any]:
        """run.json: device, versions, seeds, seconds, divergence, and the checksums of the other files."""
        try:
            record = json.loads((self.folder / "run.json").read_bytes())
            return record | {"sha256": dict(record["sha256"])}
        except (OSError, ValueError, KeyError, TypeError):
            return self.refuse("run.json")

    @cached_property
    def training(self) -> pd.DataFrame:
        """One row per seed and minibatch: seed, iteration, epoch, loss, accuracy."""
        return read_table(self.checked("training.csv"))

    @cached_property
    def evaluation(self) -> pd.DataFrame:
        """One row per seed and epoch, on the test set or, in a sweep, held-out images: seed, epoch, loss, accuracy."""
        return read_table(self.checked("evaluation.csv"))

    @cached_property
    def parameters(self) -> dict[str, np.ndarray]:
        """The trained parameters, each stacked over the seeds."""
        return load_file(self.checked("parameters.safetensors"))

    @cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        """``classes`` [seeds, images], what each trained network predicts for each image; ``labels`` [images]."""
        return load_file(self.checked(".intermediate/predictions.safetensors"))

    @property
    def correct(self) -> np.ndarray:
        """Whether each trained network is right about each image: [seeds, images], 0 or 1."""
        return (self.predictions["classes"] == self.predictions["labels"]).astype(float)

    @property
    def diverged(self) -> dict[int, int]:
        """The seeds that diverged, each with the first iteration whose loss is not finite."""
        return {int(seed): iteration for seed, iteration in self.record["diverged"].items()}

    def describe_targets(self, targets: list[float]) -> list[dict[str, float]]:
        """After how many epochs the median seed reaches each target accuracy, NaN if never, and how many seeds do."""
        rows, seeds = [], self.evaluation["seed"]
        for target in targets:
            first = self.evaluation["epoch"].where(self.evaluation["accuracy"] >= target).groupby(seeds).min() + 1
            median = first.fillna(math.inf).median()
            epochs = median if math.isfinite(median) else math.nan
            rows.append({"target": target, "epochs": epochs, "reached": first.count(), "runs": len(first)})
        return rows

    def checked(self, name: str) -> Path:
        path = self.folder / name
        return path if sha256(path) == self.record["sha256"].get(name) else self.refuse(name)

    def refuse(self, name: str) -> Any:
        raise SystemExit(f"{self.folder / name} is not what `train` wrote: delete it and run again")
