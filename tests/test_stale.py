"""What an edit makes run again: every row is an edit, exactly the jobs that it makes stale, and a run after
which nothing is left to do.
"""

import importlib.metadata
import itertools
import os
import re
import shutil
import subprocess

import pytest
import yaml
from checkouts import PACKAGE_PATH, REPOSITORY, Checkout

NETWORKS = ["exercise", "notebook"]
VARIANTS = ["custom_sgd", "torch_sgd"]


def each(rule, *wildcards):
    """The jobs of a rule: one for every combination of the wildcards' values."""
    return {" ".join([rule, *values]) for values in itertools.product(*wildcards)}


def train(networks=NETWORKS, variants=VARIANTS):
    return each("train", networks, variants)


def initialize(networks=NETWORKS):
    return each("initialize", networks)


def plot(networks=NETWORKS):
    return each("plot_curves", networks) | each("plot_mistakes", networks)


TABLES = {"summarize", "compare_twins", "compare_published"}
AFTER = plot() | TABLES | {"report"}  # what reads the trainings
AFTER_TRAIN = train() | AFTER
AFTER_CHECK = {"check_rules", "compare_twins", "report"}
AFTER_RULE = train(variants=["custom_sgd"]) | AFTER | AFTER_CHECK  # the torch twins do not use the rule
ALL = {"download_mnist"} | initialize() | AFTER_TRAIN

# What runs when a rule's jobs run: themselves, and what follows.
FOLLOWS = {
    "download_mnist": ALL,
    "initialize": initialize() | AFTER_TRAIN,
    "train": AFTER_TRAIN,
    "plot_curves": each("plot_curves", NETWORKS) | {"report"},
    "plot_mistakes": each("plot_mistakes", NETWORKS) | {"report"},
    "summarize": {"summarize", "report"},
    "check_rules": AFTER_CHECK,
    "compare_twins": {"compare_twins", "report"},
    "compare_published": {"compare_published", "report"},
    "report": {"report"},
    "tensorboard": set(),  # this and the following are not part of the default run
    "choose": set(),
    "rank": set(),
    "plot_sweep": set(),
    "report_sweep": set(),
    "calibrate": set(),
}


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


def rewrite(checkout):
    for file in tracked(checkout):
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)


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
    file.write_text(yaml.safe_dump(changed, sort_keys=False))


def move_data(checkout):
    """The same files in another folder."""
    config = yaml.safe_load((checkout.path / "config.yaml").read_text())
    shutil.copytree(config["data"]["source"], checkout.path / "data")
    checkout.edit_config(lambda c: c["data"].update(source="data"))


def rename(config):
    config["variants"] = {name.replace("torch_sgd", "renamed"): v for name, v in config["variants"].items()}


