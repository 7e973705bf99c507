"""What a reader may check: pasted configs, classes of one's own, results of another config, failures; by Snakemake."""

import json
import os
import re
import shutil
import signal
import time

import pandas as pd
import pytest
import yaml
from checkouts import check_out_small, step
from pages import Page
from test_faults import csv_bytes, steps_in, wait_until

NOISY = """
import torch


class Noisy:
    def __init__(self, parameters, lr=0.1):
        self.parameters, self.lr = list(parameters), lr

    def zero_grad(self):
        for w in self.parameters:
            w.grad = None

    @torch.no_grad()
    def step(self):
        for w in self.parameters:
            w -= self.lr * (w.grad + 0.01 * torch.randn_like(w))
"""


MINE = {"implementation": "custom", "optimizer": "noisy", "lr": 0.2}


def pasted(page: str) -> dict:
    """The config.yaml of a page."""
    return yaml.safe_load(re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)[1].replace("&#39;", "'"))


def test_the_pages_config_is_in_its_own_order(finished):
    config = yaml.safe_load((finished.path / "config.yaml").read_text())
    shown = pasted((finished.path / "results/report.html").read_text())
    assert shown == {key: value for key, value in config.items() if key != "sweep"}
    for mine, its in (
        (shown, config),
        (shown["variants"], config["variants"]),
        (shown["networks"], config["networks"]),
    ):
        assert list(mine) == [key for key in its if key != "sweep"]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "target"), [("report", "all"), ("sweep", "sweep")])
