"""`snakemake sweep`: what it trains, how it chooses, what it leaves alone, and what it says."""

import json
import math
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import yaml
from cases import STACKS
from checkouts import LAB, REPOSITORY, Checkout, step
from descent import sweep
from descent.config import check, experiment_schema
from descent.experiment import gpu_jobs
from descent.progress import first_epochs
from descent.ranking import expected_best, groups
from descent.runs import Run
from descent.settings import name_of
from descent.steps.choose import describe_trial
from descent.steps.plot_sweep import heat_map
from descent.steps.rank import rank, to_markdown
from pages import Page, check_numbers
from safetensors.torch import load_file, save_file

DEFAULT = yaml.safe_load(LAB.read_text())
GRIDS = DEFAULT["sweep"]["optimizers"]
TRIALS = {f"sgd_lr={lr}_momentum={momentum}" for lr in (0.01, 0.1, 1000) for momentum in (0, 0.9)}
TRIALS |= {"adam_lr=0.001", "adam_lr=0.01"}
TABLES = {"choose", "rank", "plot_sweep", "report_sweep"}


@pytest.fixture(scope="session")
def swept(once, finished) -> Checkout:
    """The finished checkout, with its sweep: SGD with two momenta and three learning rates, one too high, and Adam."""
    return Checkout(
        once("swept", lambda path: finished.copy(path / "copy").snakemake("sweep", "--cores", "2")) / "copy"
    )


@pytest.fixture
def swept_checkout(swept, tmp_path) -> Checkout:
    """A copy of it, to edit."""
    return swept.copy(tmp_path / "copy")


def train(trials, network="exercise", stage="trials") -> set[str]:
    return {f"train sweep/{network}/{stage} {trial}" for trial in trials}


def stale(checkout) -> set[str]:
    return checkout.jobs(checkout.snakemake("sweep", "--dry-run").stdout) - {"sweep"}


def table(checkout, name) -> pd.DataFrame:
    return pd.read_csv(checkout.path / f"results/sweep/{name}.csv")


def test_the_default_grids_have_as_many_trials_each_and_the_default_and_the_labs_settings_among_them():
    assert {len(sweep.points(grid)) for grid in GRIDS.values()} == {9}
    assert all(sweep.default(grid) in sweep.points(grid) for grid in GRIDS.values())
    marks = {optimizer: sweep.marks(grid, DEFAULT["variants"]) for optimizer, grid in GRIDS.items()}
    assert marks["sgd"] == ["sgd_lr=0.01"]
    assert marks["momentum"] == ["sgd_lr=0.01_momentum=0.9"]


def test_a_setting_has_one_name_whatever_the_order_of_its_keys():
    adam = {"optimizer": "adam", "lr": [0.1, 0.2], "betas": [0.9, 0.99], "eps": 1e-6}
    names = ["adam_lr=0.1_betas=0.9-0.99_eps=1e-06", "adam_lr=0.2_betas=0.9-0.99_eps=1e-06"]
    assert sweep.trials({"a": adam, "b": dict(reversed(adam.items()))}) == names
    assert name_of(sweep.default(adam)) == "adam_lr=0.001_betas=0.9-0.99_eps=1e-06"
    two = adam | {"betas": [[0.9, 0.99], [0.5, 0.9]]}
    assert sweep.default(two)["betas"] == [0.9, 0.999]
    assert sweep.swept(two) == ["lr", "betas"]
    assert sweep.edges(two, sweep.points(two)[0]) == ["lr"]


def test_a_gpu_trains_each_grid_in_one_job_or_in_as_many_as_its_memory_needs():
    assert gpu_jobs(DEFAULT) == [sweep.trials({"one": grid}) for grid in GRIDS.values()]
    wide = DEFAULT | {"networks": {"exercise": [10_000, 10_000]}}
    assert [trial for job in gpu_jobs(wide) for trial in job] == sweep.trials(GRIDS)
    assert {len(job) for job in gpu_jobs(wide)} == {1}


def test_the_expected_best_of_k_trials_is_the_mean_over_all_ways_to_draw_k():
    accuracies = [0.9, 0.1, 0.97, 0.95, 0.95, 0.2]
    for k, (mean, low, high) in enumerate(expected_best(accuracies), 1):
        best = sorted(max(drawn) for drawn in combinations(accuracies, k))
        assert mean == pytest.approx(np.mean(best))
        assert low == best[math.ceil(0.1 * len(best)) - 1]
        assert high == best[math.ceil(0.9 * len(best)) - 1]


