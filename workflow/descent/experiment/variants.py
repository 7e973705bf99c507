"""Variants and networks as in config.yaml.

A variant is an implementation, an optimizer, values of its hyperparameters and a schedule.
"""

import json
from collections.abc import Mapping
from typing import Any

Variant = Mapping[str, Any]

CONSTANT: dict[str, Any] = {"schedule": "constant", "warmup": 0}  # the schedule of a variant that has none


def settings(variant: Variant) -> dict[str, Any]:
    """A variant's hyperparameters and schedule; 1.0 becomes 1, as the two are one setting."""
    return {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in variant.items()
        if key not in ("implementation", "optimizer")
    }


def hyperparameters(variant: Variant) -> dict[str, Any]:
    """A variant's hyperparameters, without its schedule."""
    return {key: value for key, value in settings(variant).items() if key not in CONSTANT}


def in_full(network: list[int] | Mapping[str, Any]) -> dict[str, Any]:
    """A network of config.yaml, of which the sizes of the hidden layers are the short form."""
    return {"activation": "relu"} | (dict(network) if isinstance(network, Mapping) else {"hidden": network})


def in_words(settings: Mapping[str, Any]) -> str:
    """Settings as text, lr first, whatever their order: lr 0.1, momentum 0.9, schedule linear."""
    names = sorted(settings, key=lambda name: (name != "lr", name in CONSTANT, name))
    return ", ".join(f"{name} {json.dumps(settings[name])}".replace('"', "") for name in names)


def name_of(variant: Variant) -> str:
    """A name made of the values, for a folder: sgd_lr=0.01_momentum=0.9. (Snakemake cuts a job's names at commas.)"""
    words = [f"{key}={show(value)}" for key, value in settings(variant).items()]
    return "_".join([variant["optimizer"], *words])


def show(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(show, value))
    return str(value).lower() if isinstance(value, bool | str) else f"{value:g}"


def twins(variants: Mapping[str, Variant]) -> list[tuple[str, str]]:
    """The pairs of variants that differ only in ``implementation``: (custom, torch)."""
    return [
        (custom, torch)
        for custom in variants
        for torch in variants
        if variants[custom] != variants[torch] == {**variants[custom], "implementation": "torch"}
    ]


def twin_settings(variants: Mapping[str, Variant]) -> dict[str, list[dict[str, Any]]]:
    """The hyperparameters of twins, by optimizer, each once."""
    settings: dict[str, list[dict[str, Any]]] = {}
    for its in (variants[custom] for custom, _ in sorted(twins(variants))):
        known = settings.setdefault(its["optimizer"], [])
        if hyperparameters(its) not in known:
            known.append(hyperparameters(its))
    return settings


def own_rule(variant: Variant) -> tuple[str, ...]:
    """The rule from scratch that a variant's training uses: none if it is PyTorch's."""
    return (variant["optimizer"],) if variant["implementation"] == "custom" else ()


def figures(variants: Mapping[str, Variant]) -> dict[str, list[str]]:
    """The training figures of a network, each with its variants: all, each pair of twins, and each variant alone.

    A twin of PyTorch's has none alone: it is in the pair's.
    """
    overlaid = {f"{custom}+{torch}": [custom, torch] for custom, torch in twins(variants)}
    alone = [variant for variant in variants if variant not in (torch for _, torch in twins(variants))]
    return {"curves": list(variants)} | overlaid | {f"{variant}/curves": [variant] for variant in alone}
