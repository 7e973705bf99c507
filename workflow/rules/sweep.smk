# `snakemake sweep`: a grid of one optimizer's hyperparameters, and a page of its own.

from descent import sweep as grid
from descent.optimizers import defaults

SWEEP = config["sweep"]
SWEEP_JOBS = grid.jobs(SWEEP)
MARKS = grid.marks(SWEEP, VARIANTS, defaults(SWEEP["optimizer"]))  # the variants that figures mark


rule sweep:
    input:
        sweep_results,
    localrule: True


rule train_sweep:
    input:
        mnist=rules.download_mnist.output,
        initial="results/sweep/initial.safetensors",
    output:
        evaluation="results/sweep/{job}/evaluation.csv",
        run="results/sweep/{job}/run.json",
    log:
        "results/sweep/{job}/train_sweep.log",
    threads: 1
    resources:
        gpu=int(DEVICE == "cuda"),
    params:
        code=code("train_sweep"),
        torch=version("torch"),
        options=lambda wildcards: options(
            **(TRAINING | {"epochs": SWEEP["epochs"]}),
            evaluation_batch_size=config["evaluation"]["batch_size"],
            optimizer=SWEEP["optimizer"],
            points=json.dumps(SWEEP_JOBS[wildcards.job]),
            device=DEVICE,
        ),
    shell:
        step(
            "train_sweep",
            "--mnist {input.mnist} --initial {input.initial} {params.options} --threads {threads}"
            " --output results/sweep/{wildcards.job}",
        )


rule summarize_sweep:
    input:
        runs=expand(rules.train_sweep.output, job=SWEEP_JOBS),
    output:
        runs="results/sweep/runs.csv",
        summary="results/sweep/summary.csv",
        overview="results/sweep/overview.json",
    log:
        "results/sweep/summarize_sweep.log",
    localrule: True
    params:
        code=code("summarize_sweep"),
        options=lambda wildcards: options(sweep=json.dumps(SWEEP, sort_keys=True)),
    shell:
        step("summarize_sweep", "{params.options} --results results/sweep")


rule plot_sweep:
    input:
        summary=rules.summarize_sweep.output.summary,
    output:
        heat_map=expand("results/sweep/heat_map.{format}", format=["svg", "png"]),
        sensitivity=expand("results/sweep/sensitivity.{format}", format=["svg", "png"]),
    log:
        "results/sweep/plot_sweep.log",
    localrule: True
    params:
        code=code("plot_sweep"),
        options=lambda wildcards: options(hyperparameters=list(grid.axes(SWEEP)), marks=json.dumps(MARKS)),
    shell:
        step("plot_sweep", "{params.options} --results results/sweep")


rule report_sweep:
    input:
        rules.summarize_sweep.output,
        rules.plot_sweep.output,
    output:
        "results/sweep.html",
    log:
        "results/sweep/report_sweep.log",
    localrule: True
    params:
        code=code("report_sweep", "report/sweep.html.j2", "report/macros.html.j2", "report/page.css"),
        options=lambda wildcards: options(sweep=json.dumps(SWEEP, sort_keys=True)),
    shell:
        step("report_sweep", "{params.options} --results results")