def test_a_group_is_the_best_that_is_left_and_what_is_not_significantly_behind_it():
    means = [0.90, 0.97, 0.96, 0.95]
    different = dict.fromkeys(combinations(range(4), 2), True)
    assert groups(means, different) == [4, 1, 2, 3]
    assert groups(means, different | {(1, 2): False, (2, 3): False}) == [3, 1, 1, 2]
    assert groups(means, dict.fromkeys(different, False)) == [1, 1, 1, 1]


def test_optimizers_rank_by_their_means_and_tie_where_seeds_and_images_do_not_tell_them_apart():
    random = np.random.default_rng(0)
    right = {"bad": 0.5, "good": 0.9, "as good": 0.899}
    table = rank({name: (random.random((6, 2000)) < p).astype(float) for name, p in right.items()})
    assert set(table["optimizer"][:2]) == {"good", "as good"}
    assert table["group"].tolist() == [1, 1, 2]
    assert table["behind_low"][2] > 0.3
    same = rank({"one": np.ones((4, 10)), "other": np.ones((4, 10))})
    assert same["p_holm"].tolist()[1:] == [1]


def test_the_answer_says_who_is_best_and_how_sure_that_is():
    columns = {"test_accuracy_mean": 0.9, "test_accuracy_low": 0.8, "test_accuracy_high": 0.95, "trials": 9}
    ranking = pd.DataFrame({"optimizer": ["a", "b", "c"], "group": [1, 1, 2], "edge": "", "setting": "lr 1"})
    ranking = ranking.assign(default_test_accuracy_mean=0.5, **columns)
    tied = to_markdown(ranking)
    assert tied.startswith("- Each at its best, a has the highest mean; not significantly behind: b.\n\n| group |")
    lost = to_markdown(ranking.assign(group=math.nan))
    assert lost.startswith("- No optimizer is best.\n- a: every trial lost a seed.\n- b: every trial lost a seed.\n")
    best = to_markdown(ranking.drop(1))
    assert best.startswith("- Each at its best, a is significantly better than all others.\n\n| group |")
    assert "\n| 1 | a | 90.00 [80.00, 95.00] | lr 1 | 50.00 |\n" in best
    assert to_markdown(ranking[:1]).startswith("- Only a could be ranked.\n")


def test_a_target_is_reached_in_the_first_epoch_with_that_accuracy():
    assert first_epochs({0: [0.8, 0.95, 0.9], 1: [0.1, 0.1, 0.1]}, 0.9) == [2, math.inf]


def train_stack(swept, folder, optimizer, settings, *words) -> list[Run]:
    """Train some settings in one stack, in double precision, with the images in each seed's order."""
    targets = [folder / f"{len(settings)}-{i}" for i in range(len(settings))]
    arguments = ["--mnist", swept.path / "resources/mnist.safetensors", "--evaluation-batch-size", 256]
    arguments += ["--initial", swept.path / "results/sweep/exercise/trials/initial.safetensors"]
    for setting in settings:
        arguments += ["--hyperparameters", *(f"{name}={json.dumps(value)}" for name, value in setting.items())]
    arguments += [
        "--implementation",
        "custom",
        "--optimizer",
        optimizer,
        "--epochs",
        2,
        "--shuffle",
        "--batch-size",
        16,
    ]
    step(
        "train", *arguments, "--dtype", "float64", "--device", "cpu", "--validation", 200, *words, "--output", *targets
    )
    return [Run(target) for target in targets]


@pytest.mark.parametrize("optimizer", STACKS)
def test_a_stack_trains_each_setting_as_alone(optimizer, swept, tmp_path):
    stacked = train_stack(swept, tmp_path, optimizer, STACKS[optimizer])
    for run, setting in zip(stacked, STACKS[optimizer]):
        (alone,) = train_stack(swept, tmp_path / "alone", optimizer, [setting])
        for metrics in ("training", "evaluation"):
            pd.testing.assert_frame_equal(getattr(run, metrics), getattr(alone, metrics), rtol=0, atol=1e-10)
        for name, parameter in run.parameters.items():
            np.testing.assert_allclose(parameter, alone.parameters[name], rtol=0, atol=1e-10)
        assert run.record["hyperparameters"] == setting
    assert max(run.evaluation["accuracy"].max() for run in stacked) > 0.7, "nothing was trained"


def test_a_run_that_diverges_stops_no_other_of_its_stack_and_its_trial_is_lost(swept, tmp_path):
    good, diverges = {"lr": 0.1, "weight_decay": 0.0}, {"lr": 10.0, "weight_decay": 1000.0}
    trials = [describe_trial(run) for run in train_stack(swept, tmp_path, "sgd", [good, diverges])]
    assert [trial["diverged_seeds"] for trial in trials] == [0, 2]
    assert [trial["lost_seeds"] for trial in trials] == [0, 2]
    assert [math.isnan(trial["validation_accuracy_mean"]) for trial in trials] == [False, True]


