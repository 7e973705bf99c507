"""What an edit makes run again: every row is an edit, and exactly the jobs that it makes stale."""

import importlib.metadata
import os
import re
import shutil
import subprocess

import pandas as pd
import pytest
import yaml
from checkouts import REPOSITORY, Checkout

DATA = "the data"
TWINS = {"train text_100 custom_sgd", "train text_100 torch_sgd"}
PLOT = {"plot_curves text_100"}
TABLES = {"summarize", "plot_accuracies", "compare_twins", "compare_published"}
AFTER = PLOT | TABLES | {"report"}  # what reads the trainings
AFTER_CHECK = {"check_optimizers", "compare_twins", "report"}
AFTER_RULE = {"train text_100 custom_sgd"} | AFTER | AFTER_CHECK  # the torch twin does not use the rule
AFTER_INITIALIZE = {"initialize text_100"} | TWINS | AFTER
ALL = {"download_mnist"} | AFTER_INITIALIZE


def tracked(checkout):
    """The files that git tracks, in the checkout."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=REPOSITORY, text=True).split("\0")
    return [checkout.path / name for name in names if name and (checkout.path / name).is_file()]


def config(edit):
    """A row's edit: of config.yaml in its parsed form."""
    return lambda checkout: checkout.edit_config(edit)


def append(name, text):
    def edit(checkout):
        with (checkout.path / name).open("a") as file:
            file.write(text)

    return edit


def replace(name, old, new):
    def edit(checkout):
        text = (checkout.path / name).read_text()
        assert old in text
        (checkout.path / name).write_text(text.replace(old, new))

    return edit


def touch(checkout):
    for file in tracked(checkout):
        file.touch()


def reorder(mapping):
    """The same mapping with the keys of it and of all within it in reverse order, but for networks and variants."""
    keep = ("networks", "variants")
    return {
        key: reorder(value) if isinstance(value, dict) and key not in keep else value
        for key, value in reversed(mapping.items())
    }


def reorder_config(checkout):
    file = checkout.path / "config.yaml"
    changed = reorder(yaml.safe_load(file.read_text()))
    changed["variants"] = {name: reorder(variant) for name, variant in changed["variants"].items()}
    file.write_text(yaml.safe_dump(changed, sort_keys=False) + "# a comment\n")


def move_data(checkout):
    """The same files in another folder."""
    config = yaml.safe_load((checkout.path / "config.yaml").read_text())
    shutil.copytree(config["data"]["source"], checkout.path / "data")
    checkout.edit_config(lambda c: c["data"].update(source="data"))


def rename(config):
    config["variants"] = {name.replace("torch_sgd", "renamed"): v for name, v in config["variants"].items()}


def delete(name):
    def edit(checkout):
        path = checkout.data if name == DATA else checkout.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return edit


def with_old_time(edit):
    """An edit of files that leaves them all with times of long ago."""

    def edit_and_age(checkout):
        edit(checkout)
        for file in tracked(checkout):
            os.utime(file, (0, 0))

    return edit_and_age


def flip(name):
    def edit(checkout):
        path = checkout.data if name == DATA else checkout.path / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return edit


SGD = "workflow/descent/optimizers/sgd.py"
RUN = "results/text_100/custom_sgd"
NEW = {"implementation": "custom", "optimizer": "sgd", "lr": 0.05}
WRONG = replace(SGD, "alpha=-lr)", "alpha=-2 * lr)")

