"""The twins' comparison, on trainings that are written down here."""

import math

import numpy as np
import pandas as pd
import pytest
from descent.compare.compare_twins import DISTANCES, answer, distances, in_a_sentence, section, verdict
from descent.files import sha256, write_json
from descent.run import Run
from safetensors.numpy import save_file


def write_run(folder, losses, W0=(1.0, 2.0), accuracies=(0.9, 0.8)):
    """What `train` writes, for losses [iterations, 2 seeds], and final test accuracies."""
    folder.mkdir(parents=True)
    rows = [f"{seed},{i},{loss}" for i, pair in enumerate(losses) for seed, loss in zip((2, 5), pair)]
    (folder / "training.csv").write_text("\n".join(["seed,iteration,loss", *rows]))
    rows = [f"{seed},{epoch},{its * (epoch + 1)}" for epoch in (0, 1) for seed, its in zip((2, 5), accuracies)]
    (folder / "evaluation.csv").write_text("\n".join(["seed,epoch,accuracy", *rows]))
    save_file({"W0": np.array(W0, dtype=float)}, folder / "parameters.safetensors")
    record = {"instructions": folder.name.upper(), "optimizer": "sgd", "hyperparameters": {"momentum": 0.9, "lr": 0.1}}
    write_json(folder / "run.json", record | {"sha256": {file.name: sha256(file) for file in folder.iterdir()}})
    return Run(folder)


def test_the_trainings_themselves_are_compared_over_all_seeds(tmp_path):
    losses, later = np.ones((20, 2)), np.arange(20)[:, None] >= 12
    one = write_run(tmp_path / "a", losses)
    two = write_run(tmp_path / "b", losses + later * [0, -0.25], accuracies=(0.9, 0.7))
    found = distances(one, two)
    expected = {"max_loss_difference": pytest.approx(0.25), "first_visible_iteration": 12}
    assert found == expected | {"max_accuracy_difference": pytest.approx(0.2), "instructions": "A and B"}
    assert [*DISTANCES] == [*found]
    assert distances(one, one)["instructions"] == ""


def test_losses_are_apart_where_just_one_training_diverged(tmp_path):
    lost = np.where(np.arange(5)[:, None] < [5, 3], 1, np.nan)
    one, two = write_run(tmp_path / "a", np.ones((5, 2))), write_run(tmp_path / "b", lost)
    assert [*distances(one, two).values()][:2] == [math.inf, 3]
    assert distances(two, two)["max_loss_difference"] == 0


JUDGED = [
    ((1, 2), {("sgd", "lr 0.1, momentum 0.9")}, "identical"),
    ((1, 3), {("sgd", "lr 0.1"), ("adam", "lr 0.1, momentum 0.9")}, "same rule"),
    ((1, 3), {("sgd", "lr 0.1, momentum 0.9")}, "different rule"),
]


@pytest.mark.parametrize(("W0", "wrong", "expected"), JUDGED)
def test_twins_with_other_parameters_are_not_identical_and_the_check_judges_their_rule(W0, wrong, expected, tmp_path):
    runs = write_run(tmp_path / "a", np.ones((5, 2))), write_run(tmp_path / "b", np.ones((5, 2)), W0)
    assert verdict(*runs, wrong) == expected


@pytest.mark.parametrize("name", ["training.csv", "evaluation.csv", "run.json"])
def test_a_file_that_is_not_what_train_wrote_is_refused_by_its_name(name, tmp_path):
    run = write_run(tmp_path / "run", np.ones((20, 2)))
    (tmp_path / "run" / name).write_bytes(b"my own notes")
    with pytest.raises(SystemExit, match=f"run/{name} is not what `train` wrote: delete it and run again"):
        distances(run, run)


def test_the_twins_are_counted():
    verdicts = ["identical", "identical", "same rule", "different rule", "same rule"]
    said = [answer(pd.DataFrame({"verdict": verdicts[:n]})) for n in (0, 2, 5)]
    assert said == [[], ["All twins are bit-identical."], ["3 of 5 pairs of twins are not bit-identical."]]
    assert section(pd.DataFrame()).lead.endswith("PyTorch's. There are none here.")


APART, RULE = "a and b are not bit-identical; the check ", "finds no difference between their rules"
BY = ". A minibatch loss differs by at most 2.0e-05 nats"
LAST = ", a final test accuracy by at most 0.50 points. Whether the mean accuracies differ is among the differences "
LAST += "above."
SAID = [
    ({"verdict": "identical"}, "a and b are bit-identical, in every minibatch loss and in the final parameters."),
    ({}, APART + RULE + BY + LAST),
    ({"first_visible_iteration": 90.0}, f"{APART}{RULE}{BY} (more than 10⁻³ from iteration 90 on){LAST}"),
    ({"instructions": "1 and 2"}, f"{APART}{RULE}{BY}{LAST} Their processors' vector instructions differ (1 and 2)."),
    ({"verdict": "different rule"}, f"{APART}says that the rule from scratch differs{BY}{LAST}"),
]


@pytest.mark.parametrize(("change", "said"), SAID)
def test_each_verdict_on_twins_is_a_sentence(change, said):
    row = {"network": "small", "custom": "a", "torch": "b", "verdict": "same rule", "max_loss_difference": 2e-5}
    row |= {"first_visible_iteration": math.nan, "max_accuracy_difference": 0.005, "instructions": ""}
    assert in_a_sentence(row | change) == f"small: {said}"