def test_the_heat_map_is_written_in_ink_that_is_read_on_its_colour():
    summary = pd.DataFrame({"lr": [0.01, 0.1, 1.0], "validation_accuracy_mean": [0.99, 0.2, math.nan], "seeds": 3})
    summary = summary.assign(momentum=0.9, lost_seeds=[0, 0, 2], chosen=[True, False, False], trial=["a", "b", "c"])
    panel = heat_map(summary, ["lr", "momentum"], ["a"], "none").axes[0]
    assert {text.get_text(): text.get_color() for text in panel.texts[:2]} == {"99.0": "k", "20.0": "w"}
    assert panel.texts[2].get_text() == "✕ 2/3"
    assert len(panel.patches) == 3  # the chosen one, and a variant in black on white within it


def test_the_default_run_neither_makes_nor_needs_the_sweep(finished, swept):
    assert not (finished.path / "results/sweep").exists()
    assert swept.stale() == set()


def test_the_tables_say_what_the_runs_measured(swept):
    trials, ranking = table(swept, "trials"), table(swept, "ranking").set_index("optimizer")
    assert set(trials["trial"]) == TRIALS
    kept = trials[trials["lost_seeds"] == 0]
    for optimizer, its in kept.groupby("optimizer"):
        best = its.loc[its["validation_accuracy_mean"].idxmax()]
        assert best["chosen"]
        run = Run(swept.path / "results/sweep/exercise/final" / best["trial"])
        assert ranking.loc[optimizer, "validation_accuracy_mean"] == best["validation_accuracy_mean"]
        assert ranking.loc[optimizer, "test_accuracy_mean"] == pytest.approx(run.correct.mean())
        assert run.correct.shape == (4, 300), "the test set's images"
        assert run.evaluation["seed"].unique().tolist() == [2000, 2001, 2002, 2003]
        measured = Run(swept.path / "results/sweep/exercise/trials" / best["trial"]).evaluation
        assert measured["seed"].unique().tolist() == [1000, 1001]
        assert measured.groupby("seed")["accuracy"].last().mean() == pytest.approx(best["validation_accuracy_mean"])
    assert (trials["guessing_seeds"] == 2).tolist() == (trials["lr"] == 1000).tolist()
    budget = table(swept, "budget").groupby("optimizer")
    assert budget["trials"].max().to_dict() == {"adam": 2, "sgd": 6}
    assert budget["expected"].max().to_dict() == kept.groupby("optimizer")["validation_accuracy_mean"].max().to_dict()
    targets = table(swept, "targets").set_index(["optimizer", "target"])
    assert targets.loc[("sgd", 0.5), "reached"] == 4
    assert targets.loc[("sgd", 0.5), "epochs"] >= 1


def test_the_page_answers_first_and_every_number_on_it_stands_in_a_file(swept):
    page = Page((swept.path / "results/sweep.html").read_text(encoding="utf-8"))
    check_numbers(page, swept.path / "results")
    assert {address for address in page.addresses if not address.startswith("data:")} == {"report.html"}
    words = " ".join(page.text.split())
    titles = ["Which optimizer", "Ranking", "What a budget", "Time to", "Sensitivity", "sgd: the grid", "What diverged"]
    places = [words.index(title) for title in titles]
    assert places == sorted(places)
    assert "The numbers of trials differ" in words
    assert "adam: the chosen lr is at the edge of its grid" in words
    for figure in ("budget", "sensitivity", "heat_map_sgd"):
        assert (swept.path / f"results/sweep/{figure}.png").exists()


@pytest.mark.slow
def test_other_test_labels_change_no_choice(swept_checkout):
    file = swept_checkout.path / "resources/mnist.safetensors"
    mnist = load_file(file)
    mnist["test_labels"] = mnist["test_labels"].flip(0)
    save_file(mnist, file)
    tables = [swept_checkout.path / f"results/sweep/{name}" for name in ("trials.csv", "choices.json")]
    before = [file.read_bytes() for file in tables]
    run = swept_checkout.snakemake("results/sweep/choices.json")
    assert train(TRIALS) <= swept_checkout.jobs(run.stderr)
    assert before == [
        (swept_checkout.path / f"results/sweep/{name}").read_bytes() for name in ("trials.csv", "choices.json")
    ]


