"""The report: its sentences and tables from tables that are written down here, and the page of a finished run."""

import math
import re
import shutil
from itertools import combinations

import pandas as pd
import pytest
import yaml
from descent.check import verdicts
from descent.compare import compare_published, compare_twins, differences, summarize
from descent.report import exercises
from descent.run import Run
from pages import Page, rows_of, spread

NETWORKS = ["text_100", "code_50"]
SUMMARY = pd.DataFrame(
    [
        {"network": "small", "variant": variant, "seeds": 5, "diverged_seeds": 0, "diverged_iteration": math.nan}
        | {"guessing_seeds": 0}
        | {"test_accuracy_mean": mean, "test_accuracy_std": 0.002, "test_accuracy_low": 0.9, "test_accuracy_high": 0.98}
        | {
            "test_accuracy_worst_seed": 0.89,
            "test_loss_mean": 0.1,
            "test_loss_std": 0.01,
            "test_loss_low": 0.09,
            "test_loss_high": 0.11,
        }
        for variant, mean in {"slow": 0.9, "fast": 0.95, "its_twin": 0.95}.items()
    ]
)
DIFFERENCE = {
    "network": "small",
    "variant": "fast",
    "other_network": "small",
    "other": "slow",
    "seeds": 5,
    "real": True,
}
DIFFERENCE |= {f"test_accuracy_difference_{figure}": 0.05 for figure in ("mean", "std")}
DIFFERENCE |= {"test_accuracy_difference_low": 0.03, "test_accuracy_difference_high": 0.07}
DIFFERENCE |= {f"test_loss_difference_{figure}": -0.01 for figure in ("mean", "std")} | {"p_holm": 0.00123}


def contrast(**change) -> pd.DataFrame:
    return pd.DataFrame([DIFFERENCE | change])


def lead(summary: pd.DataFrame, table: pd.DataFrame) -> tuple[str, str]:
    """The short sentence, and the long one."""
    its = differences.lead("small", summary, table)
    return differences.answer({"small": its}), differences.in_a_sentence("small", its, len(table))


def test_the_best_variant_is_set_beside_the_next_that_is_not_the_same():
    short, start = "fast leads on small (95.00 ± 0.20 %)", "small: fast leads with a test accuracy of 95.00 ± 0.20 %"
    ends = {
        "it is better than slow": (contrast(), ""),
        "that it is better than slow is not shown": (contrast(real=False), ", after the correction for 1 difference"),
    }
    for verdict, (table, after) in ends.items():
        expected = f"{start}, 5.00 points above slow (95 % interval 3.00 to 7.00): {verdict}{after}."
        assert lead(SUMMARY, table) == (f"{short}: {verdict}.", expected)
    swapped = contrast(variant="slow", other="fast", test_accuracy_difference_mean=-0.05)
    swapped = swapped.assign(test_accuracy_difference_low=-0.07, test_accuracy_difference_high=-0.03)
    assert lead(SUMMARY, swapped) == lead(SUMMARY, contrast())
    few = contrast(test_accuracy_difference_low=math.nan, real=math.nan)
    assert lead(SUMMARY, few) == (f"{short}.", f"{start}, 5.00 points above slow.")
    assert lead(SUMMARY[1:], contrast()[:0]) == (f"{short}.", f"{start}.")
    assert lead(SUMMARY.assign(test_accuracy_mean=math.nan), contrast()) == (
        "Every variant diverged on small.",
        "small: every variant diverged.",
    )


def test_networks_on_which_the_same_leads_are_in_one_sentence():
    one = differences.Lead(["fast"], "95 ± 1", "slow", (0.01, 0.005, 0.015), True)
    other = one._replace(reached="96 ± 1")
    assert differences.answer({"a": one, "b": other}) == (
        "fast leads on a (95 ± 1 %) and b (96 ± 1 %): it is better than slow."
    )
    assert differences.answer({"a": one, "b": other._replace(real=False)}) == (
        "fast leads on a (95 ± 1 %) and b (96 ± 1 %): it is better than slow on a; that it is better than slow is not "
        "shown on b."
    )
    assert differences.answer({"a": one, "b": differences.Lead([]), "c": one._replace(names=["x", "y"])}) == (
        "fast leads on a (95 ± 1 %): it is better than slow. Every variant diverged on b. x and y tie on c (95 ± 1 %): "
        "x is better than slow."
    )


