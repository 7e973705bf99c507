"""The benchmarks' scripts run, and `make gpu` finds what differs; what they measure is no test."""

import json
import subprocess
import sys

import pandas as pd
import pytest
from checkouts import REPOSITORY, check_out
from descent.files import sha256

sys.path.append(str(REPOSITORY / "benchmarks"))
from gpu import compare


@pytest.mark.parametrize(
    ("accuracy", "loss", "found"),
    [(0.951, 2.0, (True, True)), (0.953, 2.0, (True, False)), (0.951, 2.1, (False, True))],
    ids=["alike", "an accuracy is off", "a byte differs"],
)
def test_two_runs_are_compared_with_each_other_and_with_the_cpus(accuracy, loss, found, tmp_path):
    of = {
        "first": (accuracy, 2.0, "same rule"),
        "second": (accuracy, loss, "same rule"),
        "cpu": (0.95, 2.25, "identical"),
    }
    for run, (accuracy, loss, verdict) in of.items():
        results = tmp_path / run / "results"
        folder = results / "net/custom_sgd"
        folder.mkdir(parents=True)
        (folder / "training.csv").write_text(f"seed,iteration,epoch,loss,accuracy\n0,0,0,2,0.1\n0,1,0,{loss},0.2\n")
        (folder / "evaluation.csv").write_text("seed,epoch,loss,accuracy\n0,0,1.0,0.9\n")
        checksums = {name: sha256(folder / name) for name in ("training.csv", "evaluation.csv")}
        (folder / "run.json").write_text(json.dumps({"sha256": checksums, "instructions": "AVX2"}))
        (results / "summary.csv").write_text(
            f"network,variant,test_accuracy_mean,test_accuracy_std\nnet,custom_sgd,{accuracy},0.002\n"
        )
        (results / "twins.csv").write_text(f"network,custom,torch,verdict\nnet,custom_sgd,torch_sgd,{verdict}\n")
    (row,) = compare(*(tmp_path / run for run in of)).to_dict("records")
    assert (row["same_bytes"], row["within_std"]) == found
    assert (row["first_visible_iteration"], row["max_loss_difference"]) == (1, 0.25)
    assert (row["twin"], row["twin_cpu"]) == ("same rule", "identical")


@pytest.mark.slow
def test_what_make_gpu_runs_finds_the_cpu_equal_to_itself_and_measures_the_loop(tmp_path, real_mnist):
    """In a short form: one epoch of two variants, and no peers."""
    checkout = check_out(tmp_path / "checkout")

    def shorten(config):
        config |= {"seeds": [0, 1], "networks": {"code_50": [50, 50]}}
        config["training"] |= {"epochs": 1, "batch_size": 1000}
        config["variants"] = {name: config["variants"][name] for name in ("custom_sgd", "torch_sgd")}

    checkout.edit_config(shorten)
    (checkout.path / "resources").mkdir()
    (checkout.path / "resources/mnist.safetensors").symlink_to(real_mnist)
    words = ["--device", "cpu", "--output", "found", "--repeats", "1", "--peers", "descent"]
    command = [sys.executable, "benchmarks/gpu.py", *words]
    run = subprocess.run(command, cwd=checkout.path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    right = pd.read_csv(checkout.path / "found/right.csv").set_index("variant")
    assert right["same_bytes"].all() and not right["max_loss_difference"].any()
    assert right.loc["custom_sgd", ["twin", "twin_cpu"]].tolist() == ["identical", "identical"]
    assert set(pd.read_csv(checkout.path / "found/measurements.csv")["peer"]) == {"descent"}
