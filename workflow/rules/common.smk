# What the rules share: names from the config, and the helpers that make their commands.

import json
import os
import time
from importlib.metadata import version

from descent.devices import choose
from descent.experiment import figures, options, plot_options, stacks, twins, variant_options
from descent.sources import digest, sources

STARTED = time.time()
NETWORKS, VARIANTS = config["networks"], config["variants"]
STACKS = stacks(config)
TRAINING = {key: value for key, value in config["training"].items() if key != "tensorboard"}
TENSORBOARD = config["training"].get("tensorboard", False)
DEVICE = choose(config["device"])
TWINS, FIGURES = twins(VARIANTS), figures(VARIANTS)

# Every step is run by the Python that runs Snakemake, and ends with it. glibc keeps freed memory for the next iteration:
# to return its arrays of a megabyte and ask for them again took a twentieth of a training's time.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), os.getenv("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join([str(WORKFLOW), *filter(None, [os.getenv("PYTHONPATH")])]),
    DESCENT_SNAKEMAKE=str(os.getpid()),
    MALLOC_MMAP_THRESHOLD_=str(2**30),
    MALLOC_TRIM_THRESHOLD_=str(2**31 - 1),
)


wildcard_constraints:
    network="|".join(STACKS),
    variant="|".join(VARIANTS),
    job="[^/]+=[^/]+",


def step(name, arguments):
    """The command that runs a step, with what it prints on the terminal and in the rule's log."""
    return f"python -m descent.steps.{name} {arguments} 2>&1 | tee {{log}}"


def code(name, *files):
    """A checksum of all code that a step runs, and of ``files`` of workflow/ that it reads.

    As a parameter it makes what other code made stale, however old the files look.
    """
    return digest(sources(f"descent.steps.{name}") + [WORKFLOW / file for file in files])


def show_news():
    """Print what came out anew, in a few lines, and where the pages lie."""
    pages = ("results/report.html", "results/sweep.html")
    new = [page for page in pages if os.path.exists(page) and os.path.getmtime(page) > STARTED]
    if "results/report.html" in new:
        print(Path("results/summary.md").read_text().split("\n\n")[0])
    for page in new:
        print(f"\nThe page to read: {os.path.abspath(page)}")
