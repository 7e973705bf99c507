"""The update rules, what makes a file one, and the class around them."""

import inspect
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
import torch
from cases import optimizers_in
from checkouts import PACKAGE
from descent.optimizers import Rule, find, names, read_signature
from descent.optimizers._classes import class_defaults, find_class, package_version, torch_class
from descent.train.optimizer import FromScratch, make_optimizer

TWINS = [name for name in names() if torch_class(name)]


@pytest.fixture
def folder(tmp_path):
    """The folder of the package's optimizers, for this test; empty."""
    with optimizers_in(tmp_path / "optimizers") as folder:
        yield folder


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_hyperparameters_with_the_same_defaults(name):
    theirs = inspect.signature(torch_class(name)).parameters
    for hyperparameter, default in find(name).defaults.items():
        value = theirs[hyperparameter].default
        assert default == (list(value) if isinstance(value, tuple) else value)


def test_the_rules_and_the_config_need_no_pytorch():
    program = (
        "import sys; from descent.experiment import config; config.experiment_schema(); print('torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    assert subprocess.check_output([sys.executable, "-c", program], env=environment, text=True) == "False\n"


def walk(gradients, **recipe):
    """The values of a parameter that is 1 at first."""
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer("custom", parameters=[w], **recipe)
    for g in gradients:
        w.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        yield w.item()


def test_sgd_steps_down_the_gradient_by_the_learning_rate():
    assert list(walk([4.0, 8.0], name="sgd", lr=0.25)) == [0.0, -2.0]


def test_momentum_accumulates_the_gradients_as_the_lab_has_it():
    # v ← 0.5 v + g is 2, then 0.5·2 + 4 = 5, then 0.5·5 − 1 = 1.5; w ← w − 0.5 v
    assert list(walk([2.0, 4.0, -1.0], name="sgd", lr=0.5, momentum=0.5)) == [0.0, -2.5, -3.25]


def plain(w, g, *, lr):
    w -= lr * g


def test_the_class_has_the_parameters_and_hyperparameters_in_its_group_as_torch_optim():
    parameters = [torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    for implementation in ("custom", "torch"):
        (group,) = make_optimizer(implementation, "sgd", iter(parameters), lr=0.1, momentum=0.9).param_groups
        assert all(ours is given for ours, given in zip(group["params"], parameters, strict=True))
        assert (group["lr"], group["momentum"]) == (0.1, 0.9)


def test_a_learning_rate_that_changes_between_steps_is_used():
    w = torch.zeros(1, requires_grad=True)
    optimizer = FromScratch(read_signature("plain", plain), [w], lr=1.0)
    for lr, expected in ((1.0, -1.0), (0.25, -1.25), (2.0, -3.25)):
        optimizer.param_groups[0]["lr"] = lr
        w.grad = torch.ones(1)
        optimizer.step()
        assert w.item() == expected


def test_zero_grad_clears_the_gradients_and_a_step_does_not():
    w = torch.zeros(2, requires_grad=True)
    optimizer = FromScratch(read_signature("plain", plain), [w], lr=1.0)
    w.grad = torch.ones(2)
    optimizer.step()
    assert w.grad.tolist() == [1, 1]
    optimizer.zero_grad()
    assert w.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_each_parameter_has_its_own_state_zero_at_first_and_kept(dtype):
    def counting(w, g, total, largest, *, lr):
        assert total.shape == largest.shape == w.shape and total.dtype == largest.dtype == w.dtype
        seen.append((total.sum().item(), largest.sum().item()))
        total += g
        largest += 10 * g

    seen, parameters = [], [torch.ones(2, 3, dtype=dtype), torch.ones(1, dtype=dtype)]
    optimizer = FromScratch(read_signature("counting", counting), parameters, lr=1.0)
    for w in parameters:
        w.grad = torch.ones_like(w)
    for _ in range(3):
        optimizer.step()
    assert seen == [(0, 0), (0, 0), (6, 60), (1, 10), (12, 120), (2, 20)]


def test_the_iterations_are_counted_from_1_the_same_for_all_parameters():
    seen, parameters = [], [torch.zeros(1), torch.zeros(1)]
    optimizer = FromScratch(read_signature("timed", lambda w, g, t, *, lr: seen.append(t)), parameters, lr=1.0)
    optimizer.step()
    optimizer.step()
    assert seen == [1, 1, 2, 2]


def test_a_class_of_torch_optim_is_found_whatever_its_case_and_nothing_else_is():
    found = {name: torch_class(name) for name in ("sgd", "adam", "adamw", "rmsprop", "nadam")}
    optim = torch.optim
    assert list(found.values()) == [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.NAdam]
    assert torch_class("lion") is torch_class("lr_scheduler") is torch_class("ada") is None


def test_an_optimizer_is_from_scratch_or_a_class_which_gets_the_stack_if_it_is_elementwise():
    w = torch.zeros(2, 1, requires_grad=True)
    assert isinstance(make_optimizer("custom", "adam", [w], lr=1.0), FromScratch)
    assert type(make_optimizer("torch", "adam", [w], lr=1.0)) is torch.optim.Adam
    alone = make_optimizer("torch", "nadam", [w], lr=1.0).optimizers
    assert [type(optimizer) for optimizer in alone] == [torch.optim.NAdam] * 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lion", "lion is no class with step(), as those of torch.optim have it"),
        (
            "torch.optim.Lion",
            "torch.optim.Lion is no class with step(), as those of torch.optim have it",
        ),
        ("torch.relu", "torch.relu is no class with step(), as those of torch.optim have it"),
        ("not_there.Lion", "not_there.Lion needs the package not_there, which is not installed"),
        ("lbfgs", "lbfgs evaluates the loss several times in a step (a closure), which Descent does not offer"),
    ],
)
def test_a_class_that_cannot_be_used_is_refused_with_the_reason(name, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        find_class(name)


def test_a_class_has_the_hyperparameters_of_its_signature():
    assert (
        class_defaults("nadam").items() >= {"lr": 0.002, "betas": [0.9, 0.999], "decoupled_weight_decay": False}.items()
    )
    assert (
        class_defaults("schedulefree.SGDScheduleFree").items()
        >= {"lr": 1.0, "momentum": 0.9, "warmup_steps": 0}.items()
    )
    assert (package_version("sgd"), package_version("schedulefree.SGDScheduleFree")) == (
        None,
        f"schedulefree {version('schedulefree')}",
    )


def test_a_signature_declares_the_iteration_the_state_and_the_hyperparameters():
    def full(w, g, t, m, s, lr=0.1, *, betas=(0.9, 0.99), rho, nesterov=False):
        pass

    defaults = {"lr": 0.1, "betas": [0.9, 0.99], "nesterov": False}
    assert read_signature("full", full) == Rule(full, True, ["m", "s"], defaults, ["rho"])
    assert read_signature("plain", plain) == Rule(plain, False, [], {}, ["lr"])
    assert read_signature("sgd", find("sgd").update).state == ["v"]


def test_a_file_is_an_optimizer_by_its_name(folder):
    (folder / "_helper.py").write_text("")
    (folder / "mine.py").write_text("import torch\n\n\ndef mine(w, g, *, lr=0.5):\n    torch.Tensor.sub_(w, lr * g)\n")
    (folder / "other.py").write_text("from descent.optimizers.mine import mine as other\n")
    assert names() == ["mine", "other"]
    assert find("mine").defaults == {"lr": 0.5}
    assert list(walk([1.0, 1.0], name="mine", lr=0.25)) == list(walk([1.0, 1.0], name="other", lr=0.25)) == [0.75, 0.5]


# Files mine.py that are no rule, each with its line of an error.
BROKEN = {
    "": "mine.py: it has no function or class mine, as its name promises",
    "def other(w, g, *, lr): pass": "mine.py: it has no function or class mine, as its name promises",
    "mine = 3": "mine.py: it has no function or class mine, as its name promises",
    "\ndef mine(w, g, *, lr)\n    pass": "mine.py, line 2: expected ':'",
    "def mine(w, g, *, lr):\nw -= g": "mine.py, line 2: expected an indented block after function definition on line 1",
    "\n\n1 / 0": "mine.py, line 3: ZeroDivisionError: division by zero",
    "raise RuntimeError('a\\nb')": "mine.py, line 1: RuntimeError: a",
    "import torch\n\n@torch.no_grad()\ndef mine(w, g): pass": "mine.py, line 3: mine has no hyperparameter lr; "
    "hyperparameters have a default, or stand behind a *",
    "def mine(w, g, m, t, *, lr): pass": "mine.py, line 1: mine must take t third, as in mine(w, g, t, m, *, lr)",
    "import missing": "mine.py, line 1: ModuleNotFoundError: No module named 'missing'",
    "from descent.optimizers import helper": "mine.py, line 1: ImportError: cannot import name 'helper' from "
    "'descent.optimizers' (PACKAGE)",
    "\ndef mine(w, g, *states, lr): pass": "mine.py, line 2: mine has *args: name each parameter",
    "def mine(w, *, lr): pass": "mine.py, line 1: mine must take a parameter and its gradient first, as in "
    "mine(w, g, *, lr)",
    "def mine(w, g, v, momentum=0.9): pass": "mine.py, line 1: mine has no hyperparameter lr; hyperparameters have a "
    "default, or stand behind a *",
    "def mine(w, g, lr): pass": "mine.py, line 1: mine has no hyperparameter lr; hyperparameters have a default, or "
    "stand behind a *",
}


@pytest.mark.parametrize(("text", "message"), BROKEN.items(), ids=map(repr, BROKEN))
def test_a_file_that_is_no_rule_is_named_in_one_line(text, message, folder):
    (folder / "mine.py").write_text(text)
    pattern = re.escape(f"optimizers/{message}").replace("PACKAGE", ".*")
    with pytest.raises(ValueError, match=f"^{pattern}$"):
        find("mine")


def test_a_name_without_a_file_is_refused_with_those_that_have_one():
    with pytest.raises(ValueError, match=r"^'nope' is not one of adagrad, adam, adamw, rmsprop, sgd$"):
        find("nope")


def test_the_place_of_a_mistake_is_in_the_file_that_has_it(folder):
    (folder / "mine.py").write_text("\nfrom descent.optimizers import other\n")
    (folder / "other.py").write_text("\n\n1 / 0\n")
    with pytest.raises(ValueError, match=r"^optimizers/other\.py, line 3: ZeroDivisionError"):
        find("mine")