def test_trials_do_not_even_read_the_test_set(swept, tmp_path):
    mnist = load_file(swept.path / "resources/mnist.safetensors")
    (tmp_path / "resources").mkdir()
    without = {name: tensor for name, tensor in mnist.items() if name.startswith("train")}
    save_file(without, tmp_path / "resources/mnist.safetensors")
    (tmp_path / "results").symlink_to(swept.path / "results")
    train_stack(Checkout(tmp_path), tmp_path, "sgd", [{"lr": 0.1}])


def rename_network(config):
    config["networks"]["mine"] = config["networks"]["exercise"]
    config["sweep"]["network"] = "mine"


ROWS = {
    "no edit": (lambda config: None, set()),
    "keys in another order": (lambda c: c.update(sweep=dict(reversed(c["sweep"].items()))), set()),
    "a new point": (
        lambda c: c["sweep"]["optimizers"]["sgd"]["lr"].insert(1, 0.02),
        train(f"sgd_lr=0.02_momentum={m}" for m in (0, 0.9)) | TABLES,
    ),
    "remove a point": (lambda c: c["sweep"]["optimizers"]["sgd"]["lr"].remove(0.01), TABLES),
    "a new optimizer": (
        lambda c: c["sweep"]["optimizers"].update(adagrad={"optimizer": "adagrad", "lr": [0.1]}),
        train(["adagrad_lr=0.1"]) | TABLES,
    ),
    "rename an optimizer": (
        lambda c: c["sweep"]["optimizers"].update(mine=c["sweep"]["optimizers"].pop("adam")),
        TABLES,
    ),
    "another optimizer with the same points": (
        lambda c: c["sweep"]["optimizers"]["adam"].update(optimizer="adamw"),
        train(["adamw_lr=0.001", "adamw_lr=0.01"]) | TABLES,
    ),
    "rename the network": (rename_network, {"initialize sweep/mine/trials"} | train(TRIALS, "mine") | TABLES),
    "epochs": (lambda c: c["sweep"].update(epochs=1), train(TRIALS) | TABLES),
    "targets": (lambda c: c["sweep"].update(targets=[0.6]), {"rank", "plot_sweep", "report_sweep"}),
}


@pytest.mark.parametrize("row", ROWS)
def test_an_edit_of_the_sweep_trains_exactly_what_is_new(row, swept_checkout):
    edit, expected = ROWS[row]
    swept_checkout.edit_config(edit)
    assert stale(swept_checkout) == expected
    if row != "rename the network":
        assert swept_checkout.stale() == set(), "the default run ignores the sweep"


def test_longer_final_runs_train_the_chosen_and_the_default_settings_alone(swept_checkout):
    swept_checkout.edit_config(lambda config: config["sweep"]["final"].update(epochs=4))
    choices = json.loads((swept_checkout.path / "results/sweep/choices.json").read_text())
    settings = {*choices.values(), "adam_lr=0.001", "sgd_lr=0.001_momentum=0"}
    assert stale(swept_checkout) == train(settings, stage="final") | TABLES - {"choose"}


