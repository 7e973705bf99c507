"""A setting is an optimizer with values of its hyperparameters, written as a variant of config.yaml."""

import json
from collections.abc import Mapping
from typing import Any


def hyperparameters(variant: Mapping[str, Any]) -> dict[str, Any]:
    """A variant's hyperparameters; 1.0 becomes 1, as the two are one setting."""
    return {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in variant.items()
        if key not in ("implementation", "optimizer")
    }


def in_words(hyperparameters: Mapping[str, Any]) -> str:
    """Hyperparameters as text, lr first, whatever their order: lr 0.1, momentum 0.9."""
    names = sorted(hyperparameters, key=lambda name: (name != "lr", name))
    return ", ".join(f"{name} {json.dumps(hyperparameters[name])}" for name in names)


def name_of(variant: Mapping[str, Any]) -> str:
    """A setting's name, and its folder's: sgd_lr=0.01_momentum=0.9. (Snakemake cuts a remote job's names at commas.)"""
    words = [f"{key}={show(value)}" for key, value in hyperparameters(variant).items()]
    return "_".join([variant["optimizer"], *words])


def show(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(show, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
