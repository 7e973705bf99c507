"""A sweep on a real Slurm of one node, which is set up and taken down on this machine: `slurm.sh`."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pandas as pd
import pytest
import yaml
from checkouts import REPOSITORY, check_out_small, step
from descent.experiment.plan import plan
from descent.run import Run

COMMANDS = ("slurmctld", "slurmd", "munged")
missing = [command for command in COMMANDS if shutil.which(command) is None]
pytestmark = pytest.mark.skipif(
    bool(missing) or os.geteuid() != 0 or os.path.exists("/etc/slurm/slurm.conf"),
    reason=f"needs root, Debian's slurm-wlm and munge (missing: {missing}), and no other Slurm here",
)


@pytest.fixture
def slurm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    try:
        subprocess.run([REPOSITORY / "tests/slurm.sh", "up", folder], check=True)
        yield folder
    finally:
        subprocess.run([REPOSITORY / "tests/slurm.sh", "down", folder], check=True)


def grid(config: dict) -> None:
    """8 trials and two final runs."""
    config["device"] = "cpu"
    config["training"]["dtype"] = "float64"
    config["sweep"] |= {"training": {"epochs": 1}, "seeds": 1, "final_seeds": 1}
    config["sweep"]["optimizers"] = {
        "sgd": {"optimizer": "sgd", "lr": {"log10": [-3, -1.5], "points": 4}, "momentum": [0, 0.9]}
    }


def queue() -> list[str]:
    """Slurm's numbers of the jobs that run or wait."""
    return subprocess.check_output(["squeue", "--noheader", "--format=%i"], text=True).split()


def wait_for(condition, run: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert run.poll() is None, "snakemake has ended"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.2)


def children(parents: list[int]) -> list[int]:
    """Their processes' numbers, and those of their children, and so on."""
    table = [line.split() for line in subprocess.check_output(["ps", "-eo", "ppid=,pid="], text=True).splitlines()]
    found = [int(pid) for ppid, pid in table if int(ppid) in parents]
    return found + children(found) if found else []


def crash_node(folder) -> None:
    """Kill slurmd and all that runs under it, and bring it back once Slurm has given the node up."""
    slurmd = int((folder / "slurmd.pid").read_text())
    steps = list(
        map(int, subprocess.run(["pgrep", "-f", "^slurmstepd"], capture_output=True, text=True).stdout.split())
    )
    for process in [slurmd, *steps, *children(steps)]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    time.sleep(8)
    subprocess.run(["slurmd"], check=True)


@pytest.mark.slow
def test_a_sweep_survives_cancelled_jobs_and_a_crashed_node(slurm, tmp_path, small_mnist):
    remote = check_out_small(tmp_path / "remote", small_mnist)
    remote.edit_config(grid)
    command = ["sweep", "--profile", "profiles/slurm", "--jobs", "8", "--set-resources", "train:gpu=1"]
    command += ["--slurm-status-command", "squeue", "--slurm-no-account"]
    command += ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
    told = tmp_path / "told"
    with told.open("w") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *command], cwd=remote.path, stdout=output, stderr=output
        )

    def trained() -> int:
        return len(list(remote.path.glob("results/sweep/*/*/evaluation.csv")))

    try:
        wait_for(lambda: trained() >= 2 and len(queue()) >= 3, run)
        subprocess.run(["scancel", *queue()[:3]], check=True)
        wait_for(lambda: trained() >= 5 and len(queue()) >= 2, run)
        crash_node(slurm)
        run.wait(timeout=600)
    finally:
        run.kill()
    assert run.returncode == 0, told.read_text()[-5000:]
    submitted = told.read_text().count("has been submitted with SLURM jobid")
    initializations, trials, final, cancelled = 2, 8, 2, 3
    assert submitted >= initializations + trials + final + cancelled, "what was cancelled is submitted again"
    assert trained() == trials + final

    # A few of the trials, trained again here.
    jobs, local = plan(yaml.safe_load((remote.path / "config.yaml").read_text())), tmp_path / "local"
    folder = remote.path / "results/sweep/trials"
    data = ["--mnist", remote.data, "--initial", folder / ".intermediate/initial.safetensors"]
    for trial in sorted(job.split()[2] for job in jobs if job.startswith("train sweep/trials "))[::5]:
        step("train", *data, *shlex.split(jobs[f"train sweep/trials {trial}"]["options"]), "--output", local / trial)
        one, other = Run(folder / trial).evaluation, Run(local / trial).evaluation
        pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-10)
