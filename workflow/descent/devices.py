"""Choose the device for ``auto``, and one of several GPUs for each job."""

import ctypes
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

LOCKS = Path(tempfile.gettempdir()) / "descent-gpus"  # one folder for all runs on the machine


def driver_sees_gpu() -> bool:
    """Whether NVIDIA's driver shows this process a GPU (CUDA_VISIBLE_DEVICES counts)."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def choose(device: str) -> str:
    """Return ``cuda`` or ``cpu``; ``auto`` is the GPU if there is one, otherwise the CPU.

    Raises SystemExit, with PyTorch's reason, if PyTorch cannot use the GPU that the driver shows. PyTorch takes a
    second to import, so this happens only if there is a GPU, and in another process.
    """
    if device != "auto":
        return device
    if not driver_sees_gpu():
        return "cpu"
    asked = subprocess.run([sys.executable, "-c", "import torch; torch.cuda.init()"], capture_output=True, text=True)
    if asked.returncode:
        reason = (asked.stderr.splitlines() or ["it does not say why"])[-1].partition(": ")[2]
        sys.exit(f"config.yaml: device: PyTorch cannot use the GPU: {reason} (`device: cpu` trains on the CPU.)")
    return "cuda"


def take_gpu(visible: list[str]) -> None:
    """Reserve one of the ``visible`` GPUs for this process, and hide the others from it; wait until one is free.

    They are entries of CUDA_VISIBLE_DEVICES, which is set to the reserved one: call this before CUDA starts. A single
    GPU is not locked: a scheduler assigned it, or jobs are meant to share it. All jobs must use the same name for a
    GPU: an index in one and a UUID in another are two locks. Snakemake counts GPUs, but does not say which job has
    which. The system frees the lock when the process ends, for whatever reason.
    """
    visible = [gpu.strip() for gpu in visible]
    if "-1" in visible:  # CUDA looks no further
        visible = visible[: visible.index("-1")]
    if len(visible) < 2:
        return
    told = False
    while True:
        for gpu in visible:
            file = open_lock(gpu)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the file stays open as long as this process lives
            except BlockingIOError:
                os.close(file)
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = gpu
                return
        if not told:
            print(f"all {len(visible)} GPUs are taken: waiting for one", flush=True)
            told = True
        time.sleep(0.2)


def open_lock(gpu: str) -> int:
    """Return a descriptor of a GPU's lock file; create the file, and its folder for all users, if they are missing."""
    path = LOCKS / gpu.replace("/", "_")
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        with suppress(FileExistsError):
            LOCKS.mkdir()
            LOCKS.chmod(0o1777)
        file = os.open(path, os.O_RDONLY | os.O_CREAT)
        with suppress(PermissionError):  # another user was faster
            path.chmod(0o644)
        return file
