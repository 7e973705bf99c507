"""Plot the test accuracy of each seed of each variant: spread and overlap before any number."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from descent import step
from descent.compare.summarize import once, summarized
from descent.drawing import Style, bare, error, note, save, scale_of_errors, styles_of
from descent.run import Run, same_bits
from descent.words import Row, alike


def plot_accuracies(rows: list[Row], styles: dict[str, Style]) -> Figure:
    """A row for each row of summary.csv: points, mean and 95 % interval; ``styles`` are those of the variants."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    its_rows = {network: [row for row in rows if row["network"] == network] for network in networks}
    heights = [len(its) for its in its_rows.values()]
    size = (11, 0.6 + 0.3 * len(networks) + 0.2 * sum(heights))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(networks), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    seen = []
    for panel, (network, its) in zip(panels, its_rows.items()):
        for y, row in enumerate(its):
            colour = styles[row["first"]].colour
            seeds = pd.to_numeric(row["test_accuracy_by_seed"].split(), errors="coerce")
            seeds = error(seeds[np.isfinite(seeds)])
            panel.plot(seeds, [y] * len(seeds), "o", color=colour, markersize=4.5, markerfacecolor="none")
            if np.isfinite(row["test_accuracy_mean"]):
                panel.plot(error(row["test_accuracy_mean"]), y, "|", color=colour, markersize=11, markeredgewidth=2)
            panel.plot(error(np.array([row["test_accuracy_low"], row["test_accuracy_high"]])), [y, y], color=colour)
            seen += seeds.tolist()
        diverged = [" (diverged)" if row["diverged_seeds"] else "" for row in its]
        names = [alike(row["variant"].split(", ")) for row in its]
        panel.set_yticks(range(len(its)), map(str.__add__, names, diverged))
        panel.set_ylim(len(its) - 0.5, -0.5)
        panel.set_title(network, loc="left", fontsize=10, fontweight="bold", parse_math=False)
        bare(panel)
    scale_of_errors(panels[-1], "x", max(seen, default=0.9), min(seen, default=0.1))
    note(figure, "final test accuracy (scale of the errors): ○ each seed, | mean, line: 95 % interval of the mean")
    return figure


def main(results: step.Results, networks: list[str], variants: list[str]) -> None:
    """Writes accuracies.png and accuracies.pdf."""
    runs = {network: {its: Run(results / network / its) for its in variants} for network in networks}
    rows = once(summarized(results), {network: same_bits(its) for network, its in runs.items()})
    save(plot_accuracies(rows, styles_of(runs[networks[0]])), results / "accuracies")


if __name__ == "__main__":
    step.run(main)
