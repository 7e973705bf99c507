import numpy as np
import pandas as pd
from descent.steps.plot_mistakes import confusion, missed_by_all

LABELS = np.array([3, 3, 7], dtype=np.uint8)
SAID = np.array([[3, 8, 1], [3, 3, 1], [5, 8, 2]], dtype=np.uint8)  # of three seeds


def test_a_confusion_matrix_counts_what_each_class_was_said_to_be():
    matrix = confusion(SAID, LABELS) * 3
    assert matrix.sum(axis=1).tolist() == [0, 0, 0, 6, 0, 0, 0, 3, 0, 0]
    assert {(label, said): count for (label, said), count in np.ndenumerate(matrix) if count} == {
        (3, 3): 3,
        (3, 5): 1,
        (3, 8): 2,
        (7, 1): 2,
        (7, 2): 1,
    }


def test_the_images_that_no_seed_gets_right_have_what_most_seeds_said():
    missed = missed_by_all(SAID, LABELS)
    assert missed.to_dict("records") == [{"image": 2, "label": 7, "said": 1, "seeds": 2}]


def test_they_are_those_of_the_predictions(finished):
    missed = pd.read_csv(finished.path / "results/exercise/missed.csv")
    confused = pd.read_csv(finished.path / "results/exercise/confusion.csv")
    summary = pd.read_csv(finished.path / "results/summary.csv").set_index(["network", "variant"])
    for variant, its in confused.groupby("variant"):
        right = its.loc[its["label"] == its["said"], "images"].sum() / its["images"].sum()
        assert np.isclose(right, summary.loc[("exercise", variant), "test_accuracy_mean"])
        wrong = its["images"].sum() * (1 - right)
        assert (missed["variant"] == variant).sum() <= wrong + 1e-9
    assert len(missed)
