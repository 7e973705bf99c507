"""The workflow from elsewhere: as a module of another workflow, in another folder, as Snakemake's own report."""

import re
import shutil
import zipfile

import forks
import pandas as pd
import pytest
import yaml
from checkouts import Checkout


def use(checkout, folder, prefix="", overrides=""):
    """Run a workflow in ``folder`` that uses a checkout's as a module."""
    folder.mkdir()
    config = yaml.safe_load((checkout.path / "config.yaml").read_text())
    config["networks"].popitem()
    (folder / "config.yaml").write_text(yaml.safe_dump({"their_own": 1, "descent": config}))
    (folder / "Snakefile").write_text(
        f"""
configfile: "config.yaml"

module descent:
    snakefile: "{checkout.path}/Snakefile"
    config: config["descent"]
    {prefix}

use rule * from descent as descent_*

{overrides}

rule mine:
    default_target: True
    input: "results/summary.csv", "results/report.html"
    output: "mine.csv"
    shell: "cp {{input[0]}} {{output}}"
"""
    )
    return forks.run("snakemake", "--cores", "2", folder=folder)


def test_another_workflow_can_use_it_as_a_module(small_checkout, tmp_path):
    folder = tmp_path / "theirs"
    # What they train one variant with, whatever the config says of it.
    overrides = """
use rule train from descent as descent_train with:
    params:
        code="", torch="",
        variant=lambda wildcards: "--implementation custom --optimizer sgd --hyperparameters lr=0.125",
        training="--epochs 1 --batch-size 50 --evaluation-batch-size 256 --device cpu --drop-last",
"""
    run = use(small_checkout, folder, overrides=overrides)
    assert run.returncode == 0, run.stderr
    assert len(pd.read_csv(folder / "mine.csv")) == 4
    assert not (small_checkout.path / "results/summary.csv").exists()
    assert "localrules" not in run.stderr
    *table, _, page = run.stdout.splitlines()
    assert table[-1].startswith("| exercise | torch_sgd | 2 | ")
    assert page == f"Open the report: {folder}/results/report.html"
    assert run.stdout.count("Open the report") == 1
    text = " ".join(re.sub("<[^>]*>", "", (folder / "results/report.html").read_text()).split())
    assert "for 1 epochs in minibatches of 50" in text
    assert text.count("custom sgd, lr 0.125; 1 epochs, minibatches of 50") == 4


@pytest.mark.parametrize("prefix", ['prefix: "theirs"', 'replace_prefix: {"results": "theirs"}'])
def test_a_modules_prefix_is_refused_in_one_line(prefix, small_checkout, tmp_path):
    run = use(small_checkout, tmp_path / "theirs", prefix)
    assert run.returncode
    assert run.stderr.splitlines()[-1].startswith("Descent writes into results/ and resources/ and allows no prefix")
    assert "Traceback" not in run.stderr


def test_a_checkouts_path_may_hold_any_character(small_checkout, tmp_path):
    path = tmp_path / "a:b é '\"$(touch x) {c}"
    checkout = Checkout(small_checkout.path.rename(path))
    run = checkout.snakemake("results/exercise/torch_sgd/training.csv")
    assert (path / "results/exercise/torch_sgd/training.csv").exists()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(path / "config.yaml", folder)
    run = checkout.snakemake("--directory", str(folder), "resources/mnist.safetensors", check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith("run it in its own folder, or rename the folder.")


def test_the_datas_folder_may_hold_any_character(small_checkout, small_mnist, tmp_path):
    folder = tmp_path / "a:b é '\"$(touch x) {c}"
    shutil.copytree(small_mnist[0], folder)
    small_checkout.edit_config(lambda config: config["data"].update(source=str(folder)))
    small_checkout.snakemake("resources/mnist.safetensors")


def test_it_runs_in_another_folder(small_checkout, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(small_checkout.path / "config.yaml", folder)
    small_checkout.snakemake("--directory", str(folder), "results/exercise/torch_sgd/training.csv")
    assert (folder / "results/exercise/torch_sgd/training.csv").exists()
    assert not (small_checkout.path / "resources").exists()


def test_snakemake_and_its_plugin_accept_the_profile_for_slurm(small_checkout):
    run = small_checkout.snakemake("--profile", "profiles/slurm", "--dry-run")
    assert {"train exercise torch_sgd", "report"} <= small_checkout.jobs(run.stdout)
    profile = small_checkout.path / "profiles/slurm/config.yaml"
    profile.write_text(profile.read_text() + "no-such-setting: 1\n")
    assert small_checkout.snakemake("--profile", "profiles/slurm", "--dry-run", check=False).returncode


def test_snakemakes_own_report_is_a_site_with_the_figures_and_captions(checkout):
    checkout.snakemake("--report", "provenance.zip")
    with zipfile.ZipFile(checkout.path / "provenance.zip") as site:
        names = site.namelist()
        assert not any(name.endswith(("verdicts.csv", "published.svg", "custom_sgd+torch_sgd.svg")) for name in names)
    for file, times in {
        "curves.svg": 2,
        "summary.csv": 1,
        "/report.html": 2,
    }.items():  # Snakemake has a report.html too
        assert sum(name.endswith(file) for name in names) == times
