# config.yaml is checked before anything else, even before Snakemake reads it: the first mistake ends the run with one
# readable line.

import os
import sys
from contextlib import contextmanager
from pathlib import Path

WORKFLOW = Path(str(workflow.current_basedir)).parent
if not WORKFLOW.is_dir():
    sys.exit("Descent runs its steps from its own files: clone it, and name the clone's Snakefile.")
sys.path.insert(0, str(WORKFLOW))

from descent.config import check, classes, experiment_schema, load


@contextmanager
def one_line_for_a_mistake(file=None):
    try:
        yield
    except ValueError as error:
        sys.exit(f"{file}: {error}" if file else str(error))


def check_all(config):
    with one_line_for_a_mistake():  # in an optimizer's file, or of a class
        schema = experiment_schema(classes(config))
    with one_line_for_a_mistake("config.yaml"):
        check(config, schema)


if Path("config.yaml").exists():
    with one_line_for_a_mistake("config.yaml"):
        written = load(Path("config.yaml").read_bytes())
    check_all(written)
for file in workflow.overwrite_configfiles:
    with one_line_for_a_mistake(file):
        load(Path(file).read_bytes())


configfile: "config.yaml"


check_all(config)  # with the changes of --config and --configfile
SOURCE = config["data"]["source"]
if SOURCE and not os.path.isdir(SOURCE) and not os.path.exists("resources/mnist.safetensors"):
    sys.exit(f"config.yaml: data.source: there is no folder {SOURCE!r}")
