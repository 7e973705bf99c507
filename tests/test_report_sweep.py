"""The sweep's page, and its answer."""

import math

import pandas as pd
import pytest
from descent.sweep import rank, report_sweep
from pages import Page
from test_report import rows_of, spread

RANKING = pd.DataFrame({"optimizer": ["a", "b", "c"], "may_be_best": [True, True, False], "edge": "", "trials": 9})
RANKING = RANKING.assign(behind_at_most=[0.001, 0.002, 0.03], other_choices="")
BEHIND = "At most this many points behind the best: c 3.00."


@pytest.mark.parametrize(
    ("ranking", "lines"),
    [
        (RANKING, ["Each at its best setting, a and b may be the best.", BEHIND]),
        (RANKING.drop(1), ["Each at its best setting, a is the best.", BEHIND]),
        (RANKING[:1], ["Only a could be ranked."]),
        (
            RANKING.assign(behind_at_most=math.nan, may_be_best=True),
            [
                "Each at its best setting, a, b and c may be the best.",
                "With fewer than 4 seeds, none can be ruled out.",
            ],
        ),
        (
            RANKING.assign(edge=["lr", "", ""], trials=[9, 9, 3], other_choices=["", "lr 1 or lr 2", ""]),
            [
                "Each at its best setting, a and b may be the best.",
                BEHIND,
                "The numbers of trials differ: more trials find a better setting.",
                "a: the chosen lr is at the edge of its grid.",
                "b: halves of the trials' seeds would have chosen lr 1 or lr 2.",
            ],
        ),
        (
            RANKING.assign(may_be_best=[True, True, None]),
            ["Each at its best setting, a and b may be the best.", "c: every trial lost a seed."],
        ),
    ],
)
def test_the_answer_says_who_may_be_the_best_and_how_far_the_others_are_behind(ranking, lines):
    assert rank.answer(ranking) == lines


def test_optimizers_that_lost_every_trial_are_in_the_ranking_without_numbers_and_lost_runs_are_counted():
    best = {"optimizer": "a", "may_be_best": True, "behind_at_most": 0.001, "worst_seed": 0.85}
    best |= {"test_accuracy_mean": 0.9, "test_accuracy_std": 0.01}
    best |= {
        "runs": 4,
        "diverged_runs": 1,
        "trials": 9,
        "setting": "lr 0.1",
        "tolerance": 1.5,
        "default_setting": "lr 0.001",
    }
    best |= {"default_test_accuracy_mean": 0.8, "default_test_accuracy_std": 0.02}
    best |= {"default_runs": 4, "default_diverged_runs": 0}
    second = best | {"optimizer": "b", "may_be_best": False, "behind_at_most": 0.025, "diverged_runs": 0}
    lost = best | {"optimizer": "c", "may_be_best": math.nan, "setting": "", "default_diverged_runs": 4}
    end = [9, "lr 0.1", "1.5", "lr 0.001", "80.00 ± 2.00"]
    assert rank.section(pd.DataFrame([best, second, lost])).table.to_numpy().tolist() == [
        ["a", "yes", "90.00 ± 1.00 (1 of 4 runs diverged)", "85.00", "0.10", *end],
        ["b", "no", "90.00 ± 1.00", "85.00", "2.50", *end],
        ["c", "", "", "", "", 9, "every trial lost a seed", "", "lr 0.001", "80.00 ± 2.00 (4 of 4 runs diverged)"],
    ]


def test_how_the_optimizers_are_compared_is_said_with_the_numbers_of_the_config():
    config = {"training": {"epochs": 20, "batch_size": 64, "shuffle": False}, "networks": {"small": [8, 8]}}
    config["sweep"] = {"network": "small", "validation": 5000, "seeds": 3, "final_seeds": 1}
    config["sweep"]["training"] = {"epochs": 5, "shuffle": True}
    said = report_sweep.how(config)
    assert "the network small (8-8 hidden units, relu), 5 epochs and minibatches of 64, shuffled anew in each" in said
    assert "the mean of 3 seeds on the last 5000 training images, with which no run trains." in said
    assert "in the same way, with 1 new seed, and tested once." in said


def test_the_page_and_the_markdown_show_the_same_answer_and_every_number_is_that_of_its_file(swept):
    page = Page((swept.path / "results/sweep.html").read_text(encoding="utf-8"))
    answer = (swept.path / "results/sweep/ranking.md").read_text(encoding="utf-8").split("\n\n")[0]
    assert all(line.removeprefix("- ").replace("`", "") in page.text for line in answer.splitlines())
    assert "adam: the chosen lr is at the edge of its grid." in answer
    assert all(address.startswith("data:") for address in page.addresses)
    for shown, row in zip(page.tables["sweep/ranking.csv"], rows_of(swept, "sweep/ranking.csv"), strict=True):
        assert shown["test accuracy, %"] == spread(row, "test_accuracy", 100, 2)
        assert shown["worst seed"] == f"{float(row['worst_seed']) * 100:.2f}"
        assert shown["behind at most"] == f"{float(row['behind_at_most']) * 100:.2f}"
        assert shown["its accuracy, %"] == spread(row, "default_test_accuracy", 100, 2)
        assert [shown[name] for name in ("optimizer", "trials", "chosen", "default")] == [
            row[name] for name in ("optimizer", "trials", "setting", "default_setting")
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
