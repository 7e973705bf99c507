"""`snakemake sweep`: what it trains, how it chooses, what it leaves alone, and what it says."""

import json
import re

import pandas as pd
import pytest
import yaml
from checkouts import REPOSITORY
from descent.run import Run
from safetensors.torch import load_file, save_file

TRIALS = {f"sgd_lr={lr}_momentum={momentum}" for lr in (0.01, 0.05, 1000) for momentum in (0, 0.9)}
TRIALS |= {"adam_lr=0.001_schedule=linear", "adam_lr=0.004_schedule=linear"}
TABLES = {"choose", "rank", "plot_sweep", "report_sweep"}


def train(trials, stage="trials") -> set[str]:
    return {f"train sweep/{stage} {trial}" for trial in trials}


def stale(checkout) -> set[str]:
    return checkout.jobs(checkout.snakemake("sweep", "--dry-run").stdout) - {"sweep"}


def table(checkout, name) -> pd.DataFrame:
    return pd.read_csv(checkout.path / f"results/sweep/{name}.csv")


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
        run = Run(swept.path / "results/sweep/final" / best["trial"])
        assert ranking.loc[optimizer, "validation_accuracy_mean"] == best["validation_accuracy_mean"]
        assert ranking.loc[optimizer, "test_accuracy_mean"] == pytest.approx(run.correct.mean())
        assert run.correct.shape == (4, 300), "the test set's images"
        assert run.evaluation["seed"].unique().tolist() == [2000, 2001, 2002, 2003]
        measured = Run(swept.path / "results/sweep/trials" / best["trial"]).evaluation
        assert measured["seed"].unique().tolist() == [1000, 1001]
        assert measured.groupby("seed")["accuracy"].last().mean() == pytest.approx(best["validation_accuracy_mean"])
    assert (trials["guessing_seeds"] == 2).tolist() == (trials["lr"] == 1000).tolist()
    targets = table(swept, "targets").set_index(["optimizer", "target"])
    assert targets.loc[("sgd", 0.5), "reached"] == 4
    assert targets.loc[("sgd", 0.5), "epochs"] >= 1


@pytest.mark.slow
def test_other_test_labels_change_no_choice(swept_checkout):
    file = swept_checkout.data
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


@pytest.mark.slow
def test_more_final_runs_train_the_chosen_and_the_default_settings_alone(swept_checkout):
    swept_checkout.edit_config(lambda config: config["sweep"].update(final_seeds=5))
    choices = json.loads((swept_checkout.path / "results/sweep/choices.json").read_text())
    settings = {*choices.values(), "adam_lr=0.001_schedule=linear", "sgd_lr=0.001_momentum=0"}
    final = train(settings, stage="final") | {"initialize sweep/final"}
    assert stale(swept_checkout) == final | {"rank", "plot_sweep", "report_sweep"}


@pytest.mark.slow
def test_lion_as_documented_trains_its_own_trials_and_final_runs_alone(swept_checkout):
    text = (REPOSITORY / "docs/sweep.md").read_text(encoding="utf-8")
    (rule,), (line,) = (
        re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for kind in ("python", "yaml")
    )
    (swept_checkout.path / "workflow/descent/optimizers/lion.py").write_text(rule, encoding="utf-8")
    assert swept_checkout.stale() == {"check_optimizers", "compare_twins", "report"}, "other trainings stay"
    grid = yaml.safe_load(line)["lion"]
    swept_checkout.edit_config(lambda config: config["sweep"]["optimizers"].update(lion=grid | {"lr": [0.0001, 0.001]}))
    run = swept_checkout.snakemake("sweep")
    answer, table_, page = run.stdout.rstrip().split("\n\n")[-3:]
    assert re.match(r"- Each at its chosen setting, .* (alone )?may be the best\.\n", answer)
    assert "\n- The numbers of trials differ: " in answer
    assert re.search(r"^\| lion +\| (yes|no) +\| \d\d\.\d\d ± .*\| lr 0\.001? +\|$", table_, re.MULTILINE)
    assert page == f"Open the report: {swept_checkout.path}/results/sweep.html"
    trials = ["lion_lr=0.0001_schedule=linear", "lion_lr=0.001_schedule=linear"]
    ran, final = swept_checkout.jobs(run.stderr), train(trials, stage="final")
    assert ran - final - {"sweep"} == train(trials) | TABLES | {"check_optimizers"}, "nor does another final run train"
    assert ran & final
    assert table(swept_checkout, "ranking").set_index("optimizer").loc["lion", "test_accuracy_mean"] > 0.3
    assert stale(swept_checkout) == set()


@pytest.mark.slow
def test_an_optimizer_of_which_every_trial_is_lost_is_reported_as_such(swept_checkout):
    swept_checkout.edit_config(lambda config: config["sweep"]["optimizers"]["sgd"].update(lr=[1000], momentum=[0, 0.9]))
    swept_checkout.edit_config(lambda config: config["sweep"].update(final_seeds=3))
    run = swept_checkout.snakemake("sweep")
    assert "\n- Only adam could be ranked.\n" in run.stdout
    assert "\n- sgd is not ranked: every trial lost a seed.\n" in run.stdout
    assert table(swept_checkout, "ranking").set_index("optimizer")["may_be_best"].isna().to_dict() == {
        "adam": False,
        "sgd": True,
    }
    assert "every trial lost a seed" in (swept_checkout.path / "results/sweep.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(seeds=[0, 2003]), "seeds: 2003 is also a seed of the sweep's final runs"),
        pytest.param(
            lambda c: c["sweep"].update(network="wide"),
            "sweep.network: 'wide' is not one of text_100, code_50",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_mistake_of_the_sweep_stops_it_alone(edit, message, swept_checkout):
    swept_checkout.edit_config(edit)
    swept_checkout.snakemake("--dry-run")
    run = swept_checkout.snakemake("--dry-run", "sweep", check=False)
    assert run.returncode
    assert f"config.yaml: {message}" in run.stderr
    assert "Traceback" not in run.stderr
