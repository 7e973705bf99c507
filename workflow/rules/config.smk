# config.yaml is checked before anything else, even before Snakemake reads it: the first mistake ends the run with one
# readable line.

import os
import sys
from contextlib import contextmanager
from pathlib import Path

WORKFLOW = Path(str(workflow.current_basedir)).parent
if not WORKFLOW.is_dir():
    sys.exit("Descent runs its steps from its own files: clone it, and name the clone's Snakefile.")
if workflow.modifier.path_modifier.replace_prefix("results") != "results":
    sys.exit("Descent writes into results/ and resources/ and allows no prefix: use --directory FOLDER instead.")
if os.pathsep in os.path.relpath(WORKFLOW):
    sys.exit(
        f"Descent is in {WORKFLOW}, and PYTHONPATH allows no colon: run it in its own folder, or rename the folder."
    )
sys.path.insert(0, str(WORKFLOW))

from descent.config import check, experiment_schema, load

SCHEMA = experiment_schema()


@contextmanager
def one_line_for_a_mistake_in(file):
    try:
        yield
    except ValueError as error:
        sys.exit(f"{file}: {error}")


# As a module, Descent gets its config from the workflow that uses it; a config.yaml there is that workflow's.
if not workflow.modifier.skip_configfile:
    if Path("config.yaml").exists():
        with one_line_for_a_mistake_in("config.yaml"):
            check(load(Path("config.yaml").read_bytes()), SCHEMA)
    for file in workflow.overwrite_configfiles:
        with one_line_for_a_mistake_in(file):
            load(Path(file).read_bytes())


configfile: "config.yaml"


with one_line_for_a_mistake_in("config.yaml"):
    check(config, SCHEMA)  # with the changes of --config and --configfile
