"""Set PyTorch up so that the same training gives the same bytes."""

import os
import platform
from pathlib import Path

import torch

from descent.devices import take_gpu


def prepare(device: torch.device, threads: int) -> None:
    """Set the threads and determinism, and take a GPU if ``device`` is one."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # velocities below 1e-38 would slow a CPU down
    if device.type == "cpu":  # all operators used here are deterministic on a CPU
        return
    # device_count() does not start CUDA, so take_gpu can still hide GPUs.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(torch.cuda.device_count())))
    take_gpu(visible.split(","))
    if not torch.cuda.is_available():
        raise SystemExit("config.yaml: device: PyTorch finds no GPU for 'cuda'; 'cpu' trains on the CPU")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.use_deterministic_algorithms(True)
    # It costs time, and all memory is written here. PyTorch makes this attribute at run time, so its types lack it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def device_name(device: torch.device) -> str:
    """The model name of the GPU or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