def test_the_pages_config_pasted_into_a_fresh_checkout_gives_the_same_bytes(page, target, swept, small_mnist, tmp_path):
    fresh = check_out_small(tmp_path / "fresh", small_mnist)
    config = pasted((swept.path / f"results/{page}.html").read_text())
    (fresh.path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    fresh.snakemake(target)
    theirs = csv_bytes(swept)
    ours = csv_bytes(fresh)
    assert len(ours) > 10 and {name: theirs[name] for name in ours} == ours


def test_each_page_and_its_experiment_say_what_it_was_made_with(swept):
    record = json.loads((swept.path / "results/text_100/custom_sgd/run.json").read_text())
    for page, folder in (("report", "results"), ("sweep", "results/sweep")):
        text = Page((swept.path / f"results/{page}.html").read_text()).text
        made = json.loads((swept.path / folder / "experiment.json").read_text())
        assert made["trained_with"]["processor"] == record["processor"] and record["processor"] in text
        assert made["trained_with"]["torch"] == record["torch"] and f"PyTorch {record['torch']}" in text
        assert made["versions"].keys() >= {"snakemake", "pandas", "torchvision"}
        assert "text_100 (8-8 hidden units, relu)" in text


def test_run_json_has_everything_that_made_the_training(finished):
    record = json.loads((finished.path / "results/text_100/torch_momentum/run.json").read_text())
    expected = {"seeds": [0, 1, 2, 3], "hidden": [8, 8], "activation": "relu", "implementation": "torch"}
    expected |= {"hyperparameters": {"lr": 0.01, "momentum": 0.9}, "schedule": "constant", "warmup": 0}
    expected |= {
        "epochs": 2,
        "batch_size": 16,
        "shuffle": False,
        "drop_last": True,
        "dtype": "float32",
        "validation": 0,
    }
    config = yaml.safe_load((finished.path / "config.yaml").read_text())
    assert record.items() >= (expected | {"data": config["data"]["sha256"], "device": "cpu", "threads": 1}).items()


EDITS = {
    "hidden": lambda c: c["networks"].update(text_100=[8, 9]),
    "seeds": lambda c: c.update(seeds=[0, 1, 2, 4]),
    "momentum": lambda c: [c["variants"][name].update(momentum=0.5) for name in ("custom_sgd", "torch_sgd")],
    "epochs": lambda c: c["training"].update(epochs=3),
    "schedule": lambda c: [c["variants"][name].update(schedule="linear") for name in ("custom_sgd", "torch_sgd")],
}


@pytest.mark.parametrize(("key", "forget"), [*((key, "touch") for key in EDITS), ("hidden", "no memory")])
def test_trainings_of_another_config_stop_the_report_with_variant_and_key(key, forget, twins):
    twins.edit_config(EDITS[key])
    if forget == "touch":
        twins.snakemake("--touch")
    else:
        shutil.rmtree(twins.path / ".snakemake")
    (twins.path / "results/report.html").unlink()
    run = twins.snakemake(check=False)
    assert run.returncode and not (twins.path / "results/report.html").exists()
    last = run.stderr.splitlines()[-2]
    assert re.match(
        rf"report failed: results/text_100/custom_sgd is not of this config.yaml: {key} is .*, but it", last
    )


def test_what_is_written_otherwise_and_means_the_same_trains_nothing_and_the_twins_stay(twins):
    same = {"momentum": 0.0, "nesterov": False, "schedule": "constant", "warmup": 0}
    twins.edit_config(lambda c: c["variants"]["torch_sgd"].update(same))
    assert twins.stale() == {"report"}, "which shows config.yaml"
    twins.snakemake()
    assert pd.read_csv(twins.path / "results/twins.csv")["verdict"].tolist() == ["identical"]


@pytest.mark.slow
def test_a_class_in_a_file_of_the_optimizers_is_trained_network_by_network_and_checked(twins):
    file = twins.path / "workflow/descent/optimizers/noisy.py"
    file.write_text(NOISY)
    twins.edit_config(
        lambda c: c["variants"].update(mine={"implementation": "custom", "optimizer": "noisy", "lr": 0.2})
    )
    twins.snakemake()
    assert (
        json.loads((twins.path / "results/text_100/mine/run.json").read_text())["sources"]["noisy.py"]["text"] == NOISY
    )
    assert "noisy" in pd.read_csv(twins.path / "results/optimizers.csv")["optimizer"].tolist()
    file.write_text(NOISY.replace("0.01 *", "0.02 *"))
    assert twins.stale() >= {"train text_100 mine", "check_optimizers"}
    assert "train text_100 custom_sgd" not in twins.stale()


@pytest.mark.slow
def test_a_module_that_no_package_owns_is_an_input_by_its_content(twins, tmp_path):
    (tmp_path / "mine/ns").mkdir(parents=True)  # a folder without __init__.py is a package too
    (tmp_path / "mine/rates.py").write_text("FACTOR = 1.0\n")
    text = "import rates\n" + NOISY.replace("self.lr *", "rates.FACTOR * self.lr *")
    (tmp_path / "mine/ns/noisy.py").write_text(text)
    mine = {"implementation": "torch", "optimizer": "ns.noisy.Noisy", "lr": 0.1}
    twins.edit_config(lambda c: c["variants"].update(mine=mine))
    target, path = "results/text_100/mine/training.csv", {"PYTHONPATH": str(tmp_path / "mine")}
    twins.snakemake(target, **path)
    assert not twins.jobs(twins.snakemake(target, "--dry-run", **path).stdout)
    record = json.loads((twins.path / "results/text_100/mine/run.json").read_text())
    assert record["package"] is None and {its: source["text"] for its, source in record["sources"].items()} == {
        "noisy.py": text,
        "rates.py": "FACTOR = 1.0\n",
    }
    (tmp_path / "mine/rates.py").write_text("FACTOR = 2.0\n")
    assert twins.jobs(twins.snakemake(target, "--dry-run", **path).stdout) == {"train text_100 mine"}


@pytest.mark.slow
def test_a_sweeps_page_is_not_made_of_trials_of_another_config(swept_checkout):
    swept_checkout.edit_config(lambda c: c["sweep"].update(seeds=3))
    swept_checkout.snakemake("sweep", "--touch")
    (swept_checkout.path / "results/sweep.html").unlink()
    run = swept_checkout.snakemake("sweep", check=False)
    assert run.returncode and "is not of this config.yaml: seeds is [1000, 1001, 1002], but it was" in run.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "raise RuntimeError('no\\nway')",
            r"noisy: RuntimeError: no \(optimizers/noisy.py, line 6: raise RuntimeError",
        ),
        ("pass", r"noisy: AttributeError: .*parameters"),
    ],
    ids=["constructor", "step"],
)
def test_what_a_class_raises_is_one_line_with_its_place(body, message, twins):
    text = NOISY.replace("self.parameters, self.lr = list(parameters), lr", body).lstrip("\n")
    (twins.path / "workflow/descent/optimizers/noisy.py").write_text(text)
    twins.edit_config(lambda c: c["variants"].update(mine=MINE))
    run = twins.snakemake("results/text_100/mine/training.csv", check=False)
    assert re.match(rf"train text_100/mine failed: {message}", run.stderr.splitlines()[-2])
    assert "Traceback" not in run.stdout + run.stderr