ROWS = {
    "no edit": (lambda checkout: None, set()),
    "touch every tracked file": (touch, set()),
    "keys of config.yaml in another order": (reorder_config, {"report"}),
    "a comment": (append("config.yaml", "# a comment\n"), set()),
    "variants in another order": (
        config(lambda c: c.update(variants=dict(reversed(c["variants"].items())))),
        PLOT | TABLES - {"compare_twins"} | {"report"},
    ),
    "one variant's lr": (
        config(lambda c: c["variants"]["torch_sgd"].update(lr=0.02)),
        {"train text_100 torch_sgd"} | AFTER | AFTER_CHECK,  # they are no twins now
    ),
    "rename a variant": (config(rename), {"train text_100 renamed"} | AFTER),
    # It is no twin, so the twins stay as they are.
    "add a variant": (
        config(lambda c: c["variants"].update(new=NEW)),
        {"train text_100 new"} | AFTER - {"compare_twins"},
    ),
    "remove a variant": (config(lambda c: c["variants"].pop("torch_sgd")), AFTER | AFTER_CHECK),
    "add a seed": (config(lambda c: c["seeds"].append(9)), AFTER_INITIALIZE),
    "seeds in another order": (config(lambda c: c["seeds"].reverse()), {"report"}),
    "add a network": (
        config(lambda c: c["networks"].update(deep=[4, 4, 4])),
        {"initialize deep", "train deep custom_sgd", "train deep torch_sgd", "plot_curves deep", *TABLES, "report"},
    ),
    "epochs": (config(lambda c: c["training"].update(epochs=1)), TWINS | AFTER),
    "smoothing": (config(lambda c: c["curves"].update(smoothing=7)), PLOT | {"report"}),
    "the folder of the data": (move_data, {"report"}),
    "a folder that is not there": (
        config(lambda c: c["data"].update(source="/no/such/folder")),
        PLOT | {"report"},  # whose titles have the name of data that is not MNIST
    ),
    "the page's template": (append("workflow/report/report.html.j2", "<!-- -->\n"), {"report"}),
    "what the sheet printed": (append("workflow/resources/published.csv", "# \n"), {"compare_published", "report"}),
    "the statistics": (
        append("workflow/descent/compare/statistics.py", "# \n"),
        TABLES - {"compare_twins"} | {"report"},
    ),
    "the loop": (append("workflow/descent/train/loop.py", "# \n"), TWINS | AFTER),
    "the rule, with an older time, as `cp -p`, `mv`, `rsync -a` and `tar x` leave it": (
        with_old_time(WRONG),
        AFTER_RULE,
    ),
    "the rule of an optimizer that no variant has": (
        replace("workflow/descent/optimizers/adagrad.py", "value=-lr", "value=lr"),
        AFTER_CHECK,
    ),
    "delete a figure": (delete("results/text_100/curves.png"), PLOT | {"report"}),
    "delete what the check found": (delete("results/optimizers.csv"), AFTER_CHECK),
    # It is fetched again once a step needs it.
    "delete MNIST": (delete(DATA), set()),
    "delete a log and .snakemake": (
        lambda c: [delete("logs/text_100/custom_sgd/train.log")(c), delete(".snakemake")(c)],
        set(),
    ),
    "touch MNIST": (lambda checkout: checkout.data.touch(), set()),
    "change one byte of MNIST": (flip(DATA), AFTER_INITIALIZE),
}
# What most people do is in `make test`; the rest is slow.
OFTEN = ["no edit", "touch every tracked file", "one variant's lr", "add a variant", "the loop"]
OFTEN += ["the rule, with an older time, as `cp -p`, `mv`, `rsync -a` and `tar x` leave it"]
TO_THE_END = ["the statistics", "add a variant", "remove a variant", "add a seed"]


def unless(often, rows):
    """The rows as parameters; slow unless they are named."""
    return [pytest.param(row, marks=[] if row in often else pytest.mark.slow) for row in rows]


@pytest.mark.parametrize("row", unless(OFTEN, ROWS))
def test_an_edit_makes_exactly_its_jobs_stale(row, twins):
    edit, expected = ROWS[row]
    edit(twins)
    assert twins.stale() == expected


@pytest.mark.parametrize("row", unless(["smoothing"], ["smoothing", *TO_THE_END]))
def test_a_run_after_an_edit_runs_what_was_stale_and_leaves_nothing_stale(row, twins):
    edit, expected = ROWS[row]
    edit(twins)
    assert twins.jobs(twins.snakemake().stderr) == expected
    assert twins.stale() == set()


def test_the_small_mnist_is_too_large_to_be_compared_by_content_without_being_asked(finished_twins):
    assert finished_twins.data.stat().st_size > 1_000_000


FREE = {"implementation": "torch", "optimizer": "schedulefree.SGDScheduleFree", "lr": 0.5}


