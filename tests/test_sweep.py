"""`snakemake sweep`: what it trains, what it leaves alone, and what it says."""

import json
import re
import shutil
from itertools import pairwise

import pandas as pd
import pytest
import yaml
from conftest import LAB, Checkout, step
from descent.optimizers import defaults
from descent.runs import Run
from descent.steps.plot_sweep import heat_map, is_marked
from descent.steps.summarize_sweep import describe_points
from descent.sweep import jobs, marks, name, points
from test_page import Page, check_numbers

DEFAULT = yaml.safe_load(LAB.read_text())
JOBS = {f"lr={lr}_momentum={momentum}" for lr in (0.01, 0.05, 1000) for momentum in (0, 0.9)}
TABLES = {"summarize_sweep", "plot_sweep", "report_sweep"}


@pytest.fixture(scope="module")
def swept(finished, tmp_path_factory) -> Checkout:
    """The finished checkout, with its sweep: two momenta, three learning rates, one too high."""
    checkout = Checkout(shutil.copytree(finished.path, tmp_path_factory.mktemp("swept") / "copy"))
    checkout.snakemake("sweep", "--cores", "2", "--resources", "gpu=2")
    return checkout


@pytest.fixture
def checkout(swept, tmp_path) -> Checkout:
    return Checkout(shutil.copytree(swept.path, tmp_path / "copy"))


def trained(checkout, edit) -> set[str]:
    """The jobs that `snakemake sweep` would run after an edit of the sweep in config.yaml."""
    checkout.edit_config(lambda config: edit(config["sweep"]))
    return checkout.jobs(checkout.snakemake("sweep", "--dry-run").stdout) - {"sweep"}


def test_the_grid_of_the_default_config_is_the_labs_point_and_what_lies_around_it():
    grid = points(DEFAULT["sweep"])
    assert len(grid) == 13 * 4
    rates = sorted({point["lr"] for point in grid})
    assert (rates[0], rates[-1]) == (0.001, 1.0)
    assert all(round(b / a, 3) == round(10**0.25, 3) for a, b in pairwise(rates))
    assert {"lr": 0.01, "momentum": 0} in grid
    assert {"lr": 0.01, "momentum": 0.9} in grid


def test_a_grid_is_cut_into_jobs_of_the_size_that_the_config_says():
    sweep = {"network": "n", "optimizer": "adam", "seeds": 1, "epochs": 1, "lr": [0.1, 0.2, 0.3]}
    sweep |= {"betas": [[0.9, 0.99], [0.8, 0.9]]}
    for size, sizes in {1: [1] * 6, 4: [4, 2], 100: [6]}.items():
        cut = jobs(sweep | {"points_per_job": size})
        assert [len(job) for job in cut.values()] == sizes
        assert [point for job in cut.values() for point in job] == points(sweep)
    assert name(points(sweep)[-1]) == "lr=0.3_betas=0.8-0.9"
    assert points(sweep | {"betas": [0.9, 0.99]})[0] == {"lr": 0.1, "betas": [0.9, 0.99]}


def test_every_run_is_in_one_table(swept):
    runs = pd.read_csv(swept.path / "results/sweep/runs.csv")
    assert runs.columns.tolist() == ["lr", "momentum", "seed", "epoch", "loss", "accuracy", "diverged"]
    assert len(runs) == 6 * 2 * 2
    assert not runs.duplicated(["lr", "momentum", "seed", "epoch"]).any()
    assert runs["diverged"].isna().all()


@pytest.mark.parametrize(("variant", "momentum"), [("custom_sgd", 0), ("custom_momentum", 0.9)])
def test_a_point_that_is_a_variant_gets_the_variants_numbers(swept, variant, momentum):
    runs = pd.read_csv(swept.path / "results/sweep/runs.csv")
    same = runs[(runs["lr"] == 0.01) & (runs["momentum"] == momentum)][["seed", "epoch", "loss", "accuracy"]]
    expected = pd.read_csv(swept.path / f"results/exercise/{variant}/evaluation.csv")
    pd.testing.assert_frame_equal(same.reset_index(drop=True), expected)


