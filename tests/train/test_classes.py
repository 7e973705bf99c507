"""Optimizers that are classes in files of one's own."""

import json
import re

import pandas as pd
import pytest

NOISY = """
import torch


class Noisy:
    def __init__(self, parameters, lr=0.1):
        self.parameters, self.lr = list(parameters), lr

    def zero_grad(self):
        for w in self.parameters:
            w.grad = None

    @torch.no_grad()
    def step(self):
        for w in self.parameters:
            w -= self.lr * (w.grad + 0.01 * torch.randn_like(w))
"""


MINE = {"implementation": "custom", "optimizer": "noisy", "lr": 0.2}


@pytest.mark.slow
def test_a_class_in_a_file_of_the_optimizers_is_trained_network_by_network_and_checked(twins):
    file = twins.path / "workflow/descent/optimizers/noisy.py"
    file.write_text(NOISY)
    twins.edit_config(
        lambda c: c["variants"].update(mine={"implementation": "custom", "optimizer": "noisy", "lr": 0.2})
    )
    twins.snakemake()
    assert (
        json.loads((twins.path / "results/text_100/mine/run.json").read_text())["sources"]["noisy.py"]["text"] == NOISY
    )
    assert "noisy" in pd.read_csv(twins.path / "results/optimizers.csv")["optimizer"].tolist()
    file.write_text(NOISY.replace("0.01 *", "0.02 *"))
    assert twins.stale() >= {"train text_100 mine", "check_optimizers"}
    assert "train text_100 custom_sgd" not in twins.stale()


@pytest.mark.slow
def test_a_module_that_no_package_owns_is_an_input_by_its_content(twins, tmp_path):
    (tmp_path / "mine/ns").mkdir(parents=True)  # a folder without __init__.py is a package too
    (tmp_path / "mine/rates.py").write_text("FACTOR = 1.0\n")
    text = "import rates\n" + NOISY.replace("self.lr *", "rates.FACTOR * self.lr *")
    (tmp_path / "mine/ns/noisy.py").write_text(text)
    mine = {"implementation": "torch", "optimizer": "ns.noisy.Noisy", "lr": 0.1}
    twins.edit_config(lambda c: c["variants"].update(mine=mine))
    target, path = "results/text_100/mine/training.csv", {"PYTHONPATH": str(tmp_path / "mine")}
    twins.snakemake(target, **path)
    assert not twins.jobs(twins.snakemake(target, "--dry-run", **path).stdout)
    record = json.loads((twins.path / "results/text_100/mine/run.json").read_text())
    assert record["package"] is None and {its: source["text"] for its, source in record["sources"].items()} == {
        "noisy.py": text,
        "rates.py": "FACTOR = 1.0\n",
    }
    (tmp_path / "mine/rates.py").write_text("FACTOR = 2.0\n")
    assert twins.jobs(twins.snakemake(target, "--dry-run", **path).stdout) == {"train text_100 mine"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "raise RuntimeError('no\\nway')",
            r"noisy: RuntimeError: no \(optimizers/noisy.py, line 6: raise RuntimeError",
        ),
        ("pass", r"noisy: AttributeError: .*parameters"),
    ],
    ids=["constructor", "step"],
)
def test_what_a_class_raises_is_one_line_with_its_place(body, message, twins):
    text = NOISY.replace("self.parameters, self.lr = list(parameters), lr", body).lstrip("\n")
    (twins.path / "workflow/descent/optimizers/noisy.py").write_text(text)
    twins.edit_config(lambda c: c["variants"].update(mine=MINE))
    run = twins.snakemake("results/text_100/mine/training.csv", check=False)
    assert re.match(rf"train text_100/mine failed: {message}", run.stderr.splitlines()[-2])
    assert "Traceback" not in run.stdout + run.stderr
