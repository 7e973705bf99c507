# What the rules share: names from the config, and the helpers that make their commands.

import atexit
import json
import time
from importlib.metadata import version

from descent import calibration
from descent.devices import choose
from descent.experiment import alike, figures, options, plot_options, stacks, twin_settings, twins, variant_options
from descent.sources import digest, sources
from descent.terminal import show_news

NETWORKS, VARIANTS = config["networks"], config["variants"]
STACKS = stacks(config) | calibration.STACKS
TRAINING = {key: value for key, value in config["training"].items() if key != "tensorboard"}
TENSORBOARD = config["training"].get("tensorboard", False)
DEVICE = choose(config["device"])
CALIBRATION = [f"results/{stack}/{variant}" for stack, variants in calibration.VARIANTS.items() for variant in variants]
TWINS, FIGURES = twins(VARIANTS), figures(VARIANTS)

if sys.stdout is None:  # it was closed, and would be for the steps
    shell.prefix("set -euo pipefail; exec > /dev/null; ")
atexit.unregister(show_news)  # a module is read again for each of its `use rule`
atexit.register(show_news, since=time.time())  # and not onsuccess, which modules lack
for one, other in alike(VARIANTS):
    print(f"config.yaml: the variants {one} and {other} are the same in everything", file=sys.stderr)

# Every step is run by the Python that runs Snakemake, and ends with it. A relative PYTHONPATH has no checkout's colon.
# glibc keeps freed memory: to return arrays of a megabyte and ask for them again took a twentieth of a training's time.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), os.getenv("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join([os.path.relpath(WORKFLOW), *filter(None, [os.getenv("PYTHONPATH")])]),
    PYTHONUTF8="1",
    DESCENT_SNAKEMAKE=str(os.getpid()),
    MALLOC_MMAP_THRESHOLD_=str(2**30),
    MALLOC_TRIM_THRESHOLD_=str(2**31 - 1),
)


wildcard_constraints:
    network="|".join(STACKS),
    variant="|".join(VARIANTS),
    job="[^/]+=[^/]+",


# A cluster has GPUs of its own, however many `--resources gpu=1` allows on this machine.
resource_scopes:
    gpu="local",


def step(name, arguments):
    """The command that runs a step, with what it prints on the terminal, while there is one, and in the rule's log."""
    return f"python -m descent.steps.{name} {arguments} 2>&1 | tee -p {{log}}"


def code(name, *files):
    """A checksum of all code that a step runs, and of ``files`` of workflow/ that it reads.

    As a parameter it makes what other code made stale, however old the files look.
    """
    return digest(sources(f"descent.steps.{name}") + [WORKFLOW / file for file in files])


def sweep_results(wildcards):
    """What `snakemake sweep` makes; stop with one line if its network is not there, which the default run allows."""
    if config["sweep"]["network"] not in NETWORKS:
        sys.exit(f"config.yaml: sweep.network: {config['sweep']['network']!r} is not one of {', '.join(NETWORKS)}")
    return ["results/sweep.html", "results/sweep/heat_map.png", "results/sweep/sensitivity.png"]


def calibration_files(wildcards):
    """What the calibration's table is made of; stop with one line if the data is not MNIST."""
    if "sha256" in config["data"]:
        sys.exit("config.yaml: data.sha256: the lab's trainings are of MNIST, and so is their calibration")
    return [f"{run}/{file}" for run in CALIBRATION for file in ("training.csv", "evaluation.csv", "run.json")]
