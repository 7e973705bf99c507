"""What the everyday command says on a terminal and in a pipe, with the default profile."""

import os
import pty
import re
import select
import subprocess
import sys

PROFILE = "profiles/default"


def test_a_run_ends_with_the_summary_and_the_page(checkout):
    checkout.edit_config(lambda config: config["curves"].update(smoothing=4))
    run = checkout.snakemake(profile=PROFILE)
    assert "\x1b" not in run.stdout + run.stderr  # plain in a pipe
    *_, table, _, last = run.stdout.rstrip().split("\n")
    assert last == f"The page to read: {checkout.path}/results/report.html"
    assert table.startswith("| notebook | torch_momentum | 2 | ")


def test_an_error_shows_the_steps_message_and_where_its_log_is(checkout):
    checkout.edit_config(lambda config: config["training"].update(batch_size=5000))
    run = checkout.snakemake(profile=PROFILE, check=False)
    assert run.returncode
    assert "Traceback" not in run.stdout + run.stderr
    assert re.search(r"Log file: results/\w+/\w+/train.log", run.stderr)
    assert "config.yaml: training.batch_size: 5000 is more than" in run.stdout
    assert len(run.stderr.splitlines()) < 70


def test_a_terminal_shows_bars(checkout):
    checkout.edit_config(lambda config: config["curves"].update(smoothing=4))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--resources", "gpu=1"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(command, cwd=checkout.path, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        try:
            seen += os.read(ours, 65536) if select.select([ours], [], [], 1)[0] else b""
        except OSError:  # the other end is closed
            break
    process.wait()
    os.close(ours)
    assert process.returncode == 0
    assert "━━━" in seen.decode()
    assert "plot curves" in seen.decode()
