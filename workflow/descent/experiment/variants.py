"""Variants and networks as in config.yaml.

A variant is an implementation, an optimizer, values of its hyperparameters and a schedule.
"""

import json
from collections.abc import Mapping
from typing import Any

Variant = Mapping[str, Any]

ACTIVATIONS = ["relu", "tanh", "sigmoid"]  # functions of torch.nn.functional; the lab's is relu
CONSTANT: dict[str, Any] = {"schedule": "constant", "warmup": 0}  # the schedule of a variant that has none


def given(variant: Variant) -> dict[str, Any]:
    """A variant's hyperparameters and schedule; 1.0 becomes 1, as the two are one setting."""
    return {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in variant.items()
        if key not in ("implementation", "optimizer")
    }


def hyperparameters(variant: Variant) -> dict[str, Any]:
    """A variant's hyperparameters, without its schedule."""
    return {key: value for key, value in given(variant).items() if key not in CONSTANT}


def in_full(network: list[int] | Mapping[str, Any]) -> dict[str, Any]:
    """A network of config.yaml, of which the sizes of the hidden layers are the short form."""
    return {"activation": "relu"} | (dict(network) if isinstance(network, Mapping) else {"hidden": network})


def in_words(given: Mapping[str, Any]) -> str:
    """Hyperparameters and a schedule as text, lr first, whatever their order: lr 0.1, momentum 0.9, schedule linear.

    Different values have different texts, so the text is a key of tables too.
    """
    ordered = sorted(given, key=lambda name: (name != "lr", name in CONSTANT, name))
    return ", ".join(f"{name} {json.dumps(given[name])}".replace('"', "") for name in ordered)


def name_of(variant: Variant) -> str:
    """A name made of the values, for a folder: sgd_lr=0.01_momentum=0.9. (Snakemake cuts a job's names at commas.)"""
    words = [f"{key}={compact(value)}" for key, value in given(variant).items()]
    return "_".join([variant["optimizer"], *words])


def compact(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(compact, value))
    return str(value).lower() if isinstance(value, bool | str) else f"{value:g}"


def twins_of(variants: Mapping[str, Variant]) -> list[tuple[str, str]]:
    """The pairs of variants that differ only in ``implementation``: (custom, torch)."""
    return [
        (custom, torch)
        for custom in variants
        for torch in variants
        if variants[custom] != variants[torch] == {**variants[custom], "implementation": "torch"}
    ]


def twin_hyperparameters(variants: Mapping[str, Variant]) -> dict[str, list[dict[str, Any]]]:
    """The hyperparameters of twins, by optimizer, each once."""
    found: dict[str, list[dict[str, Any]]] = {}
    for its in (variants[custom] for custom, _ in sorted(twins_of(variants))):
        known = found.setdefault(its["optimizer"], [])
        if hyperparameters(its) not in known:
            known.append(hyperparameters(its))
    return found


def own_rule(variant: Variant) -> tuple[str, ...]:
    """The rule from scratch that a variant's training uses: none if it is PyTorch's."""
    return (variant["optimizer"],) if variant["implementation"] == "custom" else ()
