rule report:
    input:
        rules.summarize.output,
        rules.check_rules.output,
        rules.compare_twins.output,
        rules.compare_published.output,
        expand(rules.plot_curves.output, network=NETWORKS),
        expand(rules.plot_mistakes.output, network=NETWORKS),
        expand(rules.train.output.run, network=NETWORKS, variant=VARIANTS),
    output:
        page=report("results/report.html", category="Page", caption="../report/page.rst"),
        experiment="results/experiment.json",
        steps="results/steps.json",
    log:
        "results/report.log",
    localrule: True
    params:
        code=code(
            "report",
            "report/report.html.j2",
            "report/macros.html.j2",
            "report/page.html.j2",
            "report/page.css",
            "report/curves.js",
            "report/uplot/uPlot.iife.min.js",
            "report/uplot/uPlot.min.css",
        ),
        config=lambda wildcards: json.dumps(
            {key: value for key, value in config.items() if key != "sweep"}, sort_keys=True
        ),
        figures=json.dumps(FIGURES),
    shell:
        step("report", "--config {params.config:q} --figures {params.figures:q} --results results")
