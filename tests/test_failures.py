"""What is said of a failure."""

import re

import pytest
from checkouts import step


@pytest.mark.slow
def test_each_failed_job_is_named_with_its_variant(unstarted):
    unstarted.edit_config(lambda c: c["training"].update(batch_size=5000))
    run = unstarted.snakemake("--keep-going", check=False)
    first, second, _ = run.stderr.splitlines()[-3:]
    assert {line.partition(" failed: ")[0] for line in (first, second)} == {
        "train text_100/custom_sgd",
        "train text_100/torch_sgd",
    }


def test_a_truncated_file_is_named_with_the_remedy(twins):
    initial = twins.path / "results/text_100/.intermediate/initial.safetensors"
    initial.write_bytes(initial.read_bytes()[:-9])
    target = "results/text_100/custom_sgd/training.csv"
    run = step(
        "train",
        *("--mnist", twins.data, "--initial", initial, "--output", twins.path / target),
        *("--implementation", "custom", "--optimizer", "sgd", "--hyperparameters", '{"lr": 1}'),
        *("--epochs", 1, "--batch-size", 16),
        check=False,
    )
    assert run.returncode and "Traceback" not in run.stderr
    assert re.match(rf"{re.escape(str(initial))} cannot be read \(.*\): delete it and run again", run.stderr.strip())
