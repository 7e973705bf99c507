"""Crashes, full disks, two at once: what was done is kept, and a plain rerun ends as if nothing had happened."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import psutil
import pytest
from checkouts import Checkout, csv_bytes, processes_in, steps_in, wait_until

pytestmark = pytest.mark.slow
KILLS = 6
TRAINING = "results/text_100/custom_sgd/training.csv"


def test_killed_at_random_moments_it_completes_with_the_same_bytes(finished_twins, unstarted):
    checkout, moments = unstarted, random.Random(0)
    killed = {"snakemake": 0, "train": 0}
    while sum(killed.values()) < KILLS:
        run = checkout.start()
        if sum(killed.values()) % 2:
            time.sleep(moments.uniform(0.5, 5))
            victims, what = [psutil.Process(run.pid)], "snakemake"
        else:
            while run.poll() is None and not steps_in(checkout.path, "train"):
                time.sleep(0.05)
            time.sleep(moments.uniform(0, 2))
            victims, what = steps_in(checkout.path, "train"), "train"
        if run.poll() is None and victims:
            for victim in victims:
                victim.kill()
            killed[what] += 1
        run.communicate()
        if what == "snakemake":  # a step that outlives it may write beside the next one: files have names of their own
            checkout.snakemake("--unlock")
        if run.returncode == 0:
            shutil.rmtree(checkout.path / "results/text_100", ignore_errors=True)
    checkout.snakemake()
    assert csv_bytes(checkout) == csv_bytes(finished_twins)
    assert checkout.stale() == set()


def test_ctrl_c_leaves_no_half_file_and_no_running_child_and_is_said_to_be_yours(unstarted):
    for rule in ("initialize", "train"):
        run = unstarted.start()
        wait_until(lambda rule=rule: steps_in(unstarted.path, rule))
        time.sleep(0.5)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the whole group
        told = run.communicate(timeout=30)[1]
        assert told.splitlines()[-2:] == [
            "You stopped the run.",
            "Finished steps are kept; to go on, run the same command again.",
        ]
        assert "Traceback" not in told and " failed: " not in told
        assert not (unstarted.path / "results/report.html").exists()
        wait_until(lambda: not processes_in(unstarted.path), 10)
        assert not [file for file in (unstarted.path / "results").rglob(".unfinished.*")]


def test_a_second_snakemake_is_turned_away_and_the_first_is_unharmed(finished_twins, unstarted):
    first = unstarted.start(TRAINING)
    wait_until(lambda: steps_in(unstarted.path, "initialize"))
    second = unstarted.snakemake(check=False)
    assert second.returncode
    assert "Directory cannot be locked" in second.stderr
    assert "--unlock" in second.stderr
    output = first.communicate()
    assert first.returncode == 0, output
    assert (unstarted.path / TRAINING).read_bytes() == (finished_twins.path / TRAINING).read_bytes()


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 8 MB on a folder."""
    mounted = []

    def mount(folder):
        folder.mkdir(parents=True, exist_ok=True)
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, text=True)
        if run.returncode:
            pytest.skip(f"a file system can be mounted by root alone: {run.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk, leave):
    """Fill a disk but for some bytes; returns the file that fills it."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(bytes(max(0, free - leave)))
    return filler


@pytest.mark.parametrize(
    ("disk", "missing", "leave", "target"),
    [
        ("resources", "resources/data-", 64 << 10, "results/text_100/initial.csv"),
        ("results", "results/text_100/custom_sgd", 16 << 10, TRAINING),
        ("results", "results/report.html", 64 << 10, "results/report.html"),
    ],
    ids=["download", "training", "report"],
)
def test_a_full_disk_is_named_and_costs_one_step(disk, missing, leave, target, finished_twins, tmp_path, small_disk):
    copy = Checkout(tmp_path / "copy")
    mounted = small_disk(copy.path / disk)
    shutil.copytree(finished_twins.path, copy.path, dirs_exist_ok=True)
    path = copy.data if disk == "resources" else copy.path / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if disk == "resources":  # a step needs MNIST, so that it is fetched again
        (copy.path / target).unlink()
    filler = fill(mounted, leave)
    run = copy.snakemake(target, check=False)
    assert run.returncode
    assert re.search(rf"{missing}\S* cannot be written: No space left on device", run.stderr + run.stdout)
    assert "Traceback" not in run.stderr + run.stdout
    assert not path.is_file()
    assert not list(mounted.rglob(".unfinished.*"))
    filler.unlink()
    copy.snakemake(target)
    assert (copy.path / target).read_bytes() == (finished_twins.path / target).read_bytes()
