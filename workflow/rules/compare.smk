rule plot_curves:
    input:
        code=code("plot_curves"),
        training=expand("results/{{network}}/{variant}/training.csv", variant=VARIANTS),
    output:
        report(
            expand("results/{{network}}/{figure}.{format}", figure=FIGURES, format=["svg", "png"]),
            category="Curves",
            labels={"network": "{network}"},
            caption="../report/curves.rst",
        ),
    log:
        "results/{network}/plot_curves.log",
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
        "python -m descent.steps.plot_curves {params.options} 2>&1 | tee {log}"


rule summarize:
    input:
        code=code("summarize"),
        evaluation=expand("results/{network}/{variant}/evaluation.csv", network=NETWORKS, variant=VARIANTS),
    output:
        csv=report("results/summary.csv", category="Summary", caption="../report/summary.rst"),
        markdown="results/summary.md",
    log:
        "results/summarize.log",
    params:
        options=options(
            run=[
                (network, variant, f"results/{network}/{variant}/evaluation.csv")
                for network in NETWORKS
                for variant in VARIANTS
            ]
        ),
    shell:
        "python -m descent.steps.summarize {params.options} --csv {output.csv} --markdown {output.markdown}"
        " 2>&1 | tee {log}"
