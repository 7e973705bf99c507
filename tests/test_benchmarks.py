"""The benchmarks' scripts run; what they measure is no test."""

import subprocess
import sys

import pandas as pd
import pytest
from checkouts import check_out


@pytest.mark.slow
def test_what_make_gpu_runs_finds_two_runs_equal_and_measures_the_loop(tmp_path, real_mnist):
    """On the CPU, with one epoch and two variants."""
    checkout = check_out(tmp_path / "checkout")

    def shorten(config):
        config |= {"seeds": [0, 1], "networks": {"code_50": [50, 50]}}
        config["training"]["epochs"] = 1
        config["variants"] = {name: config["variants"][name] for name in ("custom_sgd", "torch_sgd")}

    checkout.edit_config(shorten)
    (checkout.path / "resources").mkdir()
    (checkout.path / "resources/mnist.safetensors").symlink_to(real_mnist)
    words = ["--device", "cpu", "--output", "found", "--repeats", "1", "--peers", "descent"]
    command = [sys.executable, "benchmarks/gpu.py", *words]
    run = subprocess.run(command, cwd=checkout.path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    right = pd.read_csv(checkout.path / "found/right.csv").set_index("variant")
    assert right["same_bytes"].all()
    assert (right["test_accuracy_mean"] == right["test_accuracy_mean_cpu"]).all()
    assert right.loc["custom_sgd", ["twin", "twin_cpu"]].tolist() == ["identical", "identical"]
    assert set(pd.read_csv(checkout.path / "found/measurements.csv")["peer"]) == {"descent"}