def optimizers(**verdicts) -> pd.DataFrame:
    classes = {"sgd": "SGD", "lion": ""}
    return pd.DataFrame(
        [{"optimizer": name, "torch": classes[name], "verdict": verdict, "setting": "lr 1", "first_step": 2}
         | {"mistake": ""} for name, verdict in verdicts.items()]
    )  # fmt: skip


def test_the_rules_are_said_to_be_right_or_each_wrong_one_is_named():
    assert verdicts.answer(optimizers(sgd="equal", lion="equal")) == [
        "In the check, every update rule that has a class in `torch.optim` equals it."
    ]
    assert verdicts.answer(optimizers(sgd="different", lion="different")) == [
        "The rule of sgd differs from `torch.optim.SGD`: see `results/optimizers.csv`.",
        "The rule of lion has a mistake: see `results/optimizers.csv`.",
    ]


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([], []),
        (["identical", "identical"], ["All twins are bit-identical."]),
        (["identical", "same rule", "different rule"], ["2 of 3 pairs of twins are not bit-identical."]),
    ],
)
def test_the_twins_are_counted(verdicts, said):
    assert compare_twins.answer(pd.DataFrame({"verdict": verdicts})) == said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": "identical"}, "a and b are bit-identical"),
        ({}, "the check finds no difference between their rules. A minibatch loss differs by at most 2.0e-05 nats, a"),
        (
            {"first_visible_iteration": 90.0},
            "(more than 10⁻³ from iteration 90 on), a final test accuracy by at most 0.50 points",
        ),
        ({"instructions": "AVX2 and AVX512"}, "Their processors' vector instructions differ (AVX2 and AVX512)."),
        (
            {"verdict": "different rule"},
            "a and b are not bit-identical; the check says that the rule from scratch",
        ),
    ],
)
def test_each_verdict_on_twins_is_a_sentence(change, words):
    row = {"network": "small", "custom": "a", "torch": "b", "verdict": "same rule", "max_loss_difference": 2e-5}
    row |= {"first_visible_iteration": math.nan, "max_accuracy_difference": 0.005, "instructions": ""}
    sentence = compare_twins.in_a_sentence(row | change)
    assert sentence.startswith("small: a and b ") and words in sentence
    assert "rounding" not in sentence and "amplif" not in sentence, "no cause was tested"


def reproduction(*ratios, left_out="") -> pd.DataFrame:
    rows = [
        {"optimizer": optimizer, "log_ratio": ratio, "limit": math.log(1.045), "left_out": left_out}
        | {"verdict": "reproduced" if abs(ratio) < 0.044 else "not reproduced"}
        for optimizer, ratio in zip(("sgd", "momentum"), ratios)
    ]
    return pd.DataFrame(rows, columns=["network", "optimizer", "log_ratio", "limit", "left_out", "verdict"])


def test_reproduction_is_a_sentence_with_both_distances():
    assert compare_published.in_a_sentence(
        "small", reproduction(math.log(1.01), math.log(0.98), left_out="x: lr is 1")
    ) == (
        "small reproduces the lab's printed figures: the sheet's mean training loss over all epochs is 1.0 % above "
        "ours for sgd and 2.0 % below ours for momentum; by chance they differ by up to 4.3 %."
    )
    assert compare_published.in_a_sentence("small", reproduction(0, 0.1)).startswith(
        "small does not reproduce the lab's"
    )
    assert "is finite, unlike ours for sgd and " in compare_published.in_a_sentence("small", reproduction(-math.inf, 0))
    nothing = reproduction(0, 0, left_out="x: lr is 1").assign(log_ratio=math.nan)
    why = "Not compared: x: lr is 1; x: lr is 1."
    assert compare_published.in_a_sentence("small", nothing) == (
        f"small: no variant repeats one of the lab's trainings. {why}"
    )


