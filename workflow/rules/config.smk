# config.yaml is checked before anything else happens, and before Snakemake reads it: the first mistake in it
# ends the run with one readable line.

import sys
from pathlib import Path

WORKFLOW = Path(str(workflow.current_basedir)).parent
if not WORKFLOW.is_dir():
    sys.exit("Descent runs its steps from its own files: clone it, and name the Snakefile of that clone.")
sys.path.insert(0, str(WORKFLOW))

from descent.config import check, experiment_schema, load


def check_config(config):
    """Stop with one readable line unless ``config``, a mapping or the text of one, is a valid experiment."""
    try:
        config = load(config) if isinstance(config, bytes) else config
        check(config, experiment_schema())
    except ValueError as error:
        sys.exit(f"config.yaml: {error}")


# As a module, the config is what the using workflow gives, and its config.yaml is its own.
if not workflow.modifier.skip_configfile and Path("config.yaml").exists():
    check_config(Path("config.yaml").read_bytes())


configfile: "config.yaml"


check_config(config)  # with what --config and --configfile changed in it
