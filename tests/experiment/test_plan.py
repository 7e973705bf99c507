"""Exactly what is stale: every row is an edit, and the jobs whose parameters it changes, with these parameters.

Snakemake runs such a job, and those after it: test_stale.py.
"""

import copy

import pytest
import yaml
from checkouts import PACKAGE, REPOSITORY
from descent.experiment import plan as module
from descent.experiment.plan import folder, options, plan

SGD = {"optimizer": "sgd", "lr": 0.01}
CONFIG = yaml.safe_load((REPOSITORY / "config.yaml").read_text()) | {
    "networks": {"net": [8, 8]},
    "variants": {"custom_sgd": {"implementation": "custom"} | SGD, "torch_sgd": {"implementation": "torch"} | SGD},
}
CONFIG["sweep"] |= {"network": "net", "optimizers": {"sgd": {"optimizer": "sgd", "lr": [0.01, 0.1]}}}
CONFIG["sweep"]["optimizers"]["adam"] = {"optimizer": "adam", "lr": [0.004, 0.002]}


def edited(edit) -> dict:
    config = copy.deepcopy(CONFIG)
    edit(config)
    return config


def stale(before: dict, after: dict) -> dict[str, str]:
    """The jobs of another plan that are new, or have other parameters than before."""
    assert all(before[job].keys() == its.keys() for job, its in after.items() if job in before)
    changed = {job: [key for key in its if its[key] != before[job][key]] for job, its in after.items() if job in before}
    return {job: ", ".join(keys) for job, keys in changed.items() if keys} | dict.fromkeys(after - before.keys(), "new")


def options_of(*jobs: str) -> dict[str, str]:
    return dict.fromkeys(jobs, "options")


