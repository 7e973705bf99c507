import numpy as np
from descent.steps.rank import rank


def test_optimizers_rank_by_their_means_and_tie_where_seeds_and_images_do_not_tell_them_apart():
    random = np.random.default_rng(0)
    right = {"bad": 0.5, "good": 0.9, "as good": 0.899}
    table = rank({name: (random.random((6, 2000)) < p).astype(float) for name, p in right.items()})
    assert set(table["optimizer"][:2]) == {"good", "as good"}
    assert table["group"].tolist() == [1, 1, 2]
    assert table["behind_low"][2] > 0.3
    same = rank({"one": np.ones((4, 10)), "other": np.ones((4, 10))})
    assert same["p_holm"].tolist()[1:] == [1]
