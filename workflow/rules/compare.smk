rule plot_curves:
    input:
        runs=expand(rules.train.output, variant=VARIANTS, allow_missing=True),
    output:
        curves=report(
            "results/{network}/curves.svg",
            category="Curves",
            labels={"network": "{network}"},
            caption="../report/curves.rst",
        ),
        others=expand("results/{{network}}/{figure}.svg", figure=[name for name in FIGURES if name != "curves"]),
        png=expand("results/{{network}}/{figure}.png", figure=FIGURES),
        test=expand("results/{{network}}/test.{ending}", ending=["svg", "png"]),
        json="results/{network}/curves.json",
    log:
        "results/{network}/plot_curves.log",
    benchmark:
        "results/{network}/plot_curves.benchmark.tsv"
    localrule: True
    params:
        code=code("plot_curves"),
        options=lambda wildcards: plot_options(wildcards.network, VARIANTS, config["curves"]["smoothing"]),
    shell:
        step("plot_curves", "{params.options} --json {output.json}")


rule plot_mistakes:
    input:
        mnist=rules.download_mnist.output,
        runs=rules.plot_curves.input.runs,
    output:
        confusion="results/{network}/confusion.csv",
        missed="results/{network}/missed.csv",
        figures=expand("results/{{network}}/{variant}/mistakes.{ending}", variant=VARIANTS, ending=["svg", "png"]),
    log:
        "results/{network}/plot_mistakes.log",
    benchmark:
        "results/{network}/plot_mistakes.benchmark.tsv"
    localrule: True
    params:
        code=code("plot_mistakes"),
        options=options(variants=list(VARIANTS)),
    shell:
        step("plot_mistakes", "--mnist {input.mnist} {params.options} --output results/{wildcards.network}")


rule summarize:
    input:
        initial=expand(rules.initialize.output.metrics, network=NETWORKS),
        runs=expand(rules.train.output, network=NETWORKS, variant=VARIANTS),
    output:
        initial="results/initial.csv",
        summary=report("results/summary.csv", category="Tables", caption="../report/summary.rst"),
        differences="results/differences.csv",
        best="results/best.csv",
        epochs="results/epochs.csv",
        progress="results/progress.json",
        markdown="results/summary.md",
    log:
        "results/summarize.log",
    benchmark:
        "results/summarize.benchmark.tsv"
    localrule: True
    params:
        code=code("summarize"),
        options=options(results="results", networks=list(NETWORKS), variants=list(VARIANTS)),
    shell:
        step("summarize", "{params.options}")


rule check_rules:
    output:
        rules="results/rules.csv",
        verdicts="results/rule_verdicts.csv",
    log:
        "results/check_rules.log",
    benchmark:
        "results/check_rules.benchmark.tsv"
    priority: 1  # a wrong rule shows before the trainings
    localrule: True
    params:
        code=code("check_rules"),
        torch=version("torch"),
        options=options(results="results", setting=twin_settings(VARIANTS)),
    shell:
        step("check_rules", "{params.options}")


rule compare_twins:
    input:
        rules=rules.check_rules.output.rules,
        runs=expand(rules.train.output, network=NETWORKS, variant=[variant for pair in TWINS for variant in pair]),
    output:
        twins="results/twins.csv",
        verdicts="results/verdicts.csv",
    log:
        "results/compare_twins.log",
    benchmark:
        "results/compare_twins.benchmark.tsv"
    localrule: True
    params:
        code=code("compare_twins"),
        options=options(results="results", networks=list(NETWORKS), pair=TWINS),
    shell:
        step("compare_twins", "--rules {input.rules} {params.options}")


rule compare_published:
    input:
        initial=rules.summarize.input.initial,
        runs=rules.summarize.input.runs,
    output:
        comparison="results/published.csv",
        features="results/features.csv",
        reproduction="results/reproduction.csv",
        estimates="results/estimates.csv",
        figure=expand("results/published.{ending}", ending=["svg", "png"]),
    log:
        "results/compare_published.log",
    benchmark:
        "results/compare_published.benchmark.tsv"
    localrule: True
    params:
        code=code("compare_published", "resources/published.csv", "resources/calibration.csv"),
        options=options(
            results="results",
            networks=list(NETWORKS),
            variants=list(VARIANTS),
            mnist="sha256" not in config["data"],  # without other checksums, the data is MNIST
        ),
    shell:
        step("compare_published", "{params.options}")


rule tensorboard:
    input:
        rules.train.output,
    output:
        directory("results/tensorboard/{network}/{variant}"),
    log:
        "results/{network}/{variant}/tensorboard.log",
    localrule: True
    params:
        code=code("tensorboard"),
    shell:
        step("tensorboard", "--run results/{wildcards.network}/{wildcards.variant} --output {output}")
