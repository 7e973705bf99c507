# The config is checked before anything else happens; then the helpers of the rules.

import json
import os
import shlex
import sys
from itertools import combinations
from pathlib import Path

import yaml

WORKFLOW = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(WORKFLOW))

from descent.config import check, check_keys
from descent.sources import sources


def check_config():
    """Stop with one readable line unless config.yaml is a valid experiment."""
    try:
        for file in workflow.configfiles:
            check_keys(Path(file).read_text())
        check(config, yaml.safe_load((WORKFLOW / "schemas/config.schema.yaml").read_text()))
    except (ValueError, yaml.YAMLError) as error:
        sys.exit(f"config.yaml: {error}")


check_config()

NETWORKS, VARIANTS = config["networks"], config["variants"]

# Every step is `python -m descent.steps.RULE`, run by the Python that runs Snakemake.
shell.prefix(
    "set -euo pipefail; "
    f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH "
    f"PYTHONPATH={shlex.quote(str(WORKFLOW))}; "
)


wildcard_constraints:
    network="[^/]+",
    variant="[^/]+",


def code(step):
    """The source files that a step runs, worked out from its imports.

    As inputs they are compared by content: touched, nothing runs; changed, it does.
    """
    return [os.path.relpath(file) for file in sources(f"descent.steps.{step}")]


def options(**values):
    """Command line options in the order of their names, quoted for the shell.

    seeds=[0, 1] is --seeds 0 1; drop_last=True is --drop-last, and False --no-drop-last; a dict is NAME=VALUE
    words; a list of tuples gives the option once for each; None and an empty list give nothing.
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
                words += [f"--{name}", *(f"{key}={json.dumps(value[key])}" for key in sorted(value))]
            case [tuple(), *_]:
                words += [word for entry in value for word in (f"--{name}", *entry)]
            case list():
                words += [f"--{name}", *map(str, value)]
            case _:
                words += [f"--{name}", str(value)]
    return shlex.join(words)


def variant_options(variant):
    """What `train` needs to know of a variant, and nothing of the others."""
    entry = dict(VARIANTS[variant])
    return options(
        implementation=entry.pop("implementation"),
        optimizer=entry.pop("optimizer"),
        hyperparameters=entry,
    )


def twins():
    """The pairs of variants that differ in nothing but `implementation`: (custom, torch)."""

    def recipe(variant):
        return {**VARIANTS[variant], "implementation": None}

    return [
        tuple(sorted(pair, key=lambda variant: VARIANTS[variant]["implementation"]))
        for pair in combinations(VARIANTS, 2)
        if recipe(pair[0]) == recipe(pair[1])
        and VARIANTS[pair[0]]["implementation"] != VARIANTS[pair[1]]["implementation"]
    ]


TWINS = twins()

# The figures of a network, each with the variants that it overlays.
FIGURES = {"curves": list(VARIANTS)} | {f"{custom}-{torch}": [custom, torch] for custom, torch in TWINS}
