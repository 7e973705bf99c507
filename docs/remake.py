"""Put the figures and the table of the results at hand into docs/ and the README: `make docs`."""

import json
import re
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"


def section() -> str:
    """The README's section between its two marks."""
    run = json.loads((RESULTS / "exercise/custom_sgd/run.json").read_text())
    summary, verdicts, reproduction = (
        pd.read_csv(RESULTS / f"{name}.csv") for name in ("summary", "verdicts", "reproduction")
    )
    runs = [RESULTS / row.network / row.variant / "run.json" for row in summary.itertuples()]
    seconds = sum(json.loads(file.read_text())["seconds"] for file in runs)
    experiment = json.loads((RESULTS / "experiment.json").read_text())["config"]
    asked = yaml.safe_load((ROOT / "config.yaml").read_text())
    if experiment != {key: value for key, value in asked.items() if key != "sweep"}:
        raise SystemExit("the results are not those of config.yaml: run make first")
    lines = [
        "![Training loss and accuracy of all variants against the iteration](docs/curves.png)",
        "",
        "| network | variant | test accuracy, % | test loss, nats |",
        "| --- | --- | --: | --: |",
    ]
    for row in summary.itertuples():
        lines.append(
            f"| {row.network} | {row.variant} | {row.test_accuracy_mean:.2%} ± {row.test_accuracy_std * 100:.2f} "
            f"| {row.test_loss_mean:.4f} ± {row.test_loss_std:.4f} |".replace("%", "")
        )
    alike = ", ".join(verdicts["verdict"].unique())
    found = "; ".join(
        f"{row.verdict} by `{row.network}` (largest |z| {row.statistic:.1f}, critical {row.critical:.1f})"
        for row in reproduction.itertuples()
    )
    lines += [
        "",
        f"`make`, {date.today()}, {run['device']}, threads: {run['threads']}, PyTorch {run['torch']}: "
        f"{seconds:.0f} s of training, mean ± standard deviation over {run['seeds']} seeds. The twins are {alike}. "
        f"The lab's printed figures are {found}. (The sheet's text asks for the hidden units of `exercise`, its code "
        "has those of `notebook`.)",
        "",
        "![The sheet's curves beside ours, and the learning rate and momentum that they imply](docs/published.png)",
    ]
    return "\n".join(lines)


def main() -> None:
    shutil.copy(RESULTS / "exercise/curves.png", ROOT / "docs/curves.png")
    shutil.copy(RESULTS / "published.png", ROOT / "docs/published.png")
    readme = ROOT / "README.md"
    marks = "(<!-- made by make docs -->\n).*(<!-- end -->)"
    readme.write_text(
        re.sub(
            marks, lambda found: f"{found[1]}\n{section()}\n\n{found[2]}", readme.read_text(), count=1, flags=re.DOTALL
        )
    )


if __name__ == "__main__":
    main()
