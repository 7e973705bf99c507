"""The device that trains, and PyTorch set up so that the same training gives the same bytes."""

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from descent import WORKFLOW

if TYPE_CHECKING:  # PyTorch takes a second to import, and choosing a device needs it only where there is a GPU
    import torch


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

    Raises SystemExit, with PyTorch's reason, if PyTorch cannot use the GPU that the driver shows. PyTorch is asked in
    another process.
    """
    if device != "auto":
        return device
    if not driver_sees_gpu():
        return "cpu"
    asked = subprocess.run([sys.executable, "-c", "import torch; torch.cuda.init()"], capture_output=True, text=True)
    if asked.returncode:
        reason = (asked.stderr.splitlines() or ["it does not say why"])[-1].partition(": ")[2]
        sys.exit(
            f"config.yaml: device: PyTorch cannot use the GPU: {reason} (`device: cpu` trains on the CPU; with an "
            "older driver, use an older PyTorch: docs/gpu-and-clusters.md.)"
        )
    return "cuda"


# glibc would give the memory of each large array back and ask for it again. 32 MiB is the largest threshold that its
# documentation allows.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


def environment() -> dict[str, str]:
    """The environment variables of a step: Snakemake's Python and this package, and no file of the current folder."""
    first = {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": str(WORKFLOW)}
    paths = {name: os.pathsep.join(filter(None, [path, os.getenv(name)])) for name, path in first.items()}
    return paths | MALLOC | {"PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}


def prepare(device: "torch.device", threads: int) -> None:
    """Set PyTorch's threads and determinism; raise SystemExit if ``device`` is a GPU and PyTorch finds none."""
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # velocities below 1e-38 would slow a CPU down
    if device.type == "cpu":  # all operators used here are deterministic on a CPU
        return
    if not torch.cuda.is_available():
        raise SystemExit("config.yaml: device: PyTorch finds no GPU for 'cuda'; 'cpu' trains on the CPU")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.use_deterministic_algorithms(True)
    # It costs time, and all memory is written here. PyTorch makes this attribute at run time, so its types lack it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def device_name(device: "torch.device") -> str:
    """The model name of the GPU or of the processor."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