SAME = {"small": {"slow": ["slow"], "fast": ["fast", "its_twin"]}}


def test_the_answer_warns_of_few_seeds_and_of_diverged_variants():
    summary = SUMMARY.assign(seeds=2, diverged_seeds=[1, 0, 0], diverged_iteration=[30, math.nan, math.nan])
    summary = summary.assign(guessing_seeds=[1, 0, 2])
    assert summarize.answer(pd.concat([summary, summary.assign(network="large")])) == [
        "slow diverged; its_twin only guess: see their curves.",
        "Only 2 seeds: intervals and verdicts need 4 or more.",
    ]
    assert summarize.section(summary, SAME).table["test accuracy, %"][0] == "diverged: 1 of 2 seeds"


def test_equal_means_are_a_tie():
    short, long = lead(SUMMARY, contrast(test_accuracy_difference_mean=1e-17))
    assert short == "fast and slow tie on small (95.00 ± 0.20 %)."
    assert long == "small: fast and slow tie with a test accuracy of 95.00 ± 0.20 %."


def test_at_a_networks_curves_stands_what_to_do_about_those_that_diverged_or_only_guess():
    lost = {"seeds": 5, "diverged_seeds": 0, "guessing_seeds": 0, "highest_training_loss": 2.5}
    far = lost | {"diverged_seeds": 2, "diverged_iteration": 30.0}
    rows = [
        lost | {"variant": "well"},
        far | {"variant": "far, its_twin"},
        lost | {"variant": "low", "guessing_seeds": 5},
    ]
    rows += [lost | {"variant": name, "guessing_seeds": 1, "highest_training_loss": 1e6} for name in ("a", "b")]
    assert summarize.problems(rows) == [
        "far, its_twin (2 of 5 seeds, from iteration 30 on) diverged. Try a lower learning rate.",
        "low (5 of 5 seeds) only guess. Their loss stayed below 3: try a higher learning rate, or more epochs.",
        "a (1 of 5 seeds) and b (1 of 5 seeds) only guess. Their loss exceeded 3: try a lower learning rate.",
    ]
    guessing = summarize.section(SUMMARY.assign(guessing_seeds=[2, 0, 0]), SAME).table
    assert guessing["test accuracy, %"][0] == "90.00 ± 0.20 (2 of 5 guess)"


def test_variants_that_are_the_same_to_the_bit_have_one_row_and_others_with_the_same_numbers_have_two():
    same = summarize.section(SUMMARY, SAME).table
    assert same["variant"].tolist() == ["slow", "fast, its_twin"]
    apart = summarize.section(SUMMARY, {"small": {name: [name] for name in SUMMARY["variant"]}}).table
    assert apart["variant"].tolist() == ["slow", "fast", "its_twin"]
    assert apart["test accuracy, %"].tolist() == ["90.00 ± 0.20", "95.00 ± 0.20", "95.00 ± 0.20"]


def test_tables_give_per_cent_and_say_when_a_difference_is_not_shown():
    rows = contrast(real=False).to_dict("records") + contrast(real=math.nan, p_holm=math.nan, seeds=3).to_dict(
        "records"
    )
    (shown,) = (its.table for its in differences.sections(pd.DataFrame(rows), {}, shuffle=True))
    assert shown["real?"].tolist() == ["not shown", "too few seeds"]
    assert shown.loc[0, "95 % interval"] == "3.00 to 7.00"
    assert shown["p, corrected"].tolist() == ["0.001", ""]
    one_seed = SUMMARY.assign(test_accuracy_std=math.nan, test_accuracy_low=math.nan)
    shown = summarize.section(one_seed, SAME).table
    assert shown.loc[0, ["test accuracy, %", "95 % interval"]].tolist() == ["90.00", ""]
    _, wrong = verdicts.sections(optimizers(sgd="different", lion="equal"))
    assert wrong.table.to_dict("records") == [
        {"rule": "sgd", "setting": "lr 1", "from step": "2"} | {"mistake": "none of the known ones"}
    ]


