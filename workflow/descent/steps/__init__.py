"""The steps of the workflow: ``python -m descent.steps.RULE`` is what a rule runs.

A step ends when the Snakemake that started it does, however that came to its end; the rules name its process in
DESCENT_SNAKEMAKE. On SIGTERM a step leaves no half file.
"""

import os
import signal
import sys
import threading
from select import select


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
