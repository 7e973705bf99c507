# `snakemake sweep`: a grid of one optimizer's hyperparameters, and a page of its own.

from descent import sweep as grid
from descent.config import read_optimizers

SWEEP = config["sweep"]
SWEEP_JOBS = grid.jobs(SWEEP)
MARKS = grid.marks(SWEEP, VARIANTS, read_optimizers()[SWEEP["optimizer"]][1])  # points that figures mark


localrules:
    sweep,
    summarize_sweep,
    plot_sweep,
    report_sweep,


rule sweep:
    input:
        "results/sweep.html",
        expand("results/sweep/{figure}.png", figure=["heat_map", "sensitivity"]),


use rule initialize as initialize_sweep with:
    output:
        parameters="results/sweep/initial.safetensors",
        metrics="results/sweep/initial.csv",
    log:
        "results/sweep/initialize_sweep.log",
    benchmark:
        "results/sweep/initialize_sweep.benchmark.tsv"
    params:
        options=options(
            hidden=NETWORKS[SWEEP["network"]],
            seeds=list(range(SWEEP["seeds"])),
            evaluation_batch_size=config["evaluation"]["batch_size"],
        ),
        torch=version("torch"),


rule train_sweep:
    input:
        code=code("train_sweep"),
        mnist="resources/mnist.safetensors",
        initial="results/sweep/initial.safetensors",
    output:
        "results/sweep/{job}/evaluation.csv",
    log:
        "results/sweep/{job}/train_sweep.log",
    benchmark:
        "results/sweep/{job}/train_sweep.benchmark.tsv"
    threads: 1
    resources:
        gpu=GPU,
    params:
        options=lambda wildcards: options(
            **(TRAINING | {"epochs": SWEEP["epochs"]}),
            evaluation_batch_size=config["evaluation"]["batch_size"],
            optimizer=SWEEP["optimizer"],
            points=json.dumps(SWEEP_JOBS[wildcards.job]),
            device=DEVICE,
        ),
        torch=version("torch"),
    shell:
        "python -m descent.steps.train_sweep --mnist {input.mnist} --initial {input.initial} {params.options}"
        " --threads {threads} --evaluation {output} 2>&1 | tee {log}"


rule summarize_sweep:
    input:
        code=code("summarize_sweep"),
        runs=expand(rules.train_sweep.output, job=SWEEP_JOBS),
    output:
        runs="results/sweep/runs.csv",
        summary="results/sweep/summary.csv",
        overview="results/sweep/overview.json",
    log:
        "results/sweep/summarize_sweep.log",
    benchmark:
        "results/sweep/summarize_sweep.benchmark.tsv"
    params:
        options=options(sweep=json.dumps(SWEEP, sort_keys=True)),
    shell:
        "python -m descent.steps.summarize_sweep {params.options} --results results/sweep"
        " --runs {output.runs} --summary {output.summary} --overview {output.overview} 2>&1 | tee {log}"


rule plot_sweep:
    input:
        code=code("plot_sweep"),
        summary=rules.summarize_sweep.output.summary,
    output:
        heat_map=expand("results/sweep/heat_map.{format}", format=["svg", "png"]),
        sensitivity=expand("results/sweep/sensitivity.{format}", format=["svg", "png"]),
    log:
        "results/sweep/plot_sweep.log",
    benchmark:
        "results/sweep/plot_sweep.benchmark.tsv"
    params:
        options=options(hyperparameters=list(grid.axes(SWEEP)), marks=json.dumps(MARKS)),
    shell:
        "python -m descent.steps.plot_sweep --summary {input.summary} {params.options}"
        " --heat-map {output.heat_map} --sensitivity {output.sensitivity} 2>&1 | tee {log}"


rule report_sweep:
    input:
        code=code("report_sweep"),
        template=os.path.relpath(WORKFLOW / "report/sweep.html.j2"),
        parts=[os.path.relpath(WORKFLOW / "report" / part) for part in ("page.css", "macros.html.j2")],
        summary=rules.summarize_sweep.output.summary,
        overview=rules.summarize_sweep.output.overview,
        figures=[rules.plot_sweep.output.heat_map[0], rules.plot_sweep.output.sensitivity[0]],
    output:
        "results/sweep.html",
    log:
        "results/sweep/report_sweep.log",
    benchmark:
        "results/sweep/report_sweep.benchmark.tsv"
    params:
        options=options(sweep=json.dumps(SWEEP, sort_keys=True)),
    shell:
        "python -m descent.steps.report_sweep --template {input.template:q} {params.options} --results results"
        " --page {output} 2>&1 | tee {log}"
