"""The workflow from elsewhere: in a folder of any name, for another folder, as Snakemake's own report."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import PACKAGE_PATH, Checkout, module
from descent.experiment.plan import plan


@pytest.mark.slow
def test_a_checkouts_path_may_hold_almost_any_character(small_checkout, tmp_path):
    path = tmp_path / "a é '\"$(touch x) {c}"
    Checkout(small_checkout.path.rename(path)).snakemake("results/text_100/torch_sgd/training.csv")
    assert (path / "results/text_100/torch_sgd/training.csv").exists()


@pytest.mark.slow
def test_it_runs_in_another_folder(small_checkout, twins):
    twins.edit_config(lambda config: config["curves"].update(smoothing=4))
    small_checkout.edit_config(lambda config: config.update(device="cuda"))  # in the checkout; nothing reads it
    run = small_checkout.snakemake("--directory", str(twins.path))
    assert twins.jobs(run.stderr) == {"plot_curves text_100", "report"}, "what another clone trained stays"
    assert run.stdout.endswith(f"Open the report: {twins.path}/results/report.html\n")
    assert not (small_checkout.path / "resources").exists()


@pytest.mark.slow
def test_snakemake_and_its_plugin_accept_the_profile_for_slurm(small_checkout):
    run = small_checkout.snakemake("--profile", "profiles/slurm", "--dry-run")
    assert {"train text_100 torch_sgd", "report"} <= small_checkout.jobs(run.stdout)
    profile = small_checkout.path / "profiles/slurm/config.yaml"
    profile.write_text(profile.read_text() + "no-such-setting: 1\n")
    assert small_checkout.snakemake("--profile", "profiles/slurm", "--dry-run", check=False).returncode


@pytest.mark.slow
def test_snakemakes_own_report_is_a_site_with_the_page_the_figures_and_the_table(checkout):
    checkout.snakemake("--report", "provenance.zip")
    with zipfile.ZipFile(checkout.path / "provenance.zip") as site:
        names = site.namelist()
    assert not any(name.endswith("twins.csv") for name in names)
    # Of two networks: all variants, and two alone. Snakemake has a report.html too.
    for file, times in {"curves.png": 6, "test.png": 2, "summary.csv": 1, "/report.html": 2}.items():
        assert sum(name.endswith(file) for name in names) == times, file


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("busybox"), reason="busybox is not installed: apt-get install busybox")
def test_make_and_the_rules_need_no_more_of_the_system_than_bash_make_and_busyboxs_tools(twins, tmp_path):
    """As macOS, busybox has no options of GNU's tools, such as those of tee, sed and find."""
    tools = tmp_path / "tools"
    tools.mkdir()
    subprocess.run(["busybox", "--install", "-s", tools], check=True)
    for name in ("bash", "make"):
        (tools / name).unlink(missing_ok=True)
        (tools / name).symlink_to(shutil.which(name))
    (twins.path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (twins.path / ".venv/installed").touch()
    twins.edit_config(lambda config: config["curves"].update(smoothing=4))

    def make(*words: str) -> str:
        command = ["make", "--old-file", "requirements.lock", *words]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PATH": str(tools)}
        run = subprocess.run(command, cwd=twins.path, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    assert "\nclean       remove the results" in make("help")
    assert f"Open the report: {twins.path}/results/report.html" in make("run")
    assert (twins.path / "logs/text_100/plot_curves.log").exists()
    make("clean")
    assert [file.name for file in (twins.path / "results").iterdir()] == ["README.md"]


HIDE = "mount -t tmpfs none /proc"
CAN_HIDE = subprocess.run(["unshare", "--mount", "sh", "-c", HIDE], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not CAN_HIDE, reason="/proc cannot be hidden here: it takes root")
def test_a_training_and_the_check_need_no_proc(finished, tmp_path):
    """As macOS has none."""
    config = yaml.safe_load((finished.path / "config.yaml").read_text())
    words = plan(config)["train text_100 custom_sgd"]["options"]
    initial = finished.path / "results/text_100/.intermediate/initial.safetensors"
    words += f" --mnist {finished.data} --initial {initial} --output {tmp_path}"
    for step, options in (("train", words), ("check_optimizers", "")):
        command = f"{HIDE} && {sys.executable} -m {module(step)} {options}"
        environment = os.environ | {"PYTHONPATH": PACKAGE_PATH}
        run = subprocess.run(
            ["unshare", "--mount", "sh", "-c", command], env=environment, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr
    made = finished.path / "results/text_100/custom_sgd/training.csv"
    losses = [pd.read_csv(file)["loss"].to_numpy() for file in (made, tmp_path / "training.csv")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4), "libraries that ask /proc may round otherwise"