GRIDS = {
    "sgd": [
        {"lr": 0.01, "momentum": 0.0, "weight_decay": 0.0},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"lr": 0.2, "momentum": 0.5, "weight_decay": 0.001},
    ],
    "nesterov": [{"lr": lr, "momentum": momentum, "nesterov": True} for lr, momentum in ((0.01, 0.9), (0.1, 0.5))],
    "adagrad": [{"lr": 0.01, "eps": 1e-10}, {"lr": 0.1, "eps": 1e-6}],
    "rmsprop": [
        {"lr": 0.001, "alpha": 0.9, "eps": 1e-8, "momentum": 0.0},
        {"lr": 0.01, "alpha": 0.99, "eps": 1e-4, "momentum": 0.5},
    ],
    "adam": [
        {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0},
        {"lr": 0.01, "betas": [0.5, 0.9], "eps": 1e-4, "weight_decay": 0.01},
    ],
    "adamw": [
        {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0},
        {"lr": 0.01, "betas": [0.5, 0.9], "eps": 1e-4, "weight_decay": 0.5},
    ],
}


def train(swept, folder, optimizer, points) -> pd.DataFrame:
    """Train some points by themselves, one seed, in double precision, with the images in the seed's order."""
    mnist, initial, target = swept.path / "resources/mnist.safetensors", folder / "initial", folder / "output"
    common = ["--mnist", mnist, "--evaluation-batch-size", 256]
    if not initial.exists():
        words = ["--hidden", 8, 8, "--seeds", 3, "--parameters", initial, "--metrics", folder / "metrics"]
        step("initialize", *common, *words)
    words = ["--initial", initial, "--optimizer", optimizer, "--points", json.dumps(points), "--epochs", 2, "--shuffle"]
    words += ["--batch-size", 16, "--dtype", "float64", "--device", "cpu", "--output", target]
    step("train_sweep", *common, *words)
    return Run(target).evaluation


@pytest.mark.parametrize("grid", GRIDS)
def test_a_stacked_run_equals_the_same_run_trained_alone(grid, swept, tmp_path):
    optimizer = "sgd" if grid == "nesterov" else grid
    stacked = train(swept, tmp_path, optimizer, GRIDS[grid])
    alone = [train(swept, tmp_path, optimizer, [point]) for point in GRIDS[grid]]
    pd.testing.assert_frame_equal(stacked, pd.concat(alone, ignore_index=True), rtol=0, atol=1e-10)
    assert (stacked["accuracy"] > 0.7).any(), "nothing was trained"


def test_a_run_that_diverges_stops_no_other_of_its_job(swept, tmp_path):
    good, bad = {"lr": 0.1, "weight_decay": 0.0}, {"lr": 10.0, "weight_decay": 1000.0}
    runs = train(swept, tmp_path, "sgd", [good, bad])
    diverged = runs[runs["lr"] == 10]["diverged"]
    assert diverged.between(1, 200).all()
    pd.testing.assert_frame_equal(runs[runs["lr"] == 0.1], train(swept, tmp_path, "sgd", [good]))
    assert describe_points(runs, ["lr", "weight_decay"])["lost_seeds"].tolist() == [0, 1]


def test_a_run_that_diverges_or_guesses_takes_its_points_mean():
    columns = ["lr", "seed", "epoch", "loss", "accuracy", "diverged"]
    good, nan, guess = (0.2, 0.95, None), (float("nan"), 0.098, 100), (2.31, 0.1, None)
    confident = (2.5, 0.94, None)  # a high loss by a few bad mistakes is no guessing
    runs = {0.1: [good, good], 0.2: [good, nan], 0.3: [good, guess], 0.4: [good, confident]}
    table = pd.DataFrame(
        [(lr, seed, 0, *run) for lr, its in runs.items() for seed, run in enumerate(its)], columns=columns
    )
    summary = describe_points(table, ["lr"])
    assert summary["diverged_seeds"].tolist() == [0, 1, 0, 0]
    assert summary["guessing_seeds"].tolist() == [0, 0, 1, 0]
    assert summary["lost_seeds"].tolist() == [0, 1, 1, 0]
    assert summary["test_accuracy_mean"].isna().tolist() == [False, True, True, False]
    assert summary["best"].tolist() == [True, False, False, False]


