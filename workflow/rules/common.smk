# Shared by the rules: what config.yaml asks for, and how a step is called.

import atexit
import json
from functools import cache
from importlib.metadata import version

from descent import bar, terminal
from descent.data import idx_files
from descent.experiment import grids, studies
from descent.experiment.variants import twin_hyperparameters, twins_of
from descent.optimizers import names, own_sources
from descent.optimizers._classes import package_version
from descent.report.figures import figures, files
from descent.sources import digest, sources
from descent.train.device import choose, environment

RESULTS = Path("results").absolute()  # Snakemake leaves --directory before the last words
BEFORE = terminal.pages(RESULTS)
terminal.calm(logger)
STUDIES = studies.studies(config)
NETWORKS, VARIANTS = list(config["networks"]), list(config["variants"])
TWINS = twins_of(config["variants"])
CUSTOM, TORCH = [custom for custom, _ in TWINS], [torch for _, torch in TWINS]
FIGURES = files(figure.name for figure in figures(VARIANTS, TWINS))
DEVICE = choose(config["device"])

os.environ |= environment()


wildcard_constraints:
    study="|".join(STUDIES),


# `--resources gpu=1` limits the GPUs of this machine, not those of a cluster.
resource_scopes:
    gpu="local",


def step(name, arguments):
    """The command that runs a step and copies what it prints to the terminal, while there is one, and the log."""
    return f"trap '' PIPE; python -m descent.{name} {arguments} 2>&1 | (tee {{log}} || :)"


@cache
def code(name, *files):
    """A checksum of the code that a step imports, and of other ``files``, in workflow/ or elsewhere.

    As a parameter, it makes the results of other code stale, whatever the files' times.
    """
    return digest(sources(f"descent.{name}") + [WORKFLOW / file for file in files])


RULES = [file for name in names() for file in own_sources("custom", name)]


def code_of_training(wildcards):
    variant = STUDIES[wildcards.study].variants[wildcards.variant]
    return code("train.train", *own_sources(variant["implementation"], variant["optimizer"]))


def options(**values):
    """The options of a step, as a function: Snakemake would take the braces of JSON for wildcards."""
    return lambda wildcards: studies.options(**values)


def final_runs(wildcards):
    """The files of the sweep's final runs, with the chosen and the default settings."""
    choices = json.loads(Path(checkpoints.choose.get().output.choices).read_text())
    return expand(rules.train.output, study="sweep/final", variant=grids.final(config["sweep"]["optimizers"], choices))
