TRAINED = expand(rules.train.output, study=NETWORKS, variant=VARIANTS)


rule plot_curves:
    input:
        expand(rules.train.output, variant=VARIANTS, allow_missing=True),
    output:
        svg=expand("results/{{study}}/.intermediate/{figure}.svg", figure=[*FIGURES, "test"]),
        png=report(expand("results/{{study}}/{figure}.png", figure=[*FIGURES, "test"]), category="{study}"),
        json="results/{study}/.intermediate/curves.json",
    log:
        "logs/{study}/plot_curves.log",
    params:
        code=code("report.plot_curves"),
        options=options(variants=VARIANTS, figures=FIGURES, smoothing=config["curves"]["smoothing"], data=DATA_NAME),
    shell:
        step("report.plot_curves", "{params.options} --folder results/{wildcards.study}")


rule check_optimizers:
    output:
        "results/optimizers.csv",
    log:
        "logs/check_optimizers.log",
    priority: 1  # a wrong rule shows before the trainings
    params:
        code=code("check.check_optimizers", optimizers=tuple(names())),
        torch=version("torch"),
        options=options(settings=twin_settings(config["variants"])),
    shell:
        step("check.check_optimizers", "{params.options} --output {output}")


rule summarize:
    input:
        expand(rules.initialize.output.metrics, study=NETWORKS),
        TRAINED,
        rules.check_optimizers.output,
    output:
        report("results/summary.csv", category="Tables"),
        expand("results/{table}.csv", table=["initial", "differences", "targets", "epochs"]),
    log:
        "logs/summarize.log",
    params:
        code=code("compare.summarize"),
        options=options(results="results", networks=NETWORKS, variants=VARIANTS),
    shell:
        step("compare.summarize", "{params.options}")


rule compare_twins:
    input:
        expand(rules.initialize.output.parameters, study=NETWORKS),
        expand(rules.train.output, study=NETWORKS, variant=[variant for pair in TWINS for variant in pair]),
        mnist=rules.download_mnist.output,
    output:
        "results/twins.csv",
    log:
        "logs/compare_twins.log",
    params:
        code=code("compare.compare_twins"),
        options=options(results="results", networks=NETWORKS, custom=[c for c, _ in TWINS], torch=[t for _, t in TWINS]),
    shell:
        step("compare.compare_twins", "--mnist {input.mnist} {params.options}")


rule compare_published:
    input:
        expand(rules.initialize.output.metrics, study=NETWORKS),
        TRAINED,
    output:
        expand("results/{table}.csv", table=["published", "reproduction"]),
    log:
        "logs/compare_published.log",
    params:
        code=code("compare.compare_published", "resources/published.csv"),
        mnist="--no-mnist" if "sha256" in config["data"] else "--mnist",  # without other checksums, the data is MNIST
        options=options(results="results", networks=NETWORKS, variants=VARIANTS),
    shell:
        step("compare.compare_published", "{params.options} {params.mnist}")


COMPARED = [
    expand(rules.plot_curves.output, study=NETWORKS),
    rules.summarize.output,
    rules.check_optimizers.output,
    rules.compare_twins.output,
    rules.compare_published.output,
]
