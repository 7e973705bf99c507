# `snakemake sweep`: every optimizer's trials, the choice by validation accuracy, the final runs, and their page.

SWEEP, GRIDS = config["sweep"], config["sweep"]["optimizers"]


localrules:
    sweep,
    choose,
    rank,
    plot_sweep,
    report_sweep,


# A checkpoint, so that the final runs of an unchanged choice stay.
checkpoint choose:
    input:
        expand(rules.train.output, study="sweep/trials", variant=grids.trials(GRIDS)),
    output:
        trials="results/sweep/trials.csv",
        choices="results/sweep/choices.json",
    log:
        "logs/sweep/choose.log",
    params:
        code=code("sweep.choose", *RULES),
        options=options(grids=GRIDS, runs="results/sweep/trials", output="results/sweep"),
    shell:
        step("sweep.choose", "{params.options}")


rule rank:
    input:
        rules.choose.output,
        final_runs,
    output:
        expand("results/sweep/{table}.csv", table=["ranking", "targets"]),
    log:
        "logs/sweep/rank.log",
    params:
        code=code("sweep.rank"),
        options=options(grids=GRIDS, targets=SWEEP["targets"], runs="results/sweep/final", output="results/sweep"),
    shell:
        step("sweep.rank", "{params.options}")


rule plot_sweep:
    input:
        rules.choose.output.trials,
        rules.rank.output,
    output:
        files(["results/sweep/ranking", "results/sweep/sensitivity"]),
    log:
        "logs/sweep/plot_sweep.log",
    params:
        code=code("sweep.plot_sweep"),
        options=options(grids=GRIDS, output="results/sweep"),
    shell:
        step("sweep.plot_sweep", "{params.options}")


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
        "logs/sweep/report_sweep.log",
    params:
        code=code(
            "sweep.report_sweep", *(f"report/{template}" for template in ("sweep.html.j2", "page.html.j2", "page.css"))
        ),
        options=options(config=json.dumps(config), results="results"),
    shell:
        step("sweep.report_sweep", "{params.options}")


rule sweep:
    input:
        rules.choose.output,
        rules.rank.output,
        rules.plot_sweep.output,
        rules.report_sweep.output,
