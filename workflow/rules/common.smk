# Shared by the rules: what config.yaml asks for, and how a step is called.

import atexit
import json

from descent import bar, terminal
from descent.data import idx_files
from descent.experiment import grids
from descent.experiment.plan import folder, plan
from descent.experiment.studies import studies
from descent.experiment.variants import twins_of
from descent.report.figures import figures, files
from descent.train.device import choose, environment

RESULTS = Path("results").absolute()  # Snakemake leaves --directory before the last words
BEFORE = terminal.pages(RESULTS)
terminal.calm(logger)
NETWORKS, VARIANTS = list(config["networks"]), list(config["variants"])
TWINS = twins_of(config["variants"])
CUSTOM, TORCH = [custom for custom, _ in TWINS], [torch for _, torch in TWINS]
FIGURES = files(figure.name for figure in figures(VARIANTS, TWINS))
DEVICE = choose(config["device"])
PLAN = plan(config, DEVICE)

os.environ |= environment()


wildcard_constraints:
    study="|".join(studies(config)),


# `--resources gpu=1` limits the GPUs of this machine, not those of a cluster.
resource_scopes:
    gpu="local",


def step(name, arguments):
    """The command that runs a step and copies what it prints to the terminal, while there is one, and the log."""
    return f"trap '' PIPE; python -m descent.{name} {arguments} 2>&1 | (tee {{log}} || :)"


def planned(rule):
    """The parameters of a rule's jobs, as functions of their wildcards: Snakemake would take JSON's braces for some."""
    names = next(its for job, its in PLAN.items() if job.split()[0] == rule)
    return {name: lambda wildcards, name=name: PLAN[" ".join([rule, *wildcards])][name] for name in names}


def final_runs(wildcards):
    """The files of the sweep's final runs, with the chosen and the default settings."""
    choices = json.loads(Path(checkpoints.choose.get().output.choices).read_text())
    return expand(rules.train.output, study="sweep/final", variant=grids.final(config["sweep"]["optimizers"], choices))
