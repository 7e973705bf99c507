"""What the rules need of config.yaml: the steps' options, stacks of networks, twins, and figures."""

import json
import shlex
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from descent import calibration
from descent import sweep as grid
from descent.settings import hyperparameters


def options(**values: Any) -> str:
    """Command-line options in the order of their names, quoted for the shell.

    seeds=[0, 1] gives --seeds 0 1; drop_last=True gives --drop-last, and False --no-drop-last; a dict gives NAME=VALUE
    words; a list of dicts or of tuples repeats the option for each; None and an empty list give nothing.
    """
    words = []
    for name, value in sorted(values.items()):
        name = name.replace("_", "-")
        match value:
            case None | []:
                pass
            case bool():
                words.append(f"--{name}" if value else f"--no-{name}")
            case dict():
                words += [f"--{name}", *assignments(value)]
            case [dict(), *_]:
                words += [word for entry in value for word in (f"--{name}", *assignments(entry))]
            case [tuple(), *_]:
                words += [word for entry in value for word in (f"--{name}", *entry)]
            case list():
                words += [f"--{name}", *map(str, value)]
            case _:
                words += [f"--{name}", str(value)]
    return shlex.join(words)


def assignments(values: Mapping[str, Any]) -> list[str]:
    return [f"{key}={json.dumps(values[key])}" for key in sorted(values)]


def variant_options(*variants: Mapping[str, Any]) -> str:
    """The options of `train` for variants that differ only in hyperparameters."""
    return options(
        implementation=variants[0]["implementation"],
        optimizer=variants[0]["optimizer"],
        hyperparameters=[hyperparameters(variant) for variant in variants],
    )


def twins(variants: Mapping[str, Mapping]) -> list[tuple[str, str]]:
    """The pairs of variants that differ only in ``implementation``: (custom, torch)."""
    pairs = (
        sorted(pair, key=lambda variant: variants[variant]["implementation"]) for pair in combinations(variants, 2)
    )
    return [
        (custom, torch)
        for custom, torch in pairs
        if variants[custom] != variants[torch] == {**variants[custom], "implementation": "torch"}
    ]


def twin_settings(variants: Mapping[str, Mapping]) -> list[tuple[str, str]]:
    """The settings of twins: pairs of optimizer and hyperparameters as JSON, each once."""
    return sorted(
        {
            (variants[custom]["optimizer"], json.dumps(hyperparameters(variants[custom]), sort_keys=True))
            for custom, _ in twins(variants)
        }
    )


def alike(variants: Mapping[str, Mapping]) -> list[tuple[str, str]]:
    """The pairs of variants with the same settings."""
    return [pair for pair in combinations(variants, 2) if variants[pair[0]] == variants[pair[1]]]


def figures(variants: Mapping[str, Mapping]) -> dict[str, list[str]]:
    """The figures of a network, each with its variants: all, each pair of twins, and each variant alone."""
    overlaid = {f"{custom}+{torch}": [custom, torch] for custom, torch in twins(variants)}
    return {"curves": list(variants)} | overlaid | {f"{variant}/curves": [variant] for variant in variants}


def plot_options(network: str, variants: Mapping[str, Mapping], smoothing: int) -> str:
    """The options of `plot_curves` for a network's variants and figures."""
    folder = f"results/{network}"
    return options(
        run=[(variant, entry["implementation"], f"{folder}/{variant}") for variant, entry in variants.items()],
        figure=[(f"{folder}/{figure}", *overlaid) for figure, overlaid in figures(variants).items()],
        test_figure=f"{folder}/test",
        smoothing=smoothing,
    )


def stacks(config: Mapping[str, Any]) -> dict[str, dict[str, list[int]]]:
    """The stacks of networks to initialize, with their hidden sizes and seeds: each network's, and the sweep's.

    A sweep whose network does not exist has none: the default run does not need it.
    """
    networks, seeds, sweep = config["networks"], sorted(config["seeds"]), config.get("sweep")
    found = {network: {"hidden": hidden, "seeds": seeds} for network, hidden in networks.items()}
    if sweep and sweep["network"] in networks:
        for stage, seeds in grid.seeds(sweep).items():
            found[f"sweep/{sweep['network']}/{stage}"] = {"hidden": networks[sweep["network"]], "seeds": seeds}
    return found


def training_options(config: Mapping[str, Any], stack: str, device: str) -> str:
    """The options of `train` that all variants of a stack share."""
    training = {key: value for key, value in config["training"].items() if key != "tensorboard"}
    sweep = config.get("sweep", {})
    if stack in calibration.STACKS:
        training = dict(calibration.TRAINING)
    if stack.endswith("/trials"):
        training |= {"epochs": sweep["epochs"], "validation": sweep["validation"]}
    if stack.endswith("/final"):
        training |= {"epochs": sweep["final"]["epochs"], "validation": sweep["validation"], "test": True}
    return options(**training, evaluation_batch_size=config["evaluation"]["batch_size"], device=device)


def gpu_jobs(config: Mapping[str, Any]) -> list[list[str]]:
    """The trials of each job that trains them on a GPU."""
    sweep = config.get("sweep")
    hidden = config["networks"].get(sweep["network"]) if sweep else None
    return grid.jobs(sweep, hidden) if sweep and hidden else []
