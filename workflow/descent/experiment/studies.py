"""What config.yaml asks to train, as studies, and whether a training is what it asks for."""

import ast
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from descent.data.idx_files import SHA256
from descent.experiment import grids
from descent.experiment.variants import Variant, in_full, meaning
from descent.optimizers import own_sources
from descent.optimizers._classes import package_version


class Study(NamedTuple):
    """Trainings that start alike, seed by seed, and see the same minibatches: results/STUDY/VARIANT/."""

    network: dict[str, Any]  # hidden, the sizes of the hidden layers, and activation
    seeds: list[int]
    training: dict[str, Any]  # the options of `train` that all variants share
    variants: Mapping[str, Variant]
    data: dict[str, str]  # the SHA-256 of the data set's four files


def studies(config: Mapping[str, Any]) -> dict[str, Study]:
    """The studies of an experiment by name: its networks, and the trials and the final runs of its sweep.

    A sweep whose network does not exist has none: the default run does not need it.
    """
    networks = {name: in_full(network) for name, network in config["networks"].items()}
    asked = config.get("sweep")
    training = config["training"] | {"evaluation_batch_size": config["evaluation"]["batch_size"]}
    data = config["data"].get("sha256") or SHA256
    found = {
        name: Study(network, sorted(config["seeds"]), training, config["variants"], data)
        for name, network in networks.items()
    }
    if asked and asked["network"] in networks:
        network, swept = networks[asked["network"]], grids.settings(asked["optimizers"])
        training = training | asked.get("training", {}) | {"validation": asked["validation"]}
        seeds = [grids.TRIALS + i for i in range(asked["seeds"])]
        found["sweep/trials"] = Study(network, seeds, training, swept, data)
        seeds = [grids.FINAL + i for i in range(asked["final_seeds"])]
        found["sweep/final"] = Study(network, seeds, training | {"test": True}, swept, data)
    return found


def what_makes(study: Study, name: str) -> dict[str, Any]:
    """Everything in the run.json of a variant that makes its training, as the study asks for it."""
    usual = {"validation": 0, "test": False, "data": study.data, "seeds": study.seeds}
    return usual | study.training | study.network | meaning(study.variants[name])


def contradiction(study: Study, name: str, record: Mapping[str, Any]) -> str:
    """What in the run.json of a variant is not as the study asks for, or as its rule is now; empty if nothing is."""
    asked = what_makes(study, name)
    given, used = asked.pop("hyperparameters"), record.get("hyperparameters", {})
    compared = [(key, value, record.get(key)) for key, value in asked.items()]
    for key, wanted, made in compared + [(key, given.get(key), used.get(key)) for key in given | used]:
        if wanted != made:
            return f"{key} is {json.dumps(wanted)}, but it was trained with {json.dumps(made)}"
    if (now := package_version(asked["optimizer"])) != record.get("package"):
        return f"{asked['optimizer']} is of {now}, but it was trained with that of {record.get('package')}"
    texts = {
        file.name: file.read_text(encoding="utf-8") for file in own_sources(asked["implementation"], asked["optimizer"])
    }
    made = {name: source["text"] for name, source in record.get("sources", {}).items()}
    for name in texts | made:
        if name not in texts or name not in made or structure(texts[name]) != structure(made[name]):
            return f"it was trained with another {name}"
    return ""


def structure(source: str) -> str:
    """A program without its comments and its layout."""
    return ast.dump(ast.parse(source))
