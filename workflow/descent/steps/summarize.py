"""Write the table of test accuracy and test loss after the last epoch, with their spread over seeds."""

import argparse
from pathlib import Path

import pandas as pd

from descent.files import written_whole
from descent.statistics import describe


def summarize(runs: list[tuple[str, str, pd.DataFrame]]) -> pd.DataFrame:
    """One row a network and variant, from (network, variant, evaluation) with evaluation.csv's columns."""
    rows = []
    for network, variant, evaluation in runs:
        last = evaluation[evaluation["epoch"] == evaluation["epoch"].max()]
        rows.append(
            {"network": network, "variant": variant, "seeds": len(last)}
            | describe("test_accuracy", last["accuracy"])
            | describe("test_loss", last["loss"])
        )
    return pd.DataFrame(rows)


def to_markdown(summary: pd.DataFrame) -> str:
    """The table as people read it: accuracies in per cent."""

    def spread(row: pd.Series, metric: str, scale: float, digits: int) -> str:
        mean, std = row[f"{metric}_mean"] * scale, row[f"{metric}_std"] * scale
        low, high = row[f"{metric}_low"] * scale, row[f"{metric}_high"] * scale
        if row["seeds"] == 1:
            return f"{mean:.{digits}f} (one seed: no spread)"
        return f"{mean:.{digits}f} ± {std:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

    lines = [
        "| network | variant | seeds | test accuracy, % | test loss, nats |",
        "| --- | --- | --: | --: | --: |",
    ]
    for _, row in summary.iterrows():
        lines.append(
            f"| {row['network']} | {row['variant']} | {row['seeds']} "
            f"| {spread(row, 'test_accuracy', 100, 2)} | {spread(row, 'test_loss', 1, 4)} |"
        )
    lines += ["", "Mean ± standard deviation over seeds, and in brackets the 95 % Student interval of the mean.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run",
        nargs=3,
        action="append",
        required=True,
        metavar=("NETWORK", "VARIANT", "CSV"),
        help="a network, a variant, and its evaluation.csv",
    )
    parser.add_argument("--csv", type=Path, required=True, help="CSV to write, accuracies as fractions")
    parser.add_argument("--markdown", type=Path, required=True, help="Markdown to write, accuracies in per cent")
    arguments = parser.parse_args()

    summary = summarize([(network, variant, pd.read_csv(csv)) for network, variant, csv in arguments.run])
    markdown = to_markdown(summary)
    print(markdown)
    with written_whole(arguments.csv) as path:
        summary.to_csv(path, index=False)
    with written_whole(arguments.markdown) as path:
        path.write_text(markdown)


if __name__ == "__main__":
    main()
