# What the rules share: names from the config, the folder's lock, and the helpers that make their commands.

import json
import fcntl
import os
import shlex
import time
from importlib.metadata import version
from itertools import combinations

from descent.devices import choose
from descent.files import set_changed_aside
from descent.sources import sources

STARTED = time.time()
NETWORKS, VARIANTS = config["networks"], config["variants"]


TRAINING = dict(config["training"])
TENSORBOARD = TRAINING.pop("tensorboard", False)
DEVICE = choose(config["device"])
GPU = int(DEVICE == "cuda")  # how many a training job takes


def chunks(seeds, size):
    """Cut the seeds into what one job trains: {"0-4": [0, 1, 2, 3, 4], "5-9": [5], ...}.

    A seed's chunk depends on its own value alone, so a new seed leaves other chunks as they are.
    """
    cut = {}
    for seed in sorted(seeds):
        first = seed - seed % size
        cut.setdefault(f"{first}-{first + size - 1}", []).append(seed)
    return cut


SEEDS = chunks(config["seeds"], config["seeds_per_job"])


def set_aside():
    """Set aside what was changed since it was made, unless another Snakemake is at work here."""
    lock = Path(".snakemake/running")
    try:
        if lock.exists():
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        for folder in map(Path, ("results", "resources")):
            for path in set_changed_aside(folder):
                print(f"{path} was changed after it was made: set aside as {path}.changed", file=sys.stderr)
    except BlockingIOError:
        pass
    except OSError as error:
        sys.exit(f"{error.filename} was changed after it was made, and cannot be set aside: {error.strerror}")


if workflow.is_main_process:
    set_aside()


def turn_second_away():
    """Take this folder's lock, or stop if another Snakemake has it.

    The system frees it when the process ends, however it ends, so unlike Snakemake's own lock it cannot be stale.
    """
    global lock_file  # stays open, and locked, as long as this process lives
    lock_file = open(".snakemake/running", "a+")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock_file.seek(0)
        sys.exit(f"Another snakemake is at work in {os.getcwd()} (process {lock_file.read()}). Wait for it to end.")
    lock_file.truncate(0)
    lock_file.write(str(os.getpid()))
    lock_file.flush()


def show_news():
    """Print what came out anew, in a few lines, and where the pages lie."""

    def is_new(page):
        return os.path.exists(page) and os.path.getmtime(page) > STARTED

    if is_new("results/report.html"):
        print(Path("results/summary.md").read_text().split("\n\n")[0])
    for page in filter(is_new, ("results/report.html", "results/sweep.html")):
        print(f"\nThe page to read: {os.path.abspath(page)}")


onstart:
    turn_second_away()


# Every step is `python -m descent.steps.RULE`, run by the Python that runs Snakemake, and ends with it.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), os.getenv("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join([str(WORKFLOW), *filter(None, [os.getenv("PYTHONPATH")])]),
    DESCENT_SNAKEMAKE=str(os.getpid()),
)


wildcard_constraints:
    network="|".join(NETWORKS),
    variant="|".join(VARIANTS),
    seeds=r"\d+-\d+",
    job="[^/]+=[^/]+",


def code(*steps):
    """The source files that steps run, worked out from their imports.

    As inputs they are compared by content: touched, nothing runs; changed, it does.
    """
    files = {file for step in steps for file in sources(f"descent.steps.{step}")}
    return [os.path.relpath(file) for file in sorted(files)]


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
FIGURES = {"curves": list(VARIANTS)} | {f"{custom}+{torch}": [custom, torch] for custom, torch in TWINS}
