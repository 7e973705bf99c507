rule plot_curves:
    input:
        code=code("plot_curves"),
        training=expand("results/{{network}}/{variant}/training.csv", variant=VARIANTS),
    output:
        figures=[
            report(
                f"results/{{network}}/{figure}.svg",
                category="Curves",
                labels={"network": "{network}", "variants": ", ".join(variants)},
                caption="../report/curves.rst",
            )
            for figure, variants in FIGURES.items()
        ],
        png=expand("results/{{network}}/{figure}.png", figure=FIGURES),
        json="results/{network}/curves.json",
    log:
        "results/{network}/plot_curves.log",
    benchmark:
        "results/{network}/plot_curves.benchmark.tsv"
    params:
        options=lambda wildcards: options(
            run=[
                (variant, entry["implementation"], f"results/{wildcards.network}/{variant}/training.csv")
                for variant, entry in VARIANTS.items()
            ],
            figure=[(f"results/{wildcards.network}/{figure}", *variants) for figure, variants in FIGURES.items()],
            smoothing=config["curves"]["smoothing"],
        ),
    shell:
        "python -m descent.steps.plot_curves {params.options} --json {output.json} 2>&1 | tee {log}"


rule summarize:
    input:
        code=code("summarize"),
        initial=expand(rules.gather_initial.output.metrics, network=NETWORKS),
        runs=expand([rules.gather.output.training, rules.gather.output.evaluation], network=NETWORKS, variant=VARIANTS),
    output:
        initial="results/initial.csv",
        summary=report(
            "results/summary.csv",
            category="Tables",
            labels={"table": "test accuracy and loss"},
            caption="../report/summary.rst",
        ),
        differences=report(
            "results/differences.csv",
            category="Tables",
            labels={"table": "differences, seed by seed"},
            caption="../report/differences.rst",
        ),
        markdown="results/summary.md",
    log:
        "results/summarize.log",
    benchmark:
        "results/summarize.benchmark.tsv"
    params:
        options=options(results="results", networks=list(NETWORKS), variants=list(VARIANTS)),
    shell:
        "python -m descent.steps.summarize {params.options} --initial {output.initial} --summary {output.summary}"
        " --differences {output.differences} --markdown {output.markdown} 2>&1 | tee {log}"


rule compare_twins:
    input:
        code=code("compare_twins"),
        runs=expand(
            rules.gather.output,
            network=NETWORKS,
            variant=[variant for pair in TWINS for variant in pair],
        ),
    output:
        twins="results/twins.csv",
        verdicts=report(
            "results/verdicts.csv",
            category="Tables",
            labels={"table": "are the twins alike?"},
            caption="../report/verdicts.rst",
        ),
    log:
        "results/compare_twins.log",
    benchmark:
        "results/compare_twins.benchmark.tsv"
    params:
        options=options(results="results", networks=list(NETWORKS), pair=TWINS),
    shell:
        "python -m descent.steps.compare_twins {params.options} --twins {output.twins} --verdicts {output.verdicts}"
        " 2>&1 | tee {log}"


rule compare_published:
    input:
        code=code("compare_published"),
        published=os.path.relpath(WORKFLOW / "resources/published.csv"),
        initial=rules.summarize.input.initial,
        runs=rules.summarize.input.runs,
    output:
        comparison="results/published.csv",
        reproduction=report(
            "results/reproduction.csv",
            category="Tables",
            labels={"table": "does it reproduce?"},
            caption="../report/published.rst",
        ),
        figure=report(
            "results/published.svg",
            category="Curves",
            labels={"network": "all", "variants": "beside the sheet's figures"},
            caption="../report/published.rst",
        ),
        png="results/published.png",
    log:
        "results/compare_published.log",
    benchmark:
        "results/compare_published.benchmark.tsv"
    params:
        options=options(results="results", networks=list(NETWORKS), variants=list(VARIANTS)),
    shell:
        "python -m descent.steps.compare_published --published {input.published:q} {params.options}"
        " --comparison {output.comparison} --reproduction {output.reproduction} --figure {output.figure} {output.png}"
        " 2>&1 | tee {log}"


rule tensorboard:
    input:
        code=code("tensorboard"),
        training=rules.gather.output.training,
        evaluation=rules.gather.output.evaluation,
    output:
        directory("results/tensorboard/{network}/{variant}"),
    log:
        "results/{network}/{variant}/tensorboard.log",
    benchmark:
        "results/{network}/{variant}/tensorboard.benchmark.tsv"
    shell:
        "python -m descent.steps.tensorboard --training {input.training} --evaluation {input.evaluation}"
        " --output {output} 2>&1 | tee {log}"
