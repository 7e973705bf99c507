"""The steps of the workflow: ``python -m descent.steps.RULE`` is what a rule runs."""

import os
import signal
import sys
import threading
from select import select


def end_with_snakemake() -> None:
    """Send this process SIGTERM when the Snakemake that started it ends, however that came to its end.

    The rules name its process in DESCENT_SNAKEMAKE; without that nothing happens. On SIGTERM Python unwinds the step,
    so that it leaves no half file.
    """
    if "DESCENT_SNAKEMAKE" not in os.environ:
        return

    def wait() -> None:
        select([handle], [], [])
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        handle = os.pidfd_open(int(os.environ["DESCENT_SNAKEMAKE"]))
    except ProcessLookupError:
        sys.exit("the Snakemake that started this step is gone")
    except (AttributeError, OSError):  # not on this system
        return
    threading.Thread(target=wait, daemon=True).start()
