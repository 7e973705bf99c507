"""How far does rounding take right rules, and mistakes wrong ones, in the first epoch of a real training?

`PYTHONPATH=workflow python benchmarks/twins.py resources/mnist.safetensors`, half an hour on one core. docs/verdicts.md
has the results.

Each class of torch.optim that has formulas in `mistakes` is trained beside rules that follow them, right ones in
another order of operations and wrong ones. For each the script prints what `compare_twins` judges.
"""

import sys
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from descent.check import comparison as checks
from descent.check import mistakes
from descent.compare.compare_twins import first_epoch, judge
from descent.data import mnist
from descent.experiment.variants import in_words
from descent.optimizers._classes import defaults
from descent.train.network import initialize
from descent.train.optimizer import make_optimizer
from tqdm import tqdm

HIDDEN, SEEDS = [50, 50], range(7000, 7003)
SETTINGS = [
    ("sgd", {"lr": 0.01}),
    ("sgd", {"lr": 0.3}),
    ("sgd", {"lr": 0.01, "weight_decay": 0.01}),
    ("sgd", {"lr": 0.01, "momentum": 0.9}),
    ("sgd", {"lr": 0.3, "momentum": 0.9}),
    ("sgd", {"lr": 0.03, "momentum": 0.9, "nesterov": True}),
    ("adagrad", {"lr": 0.01}),
    ("adagrad", {"lr": 0.1}),
    ("rmsprop", {"lr": 0.001}),
    ("rmsprop", {"lr": 0.01}),
    ("rmsprop", {"lr": 0.03}),
    ("rmsprop", {"lr": 0.001, "momentum": 0.9}),
    ("adam", {"lr": 0.001}),
    ("adam", {"lr": 0.01}),
    ("adam", {"lr": 0.03}),
    ("adam", {"lr": 0.001, "weight_decay": 0.01}),
    ("adamw", {"lr": 0.001}),
    ("adamw", {"lr": 0.01, "weight_decay": 0.1}),
]
TRAINING = {"batch_size": 128, "shuffle": False, "drop_last": True, "epochs": 20, "activation": "relu"}
TRAINING |= {"schedule": "constant", "warmup": 0}
REWRITTEN = {
    "as in the book": {},
    "the step times 3, divided by 3": {"α * d": "α * (d * 3) / 3"},
    "α inside the velocity": {"v = μ * v + g": "v = μ * v + α * g", "α * d": "d", "g + μ * v if": "α * g + μ * v if"},
    "the root of 7 s, divided by that of 7": {"s**0.5": "((7 * s)**0.5 / 7**0.5)", "ŝ**0.5": "((7 * ŝ)**0.5 / 7**0.5)"},
}
LATE = {
    "α is 0.1 % larger": {"α * d": "1.001 * α * d"},
    "α is a millionth larger": {"α * d": "1.000001 * α * d"},
    "α / 10 from iteration 200 on": {"α * d": "(α if t <= 200 else α / 10) * d"},
    "1.01 α from iteration 400 on": {"α * d": "(α if t <= 400 else 1.01 * α) * d"},
}


class ByFormula:
    """An optimizer that follows a formula of `mistakes`, as `mistakes.follow` does."""

    def __init__(self, formula, hyperparameters, parameters):
        self.code = compile("\n".join(mistakes.lines(formula)), "formula", "exec")
        self.param_groups = [{"params": list(parameters), "lr": hyperparameters["lr"]}]
        names = mistakes.values(hyperparameters) | {"v": 0.0, "m": 0.0, "s": 0.0, "t": 0}
        self.names = [names.copy() for _ in self.param_groups[0]["params"]]

    @torch.no_grad()
    def step(self):
        for w, names in zip(self.param_groups[0]["params"], self.names):
            names |= {"w": w.clone(), "grad": w.grad, "t": names["t"] + 1}
            exec(self.code, names)
            w.copy_(names["w"])

    def zero_grad(self):
        for w in self.param_groups[0]["params"]:
            w.grad = None


def rewrite(formula, changes):
    for old, new in changes.items():
        formula = formula.replace(old, new)
    return formula


def rules(name, hyperparameters):
    """Rules to train: (right?, name, formula); a mistake without effect in this setting is a right rule."""
    formula = mistakes.FORMULAS[name]
    start, gradients = checks.PROBLEM.start, checks.PROBLEM.gradients

    def walk(its):
        twice = torch.cat([gradients, gradients])  # so that lr is not halved
        return mistakes.follow(its, hyperparameters, start, twice, steps=len(gradients))

    found = {what: rewrite(formula, changes) for what, changes in (REWRITTEN | LATE).items()}
    found |= {what.partition(":")[0]: wrong for what, wrong in mistakes.wrong_formulas(formula)}
    for what, its in found.items():
        if its != formula or what == "as in the book":
            yield what not in LATE and not checks.first_difference(walk(its), walk(formula)), what, its


def main():
    torch.set_num_threads(1)
    split = mnist.load(Path(sys.argv[1]), "train", dtype=torch.float64)
    rows = []
    for name, setting in tqdm(SETTINGS):
        hyperparameters = defaults(name) | setting
        of_class = partial(make_optimizer, "torch", name, **setting)
        for seed in SEEDS:
            start = initialize(HIDDEN, seed)
            theirs = first_epoch(of_class, start, split, TRAINING)
            for right, what, formula in rules(name, hyperparameters):
                ours = first_epoch(partial(ByFormula, formula, hyperparameters), start, split, TRAINING)
                key = {"class": name, "setting": in_words(setting), "seed": seed, "right": right, "rule": what}
                rows.append(key | judge(ours, theirs))
    table = pd.DataFrame(rows)
    print(table.to_string())
    print(
        table.groupby(["class", "setting", "right"])["times_rounding"].describe()[["count", "min", "max"]].to_string()
    )


if __name__ == "__main__":
    main()
