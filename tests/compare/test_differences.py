"""differences.csv from runs that are written down here, and what is said of it: who leads, and the list."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from descent.compare import differences
from descent.compare.differences import DIFFERENCES, Lead, contrasts, describe_difference, describe_differences
from runs import SUMMARY, final


def test_differences_are_taken_seed_by_seed():
    accuracies = [0.9, 0.5, 0.6, 0.7]
    one, other = final(accuracies), final([0.8, 0.4, 0.5, 0.6], variant="b")
    one.last["loss"] = [0.3, 0.2, 0.1, 0.2]
    row = describe_difference(one, other)
    assert row["test_accuracy_difference_mean"] == pytest.approx(0.1)
    assert row["test_accuracy_difference_std"] == pytest.approx(0, abs=1e-12)
    assert row["test_loss_difference_mean"] == pytest.approx(0.2)
    row = describe_difference(final([0.9] * 4), final([0.8] * 4, variant="b"))
    low, high = row["test_accuracy_difference_low"], row["test_accuracy_difference_high"]
    assert low < 0.1 == pytest.approx((low + high) / 2), "the seeds agree, but one image makes all of the difference"
    lost = describe_difference(final(accuracies, diverged=[2]), other)
    assert all(math.isnan(lost[figure]) for figure in ("test_accuracy_difference_mean", "p"))


def test_every_two_variants_of_a_network_and_a_variant_of_two_networks_are_compared():
    names, networks = ["a", "b", "c"], ("small", "large")
    finals = [final([0.5] * 4, network=network, variant=name) for network in networks for name in names]
    found = {(one.network, one.variant, other.network, other.variant) for one, other in contrasts(finals)}
    within = {(network, one, network, other) for network in networks for other, one in combinations(names, 2)}
    assert found == within | {("large", name, "small", name) for name in names}


def test_a_difference_is_real_after_the_correction_alone():
    right = np.random.default_rng(0).random((6, 5, 400)) < np.linspace(0.5, 0.75, 6)[:, None, None]
    finals = [final([0.5] * 5, variant=f"v{i}")._replace(correct=its.astype(float)) for i, its in enumerate(right)]
    table = describe_differences(contrasts(finals))
    assert list(table) == DIFFERENCES
    assert (table["real"] == (table["p_holm"] < 0.05)).all()
    assert (table["p_holm"] >= table["p"]).all() and (table["p"] < 0.05).sum() > table["real"].sum() > 0
    few = describe_differences([(final([0.5, 0.6]), final([0.1, 0.2], variant="b"))])
    assert few["real"].isna().all() and few["p"].isna().all()


DIFFERENCE = {"network": "small", "variant": "fast", "other_network": "small", "other": "slow", "seeds": 5}
DIFFERENCE |= {"test_accuracy_difference_std": 0.05, "p_holm": 0.00123, "real": True}
DIFFERENCE |= {"test_loss_difference_mean": -0.01, "test_loss_difference_std": 0.02}


def contrast(mean: float = 0.05, low: float = 0.03, high: float = 0.07, **change) -> pd.DataFrame:
    figures = {"mean": mean, "low": low, "high": high}
    return pd.DataFrame([DIFFERENCE | {f"test_accuracy_difference_{name}": x for name, x in figures.items()} | change])


ON_OTHERS = pd.concat([contrast(-0.2, other_network="large"), contrast(-0.2, network="large", other_network="large")])
LEADS, TIE, ABOVE = "fast leads", "fast and slow tie", ", 5.00 points above slow"
INTERVAL = f"{ABOVE} (95 % interval 3.00 to 7.00): "
BETTER, NOT_SHOWN = "it is better than slow", "that it is better than slow is not shown"
AFTER = ", after the correction for 1 difference"
CASES = [  # who leads, and what is said of the next one: in short, and with numbers
    (SUMMARY, contrast(), LEADS, f": {BETTER}", INTERVAL + BETTER),
    (SUMMARY, contrast(-0.05, -0.07, -0.03, variant="slow", other="fast"), LEADS, f": {BETTER}", INTERVAL + BETTER),
    (SUMMARY, contrast(real=False), LEADS, f": {NOT_SHOWN}", INTERVAL + NOT_SHOWN + AFTER),
    (SUMMARY, pd.concat([contrast(), ON_OTHERS]), LEADS, f": {BETTER}", INTERVAL + BETTER),
    (SUMMARY, contrast(low=math.nan, real=math.nan), LEADS, "", ABOVE),
    (SUMMARY[1:], contrast()[:0], LEADS, "", ""),
    (SUMMARY, contrast(1e-17), TIE, "", ""),
    (SUMMARY, contrast(-1e-17), TIE, "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("summary", "table", "who", "short", "long"), CASES)
def test_the_best_variants_are_set_beside_the_next_that_is_not_the_same(summary, table, who, short, long):
    its, reached = differences.lead("small", summary, table), "95.00 ± 0.20 %"
    assert differences.answer({"small": its}) == f"{who} on small ({reached}){short}."
    said = f"small: {who} with a test accuracy of {reached}{long}."
    assert differences.in_a_sentence("small", its, len(table)) == said
    none = differences.lead("small", summary.assign(test_accuracy_mean=math.nan), table)
    assert differences.in_a_sentence("small", none, 1) == "small: every variant diverged."


ONE = Lead(["fast"], "95 ± 1", "slow", (0.01, 0.005, 0.015), True)
OTHER, BOTH = ONE._replace(reached="96 ± 1"), "fast leads on a (95 ± 1 %) and b (96 ± 1 %): it is better than slow"
ONE_BY_ONE = "fast leads on a (95 ± 1 %): it is better than slow. Every variant diverged on b. x and y tie on c (95 ± 1"
SAID = [
    ({"a": ONE, "b": OTHER}, f"{BOTH}."),
    ({"a": ONE, "b": OTHER._replace(real=False)}, f"{BOTH} on a; that it is better than slow is not shown on b."),
    ({"a": ONE, "b": Lead([]), "c": ONE._replace(names=["x", "y"])}, f"{ONE_BY_ONE} %): x is better than slow."),
]


@pytest.mark.parametrize(("leads", "said"), SAID)
def test_networks_on_which_the_same_leads_are_in_one_sentence(leads, said):
    assert differences.answer(leads) == said


def test_all_differences_are_listed_in_points_and_one_that_is_not_shown_is_said_to_be_so():
    few, lost = {"real": math.nan, "p_holm": math.nan, "low": math.nan}, {"variant": "lost", "seeds": 4}
    rows = [contrast(), contrast(-1e-6, real=False), contrast(other_network="large", other="fast", seeds=3, **few)]
    rows.append(contrast(math.nan, **lost | few, test_loss_difference_mean=math.nan))
    (few,) = differences.sections(pd.concat(rows), {}, shuffle=True)
    assert few.table.to_numpy().tolist() == [
        ["small: fast − slow", "5.00 ± 5.00", "3.00 to 7.00", "0.001", "yes", "-0.0100 ± 0.0200"],
        ["small: fast − slow", "0.00 ± 5.00", "3.00 to 7.00", "0.001", "not shown", "-0.0100 ± 0.0200"],
        ["fast: small − large", "5.00 ± 5.00", "", "", "too few seeds", "-0.0100 ± 0.0200"],
        ["small: lost − slow", "diverged", "", "", "", "diverged"],
    ]
    (many,) = differences.sections(pd.concat([contrast()] * 13), {"small": ONE}, shuffle=False)
    assert (few.folded, many.folded) == ("", "All 13 differences")
    assert ["this order of the minibatches" in its.caption for its in (few, many)] == [False, True]
    assert many.sentences == [differences.in_a_sentence("small", ONE, 13)]
