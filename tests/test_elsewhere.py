"""The workflow from elsewhere: as a module of another workflow, in another folder, as Snakemake's own report."""

import io
import shutil
import subprocess
import sys
import zipfile

import pandas as pd
import yaml


def test_another_workflow_can_use_it_as_a_module(small_checkout, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    config = yaml.safe_load((small_checkout.path / "config.yaml").read_text())
    config["networks"].popitem()
    (folder / "config.yaml").write_text(yaml.safe_dump({"their_own": 1, "descent": config}))
    (folder / "Snakefile").write_text(
        f"""
configfile: "config.yaml"

module descent:
    snakefile: "{small_checkout.path}/Snakefile"
    config: config["descent"]

use rule * from descent as descent_*

rule mine:
    default_target: True
    input: "results/summary.csv"
    output: "mine.csv"
    shell: "cp {{input}} {{output}}"
"""
    )
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"], cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert len(pd.read_csv(folder / "mine.csv")) == 4
    assert not (small_checkout.path / "results/summary.csv").exists()


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


def test_snakemakes_own_report_is_a_site_with_the_figures_and_captions(finished):
    finished.snakemake("--report", "provenance.zip")
    with zipfile.ZipFile(io.BytesIO((finished.path / "provenance.zip").read_bytes())) as site:
        names = site.namelist()
        assert not any(name.endswith(("verdicts.csv", "published.svg", "custom_sgd+torch_sgd.svg")) for name in names)
    for file, times in {
        "curves.svg": 2,
        "summary.csv": 1,
        "/report.html": 2,
    }.items():  # Snakemake has a report.html too
        assert sum(name.endswith(file) for name in names) == times
    (finished.path / "provenance.zip").unlink()
