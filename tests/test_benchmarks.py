"""The benchmarks' scripts run, and `make gpu` finds what differs; what they measure is no test."""

import subprocess
import sys

import pandas as pd
import pytest
from checkouts import REPOSITORY, check_out

sys.path.append(str(REPOSITORY / "benchmarks"))
from gpu import TRAINING, compare


@pytest.mark.parametrize(
    ("accuracy", "byte", "found"),
    [(0.951, b"", (True, True)), (0.953, b"", (True, False)), (0.951, b"0", (False, True))],
    ids=["alike", "an accuracy is off", "a byte differs"],
)
def test_two_runs_are_compared_with_each_other_and_with_the_cpus(accuracy, byte, found, tmp_path):
    for run in ("first", "second", "cpu"):
        folder = tmp_path / run / "results/net/custom_sgd"
        (folder / ".intermediate").mkdir(parents=True)
        for name in TRAINING:
            (folder / name).write_bytes(byte if run == "second" else b"")
        loss = 2.25 if run == "cpu" else 2.0
        (folder / "training.csv").write_text(f"seed,iteration,epoch,loss,accuracy\n0,99,0,{loss},0.1\n0,100,0,1,0.2\n")
        mean = 0.95 if run == "cpu" else accuracy
        (folder.parents[1] / "summary.csv").write_text(
            f"network,variant,test_accuracy_mean,test_accuracy_std\nnet,custom_sgd,{mean},0.002\n"
        )
        (folder.parents[1] / "twins.csv").write_text(
            f"network,custom,torch,verdict\nnet,custom_sgd,torch_sgd,{'identical' if run == 'cpu' else 'rounding'}\n"
        )
    (row,) = compare(*(tmp_path / run for run in ("first", "second", "cpu"))).to_dict("records")
    assert (row["same_bytes"], row["within_std"]) == found
    assert (row["first_100_apart"], row["twin"], row["twin_cpu"]) == (0.25, "rounding", "identical")


@pytest.mark.slow
def test_what_make_gpu_runs_finds_the_cpu_equal_to_itself_and_measures_the_loop(tmp_path, real_mnist):
    """In a short form: one epoch of two variants, and no peers."""
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
    assert right["same_bytes"].all() and not right["first_100_apart"].any()
    assert right.loc["custom_sgd", ["twin", "twin_cpu"]].tolist() == ["identical", "identical"]
    assert set(pd.read_csv(checkout.path / "found/measurements.csv")["peer"]) == {"descent"}
