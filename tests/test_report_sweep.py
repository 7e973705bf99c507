"""The sweep's page, and its answer."""

import math

import pandas as pd
import pytest
from descent import sentences, tables
from pages import Page
from test_report import interval, rows_of, spread

RANKING = pd.DataFrame({"optimizer": ["a", "b", "c"], "group": [1, 1, 2], "edge": "", "trials": 9})
RANKING = RANKING.assign(test_accuracy_low=0.8)


@pytest.mark.parametrize(
    ("ranking", "lines"),
    [
        (RANKING, ["Each at its best, a has the highest mean; not significantly behind: b."]),
        (RANKING.drop(1), ["Each at its best, a is significantly better than all others."]),
        (RANKING[:1], ["Only a could be ranked."]),
        (
            RANKING.assign(test_accuracy_low=math.nan),
            ["a has the highest mean; with fewer than 4 seeds, no difference can be shown."],
        ),
        (
            RANKING.assign(edge=["lr", "", ""], trials=[9, 9, 3]),
            [
                "Each at its best, a has the highest mean; not significantly behind: b.",
                "The numbers of trials differ: more trials find a better setting.",
                "a: the chosen lr is at the edge of its grid.",
            ],
        ),
        (
            RANKING.assign(group=[1, 2, math.nan]),
            ["Each at its best, a is significantly better than all others.", "c: every trial lost a seed."],
        ),
    ],
)
def test_the_answer_says_who_is_best_and_how_sure_that_is(ranking, lines):
    assert sentences.ranking(ranking) == lines


def test_optimizers_that_lost_every_trial_are_in_the_ranking_without_numbers_and_lost_runs_are_counted():
    best = {"optimizer": "a", "group": 1, "test_accuracy_mean": 0.9, "test_accuracy_std": 0.01}
    best |= {"test_accuracy_low": 0.89, "test_accuracy_high": 0.91, "behind_low": math.nan, "behind_high": math.nan}
    best |= {"runs": 4, "diverged_runs": 1, "trials": 9, "setting": "lr 0.1", "default_setting": "lr 0.001"}
    best |= {"default_test_accuracy_mean": 0.8, "default_test_accuracy_std": 0.02}
    best |= {"default_runs": 4, "default_diverged_runs": 0}
    second = best | {"optimizer": "b", "group": 2, "behind_low": 0.01, "behind_high": 0.025, "diverged_runs": 0}
    lost = best | {"optimizer": "c", "group": math.nan, "setting": "", "default_diverged_runs": 4}
    end = [9, "lr 0.1", "lr 0.001", "80.00 ± 2.00"]
    assert tables.ranking(pd.DataFrame([best, second, lost])).to_numpy().tolist() == [
        ["1", "a", "90.00 ± 1.00 (1 of 4 runs diverged)", "89.00 to 91.00", "", *end],
        ["2", "b", "90.00 ± 1.00", "89.00 to 91.00", "1.00 to 2.50", *end],
        ["", "c", "", "", "", 9, "every trial lost a seed", "lr 0.001", "80.00 ± 2.00 (4 of 4 runs diverged)"],
    ]


def test_how_the_optimizers_are_compared_is_said_with_the_numbers_of_the_config():
    config = {"network": "small", "validation": 5000, "seeds": 3, "epochs": 5, "final": {"seeds": 1, "epochs": 20}}
    said = sentences.sweep(config)
    assert said.startswith(
        "The network is small. Each optimizer was tuned on the last 5000 training images, with which"
    )
    assert "each trial is the mean of 3 seeds after 5 epochs." in said
    assert "with 1 new seed for 20 epochs, and tested once." in said


def test_the_page_and_the_markdown_show_the_same_answer_and_every_number_is_that_of_its_file(swept):
    page = Page((swept.path / "results/sweep.html").read_text(encoding="utf-8"))
    answer = (swept.path / "results/sweep/ranking.md").read_text(encoding="utf-8").split("\n\n")[0]
    assert all(line.removeprefix("- ") in page.text for line in answer.splitlines())
    assert "adam: the chosen lr is at the edge of its grid." in answer
    assert all(address.startswith("data:") for address in page.addresses)
    for shown, row in zip(page.tables["sweep/ranking.csv"], rows_of(swept, "sweep/ranking.csv"), strict=True):
        assert shown["test accuracy, %"] == spread(row, "test_accuracy", 100, 2)
        assert shown["95 % interval"] == interval(row, "test_accuracy", 100, 2)
        assert shown["its accuracy, %"] == spread(row, "default_test_accuracy", 100, 2)
        assert [shown[name] for name in ("group", "optimizer", "trials", "chosen", "default")] == [
            row[name] for name in ("group", "optimizer", "trials", "setting", "default_setting")
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
