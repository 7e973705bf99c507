"""What a page says of how it was made: its config pasted back, run.json, trainings of another config."""

import json
import re
import shutil

import pytest
import yaml
from checkouts import check_out_small, csv_bytes
from pages import Page


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
    assert re.match(rf"report failed: results/text_100/custom_sgd does not fit config.yaml: {key} is .*, but it", last)


@pytest.mark.slow
def test_a_sweeps_page_is_not_made_of_trials_of_another_config(swept_checkout):
    swept_checkout.edit_config(lambda c: c["sweep"].update(seeds=3))
    swept_checkout.snakemake("sweep", "--touch")
    (swept_checkout.path / "results/sweep.html").unlink()
    run = swept_checkout.snakemake("sweep", check=False)
    assert run.returncode and "does not fit config.yaml: seeds is [1000, 1001, 1002], but it was" in run.stderr
