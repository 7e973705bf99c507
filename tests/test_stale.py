"""What Snakemake runs again after an edit of each kind; all edits of config.yaml: experiment/test_plan.py."""

import importlib.metadata
import os
import re
import shutil
import subprocess

import pytest
from checkouts import REPOSITORY, Checkout

TWINS = {"train text_100 custom_sgd", "train text_100 torch_sgd"}
AFTER = {"plot_curves text_100", "summarize", "plot_accuracies", "compare_twins", "compare_published", "report"}
CHECK = {"check_optimizers", "compare_twins", "report"}
RULE = {"train text_100 custom_sgd"} | AFTER | CHECK  # the torch twin does not use the rule
INITIALIZE = {"initialize text_100"} | TWINS | AFTER


def tracked(checkout):
    """The files that git tracks, in the checkout."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=REPOSITORY, text=True).split("\0")
    return [checkout.path / name for name in names if name and (checkout.path / name).is_file()]


def touch(checkout):
    for file in [*tracked(checkout), checkout.data]:
        file.touch()


def reorder(config):
    for key in ("training", "data"):
        config[key] = dict(reversed(config[key].items()))


def write_another_rule(checkout):
    file = checkout.path / SGD
    file.write_text(file.read_text().replace("alpha=-lr)", "alpha=-2 * lr)"))


def write_another_rule_with_an_old_time(checkout):
    """As `cp -p`, `mv`, `rsync -a` and `tar x` leave it."""
    write_another_rule(checkout)
    for file in tracked(checkout):
        os.utime(file, (0, 0))


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def delete(*names):
    def edit(checkout):
        for path in (checkout.path / name for name in names):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return edit


SGD = "workflow/descent/optimizers/sgd.py"
RUN = "results/text_100/custom_sgd"
KINDS = {
    "a touch of every file": (touch, set()),
    "keys in another order": (lambda c: c.edit_config(reorder), {"report"}),
    "a parameter of one training": (
        lambda c: c.edit_config(lambda config: config["variants"]["torch_sgd"].update(lr=0.02)),
        {"train text_100 torch_sgd"} | AFTER | CHECK,  # they are no twins now
    ),
    "code": (write_another_rule_with_an_old_time, RULE),
    "a deleted figure": (delete("results/text_100/curves.png"), {"plot_curves text_100", "report"}),
    "deleted data": (lambda c: c.data.unlink(), set()),  # it is fetched again once a step needs it
    "a deleted log and .snakemake": (delete("logs/text_100/custom_sgd/train.log", ".snakemake"), set()),
}


# What most people do is in `make test`; the rest is slow.
OFTEN = ["a touch of every file", "keys in another order"]


@pytest.mark.parametrize(
    "kind", [kind if kind in OFTEN else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_a_run_after_an_edit_of_each_kind_runs_exactly_what_is_stale_and_leaves_nothing_stale(kind, twins):
    edit, expected = KINDS[kind]
    edit(twins)
    assert twins.jobs(twins.snakemake().stderr) == expected
    assert not expected or twins.stale() == set()


@pytest.mark.parametrize(
    ("edit", "expected"),
    [(write_another_rule_with_an_old_time, RULE), (lambda checkout: flip(checkout.data), INITIALIZE)],
    ids=["code", "one byte of MNIST"],
)
def test_files_are_compared_by_their_content(edit, expected, twins):
    edit(twins)
    assert twins.stale() == expected


def test_the_small_mnist_is_too_large_to_be_compared_by_content_without_being_asked(finished_twins):
    assert finished_twins.data.stat().st_size > 1_000_000


@pytest.mark.slow
def test_pytorch_of_another_version_trains_again(twins, tmp_path):
    # What the installed package says of itself; nothing is installed or faked but the version's number.
    (information,) = (
        file for file in importlib.metadata.distribution("torch").files if file.match("torch-*.dist-info/METADATA")
    )
    newer = tmp_path / "newer" / information.parent.name
    shutil.copytree(information.locate().parent, newer)
    metadata = newer / "METADATA"
    metadata.write_text(re.sub(r"^Version: .*", "Version: 99.0", metadata.read_text(), count=1, flags=re.MULTILINE))
    assert twins.jobs(twins.snakemake(PYTHONPATH=str(newer.parent)).stderr) == INITIALIZE | CHECK


@pytest.mark.slow
def test_a_copy_of_the_folder_has_nothing_to_do(twins, tmp_path):
    subprocess.run(["cp", "-r", twins.path, tmp_path / "copied"], check=True)
    assert Checkout(tmp_path / "copied").stale() == set()


@pytest.mark.slow
def test_a_rule_that_is_edited_and_put_back_makes_stale_and_fresh_again_with_the_same_bytes(twins):
    backup = twins.path / "backup"
    training = twins.path / RUN / "training.csv"
    before = training.read_bytes()
    shutil.copy2(twins.path / SGD, backup)
    write_another_rule(twins)
    twins.snakemake(f"{RUN}/training.csv")
    assert training.read_bytes() != before
    backup.replace(twins.path / SGD)  # with its old time
    assert twins.stale() == RULE - {"check_optimizers"}
    twins.snakemake(f"{RUN}/training.csv")
    assert training.read_bytes() == before


@pytest.mark.slow
def test_what_a_rule_that_was_edited_while_it_ran_has_trained_is_stale(twins):
    twins.edit_config(lambda c: c["training"].update(epochs=3))
    run = twins.start()
    for line in run.stderr:
        if line.startswith("rule train:"):
            break
    write_another_rule(twins)
    assert run.communicate() and run.returncode == 0
    assert twins.stale() == RULE


@pytest.mark.parametrize(
    "command", ["--dry-run", *(pytest.param(command, marks=pytest.mark.slow) for command in ("--summary", "--lint"))]
)
def test_looking_changes_nothing(command, twins):
    flip(twins.path / f"{RUN}/training.csv")

    def files():
        paths = [path for path in sorted(twins.path.rglob("*")) if path.is_file()]
        ours = [path for path in paths if ".snakemake" not in path.parts and "__pycache__" not in path.parts]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in ours}

    before = files()
    twins.snakemake(command, check=False)
    assert files() == before


@pytest.mark.slow
def test_an_edited_result_is_never_reported_and_is_made_again_once_it_is_deleted(twins):
    page, file = twins.path / "results/report.html", twins.path / RUN / "training.csv"
    before, content = page.read_bytes(), file.read_bytes()
    file.write_bytes(content + content[-1:])
    run = twins.snakemake(check=False)
    assert run.returncode
    assert f"{RUN}/training.csv is not what `train` wrote: delete it and run again" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr
    assert page.read_bytes() == before
    file.unlink()
    twins.snakemake()
    assert file.read_bytes() == content and twins.stale() == set()
