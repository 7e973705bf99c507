"""The report of a finished run: the page's numbers are the files', its sentences the summary's."""

import re
import shutil
from collections import defaultdict

import pandas as pd
import pytest
import yaml
from descent.check import verdicts
from descent.compare import compare_twins, summarize
from descent.report import exercises
from descent.run import Run
from pages import Page, rows_of, spread

NETWORKS = ["text_100", "code_50"]


def test_the_rules_are_said_to_be_right_or_each_wrong_one_is_named():
    table = pd.DataFrame({"optimizer": ["lion", "sgd"], "torch": ["", "SGD"], "verdict": "different", "mistake": ""})
    table = table.assign(setting="lr 1", first_step=2)
    assert verdicts.answer(table) == [
        "The rule of lion has a mistake: see `results/optimizers.csv`.",
        "The rule of sgd differs from `torch.optim.SGD`: see `results/optimizers.csv`.",
    ]
    right = "In the check, every update rule that has a class in `torch.optim` equals it."
    assert verdicts.answer(table.assign(verdict="equal")) == [right]
    _, wrong = verdicts.sections(table.assign(verdict=["equal", "different"]))
    assert wrong.table.to_numpy().tolist() == [["sgd", "lr 1", "2", "none of the known ones"]]


def test_the_exercises_say_what_was_trained_and_are_answered_with_links_to_their_figures_and_files(finished):
    variants = yaml.safe_load((finished.path / "config.yaml").read_text())["variants"]
    network, results = "text_100", finished.path / "results"
    records = {(network, name): Run(results / network / name).record for name in variants}
    its = {network: {"hidden": [8, 8], "activation": "relu"}}
    summary, twins = summarize.summarized(results), compare_twins.compared(results)
    section = exercises.section(results, its, variants, records, summary, twins)
    trained = "Each was trained for 2 epochs, in minibatches of 16 and with 4 seeds."
    assert section.caption.startswith(f"Networks: text_100 (8-8 hidden units, relu). {trained}")
    (row,) = [row for row in rows_of(finished, "initial.csv") if row["network"] == network]
    reached = {row["variant"]: spread(row, "test_accuracy", 100, 2) for row in rows_of(finished, "summary.csv")[:4]}
    untrained = f"{spread(row, 'test_accuracy', 100, 2)} %, {spread(row, 'test_loss', 1, 4)} nats"
    sgd, momentum = (f"{reached[f'torch_{name}']} %: bit-identical" for name in ("sgd", "momentum"))
    answers = [
        ("1: images to train with, and to test", "custom_sgd/run.json", "1,000 and 300"),
        ("2: accuracy and loss of the untrained network", "initial.csv", untrained),
        ("3: test accuracy of SGD from scratch", "custom_sgd/curves.png", f"{reached['custom_sgd']} %"),
        ("4: `torch.optim.SGD`, overlaid", "custom_sgd+torch_sgd.png", sgd),
        ("Optional: momentum from scratch", "custom_momentum/curves.png", f"{reached['custom_momentum']} %"),
        ("Optional: `torch.optim.SGD` with momentum", "custom_momentum+torch_momentum.png", momentum),
    ]
    links = [[number, f'<a href="{network}/{file}">{text}</a>'] for number, file, text in answers]
    assert section.table.to_numpy().tolist() == links
    assert all((results / network / file).exists() for _, file, _ in answers)


@pytest.fixture(scope="module")
def page(finished) -> Page:
    return Page((finished.path / "results/report.html").read_text(encoding="utf-8"))


COLUMNS = {  # of the tables of each file
    "summary.csv": "network; variant; seeds; test accuracy, %; 95 % interval; worst seed; test loss, nats",
    "differences.csv": "difference; test accuracy, points; 95 % interval; p, corrected; real?; test loss, nats",
    "targets.csv": "network; variant; epochs to 90 %; epochs to 95 %; epochs to 96.5 %; lowest test loss after",
    "optimizers.csv": "rule; compared with; settings; right",
    "NETWORK/VARIANT/run.json": "network; variant; trained with; hidden",
}


def accuracy(row, figure) -> list[str]:
    """Mean and deviation, and the interval, in per cent."""
    low, high = (f"{float(row[f'{figure}_{end}']) * 100:.2f}" for end in ("low", "high"))
    return [spread(row, figure, 100, 2), f"{low} to {high}"]