def blocks(language: str) -> list[str]:
    text = (REPOSITORY / "docs/sweep.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_lion_as_documented_trains_its_own_trials_and_final_runs_alone(swept_checkout):
    (rule, entry), (line,) = blocks("python"), blocks("yaml")
    file = swept_checkout.path / "workflow/descent/optimizers.py"
    text = file.read_text(encoding="utf-8").replace("class Optimizer(", f"{rule}\n\nclass Optimizer(")
    file.write_text(text.replace("OPTIMIZERS = {\n", f"OPTIMIZERS = {{\n{entry}"), encoding="utf-8")
    assert swept_checkout.stale() == {"check_rules", "compare_twins", "report"}, "trainings with other optimizers stay"
    grid = yaml.safe_load(line)["lion"]
    swept_checkout.edit_config(lambda config: config["sweep"]["optimizers"].update(lion=grid | {"lr": [0.0001, 0.001]}))
    run = swept_checkout.snakemake("sweep")
    answer, table_, page = run.stdout.rstrip().split("\n\n")[-3:]
    assert re.match(r"- Each at its best, \w+ (has the highest mean; not|is) significantly .*\n", answer)
    assert "\n- The numbers of trials differ: " in answer
    assert re.search(r"\n- \w+: the chosen lr is at the edge of its grid\.\n", answer)
    assert answer.endswith("\n- All update rules that have a class in torch.optim equal it.")
    assert re.search(r"^\| \d \| lion \| \d\d\.\d\d \[.*\] \| lr 0\.001? \| \d\d\.\d\d \|$", table_, re.MULTILINE)
    assert page == f"Open the report: {swept_checkout.path}/results/sweep.html"
    ran = swept_checkout.jobs(run.stderr)
    trials = ["lion_lr=0.0001", "lion_lr=0.001"]
    final = train(trials, stage="final")
    assert ran - final - {"sweep"} == train(trials) | TABLES | {"check_rules"}, (
        "nor do the other final runs train again"
    )
    assert ran & final
    ranking = table(swept_checkout, "ranking").set_index("optimizer")
    assert ranking.loc["lion", "test_accuracy_mean"] > 0.3
    assert stale(swept_checkout) == set()


def test_a_stack_is_one_job_on_a_gpu(swept_checkout):
    swept_checkout.edit_config(lambda config: config.update(device="cuda"))
    run = swept_checkout.snakemake("sweep", "--dry-run", "--printshellcmds")
    assert {"train_stack_0", "train_stack_1"} <= swept_checkout.jobs(run.stdout)
    assert not {job for job in swept_checkout.jobs(run.stdout) if job.startswith("train sweep/exercise/trials")}
    (command,) = re.findall(r"descent\.steps\.train .*--optimizer sgd .*", run.stdout)
    assert command.count("--hyperparameters") == 6


def test_an_optimizer_of_which_every_trial_is_lost_is_reported_as_such(swept_checkout):
    swept_checkout.edit_config(lambda config: config["sweep"]["optimizers"]["sgd"].update(lr=[1000], momentum=[0, 0.9]))
    swept_checkout.edit_config(lambda config: config["sweep"]["final"].update(seeds=3))
    run = swept_checkout.snakemake("sweep")
    assert "\n- adam has the highest mean; with fewer than four seeds, it may be luck.\n" in run.stdout
    assert "\n- sgd: every trial lost a seed.\n" in run.stdout
    ranking = table(swept_checkout, "ranking").set_index("optimizer")
    assert math.isnan(ranking.loc["sgd", "group"])
    page = Page((swept_checkout.path / "results/sweep.html").read_text(encoding="utf-8"))
    check_numbers(page, swept_checkout.path / "results", at_least=30)
    assert "none: every trial lost a seed" in page.text


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("optimizers.adam", {"optimizer": "adm", "lr": 1}, "sweep.optimizers.adam.optimizer: 'adm' is not one of sgd"),
        (
            "optimizers.adam.momentum",
            0.9,
            "sweep.optimizers.adam: unknown key 'momentum'; the keys here are optimizer, lr",
        ),
        ("optimizers.sgd.lr", -1, "sweep.optimizers.sgd.lr: -1 is not greater than 0"),
        ("optimizers.sgd.lr", "1e-3", "sweep.optimizers.sgd.lr: '1e-3' is not a value, a list of values, or {log10: ["),
        ("optimizers.sgd.lr", {"log10": [-3, 0]}, "sweep.optimizers.sgd.lr: the key 'points' is missing"),
        ("optimizers.sgd.momentum", {"log10": [-1, 0], "points": 2}, "sweep.optimizers.sgd.momentum: 1.0 is not less"),
        (
            "optimizers.sgd.nesterov",
            [True, False],
            "sweep.optimizers.sgd.nesterov: [True, False] is not of type boolean",
        ),
        (
            "optimizers.sgd.lr",
            [0.1, 0.10000001],
            "sweep.optimizers.sgd: two settings of the sweep are equal to six digits",
        ),
        ("optimizers", {}, "sweep.optimizers: is empty"),
        ("final", 10, "sweep.final: 10 is not of type mapping; an example: {epochs: 20, seeds: 10}"),
        ("targets", [95], "sweep.targets.0: 95 is more than 1"),
        ("points_per_job", 4, "sweep: unknown key 'points_per_job'; the keys here are network, validation, epochs"),
    ],
)
def test_a_wrong_sweep_is_named_in_one_line(path, value, message):
    config = yaml.safe_load(LAB.read_text())
    *parents, last = path.split(".")
    place = config["sweep"]
    for key in parents:
        place = place[key]
    place[last] = value
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check(config, experiment_schema())


def test_seeds_that_the_sweep_uses_too_are_refused_when_it_is_asked_for(swept_checkout):
    swept_checkout.edit_config(lambda config: config.update(seeds=[0, 2003]))
    assert "train exercise custom_sgd" in swept_checkout.stale()
    run = swept_checkout.snakemake("sweep", "--dry-run", check=False)
    assert run.returncode
    assert "config.yaml: seeds: 2003 is also a seed of the sweep's final runs" in run.stderr
    assert "Traceback" not in run.stderr
