"""The workflow from elsewhere: in a folder of any name, for another folder, as Snakemake's own report."""

import shutil
import zipfile

import pytest
from checkouts import Checkout


@pytest.mark.slow
def test_a_checkouts_path_may_hold_almost_any_character(small_checkout, tmp_path):
    path = tmp_path / "a é '\"$(touch x) {c}"
    Checkout(small_checkout.path.rename(path)).snakemake("results/text_100/torch_sgd/training.csv")
    assert (path / "results/text_100/torch_sgd/training.csv").exists()


@pytest.mark.slow
def test_it_runs_in_another_folder(small_checkout, tmp_path):
    def keep_two(config):
        config["networks"].pop("code_50")
        config["variants"] = {name: config["variants"][name] for name in ("custom_sgd", "torch_sgd")}

    small_checkout.edit_config(keep_two)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(small_checkout.path / "config.yaml", folder)
    small_checkout.edit_config(lambda config: config.update(device="cuda"))  # in the checkout; nothing reads it
    run = small_checkout.snakemake("--directory", str(folder))
    assert run.stdout.endswith(f"Open the report: {folder}/results/report.html\n")
    assert not (small_checkout.path / "resources").exists()


def test_snakemake_and_its_plugin_accept_the_profile_for_slurm(small_checkout):
    run = small_checkout.snakemake("--profile", "profiles/slurm", "--dry-run")
    assert {"train text_100 torch_sgd", "report"} <= small_checkout.jobs(run.stdout)
    profile = small_checkout.path / "profiles/slurm/config.yaml"
    profile.write_text(profile.read_text() + "no-such-setting: 1\n")
    assert small_checkout.snakemake("--profile", "profiles/slurm", "--dry-run", check=False).returncode


def test_snakemakes_own_report_is_a_site_with_the_page_the_figures_and_the_table(checkout):
    checkout.snakemake("--report", "provenance.zip")
    with zipfile.ZipFile(checkout.path / "provenance.zip") as site:
        names = site.namelist()
    assert not any(name.endswith("twins.csv") for name in names)
    # Of two networks: all variants, and two alone. Snakemake has a report.html too.
    for file, times in {"curves.png": 6, "test.png": 2, "summary.csv": 1, "/report.html": 2}.items():
        assert sum(name.endswith(file) for name in names) == times, file
