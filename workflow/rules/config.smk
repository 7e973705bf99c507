# config.yaml is checked before anything else, even before Snakemake reads it: the first mistake ends the run with one
# readable line.

import os
import sys
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    sys.exit("On Windows, Descent runs in the Subsystem for Linux (WSL).")
WORKFLOW = Path(str(workflow.current_basedir)).parent
if not WORKFLOW.is_dir():
    sys.exit("Descent runs its steps from its own files: clone it, and name the clone's Snakefile.")
HERE = ("", os.getcwd(), str(WORKFLOW.parent))
sys.path[:] = [str(WORKFLOW), *(path for path in sys.path if path not in HERE)]  # a file random.py here is none of ours

from descent.experiment.config import classes, experiment_schema, read_yaml, validate, validate_sweep


@contextmanager
def one_line_for_a_mistake(file=None):
    try:
        yield
    except Exception as error:
        message = str(error) if isinstance(error, ValueError) else repr(error)
        sys.exit(f"{file}: {message}" if file else message)


def check_all(config):
    """Check all but the sweep, which is no business of the default run."""
    with one_line_for_a_mistake():  # in an optimizer's file
        experiment_schema()
    with one_line_for_a_mistake("config.yaml"):
        validate(config, experiment_schema(classes({"variants": config.get("variants")})))


def mistake_of_the_sweep(config):
    try:
        validate_sweep(config, experiment_schema(classes(config)))
    except Exception as error:
        return f"config.yaml: {error if isinstance(error, ValueError) else repr(error)}"


if Path("config.yaml").exists():
    with one_line_for_a_mistake("config.yaml"):
        written = read_yaml(Path("config.yaml").read_bytes())
    check_all(written)
for file in workflow.overwrite_configfiles:
    with one_line_for_a_mistake(file):
        read_yaml(Path(file).read_bytes())


configfile: "config.yaml"


check_all(config)  # with the changes of --config and --configfile
SWEEP_MISTAKE = mistake_of_the_sweep(config) if "sweep" in config else None
if SWEEP_MISTAKE:
    config.pop("sweep")
