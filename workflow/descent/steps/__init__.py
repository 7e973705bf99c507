"""The steps of the workflow: ``python -m descent.steps.RULE`` is what a rule runs.

A step ends when the Snakemake that started it does, however that came to its end; the rules name its process in
DESCENT_SNAKEMAKE. On SIGTERM a step leaves no half file.

Importing PyTorch makes 190,000 objects. The garbage collector would scan them again and again during the import, and
the interpreter take them apart one by one at the end. So it scans less often, and steps that import PyTorch end with
``leave``.
"""

import gc
import os
import signal
import sys
import threading
from select import select
from typing import NoReturn

gc.set_threshold(20_000)


def leave() -> NoReturn:
    """End this process, whose work is done and whose files are closed, without taking every object apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_with(process: int) -> None:
    """Send this process SIGTERM when ``process`` ends."""

    def wait() -> None:
        select([handle], [], [])
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        sys.exit("the Snakemake that started this step is gone")
    except (AttributeError, OSError):  # not on this system
        return
    threading.Thread(target=wait, daemon=True).start()


if "DESCENT_SNAKEMAKE" in os.environ:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    end_with(int(os.environ["DESCENT_SNAKEMAKE"]))
