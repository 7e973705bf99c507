import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import PACKAGE
from descent.optimizers import names
from descent.sources import digest, sources

STEPS = sorted(
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    for file in PACKAGE.glob("*/*.py")
    if "step.run(main)" in file.read_text(encoding="utf-8")
)
RULES = {PACKAGE / f"optimizers/{name}.py" for name in names()}
SNAKEFILE = [
    "descent.bar",
    "descent.experiment.config",
    "descent.experiment.plan",
    "descent.terminal",
    "descent.train.device",
]  # what it imports

IMPORTED = """
import importlib, json, sys
imported = {}
for module in sys.argv[1:]:
    importlib.import_module(module)
    ours = [name for name in sys.modules if name.split(".")[0] == "descent"]
    imported[module] = [sys.modules.pop(name).__file__ for name in ours]
print(json.dumps(imported))
"""


@pytest.fixture(scope="session")
def imported() -> dict[str, list[str]]:
    """The files of the package that Python really loads for each step and each rule."""
    modules = [*STEPS, *(f"descent.optimizers.{name}" for name in names())]
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    return json.loads(subprocess.check_output([sys.executable, "-c", IMPORTED, *modules], env=environment, text=True))


@pytest.mark.parametrize("step", STEPS)
def test_the_sources_of_a_step_are_what_python_really_imports(step, imported):
    assert sources(step) == sorted(map(Path, imported[step]))


@pytest.mark.parametrize("name", names())
def test_the_sources_of_a_rule_are_what_python_really_imports(name, imported):
    assert sources(f"descent.optimizers.{name}") == sorted(map(Path, imported[f"descent.optimizers.{name}"]))


def test_every_module_of_the_package_serves_a_step_or_the_snakefile_or_is_a_rule():
    modules = [
        *STEPS,
        *SNAKEFILE,
        *(f"descent.optimizers.{name}" for name in names()),
    ]
    served = {file for module in modules for file in sources(module)}
    assert set(PACKAGE.rglob("*.py")) == served


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_an_optimizer_depends_on_no_rule(step):
    assert not RULES & set(sources(step))


@pytest.mark.parametrize(("optimizer", "rules"), [("sgd", ["sgd"]), ("adam", ["adam"]), ("adamw", ["adam", "adamw"])])
def test_a_training_depends_on_its_own_rule_and_on_what_that_imports(optimizer, rules):
    training = sources("descent.train.train", f"descent.optimizers.{optimizer}")
    assert RULES & set(training) == {PACKAGE / f"optimizers/{rule}.py" for rule in rules}
    assert set(sources("descent.train.train")) < set(training)


def test_a_digest_tells_content_from_content_and_from_its_place(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("ab")
    two.write_text("c")
    before = digest([one, two])
    one.touch()
    assert digest([one, two]) == before
    assert digest([two, one]) != before
    one.write_text("a")
    two.write_text("bc")
    assert digest([one, two]) != before
