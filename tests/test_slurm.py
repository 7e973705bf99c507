"""A sweep on a real Slurm of one node, which is set up and taken down on this machine: `slurm.sh`."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from conftest import REPOSITORY, check_out_small

COMMANDS = ("slurmctld", "slurmd", "munged")
missing = [command for command in COMMANDS if shutil.which(command) is None]
pytestmark = pytest.mark.skipif(
    bool(missing) or os.geteuid() != 0 or os.path.exists("/etc/slurm/slurm.conf"),
    reason=f"needs root, Debian's slurm-wlm and munge (missing: {missing}), and no other Slurm here",
)


@pytest.fixture
def slurm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    folder.parent.chmod(0o755)
    subprocess.run([REPOSITORY / "tests/slurm.sh", "up", folder], check=True)
    yield folder
    subprocess.run([REPOSITORY / "tests/slurm.sh", "down", folder], check=True)


def grid(config: dict) -> None:
    """Forty points that all learn, in double precision: so a point's numbers do not depend on those beside it."""
    config["device"] = "cpu"
    config["training"]["dtype"] = "float64"
    config["sweep"] |= {
        "lr": {"log10": [-3, -1.5], "points": 10},
        "momentum": [0, 0.3, 0.6, 0.9],
        "seeds": 1,
        "epochs": 1,
    }


def queue() -> list[str]:
    """Slurm's numbers of the jobs that run or wait."""
    return subprocess.check_output(["squeue", "--noheader", "--format=%i"], text=True).split()


def wait_for(condition, seconds: float, run: subprocess.Popen) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert run.poll() is None, f"snakemake has ended:\n{run.stderr.read()}"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.2)


def test_a_sweep_survives_cancelled_jobs_and_a_killed_slurmd(slurm, tmp_path, small_mnist):
    remote, local = (check_out_small(tmp_path / name, small_mnist) for name in ("remote", "local"))
    for checkout in (remote, local):
        checkout.edit_config(grid)
    local.edit_config(lambda config: config["sweep"].update(points_per_job=40))
    local.snakemake("sweep")

    command = ["sweep", "--profile", "profiles/slurm", "--workflow-profile", "none", "--nolock", "--jobs", "8"]
    command += ["--slurm-status-command", "squeue", "--slurm-no-account"]
    command += ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
    with (tmp_path / "output").open("w") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *command],
            cwd=remote.path,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
        )

        def finished() -> int:
            return len(list(remote.path.glob("results/sweep/*/evaluation.csv")))

        wait_for(lambda: finished() >= 4 and len(queue()) >= 4, 240, run)
        cancelled = queue()[:4]
        subprocess.run(["scancel", *cancelled], check=True)

        wait_for(lambda: finished() >= 12, 240, run)
        os.kill(int((slurm / "slurmd.pid").read_text()), signal.SIGKILL)
        time.sleep(3)
        subprocess.run(["slurmd"], check=True)

        errors = run.communicate(timeout=600)[1]
    assert run.returncode == 0, errors
    submitted = errors.count("has been submitted with SLURM jobid")
    assert submitted >= 41 + 1, "what was cancelled is submitted again"
    assert finished() == 40
    table = "results/sweep/runs.csv"
    columns = ["momentum", "lr", "seed", "epoch"]
    one, two = (pd.read_csv(c.path / table).sort_values(columns, ignore_index=True) for c in (remote, local))
    pd.testing.assert_frame_equal(one, two, rtol=1e-8)
