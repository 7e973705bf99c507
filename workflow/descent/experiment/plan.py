"""What each job of the workflow is made with, beside its input files: with anything else, its results are stale."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from descent import WORKFLOW
from descent.experiment.studies import studies
from descent.experiment.variants import meaning, twin_hyperparameters, twins_of
from descent.optimizers import names, own_sources
from descent.optimizers._classes import package_version
from descent.sources import digest, sources

Parameters = dict[str, str | None]

SHEET = [WORKFLOW / "resources/published.csv"]
TEMPLATES = WORKFLOW / "report"
SWEEPS_PAGE = [TEMPLATES / name for name in ("page.html.j2", "page.css", "sweep.html.j2")]
PAGE = [*SWEEPS_PAGE[:2], *(TEMPLATES / name for name in ("report.html.j2", "departures.md", "curves.js"))]
PAGE += [TEMPLATES / "uplot" / name for name in ("uPlot.iife.min.js", "uPlot.min.css")]


def plan(config: Mapping[str, Any], device: str = "cpu") -> dict[str, Parameters]:
    """The parameters of each job that may run, by its rule and wildcards, as in ``train text_100 custom_sgd``.

    ``code`` is a checksum of the files that its step imports, so that what other code made is stale whatever the files'
    times; ``options`` are those of its command line; ``torch`` and ``package`` are versions.
    """
    networks, variants, data = list(config["networks"]), list(config["variants"]), config["data"]
    twins, mnist = twins_of(config["variants"]), "sha256" not in data
    pairs = {"custom": [custom for custom, _ in twins], "torch": [torch for _, torch in twins]}
    runs = {"results": "results", "networks": networks, "variants": variants}
    called = {"data": "MNIST" if mnist else os.path.basename(os.path.abspath(folder(data)))}
    rules = [file for name in names() for file in own_sources("custom", name)]
    pytorch: Parameters = {"torch": version("torch")}
    checked, default_run = twin_hyperparameters(config["variants"]), {k: v for k, v in config.items() if k != "sweep"}
    jobs = {
        "download_mnist": step("data.download_mnist", sha256=data.get("sha256")),
        "check_optimizers": pytorch | step("check.check_optimizers", rules, twins=checked),
        "summarize": step("compare.summarize", **runs),
        "compare_twins": step("compare.compare_twins", results="results", networks=networks, **pairs),
        "compare_published": step("compare.compare_published", SHEET, mnist=mnist, **runs),
        "plot_accuracies": step("report.plot_accuracies", **runs),
        "report": step("report.report", PAGE, config=json.dumps(default_run), results="results", **called),
    }
    drawn = {"variants": variants, "smoothing": config["curves"]["smoothing"], **pairs, **called}
    jobs |= {f"plot_curves {name}": step("report.plot_curves", **drawn) for name in networks}
    for name, study in studies(config).items():
        its = {"seeds": study.seeds, "evaluation_batch_size": study.training["evaluation_batch_size"]}
        jobs[f"initialize {name}"] = pytorch | step("train.initialize", **its, **study.network)
        its = {"activation": study.network["activation"], "device": device, **study.training}
        for key, variant in study.variants.items():
            of_class = {"package": package_version(variant["optimizer"])}
            files = own_sources(variant["implementation"], variant["optimizer"])
            jobs[f"train {name} {key}"] = pytorch | of_class | step("train.train", files, **its, **meaning(variant))
    if sweep := config.get("sweep"):
        its = {"grids": sweep["optimizers"], "output": "results/sweep"}
        jobs["choose"] = step("sweep.choose", rules, runs="results/sweep/trials", **its)
        jobs["rank"] = step("sweep.rank", runs="results/sweep/final", targets=sweep["targets"], **its)
        jobs["plot_sweep"] = step("sweep.plot_sweep", **its)
        jobs["report_sweep"] = step("sweep.report_sweep", SWEEPS_PAGE, config=json.dumps(config), results="results")
    return jobs


def step(module: str, files: Iterable[Path] = (), /, **given: Any) -> Parameters:
    """The parameters of a step that also reads other ``files``, and gets options."""
    return {"code": code(module, *files), "options": options(**given)}


@cache
def code(module: str, *files: Path) -> str:
    """A checksum of the files that a step imports, and of others."""
    return digest([*sources(f"descent.{module}"), *files])


def folder(data: Mapping[str, Any]) -> str:
    """The folder that ``data`` of config.yaml names; empty if it names none."""
    return os.path.expandvars(os.path.expanduser(data["source"] or ""))


def options(**values: Any) -> str:
    """Command-line options in the order of their names, quoted for the shell.

    seeds=[0, 1] gives --seeds 0 1, drop_last=False gives --no-drop-last, a mapping gives JSON, None gives nothing.
    """
    words = []
    for name, value in sorted(values.items()):
        name = name.replace("_", "-")
        match value:
            case None:
                pass
            case bool():
                words.append(f"--{name}" if value else f"--no-{name}")
            case dict():
                words += [f"--{name}", json.dumps(value, sort_keys=True)]
            case list():
                words += [f"--{name}", *map(str, value)]
            case _:
                words += [f"--{name}={value}"] if str(value).startswith("-") else [f"--{name}", str(value)]
    return shlex.join(words)
