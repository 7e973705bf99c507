rule report:
    input:
        code=code("report"),
        template=os.path.relpath(WORKFLOW / "report/report.html.j2"),
        tables=[
            rules.summarize.output.initial,
            rules.summarize.output.summary,
            rules.summarize.output.differences,
            rules.compare_twins.output,
            rules.compare_published.output,
        ],
        runs=expand(rules.gather.output.run, network=NETWORKS, variant=VARIANTS),
        figures=expand("results/{network}/{figure}.svg", network=NETWORKS, figure=FIGURES),
    output:
        page="results/report.html",
        experiment="results/experiment.json",
    log:
        "results/report.log",
    params:
        config=json.dumps(config, sort_keys=True),
        figures=json.dumps(FIGURES),
    shell:
        "python -m descent.steps.report --template {input.template} --config {params.config:q}"
        " --figures {params.figures:q} --results results"
        " --experiment {output.experiment} --page {output.page} 2>&1 | tee {log}"