def test_many_variants_are_a_matrix_and_few_a_list():
    names = ["a", "b", "c", "d", "e"]
    rows = [
        DIFFERENCE | {"variant": one, "other": other, "real": one == "e", "test_accuracy_difference_mean": 0.01 * i}
        for i, (other, one) in enumerate(combinations(names, 2))
    ]
    across = DIFFERENCE | {"other_network": "large", "other": "fast"}
    table = pd.DataFrame([*rows, across])
    listed, matrix = (its.table for its in differences.sections(table, {}, shuffle=False))
    assert matrix.columns.tolist() == ["row − column, points", 1, 2, 3, 4, 5]
    assert matrix.loc[0].tolist() == ["1: a", "", "+0.00", "-1.00", "-2.00", "-3.00 *"]
    assert matrix.loc[4].tolist() == ["5: e", "+3.00 *", "+6.00 *", "+8.00 *", "+9.00 *", ""]
    assert listed["difference"].tolist() == ["fast: small − large"]
    few = table[~table[["variant", "other"]].isin(["e"]).any(axis=1)]
    (listed,) = (its.table for its in differences.sections(few, {}, shuffle=False))
    assert len(listed) == 7


def test_the_networks_and_their_training_are_described():
    record = {"epochs": 1, "batch_size": 128, "seeds": [0, 1, 2, 3, 4]}
    assert exercises.trained(
        {"wide": {"hidden": [100, 100], "activation": "relu"}, "small": {"hidden": [50], "activation": "tanh"}}, record
    ) == (
        "Networks: wide (100-100 hidden units, relu) and small (50 hidden units, tanh). Each was trained for 1 epoch, "
        "in minibatches of 128 and with 5 seeds."
    )


def test_the_sheets_last_figures_are_shown_beside_ours_and_those_before_training(tmp_path):
    figure = {"network": "small", "variant": "a", "epoch": 19, "split": "test", "metric": "accuracy"}
    figure |= {"published": 0.912, "mean": 0.91, "std": 0.004}
    mean_loss = {"split": "train_cumulative", "metric": "loss", "published": 0.36, "mean": 0.35, "std": math.nan}
    rows = [figure | {"variant": "initial", "epoch": math.nan}, figure | {"epoch": 18}, figure, figure | mean_loss]
    pd.DataFrame(rows).to_csv(tmp_path / "published.csv", index=False)
    pd.DataFrame(columns=compare_published.VERDICTS).to_csv(tmp_path / "reproduction.csv", index=False)
    (section,) = compare_published.sections(tmp_path, {})
    assert section.table.to_numpy().tolist() == [
        ["small", "initial", "test accuracy, %", "91.20", "91.00 ± 0.40"],
        ["small", "a", "test accuracy, %", "91.20", "91.00 ± 0.40"],
        ["small", "a", "mean training loss, nats", "0.3600", "0.3500"],
    ]
    assert compare_published.judged(tmp_path) == {}
    assert compare_published.answer({}) == [], "the data is not MNIST"


def test_networks_with_the_same_verdict_are_in_one_sentence():
    judged = {"a": reproduction(0, 0), "b": reproduction(0, 0.1), "c": reproduction(0, 0), "d": reproduction(0.1, 0)}
    judged["e"] = reproduction(0, 0).assign(log_ratio=math.nan)
    assert compare_published.answer(judged) == [
        "The lab's printed losses are reproduced by a and c, not reproduced by b and d and not compared with e."
    ]


