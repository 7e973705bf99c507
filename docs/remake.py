"""Write what is made from the results and from the code into the README and docs/: `make docs`."""

import json
import re
import shutil
import sys
from datetime import date
from pathlib import Path
from textwrap import fill

import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
sys.path.insert(0, str(ROOT / "workflow"))

from descent.sources import PACKAGE, sources  # noqa: E402

HELPERS = {"__init__", "files", "figures"}  # nearly every step imports them
STEP = re.compile(r"^(?:rule|checkpoint) (\w+):", re.MULTILINE)  # a rule's step has its name
IMPORT = re.compile(r"^from descent(?:\.(\w+)| import (\w+))", re.MULTILINE)


def results() -> str:
    """The README's table, and what it was measured on."""
    asked = yaml.safe_load((ROOT / "config.yaml").read_text())
    experiment = json.loads((RESULTS / "experiment.json").read_text())["config"]
    if experiment != {key: value for key, value in asked.items() if key != "sweep"}:
        raise SystemExit("the results are not those of config.yaml: run make first")
    summary, verdicts, reproduction = (
        pd.read_csv(RESULTS / f"{name}.csv") for name in ("summary", "verdicts", "reproduction")
    )
    files = [RESULTS / row.network / row.variant / "run.json" for row in summary.itertuples()]
    runs = [json.loads(file.read_text()) for file in files]
    day = date.fromtimestamp(max(file.stat().st_mtime for file in files))
    networks = list(summary["network"].unique())
    lines = [
        "| test set | " + " | ".join(f"{network}: accuracy, % | loss, nats" for network in networks) + " |",
        "| --- |" + " --: |" * 2 * len(networks),
    ]
    for variant, rows in summary.groupby("variant", sort=False):
        cells = [
            f"{100 * row.test_accuracy_mean:.2f} ± {100 * row.test_accuracy_std:.2f} "
            f"| {row.test_loss_mean:.4f} ± {row.test_loss_std:.4f}"
            for row in rows.itertuples()
        ]
        lines.append(f"| {' | '.join([variant, *cells])} |")
    found = "; they are ".join(
        f"{row.verdict} by `{row.network}` ({row.statistic:.1f} standard errors apart, {row.critical:.1f} is critical)"
        for row in reproduction.itertuples()
    )
    text = (
        f"Mean ± standard deviation over {runs[0]['seeds']} seeds. The twins are "
        f"{', '.join(verdicts['verdict'].unique())}. The lab's printed figures are {found}: "
        "[how each verdict is made](docs/verdicts.md), and how often it errs. Measured by `make` on "
        f"{day}, {runs[0]['device']}, threads: {runs[0]['threads']}, PyTorch {runs[0]['torch']}, "
        f"{sum(run['seconds'] for run in runs):.0f}\N{NO-BREAK SPACE}s of training."
    )
    return "\n".join([*lines, "", fill(text, 118, break_on_hyphens=False)])


def architecture() -> str:
    """Which modules the rules' steps and the package's modules import, as Mermaid.

    An import is left out where it follows from two others.
    """
    names = {file: str(file.relative_to(PACKAGE).with_suffix("")).replace("/", ".") for file in PACKAGE.rglob("*.py")}
    modules = {name for name in names.values() if "." not in name} - HELPERS
    imports = {name: {names[file] for file in sources(f"descent.{name}")} & modules - {name} for name in modules}
    lines = ["```mermaid", "flowchart LR"]
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        text, rules = file.read_text(encoding="utf-8"), f"{file.stem}.smk"
        steps = [step for step in STEP.findall(text) if f"steps.{step}" in names.values()]
        imported = {module for step in steps for module in map(names.get, sources(f"descent.steps.{step}"))} & modules
        for module in {one or other for one, other in IMPORT.findall(text)}:
            imported |= {module} | imports[module]
        imports[rules] = imported
        lines.append(f'    {rules}["{"<br>".join([f"<b>{rules}</b>", *steps])}"]')
    for name, its in sorted(imports.items(), key=lambda item: (not item[0].endswith(".smk"), item)):
        direct = sorted(other for other in its if not any(other in imports[between] for between in its))
        if direct:
            lines.append(f"    {name} --> {' & '.join(direct)}")
    return "\n".join([*lines, "```"])


def put(file: Path, text: str) -> None:
    """Replace what stands between a file's two marks."""
    marks = "(<!-- made by make docs -->\n).*(<!-- end -->)"
    page = file.read_text(encoding="utf-8")
    file.write_text(re.sub(marks, lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page, count=1, flags=re.DOTALL))


def main() -> None:
    put(ROOT / "docs/architecture.md", architecture())
    put(ROOT / "README.md", results())
    shutil.copy(RESULTS / "exercise/curves.png", ROOT / "docs/curves.png")
    shutil.copy(RESULTS / "published.png", ROOT / "docs/published.png")


if __name__ == "__main__":
    main()
