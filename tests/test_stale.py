"""What an edit makes run again: every row is an edit, exactly the jobs that it makes stale, and a run after
which nothing is left to do.
"""

import importlib.metadata
import itertools
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import PACKAGE_PATH, REPOSITORY, Checkout, check_out_small

NETWORKS = ["exercise", "notebook"]
VARIANTS = ["custom_sgd", "torch_sgd"]


def each(rule, *wildcards):
    """The jobs of a rule: one for every combination of the wildcards' values."""
    return {" ".join([rule, *values]) for values in itertools.product(*wildcards)}


def train(networks=NETWORKS, variants=VARIANTS, seeds=("0-1",)):
    """Training jobs, and those that gather what they wrote."""
    return each("train", networks, variants, seeds) | each("gather", networks, variants)


def initialize(networks=NETWORKS, seeds=("0-1",)):
    """Initializing jobs, and those that gather what they wrote."""
    return each("initialize", networks, seeds) | each("gather_initial", networks)


def plot(networks=NETWORKS):
    return each("plot_curves", networks)


TABLES = {"summarize", "compare_twins", "compare_published"}
AFTER_GATHER = plot() | TABLES | {"report"}
AFTER_TRAIN = train() | AFTER_GATHER
ALL = {"download_mnist"} | initialize() | AFTER_TRAIN

# What runs when a rule's jobs run: themselves, and what follows.
FOLLOWS = {
    "download_mnist": ALL,
    "initialize": initialize() | AFTER_TRAIN,
    "train": AFTER_TRAIN,
    "gather": each("gather", NETWORKS, VARIANTS) | each("gather_initial", NETWORKS) | AFTER_GATHER,
    "plot_curves": plot() | {"report"},
    "summarize": {"summarize", "report"},
    "compare_twins": {"compare_twins", "report"},
    "compare_published": {"compare_published", "report"},
    "report": {"report"},
    "tensorboard": set(),  # this and the following are not part of the default run
    "train_sweep": set(),
    "summarize_sweep": set(),
    "plot_sweep": set(),
    "report_sweep": set(),
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small_mnist) -> Checkout:
    """A checkout in which a small workflow has run to its end: two networks, two twins, two seeds in a job."""
    checkout = check_out_small(tmp_path_factory.mktemp("stale"), small_mnist)

    def shrink(config):
        config["seeds_per_job"] = 2
        config["variants"] = {variant: config["variants"][variant] for variant in VARIANTS}

    checkout.edit_config(shrink)
    checkout.snakemake()
    return checkout


@pytest.fixture
def checkout(finished, tmp_path) -> Checkout:
    return Checkout(shutil.copytree(finished.path, tmp_path / "copy"))


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


def rename(config):
    config["variants"] = {name.replace("torch_sgd", "renamed"): v for name, v in config["variants"].items()}


def delete(name):
    def edit(checkout):
        path = checkout.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return edit


def truncate(name):
    return lambda checkout: os.truncate(checkout.path / name, 100)