def test_a_figure_marks_the_variants_that_are_points_of_the_grid():
    variants = {
        "plain": {"implementation": "torch", "optimizer": "sgd", "lr": 0.01},
        "momentum": {"implementation": "custom", "optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": False},
        "decayed": {"implementation": "custom", "optimizer": "sgd", "lr": 0.1, "weight_decay": 0.1},
        "adam": {"implementation": "custom", "optimizer": "adam", "lr": 0.001},
    }
    sgd = marks({"optimizer": "sgd", "lr": [0.01, 0.1], "momentum": [0, 0.9]}, variants, defaults("sgd"))
    assert sgd == [{"lr": 0.01, "momentum": 0.0}, {"lr": 0.01, "momentum": 0.9}]
    adam = {"optimizer": "adam", "lr": [0.001], "betas": [[0.9, 0.999], [0.5, 0.9]]}
    assert marks(adam, variants, defaults("adam")) == [{"lr": 0.001, "betas": [0.9, 0.999]}]
    assert is_marked(pd.Series({"lr": 0.001, "betas": "[0.9, 0.999]"}), [{"lr": 0.001, "betas": [0.9, 0.999]}])
    assert not is_marked(pd.Series({"lr": 0.001, "eps": 1e-10}), [{"lr": 0.001, "eps": 1e-8}])
    assert is_marked(pd.Series({"lr": 0.01, "momentum": 0.0}), sgd)
    assert not is_marked(pd.Series({"lr": 0.1, "momentum": 0.0}), sgd)


def test_the_heat_map_is_written_in_ink_that_is_read_on_its_colour():
    summary = pd.DataFrame({"lr": [0.01, 0.1, 1.0], "test_accuracy_mean": [0.99, 0.2, float("nan")], "seeds": 3})
    summary = summary.assign(lost_seeds=[0, 0, 2], best=[True, False, False])
    panel = heat_map(summary, ["lr"], [{"lr": 0.01}]).axes[0]
    assert {text.get_text(): text.get_color() for text in panel.texts[1:]} == {"99.0": "k", "20.0": "w"}
    assert panel.texts[0].get_text() == "✕ 2/3"
    assert len(panel.patches) == 3  # the best, and a variant in black on white within it
    assert panel.patches[0].get_width() > panel.patches[1].get_width()


def test_points_in_other_jobs_give_the_same_runs(swept, checkout):
    retrained = trained(checkout, lambda sweep: sweep.update(points_per_job=4))
    assert retrained == {"train_sweep lr=0.01_momentum=0", "train_sweep lr=0.05_momentum=0.9"} | TABLES
    checkout.snakemake("sweep")
    one, two = (pd.read_csv(c.path / "results/sweep/runs.csv") for c in (swept, checkout))
    pd.testing.assert_frame_equal(one, two, rtol=1e-4)


@pytest.mark.parametrize(
    ("edit", "new"),
    [
        (lambda sweep: None, None),
        (lambda sweep: sweep.update({"lr": sweep.pop("lr"), "momentum": sweep.pop("momentum")}), None),
        (lambda sweep: sweep["momentum"].append(0.5), {f"lr={lr}_momentum=0.5" for lr in (0.01, 0.05, 1000)}),
        (lambda sweep: sweep["lr"].insert(1, 0.02), {f"lr=0.02_momentum={m}" for m in (0, 0.9)}),
        (lambda sweep: sweep["lr"].remove(1000), set()),
        (lambda sweep: sweep.update(epochs=3), JOBS),
    ],
    ids=[
        "no edit",
        "keys in another order",
        "add a momentum",
        "add a learning rate",
        "remove a learning rate",
        "epochs",
    ],
)
def test_an_edit_of_the_grid_trains_what_is_new_and_keeps_the_rest(edit, new, checkout):
    expected = set() if new is None else {f"train_sweep {job}" for job in new} | TABLES
    assert trained(checkout, edit) == expected
    assert checkout.stale() == set(), "the default run has nothing to do with the sweep"


