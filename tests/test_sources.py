from pathlib import Path

import pytest
from descent.sources import PACKAGE, RULES, digest, of_optimizer, sources

STEPS = sorted(file.stem for file in (PACKAGE / "steps").glob("[a-z]*.py"))


@pytest.mark.parametrize("step", STEPS)
def test_the_sources_of_a_step_are_what_python_really_imports(step, imported):
    assert sources(f"descent.steps.{step}") == sorted(map(Path, imported[step].values()))


def test_every_module_of_the_package_serves_a_step_or_the_snakefile():
    served = {file for step in STEPS for file in sources(f"descent.steps.{step}")}
    served |= {
        file
        for module in ("bar", "config", "devices", "experiment", "sources", "terminal")
        for file in sources(f"descent.{module}")
    }
    assert set(PACKAGE.rglob("*.py")) == served


def test_what_draws_the_curves_does_not_depend_on_the_update_rules():
    names = {file.name for file in sources("descent.steps.plot_curves")}
    assert "optimizers.py" not in names
    assert "optimizers.py" in {file.name for file in sources("descent.steps.train")}


MINE = """def helper(x):
    return x


@decorated
def mine(w, g, state, *, lr=1.0):
    w.sub_(helper(g))


class Optimizer("""


def test_of_the_rules_only_an_optimizers_own_and_what_it_calls_count():
    text = RULES.read_text(encoding="utf-8")
    more = text.replace("class Optimizer(", MINE).replace('    "sgd":', '    "mine": Optimizer(mine),\n    "sgd":')
    assert more.count("mine") == 3
    for optimizer in ("sgd", "adamw"):
        assert of_optimizer(more, optimizer, "custom") == of_optimizer(text, optimizer, "custom")
    mine = of_optimizer(more, "mine", "custom")
    assert all(name in mine for name in ("def helper", "@decorated\ndef mine", '"mine":'))
    assert "def adam(" in of_optimizer(text, "adamw", "custom")
    assert "def adamw(" not in of_optimizer(text, "adam", "custom")
    assert of_optimizer(f"{text}# edited\n", "sgd", "custom") != of_optimizer(text, "sgd", "custom")


def test_pytorchs_implementation_depends_on_no_rule_but_on_the_entry():
    text = RULES.read_text(encoding="utf-8")
    its = of_optimizer(text, "adamw", "torch")
    assert '"adamw": Optimizer(adamw, "AdamW")' in its
    assert not any(f"def {name}(" in its for name in ("sgd", "adam", "adamw"))
    assert "def make_step(" in its


def test_a_digest_tells_content_from_content_and_from_its_place(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("ab")
    two.write_text("c")
    before = digest([one, two])
    one.touch()
    assert digest([one, two]) == before
    one.write_text("a")
    two.write_text("bc")
    assert digest([one, two]) != before
