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
    config.pop("sweep")
    shown = pasted((finished.path / "results/report.html").read_text())
    assert json.dumps(shown) == json.dumps(config)
    made = json.loads((finished.path / "results/experiment.json").read_text())["config"]
    assert json.dumps(made) == json.dumps(config)


@pytest.mark.slow
def test_the_pages_config_pasted_into_a_fresh_checkout_gives_the_same_bytes(swept, small_mnist, tmp_path):
    fresh = check_out_small(tmp_path / "fresh", small_mnist)
    config = pasted((swept.path / "results/sweep.html").read_text())  # the report's is the same, but for the sweep
    (fresh.path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    fresh.snakemake(*(f"results/{name}" for name in csv_bytes(swept)), "--cores", "2")
    assert csv_bytes(fresh) == csv_bytes(swept)


def test_each_page_and_its_experiment_say_what_it_was_made_with(swept):
    record = json.loads((swept.path / "results/text_100/custom_sgd/run.json").read_text())
    for page, folder in (("report", "results"), ("sweep", "results/sweep")):
        text = Page((swept.path / f"results/{page}.html").read_text()).text
        made = json.loads((swept.path / folder / "experiment.json").read_text())
        assert made["trained_with"].items() >= {key: record[key] for key in ("torch", "python", "processor")}.items()
        assert record["processor"] in text and f"PyTorch {record['torch']}" in text
        assert made["versions"].keys() >= {"snakemake", "pandas", "torchvision"}
        assert "text_100 (8-8 hidden units, relu)" in text


def test_run_json_has_everything_that_made_the_training(finished):
    record = json.loads((finished.path / "results/text_100/torch_momentum/run.json").read_text())
    expected = {"seeds": [0, 1, 2, 3], "hidden": [8, 8], "activation": "relu", "implementation": "torch"}
    expected |= {"hyperparameters": {"lr": 0.01, "momentum": 0.9}, "schedule": "constant", "warmup": 0, "epochs": 2}
    expected |= {"batch_size": 16, "shuffle": False, "drop_last": True, "dtype": "float32", "validation": 0}
    config = yaml.safe_load((finished.path / "config.yaml").read_text())
    assert record.items() >= (expected | {"data": config["data"]["sha256"], "device": "cpu", "threads": 1}).items()


@pytest.mark.parametrize("forget", ["no memory", pytest.param("touch", marks=pytest.mark.slow)])
def test_trainings_of_another_config_stop_the_report_with_variant_and_key(forget, twins):
    twins.edit_config(lambda c: c["networks"].update(text_100=[8, 9]))
    if forget == "touch":
        twins.snakemake("--touch")
    else:
        shutil.rmtree(twins.path / ".snakemake")
    (twins.path / "results/report.html").unlink()
    run = twins.snakemake(check=False)
    assert run.returncode and not (twins.path / "results/report.html").exists()
    why = r"hidden is \[8, 9\], but it was trained with \[8, 8\]"
    failed = rf"report failed: results/text_100/custom_sgd does not fit config.yaml: {why}"
    assert re.match(failed, run.stderr.splitlines()[-2])


@pytest.mark.slow
def test_a_sweeps_page_is_not_made_of_trials_of_another_config(swept_checkout):
    swept_checkout.edit_config(lambda c: c["sweep"].update(seeds=3))
    swept_checkout.snakemake("sweep", "--touch")
    (swept_checkout.path / "results/sweep.html").unlink()
    run = swept_checkout.snakemake("sweep", check=False)
    assert run.returncode and "does not fit config.yaml: seeds is [1000, 1001, 1002], but it was" in run.stderr