def test_any_optimizer_can_be_swept(small_checkout):
    def edit(config: dict) -> None:
        adam = {"optimizer": "adam", "lr": 0.01, "betas": [0.9, 0.99]}
        config["variants"] = {"mine": {"implementation": "custom"} | adam}
        settings = {"network": "exercise", "seeds": 1, "epochs": 1, "points_per_job": 3}
        config["sweep"] = adam | settings | {"lr": [0.001, 0.01], "betas": [[0.9, 0.99], [0.5, 0.9]], "eps": 1.0e-6}

    small_checkout.edit_config(edit)
    small_checkout.snakemake("sweep")
    summary = pd.read_csv(small_checkout.path / "results/sweep/summary.csv")
    assert summary["betas"].tolist() == ["[0.9, 0.99]"] * 2 + ["[0.5, 0.9]"] * 2
    assert summary["test_accuracy_mean"].between(0.1, 1).all()
    page = Page((small_checkout.path / "results/sweep.html").read_text())
    check_numbers(page, small_checkout.path / "results", at_least=25)


def test_the_default_run_leaves_the_sweep_alone(finished):
    assert not (finished.path / "results/sweep").exists()


def test_summary_and_page_tell_the_best_and_the_diverged(swept):
    summary = pd.read_csv(swept.path / "results/sweep/summary.csv")
    runs = pd.read_csv(swept.path / "results/sweep/runs.csv")
    last = runs[(runs["epoch"] == 1) & (runs["lr"] < 1000)].groupby(["lr", "momentum"])["accuracy"].mean()
    best = summary[summary["best"]]
    assert len(best) == 1
    assert last[tuple(best[["lr", "momentum"]].iloc[0])] == pytest.approx(last.max())
    assert best["test_accuracy_mean"].iloc[0] == pytest.approx(last.max())
    assert (summary["test_accuracy_mean"].isna() == (summary["lr"] == 1000)).all()
    assert (summary["guessing_seeds"] == (summary["lr"] == 1000) * 2).all()

    text = (swept.path / "results/sweep.html").read_text()
    page = Page(text)
    check_numbers(page, swept.path / "results")
    assert not [address for address in page.addresses if not address.startswith("data:")]
    assert len(re.findall(r">0</data> diverged,\s+<data [^>]*>2</data> guess", text)) == 2


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"network": "deep"}, "sweep.network: 'deep' is not one of exercise, notebook"),
        ({"optimizer": "adam"}, "sweep: unknown key 'momentum'; the keys here are optimizer, network, seeds, epochs"),
        ({"lr": -1}, "sweep.lr: -1 is not greater than 0"),
        ({"lr": "1e-3"}, "sweep.lr: '1e-3' is not a value, a list of values, or {log10: [LOW, HIGH], points: N} (YAML"),
        ({"lr": {"log10": [-3, 0]}}, "sweep.lr: the key 'points' is missing"),
        ({"momentum": {"log10": [-1, 0], "points": 2}}, "sweep.momentum: 1.0 is not less than 1"),
        ({"momentum": [0, 0.9], "nesterov": True}, "sweep.momentum: 0 is not greater than 0"),
        ({"nesterov": [True, False]}, "sweep.nesterov: [True, False] is not of type boolean"),
        ({"lr": [0.1, 0.10000001]}, "sweep: two points of the grid differ in less than six digits"),
    ],
)
def test_a_wrong_sweep_is_told_in_one_line(edit, message, small_checkout):
    small_checkout.edit_config(lambda config: config["sweep"].update(edit))
    run = small_checkout.snakemake("--dry-run", check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith(f"config.yaml: {message}")
