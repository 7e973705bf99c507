"""The choice of a device, with drivers that are none: a C library under the name of NVIDIA's."""

import os
import shutil
import subprocess
import sys

import pytest
from checkouts import PACKAGE

DRIVER = """
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *count) { *count = GPUS; return COUNT; }
int cuDriverGetVersion(int *version) { *version = 11040; return 0; }  // too old for any PyTorch of today
"""
needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


def python(program: str, **environment: str) -> subprocess.CompletedProcess:
    environment |= {"PYTHONPATH": str(PACKAGE.parent)}
    return subprocess.run([sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True)


def with_driver(folder, program: str, init: int = 0, count: int = 0, gpus: int = 1) -> subprocess.CompletedProcess:
    """Run a program where NVIDIA's driver returns some error codes and finds some GPUs."""
    macros = [f"-DINIT={init}", f"-DCOUNT={count}", f"-DGPUS={gpus}"]
    command = ["cc", "-shared", "-fPIC", *macros, "-x", "c", "-o", str(folder / "libcuda.so.1"), "-"]
    subprocess.run(command, input=DRIVER, text=True, check=True)
    return python(program, LD_LIBRARY_PATH=str(folder))


@needs_compiler
@pytest.mark.parametrize(
    ("init", "count", "gpus", "seen"),
    [(0, 0, 1, True), (0, 0, 2, True), (0, 0, 0, False), (100, 0, 1, False), (0, 3, 1, False)],
)
def test_a_gpu_is_there_if_the_driver_starts_and_counts_one(init, count, gpus, seen, tmp_path):
    run = with_driver(tmp_path, "from descent.train import device; print(device.driver_sees_gpu())", init, count, gpus)
    assert run.stdout == f"{seen}\n"


@needs_compiler
@pytest.mark.parametrize(("device", "gpus"), [("cpu", 1), ("cuda", 1), ("auto", 0)])
def test_pytorch_is_not_asked_unless_the_driver_shows_a_gpu_that_is_not_demanded(device, gpus, tmp_path):
    program = (
        f"from descent.train import device as devices; devices.subprocess = None; print(devices.choose({device!r}))"
    )
    assert with_driver(tmp_path, program, gpus=gpus).stdout == f"{'cpu' if device == 'auto' else device}\n"


@needs_compiler
def test_a_driver_that_is_too_old_stops_with_the_reason(tmp_path):
    run = with_driver(tmp_path, "from descent.train.device import choose; choose('auto')")
    message = "config.yaml: device: PyTorch cannot use the GPU: The NVIDIA driver on your system is too old"
    assert run.returncode == 1
    assert run.stderr.startswith(message) and run.stderr.count("\n") == 1


def test_a_gpu_that_pytorch_can_use_is_chosen(monkeypatch):
    from descent.train import device as devices

    monkeypatch.setattr(devices, "driver_sees_gpu", lambda: True)
    monkeypatch.setattr(devices.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    assert devices.choose("auto") == "cuda"


def test_a_cpu_is_given_its_threads_and_computes_no_denormal_numbers():
    program = "import torch; from descent.train.device import prepare; prepare(torch.device('cpu'), 3);"
    program += "print(torch.get_num_threads(), (torch.tensor([1e-20]) * 1e-20).item())"
    assert python(program).stdout == "3 0.0\n"


def test_a_training_on_a_gpu_that_is_not_there_ends_with_one_line():
    program = "import torch; from descent.train.device import prepare; prepare(torch.device('cuda'), 1)"
    run = python(program, CUDA_VISIBLE_DEVICES="")
    assert run.returncode == 1
    assert run.stderr == "config.yaml: device: PyTorch finds no GPU for 'cuda'; 'cpu' trains on the CPU\n"