def delete(name):
    def edit(checkout):
        path = checkout.path / name
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
        content = bytearray((checkout.path / name).read_bytes())
        content[len(content) // 2] ^= 1
        (checkout.path / name).write_bytes(content)

    return edit


DEVICE = "cuda" if __import__("torch").cuda.is_available() else "cpu"
OPTIMIZERS = "workflow/descent/optimizers.py"
RUN = "results/exercise/custom_sgd"
NEW = {"implementation": "custom", "optimizer": "sgd", "lr": 0.05}

ROWS = {
    "no edit": (lambda checkout: None, set()),
    "touch every tracked file": (touch, set()),
    "rewrite every file with the same content": (rewrite, set()),
    "a comment in config.yaml": (append("config.yaml", "# a comment\n"), set()),
    "keys of config.yaml in another order": (reorder_config, set()),
    "variants in another order": (
        config(lambda c: c.update(variants=dict(reversed(c["variants"].items())))),
        plot() | {"summarize", "compare_published", "report"},
    ),
    "one variant's lr": (
        config(lambda c: c["variants"]["torch_sgd"].update(lr=0.02)),
        train(variants=["torch_sgd"]) | AFTER | AFTER_CHECK,  # they are no twins now
    ),
    "rename a variant": (config(rename), train(variants=["renamed"]) | AFTER),
    # It is no twin, so the twins stay as they are.
    "add a variant": (
        config(lambda c: c["variants"].update(new=NEW)),
        train(variants=["new"]) | AFTER - {"compare_twins"},
    ),
    "remove a variant": (config(lambda c: c["variants"].pop("torch_sgd")), AFTER | AFTER_CHECK),
    "add a seed": (config(lambda c: c["seeds"].append(2)), initialize() | AFTER_TRAIN),
    "seeds in another order": (config(lambda c: c["seeds"].reverse()), {"report"}),
    "remove a seed": (config(lambda c: c["seeds"].pop()), initialize() | AFTER_TRAIN),
    "hidden sizes of one network": (
        config(lambda c: c["networks"].update(notebook=[5, 5])),
        initialize(["notebook"]) | train(["notebook"]) | plot(["notebook"]) | TABLES | {"report"},
    ),
    "add a network": (
        config(lambda c: c["networks"].update(deep=[4, 4, 4])),
        initialize(["deep"]) | train(["deep"]) | plot(["deep"]) | TABLES | {"report"},
    ),
    "epochs": (config(lambda c: c["training"].update(epochs=1)), AFTER_TRAIN),
    "batch size": (config(lambda c: c["training"].update(batch_size=32)), AFTER_TRAIN),
    "smoothing": (config(lambda c: c["curves"].update(smoothing=7)), FOLLOWS["plot_curves"]),
    "event files for TensorBoard": (
        config(lambda c: c["training"].update(tensorboard=True)),
        each("tensorboard", NETWORKS, VARIANTS) | {"report"},
    ),
    "the folder of the data": (move_data, ALL),
    "device written out as what auto chose": (config(lambda c: c.update(device=DEVICE)), {"report"}),
    "a rule's shell text": (
        replace("workflow/rules/compare.smk", 'step("summarize", "{', 'step("summarize", " {'),
        FOLLOWS["summarize"],
    ),
    "the page's template": (append("workflow/report/report.html.j2", "<!-- -->\n"), {"report"}),
    "what the sheet printed": (append("workflow/resources/published.csv", "# \n"), FOLLOWS["compare_published"]),
    "the calibration": (append("workflow/resources/calibration.csv", "# \n"), FOLLOWS["compare_published"]),
    "a caption": (append("workflow/report/curves.rst", "More.\n"), set()),
    "delete a figure": (delete("results/exercise/curves.png"), {"plot_curves exercise", "report"}),
    "delete a table": (delete("results/summary.md"), {"summarize", "report"}),
    "delete what the rules' check found": (delete("results/rules.csv"), AFTER_CHECK),
    "delete the page": (delete("results/report.html"), {"report"}),
    "delete a training's parameters": (
        delete(f"{RUN}/parameters.safetensors"),
        train(["exercise"], ["custom_sgd"]) | plot(["exercise"]) | TABLES | {"report"},
    ),
    # It is fetched again once a step needs it.
    "delete MNIST": (delete("resources/mnist.safetensors"), set()),
    "delete a log": (delete(f"{RUN}/train.log"), set()),
    "delete .snakemake": (delete(".snakemake"), set()),
    "touch MNIST": (lambda checkout: (checkout.path / "resources/mnist.safetensors").touch(), set()),
    "change one byte of MNIST": (flip("resources/mnist.safetensors"), initialize() | AFTER_TRAIN),
    "a rule of an older time, as `cp -p`, `mv`, `rsync -a` and `tar x` leave it": (
        with_old_time(replace("workflow/descent/optimizers.py", "v, alpha=-lr)", "v, alpha=-2 * lr)")),
        AFTER_RULE,
    ),
    "the rule of an optimizer that no variant has": (
        replace(OPTIMIZERS, "s.sqrt().add_(eps), value=-lr", "g, value=-lr"),
        AFTER_CHECK,
    ),
    "a template of an older time": (with_old_time(append("workflow/report/report.html.j2", "<!-- -->")), {"report"}),
}


@pytest.mark.parametrize("row", ROWS)
def test_an_edit_makes_exactly_its_jobs_stale(row, twins):
    edit, expected = ROWS[row]
    edit(twins)
    assert twins.stale() == expected


def to_the_end(row):
    """A row as a parameter; slow if it runs more than the report."""
    return pytest.param(row, marks=[pytest.mark.slow] if ROWS[row][1] > {"report"} else [])


def of_its_networks(jobs, checkout):
    """The jobs without those of networks that the checkout lacks."""
    absent = set(NETWORKS) - yaml.safe_load((checkout.path / "config.yaml").read_text())["networks"].keys()
    return {job for job in jobs if not absent & set(job.split())}


@pytest.mark.parametrize("row", [to_the_end(row) for row, (_, expected) in ROWS.items() if expected])
def test_a_run_after_an_edit_runs_what_was_stale_and_leaves_nothing_stale(row, one_network):
    edit, expected = ROWS[row]
    edit(one_network)
    assert one_network.jobs(one_network.snakemake().stderr) == of_its_networks(expected, one_network)
    assert one_network.stale() == set()


def test_the_small_mnist_is_too_large_to_be_compared_by_content_without_being_asked(finished_twins):
    assert (finished_twins.path / "resources/mnist.safetensors").stat().st_size > 1_000_000


MODULES = sorted(
    str(file.relative_to(PACKAGE_PATH).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for file in (REPOSITORY / "workflow/descent").rglob("*.py")
)


def test_the_table_of_what_follows_has_every_step(imported):
    assert set(FOLLOWS) == set(imported)


@pytest.mark.parametrize("module", MODULES)
def test_editing_a_module_reruns_what_imports_it(module, twins, imported):
    path = twins.path / "workflow" / module.replace(".", "/")
    with (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).open("a") as file:
        file.write("# edited\n")
    expected = set()
    for step, modules in imported.items():
        if module in modules:
            expected |= FOLLOWS[step]
    assert twins.stale() == expected
    assert expected or re.search(
        r"_sweep$|\.(calibrate|sweep|choose|rank|ranking|tensorboard|config|experiment|sources|terminal|bar)$", module
    )


def test_a_pytorch_of_another_version_trains_again(twins, tmp_path):
    # What the installed packages say of themselves; nothing is installed or faked but the version's number.
    (information,) = (
        file for file in importlib.metadata.distribution("torch").files if file.match("torch-*.dist-info/METADATA")
    )
    newer = tmp_path / "newer" / information.parent.name
    shutil.copytree(information.locate().parent, newer)
    metadata = newer / "METADATA"
    metadata.write_text(re.sub(r"^Version: .*", "Version: 99.0", metadata.read_text(), count=1, flags=re.MULTILINE))
    run = twins.snakemake("--dry-run", PYTHONPATH=str(newer.parent))
    assert twins.jobs(run.stdout) == FOLLOWS["initialize"] | AFTER_CHECK


def test_a_copy_of_the_folder_has_nothing_to_do(twins, tmp_path):
    subprocess.run(["cp", "-r", twins.path, tmp_path / "copied"], check=True)
    assert Checkout(tmp_path / "copied").stale() == set()


@pytest.mark.slow
def test_a_rule_that_is_edited_and_put_back_makes_stale_and_fresh_again(one_network):
    backup = one_network.path / "backup"
    shutil.copy2(one_network.path / OPTIMIZERS, backup)
    replace(OPTIMIZERS, "v, alpha=-lr)", "v, alpha=-2 * lr)")(one_network)
    assert one_network.stale() == of_its_networks(AFTER_RULE, one_network)
    one_network.snakemake()
    backup.replace(one_network.path / OPTIMIZERS)  # with its old time
    assert one_network.stale() == of_its_networks(AFTER_RULE, one_network)
    one_network.snakemake()
    assert one_network.stale() == set()


@pytest.mark.slow
def test_what_a_rule_that_was_edited_while_it_ran_has_trained_is_stale(one_network):
    one_network.edit_config(lambda c: c["training"].update(epochs=3))
    run = one_network.start()
    for line in run.stderr:
        if line.startswith("rule train:"):
            break
    replace(OPTIMIZERS, "v, alpha=-lr)", "v, alpha=-2 * lr)")(one_network)
    assert run.communicate() and run.returncode == 0
    assert one_network.stale() == of_its_networks(AFTER_RULE, one_network)


@pytest.mark.parametrize("command", [["--dry-run"], ["--summary"], ["--lint"]], ids=str)
def test_looking_changes_nothing(command, twins):
    flip(f"{RUN}/training.csv")(twins)

    def files():
        paths = [path for path in sorted(twins.path.rglob("*")) if path.is_file()]
        ours = [path for path in paths if ".snakemake" not in path.parts and "__pycache__" not in path.parts]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in ours}

    before = files()
    twins.snakemake(*command, check=False)
    assert files() == before


@pytest.mark.parametrize(
    "name",
    [
        "training.csv",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("evaluation.csv", "parameters.safetensors", "run.json")
        ),
    ],
)
def test_an_edited_result_is_never_reported(name, one_network):
    page = one_network.path / "results/report.html"
    before = page.read_bytes()
    file = one_network.path / RUN / name
    content = file.read_bytes()
    file.write_bytes(b"my own notes" if name == "run.json" else content + content[-1:])
    run = one_network.snakemake(check=False)
    assert run.returncode
    assert f"{RUN}/{name} is not what `train` wrote: delete it and run again" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr
    assert page.read_bytes() == before
    file.unlink()
    one_network.snakemake()
    if name != "run.json":  # which has the seconds
        assert file.read_bytes() == content
    assert one_network.stale() == set()
