"""Show what the trained networks get wrong: confusion matrices, and the test images that every seed misses."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from safetensors import safe_open

from descent.figures import save
from descent.files import write_table
from descent.runs import Run
from descent.steps import command_line

CLASSES = 10
SHOWN = 120  # images in a figure, at most
COLUMNS = 15


def confusion(said: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many images of each label were assigned to each class, mean over the seeds: [labels, classes].

    ``said`` is [seeds, images], ``labels`` is [images].
    """
    pairs = labels.astype(int) * CLASSES + said
    return np.bincount(pairs.ravel(), minlength=CLASSES**2).reshape(CLASSES, CLASSES) / len(said)


def missed_by_all(said: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """The images that no seed gets right: image, label, the most frequent prediction, and its number of seeds."""
    images = np.flatnonzero((said != labels).all(axis=0))
    votes = np.stack([(said[:, images] == number).sum(axis=0) for number in range(CLASSES)])
    return pd.DataFrame(
        {"image": images, "label": labels[images], "said": votes.argmax(axis=0), "seeds": votes.max(axis=0)}
    )


def plot(matrix: np.ndarray, missed: pd.DataFrame, images: np.ndarray) -> Figure:
    """The confusion matrix, and the images that all seeds miss; ``images`` are all test images [n, 28, 28]."""
    shown = missed.head(SHOWN)
    rows = max(1, math.ceil(len(shown) / COLUMNS))
    figure = Figure(figsize=(14, max(5.2, 0.25 + 0.72 * rows)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[5, 9])
    wrong = np.where(np.eye(CLASSES, dtype=bool), np.nan, matrix)
    left.imshow(wrong, cmap="Oranges", vmin=0, interpolation="none")
    for (label, said), count in np.ndenumerate(matrix):
        if count:
            dark = label != said and count > 0.75 * np.nanmax(wrong)
            look = {"color": "w" if dark else "k", "fontweight": "bold" if label == said else "normal"}
            text = f"{count:.0f}" if count >= 100 else f"{count:.1f}"
            left.text(said, label, text, ha="center", va="center", fontsize=8, **look)
    left.set(xticks=range(CLASSES), yticks=range(CLASSES), xlabel="predicted class", ylabel="label")
    left.spines[:].set_visible(False)

    cell = 40  # pixels for an image and its caption
    sheet = np.full((rows * cell, COLUMNS * cell), 255, dtype=np.uint8)
    for i, row in enumerate(shown.itertuples()):
        y, x = divmod(i, COLUMNS)
        sheet[y * cell : y * cell + 28, x * cell + 6 : x * cell + 34] = 255 - images[row.image]
        right.text(x * cell + 20, y * cell + 28.5, f"{row.label}, said {row.said}", ha="center", va="top", fontsize=7)
    right.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="none")
    right.axis("off")
    right.set_title(f"{len(missed)} images that every seed misses" + f", the first {SHOWN}" * (len(missed) > SHOWN))
    left.set_title("test images, mean over the seeds")
    return figure


def main() -> None:
    parser = command_line(
        __doc__,
        "Writes confusion.csv (one row per variant, label and class) and missed.csv (one row per variant and image) "
        "into the output folder, and a figure into each variant's folder. Seeds that diverged are left out.",
    )
    parser.add_argument("--mnist", type=Path, required=True, help="the file that download_mnist wrote")
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the network's folder, with one for each variant")
    arguments = parser.parse_args()
    with safe_open(arguments.mnist, framework="numpy") as file:
        images, labels = file.get_tensor("test_images"), file.get_tensor("test_labels")

    matrices, missed = [], []
    for variant in arguments.variants:
        run = Run(arguments.output / variant)
        finite = [seed not in run.diverged for seed in run.evaluation["seed"].unique()]
        said = run.predictions["classes"][finite]
        matrix, its_missed = np.zeros((CLASSES, CLASSES)), pd.DataFrame(columns=["image", "label", "said", "seeds"])
        if len(said):
            matrix, its_missed = confusion(said, labels), missed_by_all(said, labels)
        save(plot(matrix, its_missed, images), arguments.output / variant / "mistakes")
        rows = [(variant, *place, count) for place, count in np.ndenumerate(matrix)]
        matrices.append(pd.DataFrame(rows, columns=["variant", "label", "said", "images"]))
        missed.append(its_missed.assign(variant=variant)[["variant", *its_missed]])
    write_table(arguments.output / "confusion.csv", pd.concat(matrices))
    write_table(arguments.output / "missed.csv", pd.concat(missed))


if __name__ == "__main__":
    main()
