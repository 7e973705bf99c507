"""The calibration: trainings of the lab's two settings, and of settings around them, that ``reproduction`` judges by.

`snakemake calibration` makes them. Their features come with Descent, in workflow/resources/calibration.csv.
"""

TRAINING = {"epochs": 20, "batch_size": 128, "shuffle": False, "drop_last": True}  # the lab's
LR, MOMENTUM = 0.01, 0.9
LAB = {"sgd": {"lr": LR}, "momentum": {"lr": LR, "momentum": MOMENTUM}}

OTHER_LR, OTHER_MOMENTUM = [0.008, 0.009, 0.011, 0.012], [0.88, 0.89, 0.91, 0.92]
AROUND = [{"lr": lr} for lr in OTHER_LR]
AROUND += [{"lr": lr, "momentum": MOMENTUM} for lr in OTHER_LR]
AROUND += [{"lr": LR, "momentum": momentum} for momentum in OTHER_MOMENTUM]
AROUND += [{"lr": 0.009, "momentum": 0.91}, {"lr": 0.011, "momentum": 0.89}]  # the same lr / (1 − momentum)


def variant(point: dict[str, float]) -> tuple[str, dict]:
    """A setting's folder, lr=0.01_momentum=0.9, and what is trained in it."""
    folder = "_".join(f"{name}={value}" for name, value in point.items())
    return folder, {"implementation": "custom", "optimizer": "sgd"} | point


# Stacks of initial parameters, and the variants that are trained from each.
STACKS = {
    "calibration/lab": {"hidden": [50, 50], "seeds": list(range(1000, 1050))},
    "calibration/around": {"hidden": [50, 50], "seeds": list(range(1000, 1020))},
}
VARIANTS = {
    "calibration/lab": dict(map(variant, LAB.values())),
    "calibration/around": dict(map(variant, AROUND)),
}
