rule plot_curves:
    input:
        expand(rules.train.output, variant=VARIANTS, allow_missing=True),
    output:
        report(expand("results/{{study}}/{figure}", figure=FIGURES), category="{study}"),
        json="results/{study}/.intermediate/curves.json",
    log:
        "logs/{study}/plot_curves.log",
    params:
        **planned("plot_curves"),
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
        **planned("plot_accuracies"),
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
        **planned("report"),
    shell:
        step("report.report", "{params.options}")
