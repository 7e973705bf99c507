TRAINED = expand(rules.train.output, study=NETWORKS, variant=VARIANTS)


rule summarize:
    input:
        expand(rules.initialize.output.metrics, study=NETWORKS),
        TRAINED,
    output:
        report("results/summary.csv", category="Tables"),
        expand("results/{table}.csv", table=["initial", "differences", "targets", "epochs"]),
    log:
        "logs/summarize.log",
    params:
        **planned("summarize"),
    shell:
        step("compare.summarize", "{params.options}")


rule compare_twins:
    input:
        expand(rules.train.output, study=NETWORKS, variant=CUSTOM + TORCH),
        rules.check_optimizers.output,
    output:
        "results/twins.csv",
    log:
        "logs/compare_twins.log",
    params:
        **planned("compare_twins"),
    shell:
        step("compare.compare_twins", "{params.options}")


rule compare_published:
    input:
        expand(rules.initialize.output.metrics, study=NETWORKS),
        TRAINED,
        rules.summarize.output,
    output:
        expand("results/{table}.csv", table=["published", "reproduction"]),
    log:
        "logs/compare_published.log",
    params:
        **planned("compare_published"),
    shell:
        step("compare.compare_published", "{params.options}")