def test_the_exercises_are_answered_with_links_to_their_figures_and_files(finished):
    variants = yaml.safe_load((finished.path / "config.yaml").read_text())["variants"]
    network, results = "text_100", finished.path / "results"
    records = {(network, name): Run(results / network / name).record for name in variants}
    summary, twins = summarize.summarized(results), compare_twins.compared(results)
    its = {network: {"hidden": [8, 8], "activation": "relu"}}
    table = exercises.section(results, its, variants, records, summary, twins).table
    lab = dict(zip([name[0] for name in table["exercise"]], table[network]))
    (row,) = [row for row in rows_of(finished, "initial.csv") if row["network"] == network]
    reached = {row["variant"]: spread(row, "test_accuracy", 100, 2) for row in rows_of(finished, "summary.csv")[:4]}
    untrained = f"{spread(row, 'test_accuracy', 100, 2)} %, {spread(row, 'test_loss', 1, 4)} nats"
    for number, text, file in (
        ("1", "1,000 and 300", "custom_sgd/run.json"),
        ("2", untrained, "initial.csv"),
        ("3", f"{reached['custom_sgd']} %", "custom_sgd/curves.png"),
        ("4", f"{reached['torch_sgd']} %: bit-identical", "custom_sgd+torch_sgd.png"),
    ):
        assert lab[number] == f'<a href="{network}/{file}">{text}</a>'
        assert (results / network / file).exists()


@pytest.fixture(scope="module")
def page(finished) -> Page:
    return Page((finished.path / "results/report.html").read_text(encoding="utf-8"))


def interval(row, figure, scale, digits) -> str:
    low, high = (float(row[f"{figure}_{end}"]) * scale for end in ("low", "high"))
    return f"{low:.{digits}f} to {high:.{digits}f}"


def test_every_number_of_the_pages_tables_is_that_of_the_file_that_the_caption_names(page, finished):
    loss = "test loss, nats"
    assert list(page.tables["summary.csv"][0]) == [
        "network",
        "variant",
        "seeds",
        "test accuracy, %",
        "95 % interval",
        "worst seed",
        loss,
    ]
    assert list(page.tables["differences.csv"][0]) == [
        *("difference", "test accuracy, points", "95 % interval", "p, corrected", "real?", loss)
    ]
    rows = {(row["network"], row["variant"]): row for row in rows_of(finished, "summary.csv")}
    assert [(its["network"], name) for its in page.tables["summary.csv"] for name in its["variant"].split(", ")] == [
        *rows
    ]
    for shown in page.tables["summary.csv"]:
        for row in (rows[shown["network"], name] for name in shown["variant"].split(", ")):
            assert list(shown.values()) == [
                *(row["network"], shown["variant"], row["seeds"]),
                spread(row, "test_accuracy", 100, 2),
                interval(row, "test_accuracy", 100, 2),
                f"{float(row['test_accuracy_worst_seed']) * 100:.2f}",
                spread(row, "test_loss", 1, 4),
            ]
    for shown, row in zip(page.tables["differences.csv"], rows_of(finished, "differences.csv"), strict=True):
        assert list(shown.values())[1:] == [
            spread(row, "test_accuracy_difference", 100, 2),
            interval(row, "test_accuracy_difference", 100, 2),
            f"{float(row['p_holm']):.1g}",
            {"True": "yes", "False": "not shown"}[row["real"]],
            spread(row, "test_loss_difference", 1, 4),
        ]
    for shown in page.tables["targets.csv"]:
        network, variants = shown.pop("network"), shown.pop("variant").split(", ")
        lowest = shown.pop("lowest test loss after")
        for name in variants:
            assert lowest == rows[network, name]["lowest_test_loss_epochs"].removesuffix(".0")
            its = [
                row for row in rows_of(finished, "targets.csv") if (row["network"], row["variant"]) == (network, name)
            ]
            expected = {f"epochs to {float(row['target']) * 100:g} %": row["epochs"] for row in its}
            assert shown == {key: f"{float(epochs):g}" if epochs else "never" for key, epochs in expected.items()}
    checked = rows_of(finished, "optimizers.csv")
    for shown in page.tables["optimizers.csv"]:
        its = [row["verdict"] for row in checked if row["optimizer"] == shown["rule"]]
        assert (int(shown["settings"]), int(shown["right"])) == (len(its), its.count("equal"))
    trained = {(row["network"], row["variant"], row["trained with"]) for row in page.tables["NETWORK/VARIANT/run.json"]}
    setting = {"sgd": "sgd, lr 0.01", "momentum": "sgd, lr 0.01, momentum 0.9"}
    assert trained == {
        (network, f"{implementation}_{name}", f"{implementation} {words}")
        for network in ("text_100", "code_50") for implementation in ("custom", "torch")
        for name, words in setting.items()
    }  # fmt: skip


