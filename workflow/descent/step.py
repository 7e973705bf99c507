"""The steps of the workflow: a rule runs ``python -m descent.STAGE.RULE``."""

import argparse
import signal
import sys


def command_line(description: str, epilog: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of a step's options.

    On SIGTERM and Ctrl-C, Python unwinds the step: it leaves no partial file and prints no traceback.
    """
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    return argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
