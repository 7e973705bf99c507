rule report:
    input:
        code=code("report"),
        template=os.path.relpath(WORKFLOW / "report/report.html.j2"),
        summary="results/summary.csv",
        initial=expand("results/{network}/initial.csv", network=NETWORKS),
        runs=expand("results/{network}/{variant}/run.json", network=NETWORKS, variant=VARIANTS),
        figures=expand("results/{network}/{figure}.svg", network=NETWORKS, figure=FIGURES),
    output:
        "results/report.html",
    log:
        "results/report.log",
    params:
        config=json.dumps(config, sort_keys=True),
        figures=json.dumps(FIGURES),
    shell:
        "python -m descent.steps.report --template {input.template} --config {params.config:q}"
        " --figures {params.figures:q} --results results --output {output} 2>&1 | tee {log}"
