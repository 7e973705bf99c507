"""Optimizers with hyperparameters: what the tests try a rule with. A new optimizer gets its line in each."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from descent import optimizers
from hypothesis import strategies as st

# What an optimizer is trained with on its own.
RECIPES = [
    {"optimizer": "sgd", "lr": 0.01},
    {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9},
    {"optimizer": "sgd", "lr": 0.1, "momentum": 0.5},
    {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True},
    {"optimizer": "sgd", "lr": 0.01, "weight_decay": 0.01},
    {"optimizer": "adagrad", "lr": 0.01},
    {"optimizer": "rmsprop", "lr": 0.001},
    {"optimizer": "rmsprop", "lr": 0.001, "momentum": 0.9},
    {"optimizer": "adam", "lr": 0.001},
    {"optimizer": "adam", "lr": 0.001, "weight_decay": 0.01},
    {"optimizer": "adamw", "lr": 0.001, "weight_decay": 0.1},
]

# Each optimizer once or twice, as variants that learn the small data set within two epochs.
LEARNERS = {
    "nesterov": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
    "decayed": {"optimizer": "sgd", "lr": 0.1, "weight_decay": 0.001},
    "adagrad": {"optimizer": "adagrad", "lr": 0.01},
    "rmsprop": {"optimizer": "rmsprop", "lr": 0.001, "momentum": 0.5},
    "adam": {"optimizer": "adam", "lr": 0.001, "betas": [0.8, 0.99]},
    "adamw": {"optimizer": "adamw", "lr": 0.001, "weight_decay": 0.1},
}

# What each hyperparameter may be.
fraction = st.floats(0, 0.999)  # of decay rates: momentum, alpha, betas
decay = st.floats(0, 0.1)
eps = st.floats(1e-10, 1e-2)
HYPERPARAMETERS = {
    "sgd": {"momentum": fraction, "weight_decay": decay, "nesterov": st.booleans()},
    "adagrad": {"eps": eps},
    "rmsprop": {"alpha": fraction, "eps": eps, "momentum": fraction},
    "adam": {"betas": st.tuples(fraction, fraction), "eps": eps, "weight_decay": decay},
    "adamw": {"betas": st.tuples(fraction, fraction), "eps": eps, "weight_decay": decay},
}


@contextmanager
def optimizers_in(folder: Path) -> Iterator[Path]:
    """Meanwhile, the files in ``folder`` are the package's optimizers."""

    def forget() -> None:
        optimizers.find.cache_clear()
        importlib.invalidate_caches()
        for name in list(sys.modules):
            if name.startswith("descent.optimizers."):
                del sys.modules[name]
                vars(optimizers).pop(name.rpartition(".")[2], None)

    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimizers, "FOLDER", folder)
        patch.setattr(optimizers, "__path__", [str(folder)])
        forget()
        yield folder
    forget()