def test_every_number_of_the_pages_tables_is_that_of_the_file_that_the_caption_names(page, finished):
    expected, epochs, rules = {file: [] for file in COLUMNS}, defaultdict(list), defaultdict(list)
    for row in rows_of(finished, "targets.csv"):
        epochs[row["network"], row["variant"]].append(f"{float(row['epochs']):g}" if row["epochs"] else "never")
    for row in rows_of(finished, "summary.csv"):
        run, worst = [row["network"], row["variant"]], f"{float(row['test_accuracy_worst_seed']) * 100:.2f}"
        reached = [*accuracy(row, "test_accuracy"), worst, spread(row, "test_loss", 1, 4)]
        expected["summary.csv"].append([*run, row["seeds"], *reached])
        expected["targets.csv"].append([*run, *epochs[*run], row["lowest_test_loss_epochs"].removesuffix(".0")])
        implementation, _, rule = row["variant"].partition("_")
        setting = {"sgd": "sgd, lr 0.01", "momentum": "sgd, lr 0.01, momentum 0.9"}[rule]
        hidden = {"text_100": "8-8, relu", "code_50": "6, relu"}[row["network"]]
        expected["NETWORK/VARIANT/run.json"].append([*run, f"{implementation} {setting}", hidden])
    for row in rows_of(finished, "differences.csv"):
        within = row["network"] == row["other_network"]
        names = ["network", "variant", "other"] if within else ["variant", "network", "other_network"]
        verdict = [f"{float(row['p_holm']):.1g}", {"True": "yes", "False": "not shown"}[row["real"]]]
        figures = [*accuracy(row, "test_accuracy_difference"), *verdict, spread(row, "test_loss_difference", 1, 4)]
        expected["differences.csv"].append(["{}: {} − {}".format(*(row[name] for name in names)), *figures])
    for row in rows_of(finished, "optimizers.csv"):
        rules[row["optimizer"], f"torch.optim.{row['torch']}"].append(row["verdict"])
    for rule, its in sorted(rules.items()):
        expected["optimizers.csv"].append([*rule, str(len(its)), str(its.count("equal"))])
    assert {file: "; ".join(rows[0]) for file, rows in page.tables.items()} == COLUMNS
    for file, rows in page.tables.items():
        each = [row | {"variant": its} for row in rows for its in row.get("variant", "").split(", ")]  # bit-identical
        assert [[row[column] for column in COLUMNS[file].split("; ")] for row in each] == expected[file]


def test_page_summary_and_terminal_say_the_same(page, finished):
    answer = (finished.path / "results/summary.md").read_text(encoding="utf-8").split("\n\n")[0]
    lines = [line.removeprefix("- ").replace("`", "") for line in answer.splitlines()]
    assert len(lines) >= 3 and all(line in page.text for line in lines)
    assert " ".join(answer.split()) in " ".join((finished.path / "terminal").read_text().split())


def test_the_page_needs_no_other_file_and_tells_its_story_in_order(page, finished):
    (strip,) = [address for address in page.addresses if address.startswith("data:image/png;base64,")]
    links = {address for address in page.addresses if address != strip}
    assert all((finished.path / "results" / link).exists() for link in links)
    alone = ["curves", "test", "custom_sgd/curves", "custom_momentum/curves"]
    named = ["accuracies", *(f"{network}/{name}" for network in NETWORKS for name in alone)]
    assert {f"{name}.{form}" for name in named for form in ("png", "pdf")} <= links
    titles = ["How well", "Is a difference real", "Are the rules right", "Are the twins", "How it was run"]
    assert re.search(".*".join(titles), page.text)
    assert "The lab's exercises" not in page.text and "departs" not in page.text, "the data is not MNIST"
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
        # far_off: w ← (1 − 1000) w − g: no parameter stays finite for long.
        config["variants"] = {
            "custom_sgd": {"implementation": "custom", "optimizer": "sgd", "lr": 0.1},
            "far_off": {"implementation": "torch", "optimizer": "sgd", "lr": 1.0, "weight_decay": 1000.0},
        }

    checkout.edit_config(edit)
    run = checkout.snakemake()
    results = checkout.path / "results"
    text = (results / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    page = Page(text)
    assert "far_off diverged: see their curves. Only 1 seed: intervals" in page.text
    assert re.search(r"far_off \(1 of 1 seed, from iteration \d+ on\) diverged\. Try a lower", page.text)
    assert "There are none here." in page.text and not re.search(r"\bnan\b", page.text)
    assert "(diverged)" in (results / "text_100/.intermediate/curves.json").read_text()
    assert re.search(r"seed 3 diverged: its loss is not finite from iteration \d+ on", run.stdout + run.stderr)
    assert (results / "twins.csv").read_text().count("\n") == 1
    assert checkout.stale() == set()
