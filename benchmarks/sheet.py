"""How often is the verdict on the lab's printed losses wrong, and what does the lab's fixed order cost?

`PYTHONPATH=workflow python benchmarks/sheet.py > benchmarks/results/sheet.txt`, forty minutes on one core, in parts
that survive being stopped. docs/verdicts.md has the results.
"""

import numpy as np
from descent.compare.compare_published import LAB, SHEETS_RUNS, limit
from descent.compare.statistics import describe
from descent.run import Run
from trainings import print_setting, trained

DRAWS = 4000
FEW = (1, 5, 10)  # seeds
OTHERS = {
    f"{optimizer}_lr={lr}": {"optimizer": "sgd", **LAB[optimizer], "lr": lr}
    for lr in (0.009, 0.0105, 0.011)
    for optimizer in LAB
} | {f"momentum={mu}": {"optimizer": "sgd", **LAB["momentum"], "momentum": mu} for mu in (0.88, 0.91)}
PAIRS = {f"lr {lr}": [f"{optimizer}_lr={lr}" for optimizer in LAB] for lr in (0.009, 0.0105, 0.011)}
PAIRS |= {f"momentum {mu}": ["sgd", f"momentum={mu}"] for mu in (0.88, 0.91)}
PAIRS |= {"the lab's settings": [*LAB], "100 units": ["wide sgd", "wide momentum"]}


def losses(runs: dict[str, Run]) -> dict[str, np.ndarray]:
    """The log of the mean training loss over all epochs, by seed, of each variant."""
    return {name: np.log(run.training.groupby("seed")["loss"].mean().to_numpy()) for name, run in runs.items()}


def not_reproduced(sheets: list[np.ndarray], ours: list[np.ndarray], seeds: int, random: np.random.Generator) -> float:
    """How often the mean of a few seeds of ``ours`` is too far from that of two of ``sheets``, for any optimizer."""
    allowed, found = limit(seeds, len(LAB)), 0
    for _ in range(DRAWS):
        apart = []
        for sheet, our in zip(sheets, ours, strict=True):
            if sheet is our:  # the sheet's two runs are others than ours
                drawn = random.choice(sheet, SHEETS_RUNS + seeds, replace=False)
                apart.append(drawn[:SHEETS_RUNS].mean() - drawn[SHEETS_RUNS:].mean())
            else:
                its = random.choice(sheet, SHEETS_RUNS, replace=False), random.choice(our, seeds, replace=False)
                apart.append(its[0].mean() - its[1].mean())
        found += np.abs(apart).max() > allowed
    return found / DRAWS


def main() -> None:
    random = np.random.default_rng(0)
    lab = {name: {"optimizer": "sgd", **its} for name, its in LAB.items()}
    spread = trained("spread", range(200), lab)
    print_setting(spread)
    for name, its in losses(spread).items():
        print(f"{name}: log of the mean training loss over {len(its)} seeds: sd {its.std(ddof=1):.4f}")

    fresh = losses(trained("fresh", range(1000, 1060), lab))
    wide = losses(trained("wide", range(1000, 1010), lab, hidden=[100, 100]))
    others = losses(trained("others", range(1000, 1020), OTHERS)) | fresh
    others |= {f"wide {name}": its for name, its in wide.items()}
    print("\nnot reproduced, %, with", *FEW, "seeds")
    for setting, names in PAIRS.items():
        its = [others[name] for name in names]
        rates = [not_reproduced([*fresh.values()], its, seeds, random) for seeds in FEW]
        print(f"{setting}: {', '.join(f'{100 * rate:.1f}' for rate in rates)}")

    shuffled = trained("shuffled", range(10), lab, shuffle=True)
    print("\ntest accuracy after 20 epochs, %, ten seeds, mean and sd")
    for name in LAB:
        for how, run in (("in the files' order", spread[name]), ("shuffled", shuffled[name])):
            its = describe("x", run.correct[:10].mean(1))
            print(f"{name}, {how}: {100 * its['x_mean']:.2f} ± {100 * its['x_std']:.2f}")


if __name__ == "__main__":
    main()
