rule plot_curves:
    input:
        expand(rules.train.output, variant=VARIANTS, allow_missing=True),
    output:
        report(expand("results/{{study}}/{figure}", figure=FIGURES), category="{study}"),
        json="results/{study}/.intermediate/curves.json",
    log:
        "logs/{study}/plot_curves.log",
    params:
        code=code("report.plot_curves"),
        options=options(
            variants=VARIANTS, custom=CUSTOM, torch=TORCH, smoothing=config["curves"]["smoothing"], data=DATA_NAME
        ),
    shell:
        step("report.plot_curves", "{params.options} --folder results/{wildcards.study}")


rule plot_accuracies:
    input:
        TRAINED,
        "results/summary.csv",
    output:
        report(files(["results/accuracies"]), category="Tables"),
    log:
        "logs/plot_accuracies.log",
    params:
        code=code("report.plot_accuracies"),
        options=options(results="results", networks=NETWORKS, variants=VARIANTS),
    shell:
        step("report.plot_accuracies", "{params.options}")


COMPARED = [
    rules.plot_accuracies.output,
    expand(rules.plot_curves.output, study=NETWORKS),
    rules.check_optimizers.output,
    rules.summarize.output,
    rules.compare_twins.output,
    rules.compare_published.output,
]


TEMPLATES = [
    "report.html.j2",
    "departures.md",
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
        options=options(
            config=json.dumps({key: value for key, value in config.items() if key != "sweep"}),
            results="results",
            data=DATA_NAME,
        ),
    shell:
        step("report.report", "{params.options}")