def flip(name):
    def edit(checkout):
        content = bytearray((checkout.path / name).read_bytes())
        content[len(content) // 2] ^= 1
        (checkout.path / name).write_bytes(content)

    return edit


DEVICE = "cuda" if __import__("torch").cuda.is_available() else "cpu"
ONE = train(["exercise"], ["custom_sgd"])  # one training, and what gathers it
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
        train(variants=["torch_sgd"]) | AFTER_GATHER,
    ),
    "rename a variant": (config(rename), train(variants=["renamed"]) | AFTER_GATHER),
    # It is no twin, so the twins stay as they are.
    "add a variant": (
        config(lambda c: c["variants"].update(new=NEW)),
        train(variants=["new"]) | AFTER_GATHER - {"compare_twins"},
    ),
    "remove a variant": (config(lambda c: c["variants"].pop("torch_sgd")), AFTER_GATHER),
    "add a seed": (
        config(lambda c: c["seeds"].append(2)),
        initialize(seeds=["2-3"]) | train(seeds=["2-3"]) | AFTER_GATHER,
    ),
    "add a seed in front": (
        config(lambda c: c.update(seeds=[7, 0, 1])),
        initialize(seeds=["6-7"]) | train(seeds=["6-7"]) | AFTER_GATHER,
    ),
    "seeds in another order": (config(lambda c: c["seeds"].reverse()), {"report"}),
    "remove a seed": (config(lambda c: c["seeds"].pop()), initialize() | AFTER_TRAIN),
    "seeds in other jobs": (
        config(lambda c: c.update(seeds_per_job=1)),
        initialize(seeds=["0-0", "1-1"]) | train(seeds=["0-0", "1-1"]) | AFTER_GATHER,
    ),
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
    "smoothing": (config(lambda c: c["curves"].update(smoothing=7)), plot() | {"report"}),
    "event files for TensorBoard": (
        config(lambda c: c["training"].update(tensorboard=True)),
        each("tensorboard", NETWORKS, VARIANTS) | {"report"},
    ),
    "device written out as what auto chose": (config(lambda c: c.update(device=DEVICE)), {"report"}),
    "a rule's shell text": (
        replace("workflow/rules/compare.smk", "descent.steps.summarize {", "descent.steps.summarize  {"),
        FOLLOWS["summarize"],
    ),
    "the page's template": (append("workflow/report/report.html.j2", "<!-- -->\n"), {"report"}),
    "what the sheet printed": (append("workflow/resources/published.csv", "# \n"), FOLLOWS["compare_published"]),
    "a caption": (append("workflow/report/curves.rst", "More.\n"), set()),
    "delete a figure": (delete("results/exercise/curves.png"), plot(["exercise"]) | {"report"}),
    "delete a table": (delete("results/summary.md"), {"summarize", "report"}),
    "delete the page": (delete("results/report.html"), {"report"}),
    "delete a training's parameters": (
        delete(f"{RUN}/seeds_0-1/parameters.safetensors"),
        ONE | plot(["exercise"]) | TABLES | {"report"},
    ),
    "delete a gathered table": (
        delete(f"{RUN}/evaluation.csv"),
        each("gather", ["exercise"], ["custom_sgd"]) | plot(["exercise"]) | TABLES | {"report"},
    ),
    # It is fetched again once a step needs it.
    "delete MNIST": (delete("resources/mnist.safetensors"), set()),
    "delete a log": (delete(f"{RUN}/seeds_0-1/train.log"), set()),
    "delete .snakemake": (delete(".snakemake"), set()),
    "truncate an output": (
        truncate(f"{RUN}/seeds_0-1/training.csv"),
        ONE | plot(["exercise"]) | TABLES | {"report"},
    ),
    "change one byte in an output": (
        flip(f"{RUN}/seeds_0-1/parameters.safetensors"),
        ONE | plot(["exercise"]) | TABLES | {"report"},
    ),
    "change one byte of MNIST": (flip("resources/mnist.safetensors"), set()),
    "change one byte of MNIST, and delete the results": (
        lambda checkout: (flip("resources/mnist.safetensors")(checkout), delete("results")(checkout)),
        ALL,
    ),
    "change one byte in the page": (flip("results/report.html"), {"report"}),
}


@pytest.mark.parametrize("row", ROWS)
def test_an_edit_reruns_exactly_what_it_makes_stale(row, checkout):
    edit, expected = ROWS[row]
    edit(checkout)
    assert checkout.stale() == expected
    if expected:
        ran = checkout.jobs(checkout.snakemake().stderr)
        assert ran == expected
        assert checkout.stale() == set()


def modules_imported_by(step):
    """The modules of the package that Python really loads for a step."""
    program = f"import sys, descent.steps.{step}; print(*(n for n in sys.modules if n.split('.')[0] == 'descent'))"
    environment = os.environ | {"PYTHONPATH": PACKAGE_PATH}
    return set(subprocess.check_output([sys.executable, "-c", program], env=environment, text=True).split())


@pytest.fixture(scope="session")
def imported():
    return {step: modules_imported_by(step) for step in FOLLOWS}


MODULES = sorted(
    str(file.relative_to(PACKAGE_PATH).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for file in (REPOSITORY / "workflow/descent").rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES)
def test_editing_a_module_reruns_what_imports_it(module, checkout, imported):
    path = checkout.path / "workflow" / module.replace(".", "/")
    with (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).open("a") as file:
        file.write("# edited\n")
    expected = set()
    for step, modules in imported.items():
        if module in modules:
            expected |= FOLLOWS[step]
    assert checkout.stale() == expected
    assert expected or re.search(r"_sweep$|\.(sweep|tensorboard|config|sources)$", module)


def test_a_pytorch_of_another_version_trains_again(checkout, tmp_path):
    # What the installed packages say of themselves; nothing is installed or faked but the version's number.
    (information,) = (
        file for file in importlib.metadata.distribution("torch").files if file.match("torch-*.dist-info/METADATA")
    )
    newer = tmp_path / "newer" / information.parent.name
    shutil.copytree(information.locate().parent, newer)
    metadata = newer / "METADATA"
    metadata.write_text(re.sub(r"^Version: .*", "Version: 99.0", metadata.read_text(), count=1, flags=re.MULTILINE))
    run = checkout.snakemake("--dry-run", PYTHONPATH=str(newer.parent))
    assert checkout.jobs(run.stdout) == FOLLOWS["initialize"]


def test_a_file_that_was_changed_is_kept_and_told(checkout):
    file = checkout.path / RUN / "seeds_0-1/training.csv"
    file.write_text("my own notes")
    run = checkout.snakemake()
    told = "results/exercise/custom_sgd/seeds_0-1/training.csv was changed after it was made"
    assert f"{told}: set aside as {told.split()[0]}.changed" in run.stderr
    assert file.with_name("training.csv.changed").read_text() == "my own notes"
    assert file.read_text().startswith("seed,iteration")