@pytest.mark.parametrize(
    ("package", "target", "expected"),
    [
        ("torch", "all", AFTER_INITIALIZE | AFTER_CHECK),
        ("schedulefree", "results/text_100/torch_sgd/training.csv", {"train text_100 torch_sgd"}),
    ],
)
def test_a_package_of_another_version_trains_again(package, target, expected, twins, tmp_path):
    if package == "schedulefree":
        twins.edit_config(lambda config: config["variants"].update(torch_sgd=FREE))
        twins.snakemake(target)
        assert not twins.jobs(twins.snakemake(target, "--dry-run").stdout)
    # What the installed packages say of themselves; nothing is installed or faked but the version's number.
    (information,) = (
        file for file in importlib.metadata.distribution(package).files if file.match(f"{package}-*.dist-info/METADATA")
    )
    newer = tmp_path / "newer" / information.parent.name
    shutil.copytree(information.locate().parent, newer)
    metadata = newer / "METADATA"
    metadata.write_text(re.sub(r"^Version: .*", "Version: 99.0", metadata.read_text(), count=1, flags=re.MULTILINE))
    run = twins.snakemake(target, "--dry-run", PYTHONPATH=str(newer.parent))
    assert twins.jobs(run.stdout) == expected


def test_a_copy_of_the_folder_has_nothing_to_do(twins, tmp_path):
    subprocess.run(["cp", "-r", twins.path, tmp_path / "copied"], check=True)
    assert Checkout(tmp_path / "copied").stale() == set()


@pytest.mark.slow
def test_a_rule_that_is_edited_and_put_back_makes_stale_and_fresh_again_with_the_same_bytes(twins):
    backup = twins.path / "backup"
    training = twins.path / RUN / "training.csv"
    before = training.read_bytes()
    shutil.copy2(twins.path / SGD, backup)
    WRONG(twins)
    twins.snakemake(f"{RUN}/training.csv")
    assert training.read_bytes() != before
    backup.replace(twins.path / SGD)  # with its old time
    assert twins.stale() == AFTER_RULE - {"check_optimizers"}
    twins.snakemake()
    assert training.read_bytes() == before
    assert twins.stale() == set()


@pytest.mark.slow
def test_what_a_rule_that_was_edited_while_it_ran_has_trained_is_stale(twins):
    twins.edit_config(lambda c: c["training"].update(epochs=3))
    run = twins.start()
    for line in run.stderr:
        if line.startswith("rule train:"):
            break
    WRONG(twins)
    assert run.communicate() and run.returncode == 0
    assert twins.stale() == AFTER_RULE


@pytest.mark.parametrize("command", ["--dry-run", "--summary", "--lint"])
def test_looking_changes_nothing(command, twins):
    flip(f"{RUN}/training.csv")(twins)

    def files():
        paths = [path for path in sorted(twins.path.rglob("*")) if path.is_file()]
        ours = [path for path in paths if ".snakemake" not in path.parts and "__pycache__" not in path.parts]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in ours}

    before = files()
    twins.snakemake(command, check=False)
    assert files() == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["training.csv", "evaluation.csv", "run.json"])
def test_an_edited_result_is_never_reported(name, twins):
    page = twins.path / "results/report.html"
    before, file = page.read_bytes(), twins.path / RUN / name
    content = file.read_bytes()
    file.write_bytes(b"my own notes" if name == "run.json" else content + content[-1:])
    run = twins.snakemake(check=False)
    assert run.returncode
    assert f"{RUN}/{name} is not what `train` wrote: delete it and run again" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr
    assert page.read_bytes() == before
    file.unlink()
    twins.snakemake(f"{RUN}/{name}")
    if name != "run.json":  # which has the seconds
        assert file.read_bytes() == content
    if name == "training.csv":
        twins.snakemake()
        assert twins.stale() == set()


def test_what_is_written_otherwise_and_means_the_same_trains_nothing_and_the_twins_stay(twins):
    same = {"momentum": 0.0, "nesterov": False, "schedule": "constant", "warmup": 0}
    twins.edit_config(lambda c: c["variants"]["torch_sgd"].update(same))
    assert twins.stale() == {"report"}, "which shows config.yaml"
    twins.snakemake()
    assert pd.read_csv(twins.path / "results/twins.csv")["verdict"].tolist() == ["identical"]
