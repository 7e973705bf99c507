"""The steps of the workflow: a rule runs ``python -m descent.steps.RULE``."""

import argparse
import os
import signal
import sys
import threading
from select import select


def command_line(description: str, epilog: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of a step's options, and make the step end with its Snakemake."""
    end_with_snakemake()
    return argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def end_with_snakemake() -> None:
    """Send this process SIGTERM when the Snakemake that started it ends, for whatever reason.

    DESCENT_SNAKEMAKE is its process id; without it, nothing happens. On SIGTERM and Ctrl-C, Python unwinds the step:
    it leaves no partial file and prints no traceback.
    """
    if "DESCENT_SNAKEMAKE" not in os.environ:
        return

    def wait() -> None:
        select([handle], [], [])
        os.kill(os.getpid(), signal.SIGTERM)

    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        handle = os.pidfd_open(int(os.environ["DESCENT_SNAKEMAKE"]))
    except ProcessLookupError:
        sys.exit("the Snakemake that started this step is gone")
    except (AttributeError, OSError):  # not on this system
        return
    threading.Thread(target=wait, daemon=True).start()
