# `snakemake sweep`: every optimizer's trials, the choice by validation accuracy, the final runs, and their page.

GRIDS = SWEEP["optimizers"]
HEAT_MAPS = [optimizer for optimizer, its in GRIDS.items() if len(grid.swept(its)) > 1]


rule sweep:
    input:
        sweep_results,
    localrule: True


# On a GPU, one job trains the trials of a grid in one stack: at most 500, and as many as fit into 4 GB.
for number, trials in enumerate(GPU_JOBS):

    rule:
        name:
            f"train_stack_{number}"
        input:
            mnist=rules.download_mnist.output,
            initial=f"results/{TRIALS}/initial.safetensors",
        output:
            expand(rules.train.output, network=TRIALS, variant=trials),
        log:
            f"results/{TRIALS}/{trials[0]}/train.log",
        threads: 1
        resources:
            gpu=1,
        params:
            code=train_code(SETTINGS[trials[0]]["optimizer"], "custom"),
            torch=version("torch"),
            variants=variant_options(*map(SETTINGS.get, trials)),
            training=training_options(config, TRIALS, DEVICE),
            folders=expand("results/{network}/{variant}", network=TRIALS, variant=trials),
        shell:
            step(
                "train",
                "--mnist {input.mnist} --initial {input.initial} {params.variants} {params.training}"
                " --threads {threads} --output {params.folders}",
            )


# A checkpoint, so that the final runs of an unchanged choice stay.
checkpoint choose:
    input:
        expand([rules.train.output.evaluation, rules.train.output.run], network=TRIALS, variant=grid.trials(GRIDS)),
    output:
        trials="results/sweep/trials.csv",
        choices="results/sweep/choices.json",
    log:
        "results/sweep/choose.log",
    localrule: True
    params:
        code=code("choose"),
        options=lambda wildcards: options(
            grids=json.dumps(GRIDS, sort_keys=True), trials=f"results/{TRIALS}", output="results/sweep"
        ),
    shell:
        step("choose", "{params.options}")


rule rank:
    input:
        rules.choose.output,
        final_runs,
    output:
        ranking="results/sweep/ranking.csv",
        markdown="results/sweep/ranking.md",
        budget="results/sweep/budget.csv",
        targets="results/sweep/targets.csv",
    log:
        "results/sweep/rank.log",
    localrule: True
    params:
        code=code("rank"),
        options=lambda wildcards: options(
            grids=json.dumps(GRIDS, sort_keys=True), targets=SWEEP["targets"], final=f"results/{FINAL}"
        ),
    shell:
        step("rank", "{params.options} --results results/sweep")


rule plot_sweep:
    input:
        trials=rules.choose.output.trials,
        budget=rules.rank.output.budget,
    output:
        expand(
            "results/sweep/{figure}.{format}",
            figure=["budget", "sensitivity", *(f"heat_map_{optimizer}" for optimizer in HEAT_MAPS)],
            format=["svg", "png"],
        ),
    log:
        "results/sweep/plot_sweep.log",
    localrule: True
    params:
        code=code("plot_sweep"),
        options=lambda wildcards: options(
            grids=json.dumps(GRIDS, sort_keys=True),
            marks=sorted({mark for its in GRIDS.values() for mark in grid.marks(its, VARIANTS)}),
        ),
    shell:
        step("plot_sweep", "{params.options} --results results/sweep")


rule report_sweep:
    input:
        rules.choose.output.trials,
        rules.rank.output,
        rules.plot_sweep.output,
        rules.check_rules.output.verdicts,
    output:
        page="results/sweep.html",
        experiment="results/sweep/experiment.json",
    log:
        "results/sweep/report_sweep.log",
    localrule: True
    params:
        code=code(
            "report_sweep", "report/sweep.html.j2", "report/page.html.j2", "report/macros.html.j2", "report/page.css"
        ),
        options=lambda wildcards: options(sweep=json.dumps(SWEEP, sort_keys=True)),
    shell:
        step("report_sweep", "{params.options} --results results")
