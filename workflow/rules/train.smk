rule initialize:
    input:
        code=code("initialize"),
        mnist="resources/mnist.safetensors",
    output:
        parameters="results/{network}/initial/seeds_{seeds}.safetensors",
        metrics="results/{network}/initial/seeds_{seeds}.csv",
    log:
        "results/{network}/initial/seeds_{seeds}.log",
    benchmark:
        "results/{network}/initial/seeds_{seeds}.initialize.benchmark.tsv"
    threads: 1
    params:
        options=lambda wildcards: options(
            hidden=NETWORKS[wildcards.network],
            seeds=SEEDS[wildcards.seeds],
            evaluation_batch_size=config["evaluation"]["batch_size"],
        ),
        torch=version("torch"),
    shell:
        "python -m descent.steps.initialize --mnist {input.mnist} {params.options} --threads {threads}"
        " --parameters {output.parameters} --metrics {output.metrics} 2>&1 | tee {log}"


rule train:
    input:
        code=code("train"),
        mnist="resources/mnist.safetensors",
        initial="results/{network}/initial/seeds_{seeds}.safetensors",
    output:
        training="results/{network}/{variant}/seeds_{seeds}/training.csv",
        evaluation="results/{network}/{variant}/seeds_{seeds}/evaluation.csv",
        parameters="results/{network}/{variant}/seeds_{seeds}/parameters.safetensors",
        run="results/{network}/{variant}/seeds_{seeds}/run.json",
    log:
        "results/{network}/{variant}/seeds_{seeds}/train.log",
    benchmark:
        "results/{network}/{variant}/seeds_{seeds}/train.benchmark.tsv"
    threads: 1
    resources:
        gpu=GPU,
    params:
        variant=lambda wildcards: variant_options(wildcards.variant),
        training=options(**TRAINING, evaluation_batch_size=config["evaluation"]["batch_size"]),
        device=options(device=DEVICE),
        torch=version("torch"),
    shell:
        "python -m descent.steps.train --mnist {input.mnist} --initial {input.initial}"
        " {params.variant} {params.training} {params.device} --threads {threads}"
        " --training {output.training} --evaluation {output.evaluation}"
        " --parameters {output.parameters} --run {output.run} 2>&1 | tee {log}"


# What the jobs wrote for some seeds each, put together for all.
rule gather_initial:
    input:
        code=code("gather"),
        parameters=expand(rules.initialize.output.parameters, seeds=SEEDS, allow_missing=True),
        metrics=expand(rules.initialize.output.metrics, seeds=SEEDS, allow_missing=True),
    output:
        parameters="results/{network}/initial.safetensors",
        metrics="results/{network}/initial.csv",
    log:
        "results/{network}/gather_initial.log",
    benchmark:
        "results/{network}/gather_initial.benchmark.tsv"
    shell:
        "python -m descent.steps.gather"
        " --file {output.parameters} {input.parameters} --file {output.metrics} {input.metrics} 2>&1 | tee {log}"


rule gather:
    input:
        code=code("gather"),
        training=expand(rules.train.output.training, seeds=SEEDS, allow_missing=True),
        evaluation=expand(rules.train.output.evaluation, seeds=SEEDS, allow_missing=True),
        parameters=expand(rules.train.output.parameters, seeds=SEEDS, allow_missing=True),
        run=expand(rules.train.output.run, seeds=SEEDS, allow_missing=True),
    output:
        training="results/{network}/{variant}/training.csv",
        evaluation="results/{network}/{variant}/evaluation.csv",
        parameters="results/{network}/{variant}/parameters.safetensors",
        run="results/{network}/{variant}/run.json",
    log:
        "results/{network}/{variant}/gather.log",
    benchmark:
        "results/{network}/{variant}/gather.benchmark.tsv"
    shell:
        "python -m descent.steps.gather"
        " --file {output.training} {input.training} --file {output.evaluation} {input.evaluation}"
        " --file {output.parameters} {input.parameters} --file {output.run} {input.run} 2>&1 | tee {log}"
