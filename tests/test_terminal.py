"""What the everyday command says on a terminal and in a pipe, with the default profile."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios

import pytest

PROFILE = "profiles/default"


def test_a_run_ends_with_the_summary_and_the_page(twins):
    twins.edit_config(lambda config: config["curves"].update(smoothing=4))
    run = twins.snakemake(profile=PROFILE)
    assert "\x1b" not in run.stdout + run.stderr  # plain in a pipe
    *_, table, _, last = run.stdout.rstrip().split("\n")
    assert last == f"Open the report: {twins.path}/results/report.html"
    assert re.match(r"\| text_100 +\| custom_sgd, torch_sgd +\| \d\d\.\d\d ± ", table)


def test_each_failed_job_is_named_with_its_variant_and_its_steps_message(twins):
    twins.edit_config(lambda config: config["training"].update(batch_size=5000))
    run = run_in_shell(twins, "snakemake --cores 1 --keep-going 2>&1")
    assert run.returncode
    assert b"Traceback" not in run.stdout and b"CalledProcessError" not in run.stdout
    message = "failed: config.yaml: training.batch_size: 5000 is more than the 1000 training images, and drop_last"
    *_, first, second, last = run.stdout.decode().splitlines()
    assert sorted(line.partition(" leaves")[0] for line in (first, second)) == [
        f"train text_100/{variant} {message}" for variant in ("custom_sgd", "torch_sgd")
    ]
    assert last == "Finished steps are kept; to go on, run the same command again."


@pytest.fixture
def retrain(twins):
    """A checkout in which a run trains one variant again, and makes its curves, the tables and the page."""
    shutil.rmtree(twins.path / "results/text_100/custom_sgd")
    return twins


def run_in_shell(checkout, command, **environment):
    return subprocess.run(
        ["bash", "-c", command],
        cwd=checkout.path,
        env=os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"} | environment,
        capture_output=True,
    )


@pytest.mark.slow
def test_names_may_look_like_numbers_and_files_like_the_standard_library(small_checkout):
    def edit(config):
        sgd = {"optimizer": "sgd", "lr": 0.1}
        variants = {"0.1": {"implementation": "custom"} | sgd, "NA": {"implementation": "torch"} | sgd}
        config |= {"networks": {"50": [6]}, "variants": variants}
        config.pop("sweep")

    small_checkout.edit_config(edit)
    for file in ("random.py", "json.py", "torch.py", "logging/__init__.py"):
        (small_checkout.path / file).parent.mkdir(exist_ok=True)
        (small_checkout.path / file).write_text("raise SystemExit('not the one')\n")
    run = run_in_shell(small_checkout, "snakemake --cores 2")
    assert run.returncode == 0, run.stderr
    assert re.search(rb"\| +50 +\| 0\.1, NA +\| ", run.stdout)
    assert b"Nothing to be done" in run_in_shell(small_checkout, "snakemake --cores 1").stderr


@pytest.mark.slow
def test_any_locale_will_do(retrain):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = run_in_shell(retrain, "snakemake --cores 1", **ascii_only)
    assert run.returncode == 0, run.stderr
    assert re.search(rb"\| text_100 +\| custom_sgd, torch_sgd +\| \d+\.\d\d \+/- ", run.stdout)


@pytest.mark.slow
def test_a_reader_that_goes_away_fails_no_step(retrain):
    target = "results/text_100/custom_sgd/training.csv"
    run = run_in_shell(retrain, f"snakemake --cores 1 {target} | head -1; exit ${{PIPESTATUS[0]}}")
    assert run.returncode == 0, run.stderr
    assert b"BrokenPipe" not in run.stderr
    assert "epoch 1" in (retrain.path / "logs/text_100/custom_sgd/train.log").read_text()


@pytest.mark.slow
def test_a_target_alone_is_made_without_the_last_words(twins):
    (twins.path / "results/summary.csv").unlink()
    run = run_in_shell(twins, "snakemake sweep --dry-run --cores 1 && snakemake results/summary.csv --cores 1")
    assert run.returncode == 0, run.stderr
    assert b"Open the report" not in run.stdout
    assert (twins.path / "results/summary.csv").exists()


@pytest.mark.slow
def test_a_terminal_keeps_each_line_of_an_epoch(retrain):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--resources", "gpu=1"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"}
    process = subprocess.Popen(command, cwd=retrain.path, stdout=theirs, stderr=theirs, env=environment)
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
    for epoch in range(2):
        assert seen.count(b"text_100/custom_sgd  epoch %d/2  train" % (epoch + 1)) == 1
    moves = re.compile(rb"\x1b\[[\d;]*[A-HJKSTfr]")
    lines, bar = re.sub(rb"\x1b7.*?\x1b8", b"", seen), b"".join(re.findall(rb"\x1b7.*?\x1b8", seen))
    assert set(moves.findall(lines)) == {b"\x1b[1A"}, "only the bar moves the cursor, and puts it back"
    assert lines.count(b"\x1b[1A") == 1, "at the start, off the last line, which is the bar's"
    shares = [int(share) for share in re.findall(rb"(\d+)%", bar)]
    assert shares == sorted(shares) and len(set(shares)) > 2
    assert bar.count(b"\x1b[1;23r") == 1 and bar.rindex(b"\x1b[r") > bar.rindex(b"%"), "in the end all lines scroll"
    assert b"train text_100/custom_sgd" in bar and b" left" in bar
    assert b"Select jobs" not in seen and b"Execute" not in seen and b"steps (" not in seen


@pytest.mark.slow
def test_touched_results_are_not_announced(twins):
    (twins.path / "workflow/descent/optimizers/sgd.py").open("a").write("# harmless\n")
    run = twins.snakemake("--touch")
    assert "every update rule" not in run.stdout + run.stderr


def test_the_logs_and_the_tables_of_a_run_and_a_sweep_fit_80_columns(finished, swept):
    printed = []
    for checkout in (finished, swept):
        for log in checkout.path.glob("logs/**/*.log"):
            printed += log.read_text().splitlines()
        printed += (checkout.path / "results/summary.md").read_text().splitlines()[-6:]
    printed += (swept.path / "results/sweep/ranking.md").read_text().splitlines()[-4:]
    with_a_path = "MNIST: trying the folder "
    assert [line for line in printed if len(line) > 80 and not line.startswith(with_a_path)] == []
