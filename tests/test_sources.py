import json
import os
import subprocess
import sys
from pathlib import Path

from checkouts import PACKAGE
from descent.optimizers import FOLDER, names, own_sources
from descent.sources import digest, sources

FILES = {".".join(its.relative_to(PACKAGE.parent).with_suffix("").parts): its for its in sorted(PACKAGE.glob("*/*.py"))}
STEPS = [module for module, file in FILES.items() if "step.run(main)" in file.read_text(encoding="utf-8")]
RULES = [f"descent.optimizers.{name}" for name in names()]
SNAKEFILE = [f"descent.{its}" for its in ("bar", "experiment.config", "experiment.plan", "terminal", "train.device")]

IMPORTED = """import importlib, json, sys
imported = {}
for module in sys.argv[1:]:
    importlib.import_module(module)
    ours = [name for name in sys.modules if name.split(".")[0] == "descent"]
    imported[module] = [sys.modules.pop(name).__file__ for name in ours]
print(json.dumps(imported))"""


def test_the_sources_of_a_step_or_a_rule_are_what_python_really_imports():
    command, environment = [sys.executable, "-c", IMPORTED, *STEPS, *RULES], {"PYTHONPATH": str(PACKAGE.parent)}
    imported = json.loads(subprocess.check_output(command, env=os.environ | environment, text=True))
    assert {its: sources(its) for its in imported} == {its: sorted(map(Path, files)) for its, files in imported.items()}


def test_every_module_of_the_package_serves_a_step_or_the_snakefile_or_is_a_rule():
    assert set(PACKAGE.rglob("*.py")) == set(sources(*STEPS, *SNAKEFILE, *RULES))


def test_a_training_depends_on_its_own_rule_and_what_that_imports_and_no_other_step_on_any():
    assert not {FILES[rule] for rule in RULES} & set(sources(*STEPS))
    assert own_sources("custom", "sgd") == [FOLDER / "sgd.py"]
    assert own_sources("custom", "adamw") == [FOLDER / "adam.py", FOLDER / "adamw.py"]
    assert own_sources("torch", "sgd") == own_sources("torch", "schedulefree.SGDScheduleFree") == []


def test_imports_may_be_relative_or_in_a_function(tmp_path):
    texts = {"p/__init__": "", "p/q/__init__": "", "p/q/a": "from . import b\ndef f():\n    from ..c import x\n"}
    texts |= {"p/q/b": "import os", "p/c": "import p.d.x", "p/d": "", "p/unused": "", "d": ""}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    found = {str(its.relative_to(tmp_path).with_suffix("")) for its in sources("p.q.a", root=tmp_path)}
    assert found == texts.keys() - {"p/unused", "d"}


def test_a_digest_tells_content_from_content_and_from_its_place(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    found = []
    for texts in (["ab", "c"], ["ab", "c"], ["a", "bc"]):
        for file, text in zip((one, two), texts):
            file.write_text(text)
        found += [digest([one, two])]
    assert found[0] == found[1] != found[2] and digest([two, one]) != found[2]
