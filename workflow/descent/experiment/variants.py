"""Variants and networks as in config.yaml.

A variant is an implementation, an optimizer, values of its hyperparameters and a schedule.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from descent.optimizers import lookup
from descent.optimizers._classes import class_defaults

Variant = Mapping[str, Any]

ACTIVATIONS = ["relu", "tanh", "sigmoid"]  # functions of torch.nn.functional; the lab's is relu
CONSTANT: dict[str, Any] = {"schedule": "constant", "warmup": 0}  # the schedule of a variant that has none


def given(variant: Variant) -> dict[str, Any]:
    """A variant's hyperparameters and schedule; 1.0 becomes 1, as the two are one setting."""
    return {key: whole(value) for key, value in variant.items() if key not in ("implementation", "optimizer")}


def whole(value: Any) -> Any:
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def meaning(variant: Variant) -> dict[str, Any]:
    """What makes a variant's optimizer: implementation, optimizer, hyperparameters, schedule and warmup.

    A hyperparameter that has its default, and may be left out, is left out: written or not, it means the same. If there
    are a rule and a class, it has to be the default of both.
    """
    its, declared = given(variant), lookup(variant["optimizer"])
    defaults, written = declared.defaults, its.keys() - CONSTANT.keys() - set(declared.required)
    usual = {key for key in written if key not in defaults or its[key] == defaults[key]}
    if usual and len(declared.implementations) > 1:
        theirs = class_defaults(variant["optimizer"])  # to know them costs the import of PyTorch
        usual = {key for key in usual if key in theirs and its[key] == theirs[key]}
    return (
        {key: variant[key] for key in ("implementation", "optimizer")}
        | {"hyperparameters": {key: value for key, value in its.items() if key not in usual | CONSTANT.keys()}}
        | {key: its.get(key, value) for key, value in CONSTANT.items()}
    )


def in_full(network: list[int] | Mapping[str, Any]) -> dict[str, Any]:
    """A network of config.yaml, of which the sizes of the hidden layers are the short form."""
    return {"activation": "relu"} | (dict(network) if isinstance(network, Mapping) else {"hidden": network})


def describe_network(name: str, network: Mapping[str, Any]) -> str:
    """A network ``in_full``, in words."""
    return f"{name} ({'-'.join(map(str, network['hidden']))} hidden units, {network['activation']})"


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
    return re.sub(r"[^\w.-]", "-", str(value).lower()) if isinstance(value, bool | str | None) else f"{value:g}"


def twins_of(variants: Mapping[str, Variant]) -> list[tuple[str, str]]:
    """The pairs of variants that differ only in ``implementation``: (custom, torch)."""
    means = {name: meaning(variant) for name, variant in variants.items()}
    custom = [name for name, its in means.items() if its["implementation"] == "custom"]
    return [
        (ours, theirs)
        for ours in custom
        for theirs in means
        if means[theirs] == means[ours] | {"implementation": "torch"}
    ]


def twin_hyperparameters(variants: Mapping[str, Variant]) -> dict[str, list[dict[str, Any]]]:
    """The hyperparameters of twins, by optimizer, each once."""
    found: dict[str, list[dict[str, Any]]] = {}
    for its in (meaning(variants[custom]) for custom, _ in sorted(twins_of(variants))):
        known = found.setdefault(its["optimizer"], [])
        if its["hyperparameters"] not in known:
            known.append(its["hyperparameters"])
    return found
