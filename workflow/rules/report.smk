rule report:
    input:
        code=code("report"),
        template=os.path.relpath(WORKFLOW / "report/report.html.j2"),
        parts=[os.path.relpath(WORKFLOW / "report" / part) for part in ("curves.js", "page.css", "macros.html.j2")],
        uplot=[os.path.relpath(WORKFLOW / "report/uplot" / part) for part in ("uPlot.iife.min.js", "uPlot.min.css")],
        tables=[
            rules.summarize.output.initial,
            rules.summarize.output.summary,
            rules.summarize.output.differences,
            rules.compare_twins.output,
            rules.compare_published.output,
        ],
        runs=expand(rules.gather.output.run, network=NETWORKS, variant=VARIANTS),
        figures=expand("results/{network}/{figure}.svg", network=NETWORKS, figure=FIGURES),
        curves=expand(rules.plot_curves.output.json, network=NETWORKS),
    output:
        page=report(
            "results/report.html", category="Page", labels={"page": "the whole story"}, caption="../report/page.rst"
        ),
        experiment="results/experiment.json",
        steps="results/steps.json",
    log:
        "results/report.log",
    benchmark:
        "results/report.benchmark.tsv"
    params:
        config=json.dumps({key: value for key, value in config.items() if key != "sweep"}, sort_keys=True),
        figures=json.dumps(FIGURES),
    shell:
        "python -m descent.steps.report --template {input.template:q} --config {params.config:q}"
        " --figures {params.figures:q} --results results"
        " --experiment {output.experiment} --steps {output.steps} --page {output.page} 2>&1 | tee {log}"
