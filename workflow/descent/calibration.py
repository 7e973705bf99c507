"""The trainings that calibrate ``reproduction``: the lab's two settings, and settings around them.

`snakemake calibration` runs them. Their features are in workflow/resources/calibration.csv.
"""

from descent.settings import name_of

TRAINING = {"epochs": 20, "batch_size": 128, "shuffle": False, "drop_last": True}  # the lab's
LR, MOMENTUM = 0.01, 0.9
LAB = {"sgd": {"lr": LR}, "momentum": {"lr": LR, "momentum": MOMENTUM}}

OTHER_LR, OTHER_MOMENTUM = [0.008, 0.009, 0.011, 0.012], [0.88, 0.89, 0.91, 0.92]
AROUND = [{"lr": lr} for lr in OTHER_LR]
AROUND += [{"lr": lr, "momentum": MOMENTUM} for lr in OTHER_LR]
AROUND += [{"lr": LR, "momentum": momentum} for momentum in OTHER_MOMENTUM]
AROUND += [{"lr": 0.009, "momentum": 0.91}, {"lr": 0.011, "momentum": 0.89}]  # the same lr / (1 − momentum)


def settings(points: list[dict[str, float]]) -> dict[str, dict]:
    """SGD variants with the hyperparameters of each of ``points``, by folder name."""
    variants = [{"implementation": "custom", "optimizer": "sgd"} | point for point in points]
    return {name_of(variant): variant for variant in variants}


# The stacks of initial parameters, and the settings trained from each.
STACKS = {
    "calibration/lab": {"hidden": [50, 50], "seeds": list(range(1000, 1050))},
    "calibration/around": {"hidden": [50, 50], "seeds": list(range(1000, 1020))},
}
TRAINED = {"calibration/lab": settings(list(LAB.values())), "calibration/around": settings(AROUND)}
SETTINGS = {name: setting for its in TRAINED.values() for name, setting in its.items()}
