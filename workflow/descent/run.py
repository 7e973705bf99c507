"""Read results: tables, and a training from its folder."""

import json
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from descent.files import sha256

GUESSING_LOSS, GUESSING_ACCURACY = 0.999 * math.log(10), 0.2


def read_table(path: Path, text: list[str]) -> pd.DataFrame:
    """Read a CSV of the results. Columns of ``text``, names among them, are read as they are written.

    (pandas would read some names as numbers, and an empty cell as NaN.)
    """
    numbers = pd.read_csv(path, comment="#", nrows=0).columns.difference(text)
    missing = {name: ["", "nan"] for name in numbers}
    return pd.read_csv(path, comment="#", dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=missing)


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
            self.refuse("run.json")

    @cached_property
    def training(self) -> pd.DataFrame:
        """One row per seed and minibatch: seed, iteration, epoch, loss, accuracy."""
        return pd.read_csv(self.checked("training.csv"))

    @cached_property
    def evaluation(self) -> pd.DataFrame:
        """One row per seed and epoch, on the test set or, in a sweep, held-out images: seed, epoch, loss, accuracy."""
        return pd.read_csv(self.checked("evaluation.csv"))

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

    @property
    def bits(self) -> tuple[str, str]:
        """The same for trainings that are bit-identical, in every minibatch and in the final parameters."""
        return self.record["sha256"]["training.csv"], self.record["sha256"]["parameters.safetensors"]

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

    def refuse(self, name: str) -> NoReturn:
        raise SystemExit(f"{self.folder / name} is not what `train` wrote: delete it and run again")


def guesses(evaluation: pd.DataFrame) -> pd.Series:
    """Whether networks only guess: a loss of at least ln 10, or hardly less, and an accuracy near 0.1."""
    return (evaluation["loss"] >= GUESSING_LOSS) & (evaluation["accuracy"] <= GUESSING_ACCURACY)


def same_bits(runs: Mapping[str, Run]) -> dict[str, list[str]]:
    """The names of the trainings that are bit-identical, by the first of them."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, run in runs.items():
        found.setdefault(run.bits, []).append(name)
    return {names[0]: names for names in found.values()}
