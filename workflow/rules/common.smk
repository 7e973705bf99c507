# What the rules share: names from the config, and the helpers that make their commands.

import atexit
import json
import re
import time
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
from descent.terminal import show_news

NETWORKS, VARIANTS = config["networks"], config["variants"]
STACKS = stacks(config) | calibration.STACKS
SWEEP = config.get("sweep")
# What may be trained, by the names of its folders: variants, the sweep's settings, and the calibration's.
SETTINGS = VARIANTS | (grid.settings(SWEEP["optimizers"]) if SWEEP else {}) | calibration.SETTINGS
TENSORBOARD = config["training"].get("tensorboard", False)
DEVICE = choose(config["device"])
TRIALS, FINAL = (f"sweep/{SWEEP['network']}/{stage}" if SWEEP else None for stage in ("trials", "final"))
GPU_JOBS = gpu_jobs(config) if DEVICE == "cuda" else []  # the trials that train in one stack
CALIBRATION = [f"results/{stack}/{setting}" for stack, its in calibration.TRAINED.items() for setting in its]
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
    variant="|".join([*VARIANTS, "[^/]+=[^/]+"]),


# A cluster has GPUs of its own, however many `--resources gpu=1` allows on this machine.
resource_scopes:
    gpu="local",


def progress():
    """How much of the run is done, from 0 to 1. A training counts for its epochs, every other job for one."""
    done = total = 0
    for job in workflow.dag.needrun_jobs(exclude_finished=False):
        training = job.rule.name == "train"
        parts = int(re.search(r"--epochs (\d+)", job.params.training)[1]) if training else 1
        total += parts
        if workflow.dag.finished(job):
            done += parts
        elif training and (log := Path(job.log[0])).exists():
            done += log.read_text(encoding="utf-8").count(": epoch ")
    return done / total if total else 0


def step(name, arguments):
    """The command that runs a step, with what it prints on the terminal, while there is one, and in the rule's log."""
    return f"python -m descent.steps.{name} {arguments} 2>&1 | tee -p {{log}}"


def code(name, *files, optimizer=None):
    """A checksum of all code that a step runs, for one ``optimizer`` if that is given, and of ``files`` of workflow/.

    As a parameter it makes what other code made stale, however old the files look.
    """
    return digest(sources(f"descent.steps.{name}") + [WORKFLOW / file for file in files], optimizer)


def sweep_results(wildcards):
    """What `snakemake sweep` makes; stop with one line if it cannot, which the default run does not mind."""
    if SWEEP["network"] not in NETWORKS:
        sys.exit(f"config.yaml: sweep.network: {SWEEP['network']!r} is not one of {', '.join(NETWORKS)}")
    for stage, seeds in grid.seeds(SWEEP).items():
        if shared := set(seeds) & set(config["seeds"]):
            sys.exit(f"config.yaml: seeds: {min(shared)} is a seed of the sweep's {stage} runs too; choose another")
    return rules.choose.output + rules.rank.output + rules.plot_sweep.output + rules.report_sweep.output


def final_runs(wildcards):
    """The files of the sweep's final runs: of the chosen settings and of the default ones."""
    choices = json.loads(Path(checkpoints.choose.get().output.choices).read_text())
    defaults = [name_of(grid.default(its)) for its in SWEEP["optimizers"].values()]
    return expand(rules.train.output, network=FINAL, variant=sorted({*choices.values(), *defaults}))


def calibration_files(wildcards):
    """What the calibration's table is made of; stop with one line if the data is not MNIST."""
    if "sha256" in config["data"]:
        sys.exit("config.yaml: data.sha256: the lab's trainings are of MNIST, and so is their calibration")
    return [f"{run}/{file}" for run in CALIBRATION for file in ("training.csv", "evaluation.csv", "run.json")]
