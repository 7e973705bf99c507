"""The sweep's page, and its answer."""

import math

import pandas as pd
import pytest
from descent.sweep import rank, report_sweep
from pages import Page, rows_of, spread

RANKING = pd.DataFrame({"optimizer": ["a", "b", "c"], "may_be_best": [True, True, False], "edge": "", "trials": 9})
RANKING = RANKING.assign(behind_at_most=[0.001, 0.002, 0.03], runs=10, lost_runs=0)
UNRANKED = RANKING.assign(may_be_best=[True, True, None])
EACH, BEHIND = "Each at its chosen setting, {} may be the best.", "Points behind the best, at most: c 3.00."
BUDGETS = "The numbers of trials differ: more trials find a better setting."
EDGE, FEW = "a: the chosen lr is at the edge of its grid.", "With fewer than 4 seeds, none can be ruled out."
LOST = "c is not ranked: every trial lost a seed."
NO_BOUNDS = RANKING.assign(behind_at_most=math.nan, may_be_best=True)


@pytest.mark.parametrize(
    ("ranking", "lines"),
    [
        (RANKING, [EACH.format("a and b"), BEHIND]),
        (RANKING.drop(1), [EACH.format("a alone"), BEHIND]),
        (RANKING[:1], ["Only a could be ranked."]),
        (NO_BOUNDS, [EACH.format("a, b and c"), FEW]),
        (RANKING.assign(edge=["lr", "", ""], trials=[9, 9, 3]), [EACH.format("a and b"), BEHIND, BUDGETS, EDGE]),
        (UNRANKED.assign(runs=[10, 10, math.nan]), [EACH.format("a and b"), LOST]),
        (UNRANKED.assign(lost_runs=[0, 0, 1]), [EACH.format("a and b"), "c is not ranked: lost 1 of 10 final seeds."]),
    ],
)  # fmt: skip
def test_the_answer_says_who_may_be_the_best_and_how_far_the_others_are_behind(ranking, lines):
    assert rank.answer(ranking) == lines


def test_optimizers_that_are_not_ranked_come_without_a_bound_and_with_the_reason():
    best = {"optimizer": "a", "may_be_best": True, "behind_at_most": 0.001, "runs": 4, "lost_runs": 0}
    best |= {"test_accuracy_mean": 0.9, "test_accuracy_std": 0.01, "setting": "lr 0.1", "tolerance": 0.75}
    best |= {"default_setting": "lr 0.001", "default_runs": 4, "default_lost_runs": 0}
    best |= {"default_test_accuracy_mean": 0.8, "default_test_accuracy_std": 0.02}
    unranked = {"may_be_best": math.nan, "behind_at_most": math.nan}
    collapsed = best | unranked | {"optimizer": "b", "lost_runs": 1}
    lost = best | unranked | {"optimizer": "c", "setting": "", "tolerance": math.nan, "default_lost_runs": 4}
    lost |= dict.fromkeys(("runs", "lost_runs", "test_accuracy_mean", "test_accuracy_std"), math.nan)
    behind = best | {"optimizer": "d", "may_be_best": False}
    table = rank.section(pd.DataFrame([best, behind, collapsed, lost])).table
    default = ["lr 0.001", "80.00 ± 2.00"]
    assert table.to_numpy().tolist() == [
        ["a", "yes", "90.00 ± 1.00", "0.10", "lr 0.1", "× 5.6", *default, ""],
        ["d", "no", "90.00 ± 1.00", "0.10", "lr 0.1", "× 5.6", *default, ""],
        ["b", "", "90.00 ± 1.00", "", "lr 0.1", "× 5.6", *default, "1 of 4"],
        ["c", "", "every trial lost a seed", "", "", "", *default, "4 of 4 (default)"],
    ]
    assert "lost" not in rank.section(pd.DataFrame([best])).table


def test_how_the_optimizers_are_compared_is_said_with_the_numbers_of_the_config():
    config = {"training": {"epochs": 20, "batch_size": 64, "shuffle": False}, "networks": {"small": [8, 8]}}
    config["sweep"] = {"network": "small", "validation": 5000, "seeds": 3, "final_seeds": 1}
    config["sweep"]["training"] = {"epochs": 5, "shuffle": True}
    config["sweep"]["optimizers"] = {
        "sgd": {"optimizer": "sgd", "lr": [0.1, 1], "schedule": "linear"},
        "momentum": {"optimizer": "sgd", "lr": [0.1, 1], "momentum": [0.8, 0.9], "schedule": "linear"},
        "adam": {"optimizer": "adam", "lr": 0.1},
    }
    said = " ".join(report_sweep.how(config))
    assert "the network small (8-8 hidden units, relu) for 5 epochs with minibatches of 64, shuffled anew in" in said
    assert "the mean of 3 seeds on the last 5,000 training images, which no run trains on." in said
    assert "train again with 1 new seed, and are tested once." in said
    assert "Tuned: lr (sgd); lr and momentum (momentum); nothing (adam)." in said
    assert "Fixed: schedule linear (sgd and momentum); lr 0.1 (adam)." in said
    assert "one that befalls 5 % of trainings stays unseen in 95 % of sweeps with 1 final seed." in said


def test_the_page_and_the_markdown_show_the_same_answer_and_every_number_is_that_of_its_file(swept):
    page = Page((swept.path / "results/sweep.html").read_text(encoding="utf-8"))
    answer = (swept.path / "results/sweep/ranking.md").read_text(encoding="utf-8").split("\n\n")[0]
    assert all(line.removeprefix("- ").replace("`", "") in page.text for line in answer.splitlines())
    assert "adam: the chosen lr is at the edge of its grid." in answer
    links = [address for address in page.addresses if not address.startswith("data:image/png;base64,")]
    assert len(page.addresses) - len(links) == 2 and len(links) == 4
    assert all((swept.path / "results" / link).exists() for link in links)
    for shown, row in zip(page.tables["sweep/ranking.csv"], rows_of(swept, "sweep/ranking.csv"), strict=True):
        assert shown["test accuracy, %"] == spread(row, "test_accuracy", 100, 2)
        assert shown["behind at most"] == f"{float(row['behind_at_most']) * 100:.2f}"
        assert shown["its accuracy, %"] == spread(row, "default_test_accuracy", 100, 2)
        assert [shown[name] for name in ("optimizer", "chosen", "default")] == [
            row[name] for name in ("optimizer", "setting", "default_setting")
        ]
    for shown, row in zip(page.tables["sweep/trials.csv"], rows_of(swept, "sweep/trials.csv"), strict=True):
        accuracy = shown["validation accuracy, %"]
        lost = f"lost: {row['diverged_seeds']} diverged, {row['guessing_seeds']} guess"
        assert accuracy == (lost if row["lost_seeds"] != "0" else spread(row, "validation_accuracy", 100, 2))
        assert shown["validation loss, nats"] == (
            "" if row["lost_seeds"] != "0" else spread(row, "validation_loss", 1, 4)
        )
        assert shown["chosen"] == ("yes" if row["chosen"] == "True" else "")
    assert (swept.path / "results/sweep/sensitivity.png").exists()
