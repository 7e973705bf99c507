"""Which device ``auto`` stands for."""

import ctypes
import subprocess
import sys


def driver_sees_gpu() -> bool:
    """Whether NVIDIA's driver shows this process a GPU (CUDA_VISIBLE_DEVICES counts)."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def choose(device: str) -> str:
    """Return ``cuda`` or ``cpu``; ``auto`` is the GPU if there is one that PyTorch can use.

    PyTorch takes a second to import, so it is asked only where the driver sees a GPU, and in a process of its own.
    """
    if device != "auto":
        return device
    ask = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return "cuda" if driver_sees_gpu() and subprocess.run([sys.executable, "-c", ask]).returncode == 0 else "cpu"
