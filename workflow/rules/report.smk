TEMPLATES = [
    "report.html.j2",
    "page.html.j2",
    "page.css",
    "curves.js",
    "uplot/uPlot.iife.min.js",
    "uplot/uPlot.min.css",
]


rule report:
    input:
        TRAINED,
        COMPARED,
    output:
        page=report("results/report.html", category="Page"),
        markdown="results/summary.md",
        experiment="results/experiment.json",
    log:
        "logs/report.log",
    params:
        code=code("report.report", *(f"report/{template}" for template in TEMPLATES)),
        options=options(config={key: value for key, value in config.items() if key != "sweep"}, results="results"),
    shell:
        step("report.report", "{params.options}")