def test_mnist_outlives_a_wrong_source_a_forced_run_and_an_edit_of_its_step(unstarted, tmp_path):
    (tmp_path / "empty").mkdir()
    before, name = unstarted.data.read_bytes(), str(unstarted.data.relative_to(unstarted.path))
    unstarted.edit_config(lambda c: c["data"].update(source=str(tmp_path / "empty")))
    with (unstarted.path / "workflow/descent/files.py").open("a") as file:
        file.write("# edited\n")
    unstarted.snakemake("-f", name)
    assert unstarted.data.read_bytes() == before
    unstarted.data.write_bytes(before[:-1])
    run = unstarted.snakemake("-f", name, check=False)
    assert run.returncode and "train-images-idx3-ubyte[.gz]\n" in run.stderr, "the whole message"
    assert "download_mnist failed: The data could not be read from" in run.stderr
    assert unstarted.data.read_bytes() == before[:-1], "it is left as it was"


@pytest.mark.slow
def test_an_interrupted_download_leaves_the_file_that_was_there(unstarted):
    before = unstarted.data.read_bytes()
    for ending in (signal.SIGINT, signal.SIGKILL):
        run = unstarted.start("-f", str(unstarted.data.relative_to(unstarted.path)))
        wait_until(lambda: steps_in(unstarted.path, "download_mnist"))
        for process in steps_in(unstarted.path, "download_mnist"):
            process.send_signal(ending)
        run.communicate()
        assert unstarted.data.read_bytes() == before


def test_each_failed_job_is_named_with_its_variant(unstarted):
    unstarted.edit_config(lambda c: c["training"].update(batch_size=5000))
    run = unstarted.snakemake("--keep-going", check=False)
    first, second, _ = run.stderr.splitlines()[-3:]
    assert {line.partition(" failed: ")[0] for line in (first, second)} == {
        "train text_100/custom_sgd",
        "train text_100/torch_sgd",
    }


@pytest.mark.slow
def test_ctrl_c_is_said_to_be_yours_and_nothing_failed(unstarted):
    unstarted.edit_config(lambda c: c["training"].update(epochs=200))
    run = unstarted.start()
    wait_until(lambda: steps_in(unstarted.path, "train"))
    time.sleep(4)
    os.killpg(run.pid, signal.SIGINT)
    told = run.communicate(timeout=30)[1]
    assert told.splitlines()[-2:] == [
        "You stopped the run.",
        "Finished steps are kept; to go on, run the same command again.",
    ]
    assert " failed: " not in told


def test_a_truncated_file_is_named_with_the_remedy(unstarted):
    unstarted.snakemake("results/text_100/initial.csv")
    initial = unstarted.path / "results/text_100/.intermediate/initial.safetensors"
    initial.write_bytes(initial.read_bytes()[:-9])
    target = "results/text_100/custom_sgd/training.csv"
    run = step(
        "train",
        *("--mnist", unstarted.data, "--initial", initial, "--output", unstarted.path / target),
        *("--implementation", "custom", "--optimizer", "sgd", "--hyperparameters", '{"lr": 1}'),
        *("--epochs", 1, "--batch-size", 16),
        check=False,
    )
    assert run.returncode and "Traceback" not in run.stderr
    assert re.match(rf"{re.escape(str(initial))} cannot be read \(.*\): delete it and run again", run.stderr.strip())
