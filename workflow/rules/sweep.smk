# `snakemake sweep`: every optimizer's trials, the choice by validation accuracy, the final runs, and their page.

import json

from descent import sweep as grid
from descent.variants import name_of

SWEEP, GRIDS = config["sweep"], config["sweep"]["optimizers"]


def sweep_results(wildcards):
    """The files of `snakemake sweep`. A mistake in its config stops only the sweep, with one line."""
    if SWEEP["network"] not in NETWORKS:
        sys.exit(f"config.yaml: sweep.network: {SWEEP['network']!r} is not one of {', '.join(NETWORKS)}")
    for stage in ("trials", "final"):
        if shared := set(STUDIES[f"sweep/{stage}"].seeds) & set(config["seeds"]):
            sys.exit(f"config.yaml: seeds: {min(shared)} is also a seed of the sweep's {stage} runs; choose another")
    return rules.choose.output + rules.rank.output + rules.plot_sweep.output + rules.report_sweep.output


def final_runs(wildcards):
    """The files of the sweep's final runs, with the chosen and the default settings."""
    choices = json.loads(Path(checkpoints.choose.get().output.choices).read_text())
    defaults = [name_of(grid.default(its)) for its in GRIDS.values()]
    return expand(rules.train.output, study="sweep/final", variant=sorted({*choices.values(), *defaults}))


localrules:
    sweep,
    choose,
    rank,
    plot_sweep,
    report_sweep,


rule sweep:
    input:
        sweep_results,


# A checkpoint, so that the final runs of an unchanged choice stay.
checkpoint choose:
    input:
        expand(rules.train.output, study="sweep/trials", variant=grid.trials(GRIDS)),
    output:
        trials="results/sweep/trials.csv",
        choices="results/sweep/choices.json",
    log:
        "results/sweep/choose.log",
    params:
        code=code("choose", optimizers=tuple(names())),
        options=options(grids=GRIDS, trials="results/sweep/trials", output="results/sweep"),
    shell:
        step("choose", "{params.options}")


rule rank:
    input:
        rules.choose.output,
        final_runs,
    output:
        expand("results/sweep/{table}.csv", table=["ranking", "targets"]),
    log:
        "results/sweep/rank.log",
    params:
        code=code("rank"),
        options=options(grids=GRIDS, targets=SWEEP["targets"], final="results/sweep/final", results="results/sweep"),
    shell:
        step("rank", "{params.options}")


rule plot_sweep:
    input:
        rules.choose.output.trials,
    output:
        multiext("results/sweep/sensitivity", ".svg", ".png"),
    log:
        "results/sweep/plot_sweep.log",
    params:
        code=code("plot_sweep"),
        options=options(grids=GRIDS, results="results/sweep"),
    shell:
        step("plot_sweep", "{params.options}")


rule report_sweep:
    input:
        rules.choose.output,
        rules.rank.output,
        rules.plot_sweep.output,
        rules.check_optimizers.output,
    output:
        page="results/sweep.html",
        markdown="results/sweep/ranking.md",
        experiment="results/sweep/experiment.json",
    log:
        "results/sweep/report_sweep.log",
    params:
        code=code("report_sweep", *(f"report/{template}" for template in ("sweep.html.j2", "page.html.j2", "page.css"))),
        options=options(sweep=SWEEP, results="results"),
    shell:
        step("report_sweep", "{params.options}")