PAGE = options_of("report", "report_sweep")  # which show config.yaml
PLOT = options_of("plot_curves net") | PAGE
TABLES = options_of("summarize", "compare_published", "plot_accuracies") | PLOT  # what lists all variants
TWINS = options_of("compare_twins", "check_optimizers")
TRAIN = options_of("train net custom_sgd", "train net torch_sgd")
TRIALS = [f"sgd_lr={lr}" for lr in (0.001, 0.01, 0.1)] + ["adam_lr=0.001", "adam_lr=0.004", "adam_lr=0.002"]
SWEEP = options_of(*(f"train sweep/{stage} {trial}" for stage in ("trials", "final") for trial in TRIALS))
GRIDS = options_of("choose", "rank", "plot_sweep", "report_sweep")
OTHER_FILE = {"sha256": dict.fromkeys(["train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                       "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"], "0" * 64)}  # fmt: skip
SAME = {"momentum": 0.0, "nesterov": False, "schedule": "constant", "warmup": 0}


def new(*trainings: str) -> dict[str, str]:
    return {f"train {its}": "new" for its in trainings}


def both(*trials: str) -> dict[str, str]:
    """A setting may be a trial, and a final run."""
    return new(*(f"sweep/{stage} {trial}" for stage in ("trials", "final") for trial in trials))


def rename(config: dict) -> None:
    config["variants"] = {name.replace("torch_sgd", "other"): its for name, its in config["variants"].items()}


ROWS = {
    "no edit": (lambda c: None, {}),
    "a default that is written out": (lambda c: c["variants"]["torch_sgd"].update(SAME), PAGE),
    "keys in another order": (lambda c: c.update(training=dict(reversed(c["training"].items()))), PAGE),
    "seeds in another order": (lambda c: c["seeds"].reverse(), PAGE),
    "variants in another order": (lambda c: c.update(variants=dict(reversed(c["variants"].items()))), TABLES),
    "a variant's lr": (
        lambda c: c["variants"]["torch_sgd"].update(lr=0.02),
        options_of("train net torch_sgd") | PLOT | TWINS,  # they are no twins now
    ),
    "a variant's name": (rename, new("net other") | TABLES | options_of("compare_twins")),
    "a variant more, which is no twin": (
        lambda c: c["variants"].update(x={"implementation": "custom", "optimizer": "sgd", "lr": 0.05}),
        new("net x") | TABLES,
    ),
    "a variant less": (lambda c: c["variants"].pop("torch_sgd"), TABLES | TWINS),
    "a seed more": (lambda c: c["seeds"].append(9), options_of("initialize net") | PAGE),  # then the trainings follow
    "a network more": (
        lambda c: c["networks"].update(deep=[4, 4, 4]),
        new("deep custom_sgd", "deep torch_sgd") | {"initialize deep": "new", "plot_curves deep": "new"}
        | options_of("summarize", "compare_twins", "compare_published", "plot_accuracies") | PAGE,
    ),
    "a network's activation": (
        lambda c: c["networks"].update(net={"hidden": [8, 8], "activation": "tanh"}),
        options_of("initialize net", "initialize sweep/trials", "initialize sweep/final") | TRAIN | SWEEP | PAGE,
    ),
    "epochs, of which the sweep has none of its own": (lambda c: c["training"].update(epochs=1), TRAIN | SWEEP | PAGE),
    "smoothing": (lambda c: c["curves"].update(smoothing=7), PLOT),
    "the folder of MNIST": (lambda c: c["data"].update(source="/elsewhere"), PAGE),
    "other data": (
        lambda c: c["data"].update(OTHER_FILE | {"source": "/data"}),
        options_of("download_mnist", "compare_published") | PLOT,  # whose titles have the folder's name
    ),
    "the sweep's epochs": (lambda c: c["sweep"]["training"].update(epochs=1), SWEEP | options_of("report_sweep")),
    "the sweep's targets": (lambda c: c["sweep"].update(targets=[0.6]), options_of("rank", "report_sweep")),
    "a point more": (lambda c: c["sweep"]["optimizers"]["sgd"]["lr"].append(0.2), both("sgd_lr=0.2") | GRIDS),
    "final seeds": (lambda c: c["sweep"].update(final_seeds=5), options_of("initialize sweep/final", "report_sweep")),
    "another optimizer with the same points": (
        lambda c: c["sweep"]["optimizers"]["adam"].update(optimizer="adamw"),
        both("adamw_lr=0.001", "adamw_lr=0.004", "adamw_lr=0.002") | GRIDS,
    ),
    "no sweep": (lambda c: c.pop("sweep"), {}),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "expected"), ROWS.values(), ids=ROWS)
def test_an_edit_of_the_config_changes_the_parameters_of_exactly_its_jobs(edit, expected):
    assert stale(plan(CONFIG), plan(edited(edit))) == expected


def test_another_device_trains_again_and_makes_nothing_else_stale():
    assert stale(plan(CONFIG, "cpu"), plan(CONFIG, "cuda")) == TRAIN | SWEEP


ALL_TRAININGS = {"train net custom_sgd", "train net torch_sgd", *SWEEP}
ALL = {*plan(CONFIG)}
READ_BY = {
    "descent/train/loop.py": ALL_TRAININGS,
    "descent/train/loss.py": ALL_TRAININGS | {"initialize net", "initialize sweep/trials", "initialize sweep/final"},
    # Not by torch_sgd, which does not use the rule; choose says what hyperparameters an optimizer has.
    "descent/optimizers/sgd.py": {job for job in ALL_TRAININGS if "custom" in job or "/sgd" in job.replace(" ", "/")}
    | {"check_optimizers", "choose"},
    "descent/optimizers/adagrad.py": {"check_optimizers", "choose"},
    "descent/compare/statistics.py": {"summarize", "compare_published", "plot_accuracies", "report"}
    | {"choose", "rank", "plot_sweep", "report_sweep"},
    "descent/sweep/rank.py": {"rank", "plot_sweep", "report_sweep"},
    "report/report.html.j2": {"report"},
    "report/page.css": {"report", "report_sweep"},
    "resources/published.csv": {"compare_published"},
    "descent/files.py": ALL,
    "descent/terminal.py": set(),
}  # fmt: skip


@pytest.mark.parametrize("file", READ_BY)
def test_an_edited_file_changes_the_code_of_the_jobs_that_read_it(file, monkeypatch):
    monkeypatch.setattr(module, "digest", lambda files: [path.relative_to(PACKAGE.parent) for path in files])
    module.code.cache_clear()
    assert {job for job, its in plan(CONFIG).items() if file in map(str, its["code"])} == READ_BY[file]
    module.code.cache_clear()


def test_versions_are_parameters_of_what_pytorch_computes_and_of_a_class_of_another_package():
    free = {"implementation": "torch", "optimizer": "schedulefree.SGDScheduleFree", "lr": 1}
    jobs = plan(edited(lambda c: c["variants"].update(free=free)))
    with_torch = {job for job, its in jobs.items() if "torch" in its}
    assert with_torch == {job for job in jobs if job.split()[0] in ("train", "initialize", "check_optimizers")}
    assert [job for job, its in jobs.items() if its.get("package")] == ["train net free"]


def test_the_folder_of_the_data_may_name_the_home_folder_and_other_variables(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert [folder({"source": its}) for its in ("~/data", "$HOME/data", None)] == ["/home/me/data"] * 2 + [""]


def test_options_are_quoted_words_in_the_order_of_their_names():
    assert options(seeds=[0, 1], drop_last=True, shuffle=False) == "--drop-last --seeds 0 1 --no-shuffle"
    assert options(source=None, epochs=20) == "--epochs 20"
    assert options(source="a b; $(x)") == "--source 'a b; $(x)'"
    assert options(grids={"b": [1], "a": {"lr": 0.1}}) == """--grids '{"a": {"lr": 0.1}, "b": [1]}'"""


def test_a_trainings_options_are_the_same_whatever_the_order_of_the_keys_in_the_config():
    adam = {"implementation": "custom", "optimizer": "adam", "lr": 1.0, "betas": [0.9, 0.99], "schedule": "linear"}
    expected = "--activation relu --batch-size 128 --device cpu --drop-last --dtype float32 --epochs 20"
    expected += """ --evaluation-batch-size 256 --hyperparameters '{"betas": [0.9, 0.99], "lr": 1}'"""
    expected += " --implementation custom --optimizer adam --schedule linear --no-shuffle --warmup 0"
    for variant in (adam, dict(reversed(adam.items()))):
        assert plan(CONFIG | {"variants": {"x": variant}})["train net x"]["options"] == expected
    assert plan(CONFIG)["initialize net"]["options"] == (
        "--activation relu --evaluation-batch-size 256 --hidden 8 8 --seeds 0 1 2 3 4"
    )
