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
        code=code("compare.summarize"),
        options=options(results="results", networks=NETWORKS, variants=VARIANTS),
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
        code=code("compare.compare_twins"),
        options=options(results="results", networks=NETWORKS, custom=CUSTOM, torch=TORCH),
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
        code=code("compare.compare_published", "resources/published.csv"),
        mnist="--no-mnist" if "sha256" in config["data"] else "--mnist",  # without other checksums, the data is MNIST
        options=options(results="results", networks=NETWORKS, variants=VARIANTS),
    shell:
        step("compare.compare_published", "{params.options} {params.mnist}")
