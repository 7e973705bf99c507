# `snakemake sweep`: every optimizer's trials, the choice by validation accuracy, the final runs, and their page.

GRIDS = config["sweep"]["optimizers"]


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
        **planned("choose"),
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
        **planned("rank"),
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
        **planned("plot_sweep"),
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
        **planned("report_sweep"),
    shell:
        step("sweep.report_sweep", "{params.options}")


rule sweep:
    input:
        rules.choose.output,
        rules.rank.output,
        rules.plot_sweep.output,
        rules.report_sweep.output,
