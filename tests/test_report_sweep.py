"""The sweep's page, and its answer."""

import math

import pandas as pd
import pytest
from descent import sentences
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
        assert shown["chosen"] == ("yes" if row["chosen"] == "True" else "")
    assert (swept.path / "results/sweep/sensitivity.png").exists()
