# Shared by the rules: what config.yaml asks for, and how a step is called.

import atexit
import time
from functools import cache
from importlib.metadata import version

from descent import bar, studies, terminal
from descent.devices import choose
from descent.optimizers import names
from descent.sources import digest, sources
from descent.variants import alike, figures, twin_settings, twins

BEGAN = time.time()
STUDIES = studies.studies(config)
NETWORKS, VARIANTS = list(config["networks"]), list(config["variants"])
TWINS, FIGURES = twins(config["variants"]), figures(config["variants"])
DEVICE = choose(config["device"])

for one, other in alike(config["variants"]):
    print(f"config.yaml: the variants {one} and {other} have the same settings", file=sys.stderr)

# Steps run in Snakemake's Python. glibc would give the memory of each large array back and ask for it again, which took
# 5 % of a training's time.
os.environ |= {
    "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.getenv("PATH", os.defpath)]),
    "PYTHONPATH": os.pathsep.join([str(WORKFLOW), *filter(None, [os.getenv("PYTHONPATH")])]),
    "PYTHONUTF8": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
}


wildcard_constraints:
    study="|".join(STUDIES),


# `--resources gpu=1` limits the GPUs of this machine, not those of a cluster.
resource_scopes:
    gpu="local",


def step(name, arguments):
    """The command that runs a step and copies what it prints to the terminal, while there is one, and the log."""
    return f"python -m descent.steps.{name} {arguments} 2>&1 | tee -p {{log}}"


@cache
def code(name, *files, optimizers=()):
    """A checksum of the code that a step imports, of the rules of some optimizers, and of ``files`` in workflow/.

    As a parameter, it makes the results of other code stale, whatever the files' times.
    """
    modules = [f"descent.steps.{name}", *(f"descent.optimizers.{optimizer}" for optimizer in optimizers)]
    return digest(sources(*modules) + [WORKFLOW / file for file in files])


def options(**values):
    """The options of a step, as a function: Snakemake would take the braces of JSON for wildcards."""
    return lambda wildcards: studies.options(**values)
