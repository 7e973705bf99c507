"""Which device ``auto`` stands for, found out without PyTorch, which takes long to import."""

import ctypes
from importlib.metadata import version


def cuda_devices() -> int:
    """How many GPUs NVIDIA's driver shows this process (CUDA_VISIBLE_DEVICES counts); 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def choose(device: str) -> str:
    """Return ``cuda`` or ``cpu``; ``auto`` is the GPU if there is one and the installed PyTorch is built for it."""
    if device != "auto":
        return device
    return "cuda" if "+cpu" not in version("torch") and cuda_devices() else "cpu"
