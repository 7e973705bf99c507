"""Each of several jobs gets a GPU of its own: by what each is given, which needs no GPU."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from checkouts import PACKAGE_PATH

GPUS = ["3", "GPU-11111111-2222", "5", "MIG-GPU-1/7/0"]
# Takes a GPU, tells which, and holds it until its input ends.
JOB = """
import os, sys
from descent.devices import take_gpu
take_gpu(os.environ["CUDA_VISIBLE_DEVICES"].split(","))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """Starts jobs that see GPUs; what still runs at the end is killed."""
    jobs = []

    def start(*gpus: str, program: str = JOB) -> subprocess.Popen:
        environment = os.environ | {"PYTHONPATH": PACKAGE_PATH, "TMPDIR": str(tmp_path)}
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        jobs.append(subprocess.Popen([sys.executable, "-c", program], env=environment, text=True, **pipes))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.wait()


def given(job: subprocess.Popen) -> str:
    """What a job was given; waits until it has one."""
    for line in job.stdout:
        if not line.startswith("all "):
            return line.strip()
    raise AssertionError(job.stderr.read())


@pytest.mark.slow
def test_fifty_jobs_at_once_never_share_a_gpu_though_some_are_killed(start):
    waiting = [start(*GPUS) for _ in range(50)]
    holding, told, killed = {}, [], 0
    for job in waiting:
        os.set_blocking(job.stdout.fileno(), False)
    deadline = time.monotonic() + 600
    while waiting or holding:
        assert time.monotonic() < deadline, f"{len(waiting)} jobs still wait, {len(told)} had a GPU"
        for job in list(waiting):
            gpu = [line for line in iter(job.stdout.readline, "") if not line.startswith("all ")]
            if gpu:
                gpu = gpu[0].strip()
                assert gpu not in holding, "two jobs have one GPU"
                holding[gpu] = job
                told.append(gpu)
                waiting.remove(job)
        # Once all GPUs are taken, or no job is left to take one, a job ends: every third by a kill.
        if holding and (len(holding) == len(GPUS) or not waiting):
            gpu, job = holding.popitem()
            if len(told) % 3 == 0:
                job.send_signal(signal.SIGKILL)
                killed += 1
            else:
                job.stdin.close()
            job.wait()
        time.sleep(0.005)
    assert len(told) == 50
    assert set(told) == set(GPUS)
    assert killed > 5


def test_a_job_waits_until_a_gpu_is_free_and_says_so(start):
    first, second = start("0", "1"), start("0", "1")
    assert {given(first), given(second)} == {"0", "1"}
    third = start("0", "1")
    assert third.stdout.readline() == "all 2 GPUs are taken: waiting for one\n"
    first.kill()
    assert given(third) in ("0", "1")


def test_a_job_that_sees_one_gpu_shares_it(start):
    first, second = start("7"), start("7", " -1", "8")
    assert given(first) == "7"
    assert given(second) == "7, -1,8"


def test_a_training_job_takes_one_of_those_that_it_may_see(start):
    training = """
import os, sys, torch
from descent.pytorch import prepare
try:
    prepare(torch.device("cuda"), 1)
except SystemExit as error:
    assert "PyTorch finds no GPU" in str(error)
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""
    first, second = start("97", "98", program=training), start("97", "98", program=training)
    assert {given(first), given(second)} == {"97", "98"}


# A driver of NVIDIA's that shows one GPU and is too old for any PyTorch of today.
OLD_DRIVER = """
int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDriverGetVersion(int *version) { *version = 11040; return 0; }
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
@pytest.mark.parametrize(
    ("device", "output", "error"),
    [
        ("cpu", "cpu\n", ""),
        ("auto", "", "config.yaml: device: PyTorch cannot use the GPU: The NVIDIA driver on your system is too old"),
    ],
)
def test_a_driver_that_is_too_old_stops_with_the_reason(device, output, error, tmp_path):
    library = tmp_path / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", library, "-"], input=OLD_DRIVER, text=True, check=True)
    program = f"from descent.devices import choose; print(choose({device!r}))"
    environment = {"PYTHONPATH": PACKAGE_PATH, "LD_LIBRARY_PATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True)
    assert run.stdout == output
    assert run.stderr.startswith(error) and run.stderr.count("\n") == bool(error)