def test_page_summary_and_terminal_say_the_same(page, finished):
    answer = (finished.path / "results/summary.md").read_text(encoding="utf-8").split("\n\n")[0]
    lines = [line.removeprefix("- ") for line in answer.splitlines()]
    assert len(lines) >= 3
    assert all(line.replace("`", "") in page.text for line in lines)
    assert " ".join(answer.split()) in " ".join((finished.path / "terminal").read_text().split())


def test_the_page_needs_no_other_file_and_tells_its_story_in_order(page, finished):
    (strip,) = [address for address in page.addresses if address.startswith("data:image/png;base64,")]
    links = {address for address in page.addresses if address != strip}
    assert all((finished.path / "results" / link).exists() for link in links)
    named = ["accuracies", *(f"{network}/{name}" for network in NETWORKS for name in ("curves", "test"))]
    named += [f"{network}/custom_{name}/curves" for network in NETWORKS for name in ("sgd", "momentum")]
    assert {f"{name}.{form}" for name in named for form in ("png", "pdf")} <= links
    titles = ("The lab's exercises", "How well", "Are the rules right", "Are the twins", "How it was run", "departs")
    titles = [title for title in titles if not title.startswith(("The lab", "departs"))]  # the data is not MNIST
    places = [page.text.index(title) for title in titles]
    assert places == sorted(places)
    assert page.text.count("are bit-identical, in every minibatch loss") == 4


@pytest.mark.slow
def test_a_rule_with_a_mistake_is_named_and_its_twin_is_the_suspect(twins):
    rule = twins.path / "workflow/descent/optimizers/sgd.py"
    rule.write_text(rule.read_text().replace("alpha=-lr)", "alpha=-2 * lr)"))
    run = twins.snakemake()
    assert "\n- The rule of sgd differs from `torch.optim.SGD`: see" in run.stdout
    page = Page((twins.path / "results/report.html").read_text(encoding="utf-8"))
    assert "custom_sgd and torch_sgd are not bit-identical; the check says that the rule" in page.text
    assert "2 α in place of α" in page.text


@pytest.mark.slow
def test_one_seed_a_diverged_run_and_no_twins_are_reported_as_such(checkout, small_mnist):
    folder = checkout.path / "<script>alert(1)</script>"
    shutil.copytree(small_mnist[0], folder)

    def edit(config: dict) -> None:
        config["seeds"] = [3]
        config["networks"].pop("code_50")
        config["data"]["source"] = str(folder)
        config["variants"] = {
            "custom_sgd": {"implementation": "custom", "optimizer": "sgd", "lr": 0.1},
            # w ← (1 − 1000) w − g: no parameter stays finite for long.
            "far_off": {"implementation": "torch", "optimizer": "sgd", "lr": 1.0, "weight_decay": 1000.0},
        }

    checkout.edit_config(edit)
    run = checkout.snakemake()
    results = checkout.path / "results"
    text = (results / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    page = Page(text)
    assert "Only 1 seed: intervals and verdicts need 4 or more." in page.text
    assert "far_off diverged: see their curves." in page.text
    assert re.search(r"far_off \(1 of 1 seed, from iteration \d+ on\) diverged\. Try a lower", page.text)
    assert "There are none here." in page.text
    assert not re.search(r"\bnan\b", page.text)
    assert "(diverged)" in (results / "text_100/.intermediate/curves.json").read_text()
    assert re.search(r"seed 3 diverged: its loss is not finite from iteration \d+ on", run.stdout + run.stderr)
    assert (results / "twins.csv").read_text().count("\n") == 1
    assert checkout.stale() == set()
