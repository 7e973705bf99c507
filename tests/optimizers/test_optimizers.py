"""The update rules, what makes a file one, and the class around them."""

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
import torch
from cases import optimizers_in
from checkouts import PACKAGE_PATH
from descent.optimizers import Rule, find, names, read_signature
from descent.optimizers._classes import constructor_hyperparameters, find_class, package_version, torch_class
from descent.train.optimizer import FromScratch, make_optimizer


@pytest.mark.parametrize("name", [name for name in names() if torch_class(name)])
def test_twins_have_the_same_hyperparameters_with_the_same_defaults(name):
    assert constructor_hyperparameters(torch_class(name))[0].items() >= find(name).defaults.items()


def test_the_rules_and_the_config_need_no_pytorch():
    program = "import sys, descent.experiment.config as c; c.experiment_schema(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": PACKAGE_PATH}, check=True)


def walk(gradients, **recipe):
    """The values of a parameter that is 1 at first."""
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer("custom", parameters=[w], **recipe)
    for g in gradients:
        w.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        yield w.item()


def test_momentum_accumulates_the_gradients_as_the_lab_has_it():
    # v ← 0.5 v + g is 2, then 0.5·2 + 4 = 5, then 0.5·5 − 1 = 1.5; w ← w − 0.5 v
    assert list(walk([2.0, 4.0, -1.0], name="sgd", lr=0.5, momentum=0.5)) == [0.0, -2.5, -3.25]


def test_the_class_around_a_rule_has_the_group_of_torch_optim_and_clears_gradients_only_if_asked_to():
    parameters = [torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    optimizer = make_optimizer("custom", "sgd", iter(parameters), lr=0.1, momentum=0.9)
    (group,) = optimizer.param_groups
    assert [*map(id, group["params"])] == [*map(id, parameters)] and (group["lr"], group["momentum"]) == (0.1, 0.9)
    for w in parameters:
        w.grad = torch.ones_like(w)
    optimizer.step()
    assert all(w.grad.eq(1).all() for w in parameters)
    optimizer.zero_grad()
    assert [w.grad for w in parameters] == [None, None]


def test_each_parameter_has_its_own_state_zero_at_first_and_kept_and_iterations_count_from_1():
    def counting(w, g, t, total, largest, *, lr):
        assert total.shape == largest.shape == w.shape and total.dtype == largest.dtype == w.dtype
        seen.append((t, total.sum().item(), largest.sum().item()))
        total += g
        largest += 10 * g

    seen, parameters = [], [torch.ones(2, 3), torch.ones(1, dtype=torch.float64)]
    for w in parameters:
        w.grad = torch.ones_like(w)
    optimizer = FromScratch(read_signature("counting", counting), parameters, lr=1.0)
    for _ in range(3):
        optimizer.step()
    assert seen == [(1, 0, 0), (1, 0, 0), (2, 6, 60), (2, 1, 10), (3, 12, 120), (3, 2, 20)]


def test_a_class_of_torch_optim_is_found_whatever_its_case_and_nothing_else_is():
    assert [torch_class(name) for name in ("sgd", "rmsprop")] == [torch.optim.SGD, torch.optim.RMSprop]
    assert torch_class("lion") is torch_class("lr_scheduler") is torch_class("ada") is None


def test_an_optimizer_is_from_scratch_or_a_class_which_gets_the_stack_if_it_is_elementwise():
    w = torch.zeros(2, 1, requires_grad=True)
    assert isinstance(make_optimizer("custom", "adam", [w], lr=1.0), FromScratch)
    assert type(make_optimizer("torch", "adam", [w], lr=1.0)) is torch.optim.Adam
    alone = make_optimizer("torch", "nadam", [w], lr=1.0).optimizers
    assert [type(optimizer) for optimizer in alone] == [torch.optim.NAdam] * 2


REFUSED = {
    "torch.relu": "is no class with step(), as those of torch.optim have it",
    "not_there.Lion": "needs the package not_there, which is not installed",
    "lbfgs": "evaluates the loss several times in a step (a closure), which Descent does not offer",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_class_that_cannot_be_used_is_refused_with_the_reason(name):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name} {REFUSED[name]}')}$"):
        find_class(name)


def test_a_class_has_the_hyperparameters_of_its_signature_and_the_version_of_its_package():
    nadam, free = (constructor_hyperparameters(find_class(its)) for its in ("nadam", "schedulefree.SGDScheduleFree"))
    assert nadam[0].items() >= {"lr": 0.002, "betas": [0.9, 0.999], "decoupled_weight_decay": False}.items()
    assert free[0].items() >= {"lr": 1.0, "momentum": 0.9, "warmup_steps": 0}.items()
    assert nadam[1] == free[1] == []
    assert package_version("schedulefree.SGDScheduleFree") == f"schedulefree {version('schedulefree')}"
    assert package_version("sgd") is package_version("checkouts.Checkout") is None


def test_a_signature_declares_the_iteration_the_state_and_the_hyperparameters():
    def full(w, g, t, m, s, lr=0.1, *, betas=(0.9, 0.99), rho, nesterov=False):
        pass

    defaults = {"lr": 0.1, "betas": [0.9, 0.99], "nesterov": False}
    assert read_signature("full", full) == Rule(full, True, ["m", "s"], defaults, ["rho"])


def test_a_file_is_an_optimizer_by_its_name(tmp_path):
    with optimizers_in(tmp_path) as folder:
        (folder / "_helper.py").touch()
        (folder / "mine.py").write_text("import torch\ndef mine(w, g, *, lr=0.5):\n    torch.Tensor.sub_(w, lr * g)")
        (folder / "other.py").write_text("from descent.optimizers.mine import mine as other\n")
        assert (names(), find("mine").defaults) == (["mine", "other"], {"lr": 0.5})
        with pytest.raises(ValueError, match=r"^'_helper' is not one of mine, other$"):
            find("_helper")
        mine, other = (list(walk([1.0, 1.0], name=name, lr=0.25)) for name in names())
        assert mine == other == [0.75, 0.5]


NO_LR = "mine has no hyperparameter lr; hyperparameters have a default, or stand behind a *"
BROKEN = {  # files mine.py that are no rule, each with its line of an error
    "mine = 3": "mine.py: it has no function or class mine, as its name promises",
    "\ndef mine(w, g, *, lr)\n    pass": "mine.py, line 2: expected ':'",
    "\n\nraise RuntimeError('a\\nb')": "mine.py, line 3: RuntimeError: a",
    "import missing": "mine.py, line 1: ModuleNotFoundError: No module named 'missing'",
    "import torch\n\n@torch.no_grad()\ndef mine(w, g): pass": f"mine.py, line 3: {NO_LR}",
    "def mine(w, g, lr): pass": f"mine.py, line 1: {NO_LR}",
    "def mine(w, g, m, t, *, lr): pass": "mine.py, line 1: mine must take t third, as in mine(w, g, t, m, *, lr)",
    "\ndef mine(w, g, *v, lr): pass": "mine.py, line 2: mine has *args: name each parameter",
    "def mine(w, *, lr): pass": "mine.py, line 1: mine must take a parameter and its gradient first, as in mine(w, g, "
                                "*, lr)",
    "\nfrom descent.optimizers import other": "other.py, line 3: ZeroDivisionError: division by zero",
}  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_a_file_that_is_no_rule_is_named_in_one_line_with_the_place_of_the_mistake(text, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "other.py").write_text("\n\n1 / 0\n")
    with optimizers_in(tmp_path), pytest.raises(ValueError, match=f"^optimizers/{re.escape(BROKEN[text])}$"):
        find("mine")
