# Shared by the rules: names from the config, and helpers for their commands.

import atexit
import json
import time
from functools import cache
from importlib.metadata import version

from descent import bar
from descent import calibration
from descent import sweep as grid
from descent.devices import choose
from descent.experiment import (
    alike,
    figures,
    gpu_jobs,
    options,
    plot_options,
    stacks,
    training_options,
    twin_settings,
    twins,
    variant_options,
)
from descent.settings import name_of
from descent.sources import digest, sources
from descent.terminal import show_failure, show_news

NETWORKS, VARIANTS = config["networks"], config["variants"]
STACKS = stacks(config) | calibration.STACKS
SWEEP = config.get("sweep")
# All settings that may be trained, by folder name: variants, the sweep's, and the calibration's.
SETTINGS = VARIANTS | (grid.settings(SWEEP["optimizers"]) if SWEEP else {}) | calibration.SETTINGS
TENSORBOARD = config["training"].get("tensorboard", False)
DEVICE = choose(config["device"])
TRIALS, FINAL = (f"sweep/{SWEEP['network']}/{stage}" if SWEEP else None for stage in ("trials", "final"))
GPU_JOBS = gpu_jobs(config) if DEVICE == "cuda" else []  # the sweep's trials, by the stack that trains them
CALIBRATION = [f"results/{stack}/{setting}" for stack, its in calibration.TRAINED.items() for setting in its]
TWINS, FIGURES = twins(VARIANTS), figures(VARIANTS)

if sys.stdout is None:  # closed, as it would be for the steps
    shell.prefix("set -euo pipefail; exec > /dev/null; ")
atexit.unregister(show_news)  # this file is read again for each `use rule` of a module
atexit.register(show_news, since=time.time())  # not onsuccess, which modules lack
for one, other in alike(VARIANTS):
    print(f"config.yaml: the variants {one} and {other} have the same settings", file=sys.stderr)

# Steps run in Snakemake's Python and end with Snakemake. PYTHONPATH is relative: the checkout's path may have a colon.
# glibc keeps freed memory: returning arrays of a megabyte and asking for them again took 5 % of a training's time.
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
    variant="|".join([*VARIANTS, "[^/]+=[^/]+"]),


# `--resources gpu=1` limits the GPUs of this machine, not those of a cluster.
resource_scopes:
    gpu="local",


def step(name, arguments):
    """The command that runs a step and copies what it prints to the terminal, while there is one, and the log."""
    return f"python -m descent.steps.{name} {arguments} 2>&1 | tee -p {{log}}"


def code(name, *files):
    """A checksum of the code that a step imports, and of ``files`` in workflow/.

    As a parameter, it makes the results of other code stale, whatever the files' times.
    """
    return digest(sources(f"descent.steps.{name}") + [WORKFLOW / file for file in files])


@cache
def train_code(optimizer, implementation):
    """The same for `train`, without the update rules that it does not use."""
    return digest(sources("descent.steps.train"), optimizer, implementation)


def sweep_results(wildcards):
    """The files of `snakemake sweep`. A mistake in its config stops only the sweep, with one line."""
    if SWEEP["network"] not in NETWORKS:
        sys.exit(f"config.yaml: sweep.network: {SWEEP['network']!r} is not one of {', '.join(NETWORKS)}")
    for stage, seeds in grid.seeds(SWEEP).items():
        if shared := set(seeds) & set(config["seeds"]):
            sys.exit(f"config.yaml: seeds: {min(shared)} is also a seed of the sweep's {stage} runs; choose another")
    return rules.choose.output + rules.rank.output + rules.plot_sweep.output + rules.report_sweep.output


def final_runs(wildcards):
    """The files of the sweep's final runs, with the chosen and the default settings."""
    choices = json.loads(Path(checkpoints.choose.get().output.choices).read_text())
    defaults = [name_of(grid.default(its)) for its in SWEEP["optimizers"].values()]
    return expand(rules.train.output, network=FINAL, variant=sorted({*choices.values(), *defaults}))


def calibration_files(wildcards):
    """The files that make the calibration's table. Other data than MNIST stops the run with one line."""
    if "sha256" in config["data"]:
        sys.exit("config.yaml: data.sha256: the calibration needs MNIST, like the lab's trainings: remove this key")
    return [f"{run}/{file}" for run in CALIBRATION for file in ("training.csv", "evaluation.csv", "run.json")]
