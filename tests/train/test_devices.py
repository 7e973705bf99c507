"""The choice of a device, with drivers that are none: a C library under the name of NVIDIA's."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from checkouts import PACKAGE
from descent.train import device as devices

DRIVER = """
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *count) { *count = GPUS; return COUNT; }
int cuDriverGetVersion(int *version) { *version = 11040; return 0; }  // too old for any PyTorch of today
"""
CHOICES = """from descent.train import device
seen, device.subprocess = device.driver_sees_gpu(), None  # PyTorch cannot be asked
print(seen, *map(device.choose, ["cpu", "cuda"] + ["auto"] * (not seen)))"""
needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


def with_driver(folder, program: str, init: int = 0, count: int = 0, gpus: int = 1) -> subprocess.CompletedProcess:
    """Run a program where NVIDIA's driver returns some error codes and finds some GPUs."""
    macros = [f"-DINIT={init}", f"-DCOUNT={count}", f"-DGPUS={gpus}"]
    command = ["cc", "-shared", "-fPIC", *macros, "-x", "c", "-o", str(folder / "libcuda.so.1"), "-"]
    subprocess.run(command, input=DRIVER, text=True, check=True)
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "LD_LIBRARY_PATH": str(folder)}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


@needs_compiler
@pytest.mark.parametrize(
    ("init", "count", "gpus", "seen"),
    [(0, 0, 1, True), (0, 0, 2, True), (0, 0, 0, False), (100, 0, 1, False), (0, 3, 1, False)],
)
def test_a_gpu_is_there_if_the_driver_counts_one_and_only_then_auto_asks_pytorch(init, count, gpus, seen, tmp_path):
    run = with_driver(tmp_path, CHOICES, init, count, gpus)
    assert run.stdout == ("True cpu cuda\n" if seen else "False cpu cuda cpu\n")


@needs_compiler
def test_a_driver_that_is_too_old_stops_with_the_reason(tmp_path):
    run = with_driver(tmp_path, "from descent.train.device import choose; choose('auto')")
    message = "config.yaml: device: PyTorch cannot use the GPU: The NVIDIA driver on your system is too old"
    assert run.returncode == 1
    assert run.stderr.startswith(message) and run.stderr.count("\n") == 1


def test_a_gpu_that_pytorch_can_use_is_chosen(monkeypatch):
    monkeypatch.setattr(devices, "driver_sees_gpu", lambda: True)
    monkeypatch.setattr(devices.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    assert devices.choose("auto") == "cuda"


def test_a_cpu_is_given_its_threads_and_computes_no_denormal_numbers():
    try:
        devices.prepare(torch.device("cpu"), 3)
        assert (torch.get_num_threads(), (torch.tensor([1e-20]) * 1e-20).item()) == (3, 0)
    finally:
        torch.set_num_threads(1)
        torch.set_flush_denormal(False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_training_on_a_gpu_that_is_not_there_ends_with_one_line():
    with pytest.raises(SystemExit) as stop:
        devices.prepare(torch.device("cuda"), 1)
    assert stop.value.code == "config.yaml: device: PyTorch finds no GPU for 'cuda'; 'cpu' trains on the CPU"
