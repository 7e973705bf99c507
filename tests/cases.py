"""Optimizers to try: with hyperparameters, and in a folder of their own."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from descent import optimizers

RECIPES = [
    {"optimizer": "sgd", "lr": 0.01},
    {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9},
    {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    {"optimizer": "adagrad", "lr": 0.01},
    {"optimizer": "rmsprop", "lr": 0.001, "momentum": 0.9},
    {"optimizer": "adam", "lr": 0.001, "weight_decay": 0.01},
    {"optimizer": "adamw", "lr": 0.001, "weight_decay": 0.1},
]


@contextmanager
def optimizers_in(folder: Path) -> Iterator[Path]:
    """Meanwhile, the files in ``folder`` are the package's optimizers."""

    def forget() -> None:
        optimizers.find.cache_clear()
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.startswith("descent.optimizers.") and "._" not in name]:
            del sys.modules[name]
            vars(optimizers).pop(name.rpartition(".")[2], None)

    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimizers, "FOLDER", folder)
        patch.setattr(optimizers, "__path__", [str(folder)])
        forget()
        yield folder
    forget()
