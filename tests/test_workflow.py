"""The whole workflow, run as people run it, on a small data set in MNIST's format."""

import json
import re
import subprocess
from importlib.metadata import version

import pandas as pd
import pytest
from checkouts import step
from descent.report.figures import files
from safetensors.torch import load_file

VARIANTS = ["custom_sgd", "torch_sgd", "custom_momentum", "torch_momentum"]
NETWORKS = ["text_100", "code_50"]


def results(checkout, pattern):
    found = sorted(f for f in (checkout.path / "results").rglob(pattern) if f.is_file())
    return {str(f.relative_to(checkout.path)): f for f in found}


def test_every_result_is_there(finished):
    expected = {"summary.md", "report.html", "experiment.json", "accuracies.png", "accuracies.pdf"}
    tables = ("initial", "summary", "differences", "targets", "epochs", "optimizers", "twins")
    expected |= {f"{table}.csv" for table in (*tables, "published", "reproduction")}
    for network in NETWORKS:
        figures = ["curves", "test", "custom_sgd+torch_sgd", "custom_momentum+torch_momentum"]
        figures += ["custom_sgd/curves", "custom_momentum/curves"]
        expected |= {f"{network}/initial.csv"} | {f"{network}/{name}" for name in files(figures)}
        expected |= {f"{network}/.intermediate/{file}" for file in ("initial.safetensors", "curves.json")}
        kept = ("training.csv", "evaluation.csv", "parameters.safetensors", "run.json")
        for variant in VARIANTS:
            expected |= {f"{network}/{variant}/{file}" for file in (*kept, ".intermediate/predictions.safetensors")}
    assert len([file for file in expected if ".intermediate" not in file]) < 75, "few enough to survey"
    found = {str(f.relative_to(finished.path / "results")) for f in results(finished, "*").values() if f.stat().st_size}
    assert found - {"README.md"} == expected


