"""The page taken apart: every number on it stands in a file of the results."""

import csv
import re
import shutil

import pytest
from pages import Page, check_numbers


@pytest.fixture(scope="module")
def page(finished) -> Page:
    return Page((finished.path / "results/report.html").read_text(encoding="utf-8"))


def test_every_number_on_the_page_stands_in_a_file_of_the_results(page, finished):
    check_numbers(page, finished.path / "results")


def test_the_page_shows_all_of_the_summary_and_of_the_comparisons(page, finished):
    sources = {source for source, _, _ in page.data}
    for table, columns in {
        "summary": ["test_accuracy_mean", "test_accuracy_std", "test_accuracy_by_seed", "test_loss_mean"],
        "differences": ["test_accuracy_difference_mean", "test_accuracy_difference_std"],
        "initial": ["test_accuracy_mean", "test_loss_mean"],
    }.items():
        with (finished.path / f"results/{table}.csv").open(newline="") as lines:
            rows = len(list(csv.DictReader(lines)))
        assert {f"{table}.csv/{row}/{column}" for row in range(rows) for column in columns} <= sources


def test_the_page_needs_no_other_file(page):
    images = [address for address in page.addresses if address.startswith("data:image/svg+xml;base64,")]
    # Of two networks the curves of training and test, and two variants' own curves and mistakes.
    assert len(images) == 2 * (2 + 2 * 2)
    assert set(page.addresses) - set(images) == {"sweep.html"}


def test_the_page_tells_its_story_in_order(page):
    titles = ("What was trained", "How well", "Are the rules right", "Are the twins", "Does it reproduce")
    places = [page.text.index(title) for title in titles]
    assert places == sorted(places)
    assert page.text.count("are the same to the bit") == 4
    assert "The lab's figures are of MNIST, so nothing here is compared with them." in page.text


@pytest.mark.slow
def test_a_rule_with_a_mistake_is_named_and_its_twin_is_the_suspect(checkout):
    optimizers = checkout.path / "workflow/descent/optimizers.py"
    text = optimizers.read_text()
    optimizers.write_text(text.replace(".mul_(momentum).add_(g)", ".mul_(momentum).add_(g, alpha=1 - momentum)"))
    run = checkout.snakemake()
    answer, *_ = run.stdout.split("\n\n")[-3:]
    assert answer.endswith("\n- The rule of sgd differs from torch.optim.SGD: `make check` says how.")
    page = Page((checkout.path / "results/report.html").read_text(encoding="utf-8"))
    check_numbers(page, checkout.path / "results")
    words = " ".join(page.text.split())
    assert "sgd: equal to torch.optim.SGD in of settings: it has a mistake." in words
    assert "adam: equal to torch.optim.Adam in of settings." in words
    mistakes = {text for source, _, text in page.data if re.fullmatch(r"rules\.csv/\d+/mistake", source)}
    assert mistakes == {
        "the rule has this mistake: (1 − μ) g in place of g, with v = 0 at first: v = μ v + (1 - μ) g",
    }
    assert words.count("so custom_momentum is the suspect") == 2, "on both networks"
    assert words.count("custom_sgd and torch_sgd are the same to the bit") == 2


@pytest.mark.slow
def test_four_seeds_have_intervals_and_a_verdict_on_each_difference(checkout):
    checkout.edit_config(lambda config: config.update(seeds=[0, 1, 2, 3]))
    checkout.snakemake()
    page = Page((checkout.path / "results/report.html").read_text(encoding="utf-8"))
    check_numbers(page, checkout.path / "results")
    words = " ".join(page.text.split())
    assert "seeds only" not in words
    assert re.search(r"On exercise, custom_momentum is best with a test accuracy of .* points above custom_sgd", words)
    verdicts = r"(a real difference|it may be luck)"
    assert re.search(
        r"exercise: custom_momentum − custom_sgd: points of test accuracy, 95 % interval .{,8}" + verdicts, words
    )
    with (checkout.path / "results/differences.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    told = words[words.index("How well") :]
    assert len(re.findall(verdicts + r"\.", told)) == len(rows) == 4, "twins that are the same to the bit count once"


def test_one_seed_a_diverged_run_and_no_twins_are_told_as_such(checkout, small_mnist):
    folder = checkout.path / "<script>alert(1)</script>"
    shutil.copytree(small_mnist[0], folder)

    def edit(config: dict) -> None:
        config["seeds"] = [3]
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
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    page = Page(text)
    check_numbers(page, results)
    words = " ".join(page.text.split())
    assert "seed only: there are no intervals, and no difference can be called real." in words
    assert "diverged: the loss of" in words
    assert "There are no twins" in words
    assert "nan" not in words
    assert "(diverged)" in (results / "exercise/curves.svg").read_text()
    assert re.search(r"seed 3 diverged: its loss is not finite from iteration \d+ on", run.stdout + run.stderr)
    assert (results / "twins.csv").read_text().count("\n") == 1
    assert checkout.stale() == set()
