"""The code in docs/ runs as it is printed, and its links lead somewhere."""

import os
import re
import subprocess
import sys

import pytest
from checkouts import PACKAGE_PATH, REPOSITORY

PAGES = [
    *REPOSITORY.glob("*.md"),
    *(page for folder in ("docs", "results", "benchmarks") for page in (REPOSITORY / folder).glob("*.md")),
]


def anchors(page):
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_pages_links_lead_to_files_and_headings_that_are_there(page):
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor


SCRIPTS = re.findall(r"^```python\n(.*?)^```", (REPOSITORY / "docs/python.md").read_text(), re.DOTALL | re.MULTILINE)


def test_the_results_are_read_and_made_a_table_in_latex_and_a_figure(finished, tmp_path):
    (tmp_path / "results").symlink_to(finished.path / "results")
    environment = os.environ | {"MPLBACKEND": "agg"}
    command = [sys.executable, "-c", "\n".join(SCRIPTS[:2])]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.search(r"text\\?_100.* & custom\\?_sgd & \d+\.\d\d & \d+\.\d\d ", run.stdout)
    assert (tmp_path / "loss.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_the_script_of_docs_python_trains_a_rule_of_its_own_and_plots_its_curve(tmp_path, real_mnist):
    *_, script = SCRIPTS
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/mnist.safetensors").symlink_to(real_mnist)
    environment = os.environ | {"PYTHONPATH": PACKAGE_PATH, "MPLBACKEND": "agg"}
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    *_, accuracy = re.findall(r"test accuracy: (\d+\.\d\d)%", run.stdout)
    assert float(accuracy) > 95
    assert (tmp_path / "signum.png").read_bytes().startswith(b"\x89PNG")