def test_training_csv_has_a_row_a_seed_and_minibatch(finished):
    for file in results(finished, "training.csv").values():
        table = pd.read_csv(file)
        assert table.columns.tolist() == ["seed", "iteration", "epoch", "loss", "accuracy"]
        minibatches = 1000 // 16
        assert table["seed"].tolist() == [seed for seed in range(4) for _ in range(2 * minibatches)]
        assert table["iteration"].tolist() == list(range(2 * minibatches)) * 4
        assert (table["epoch"] == table["iteration"] // minibatches).all()
        assert (table["loss"] > 0).all()
        assert ((table["accuracy"] * 16) % 1 == 0).all()


def test_evaluation_csv_has_a_row_a_seed_and_epoch(finished):
    for file in results(finished, "evaluation.csv").values():
        table = pd.read_csv(file)
        assert table.columns.tolist() == ["seed", "epoch", "loss", "accuracy"]
        assert table[["seed", "epoch"]].values.tolist() == [[seed, epoch] for seed in range(4) for epoch in (0, 1)]
        assert ((table["accuracy"] * 300).round(3) % 1 == 0).all()


def test_parameters_are_stacked_over_seeds(finished):
    initial = load_file(finished.path / "results/text_100/.intermediate/initial.safetensors")
    trained = load_file(finished.path / "results/text_100/custom_sgd/parameters.safetensors")
    shapes = {"W0": (4, 8, 784), "b0": (4, 8), "W1": (4, 8, 8), "b1": (4, 8), "W2": (4, 10, 8), "b2": (4, 10)}
    assert {name: tuple(p.shape) for name, p in trained.items()} == shapes
    assert initial.pop("seeds").tolist() == [0, 1, 2, 3]
    assert {name: tuple(p.shape) for name, p in initial.items()} == shapes


def test_the_variants_learn(finished):
    summary = pd.read_csv(finished.path / "results/summary.csv").set_index(["network", "variant"])
    assert summary.index.tolist() == [(network, variant) for network in NETWORKS for variant in VARIANTS]
    assert (summary["test_accuracy_mean"].xs("custom_momentum", level="variant") > 0.8).all()


def test_training_is_seen_on_the_terminal_and_in_the_log(finished):
    log = (finished.path / "logs/text_100/custom_sgd/train.log").read_text()
    line = r"^text_100/custom_sgd  epoch 2/2  train \d\.\d{4} \d+\.\d%  test \d+\.\d%  0 s left$"
    assert re.search(line, log, re.MULTILINE)
    assert log.splitlines()[-1] in (finished.path / "terminal").read_text()
    device = json.loads((finished.path / "results/text_100/custom_sgd/run.json").read_text())["processor"]
    terminal = (finished.path / "terminal").read_text()
    assert terminal.count("no GPU found: training on the CPU") == ("NVIDIA" not in device)


def test_the_logs_running_means_are_the_labs(finished):
    log = (finished.path / "logs/text_100/custom_sgd/train.log").read_text()
    table = pd.read_csv(finished.path / "results/text_100/custom_sgd/training.csv")
    for epoch in (0, 1):
        since_the_first = table[table["epoch"] <= epoch]
        said = re.search(rf"  epoch {epoch + 1}/2  train (\S+) (\S+)%", log)
        assert float(said[1]) == pytest.approx(since_the_first["loss"].mean(), abs=1e-4)
        assert float(said[2]) == pytest.approx(since_the_first["accuracy"].mean() * 100, abs=0.06)


SIGN = "import torch\n\n\ndef signsgd(w, g, *, lr, scale=1.0):\n    w.sub_(torch.sign(g), alpha=lr * scale)\n"
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
MINE = {
    "sign": {"implementation": "custom", "optimizer": "signsgd", "lr": 0.001, "scale": 2.0},
    "noisy": {"implementation": "custom", "optimizer": "noisy", "lr": 0.2},
    "free": {"implementation": "torch", "optimizer": "schedulefree.SGDScheduleFree", "lr": 1.0, "warmup_steps": 10},
    "nadam": {"implementation": "torch", "optimizer": "nadam", "lr": 0.01, "schedule": "cosine", "warmup": 0.1},
}


@pytest.mark.slow
def test_a_new_optimizer_is_a_file_with_a_rule_or_a_class_or_a_name_and_it_alone_is_trained(twins):
    """A name is that of a class of torch.optim, or of another package."""
    folder = twins.path / "workflow/descent/optimizers"
    (folder / "signsgd.py").write_text(SIGN)
    (folder / "noisy.py").write_text(NOISY)
    twins.edit_config(lambda config: config["variants"].update(MINE))
    run = twins.snakemake(*(f"results/text_100/{name}/run.json" for name in MINE))
    assert twins.jobs(run.stderr) == {f"train text_100 {name}" for name in MINE}
    records = {}
    for name in MINE:
        evaluation = pd.read_csv(twins.path / f"results/text_100/{name}/evaluation.csv")
        assert (evaluation[evaluation["epoch"] == 1]["accuracy"] > 0.5).all()
        records[name] = json.loads((twins.path / f"results/text_100/{name}/run.json").read_text())
    versions = [record["package"] for record in records.values()]
    assert versions == [None, None, f"schedulefree {version('schedulefree')}", None]
    assert (records["nadam"]["schedule"], records["nadam"]["warmup"]) == ("cosine", 0.1)
    assert records["noisy"]["sources"]["noisy.py"]["text"] == NOISY
    (folder / "noisy.py").write_text(NOISY.replace("0.01 *", "0.02 *"))
    assert {job for job in twins.stale() if job.startswith("train")} == {"train text_100 noisy"}


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
    record = json.loads((twins.path / "results/text_100/mine/run.json").read_text())
    assert record["package"] is None and {its: source["text"] for its, source in record["sources"].items()} == {
        "noisy.py": text,
        "rates.py": "FACTOR = 1.0\n",
    }
    (tmp_path / "mine/rates.py").write_text("FACTOR = 2.0\n")
    assert twins.jobs(twins.snakemake(target, "--dry-run", **path).stdout) == {"train text_100 mine"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise RuntimeError('no\\nway')", r"RuntimeError: no \(optimizers/noisy.py, line 6: raise RuntimeError"),
        ("pass", r"AttributeError: .*parameters"),
    ],
    ids=["constructor", "step"],
)
def test_what_a_class_raises_is_one_line_with_its_place(body, message, twins):
    text = NOISY.replace("self.parameters, self.lr = list(parameters), lr", body).lstrip("\n")
    (twins.path / "workflow/descent/optimizers/noisy.py").write_text(text)
    twins.edit_config(lambda c: c["variants"].update(mine=MINE["noisy"]))
    run = twins.snakemake("results/text_100/mine/training.csv", check=False)
    assert re.match(rf"train text_100/mine failed: noisy: {message}", run.stderr.splitlines()[-2])
    assert "Traceback" not in run.stdout + run.stderr


def test_a_file_that_is_no_rule_is_named_in_one_line(checkout):
    (checkout.path / "workflow/descent/optimizers/mine.py").write_text("\ndef mine(w, g, *, lr)\n    w.sub_(lr * g)\n")
    check = step("check_optimizers", package=str(checkout.path / "workflow"), check=False)
    for run in (checkout.snakemake(check=False), check):
        assert run.returncode
        assert run.stderr.splitlines()[-1] == "optimizers/mine.py, line 2: expected ':'"
        assert "Traceback" not in run.stderr


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


def test_a_run_leaves_git_status_clean(checkout):
    def git(*words):
        return subprocess.check_output(["git", *words], cwd=checkout.path, text=True)

    git("init", "--quiet")
    ignored = set(git("ls-files", "--others", "--ignored", "--exclude-standard").splitlines())
    seen = set(git("ls-files", "--others", "--exclude-standard").splitlines())
    assert "results/report.html" in ignored
    assert str(checkout.data.relative_to(checkout.path)) in ignored
    assert {name for name in seen if name.startswith("results")} == {"results/README.md"}
    assert not {name for name in seen if name.startswith(("resources", ".snakemake/"))}
