rule initialize:
    input:
        code=code("initialize"),
        mnist="resources/mnist.safetensors",
    output:
        parameters="results/{network}/initial.safetensors",
        metrics="results/{network}/initial.csv",
    log:
        "results/{network}/initialize.log",
    threads: 1
    params:
        options=lambda wildcards: options(
            hidden=NETWORKS[wildcards.network],
            seeds=config["seeds"],
            evaluation_batch_size=config["evaluation"]["batch_size"],
        ),
    shell:
        "python -m descent.steps.initialize --mnist {input.mnist} {params.options} --threads {threads}"
        " --parameters {output.parameters} --metrics {output.metrics} 2>&1 | tee {log}"


rule train:
    input:
        code=code("train"),
        mnist="resources/mnist.safetensors",
        initial="results/{network}/initial.safetensors",
    output:
        training="results/{network}/{variant}/training.csv",
        evaluation="results/{network}/{variant}/evaluation.csv",
        parameters="results/{network}/{variant}/parameters.safetensors",
        run="results/{network}/{variant}/run.json",
    log:
        "results/{network}/{variant}/train.log",
    threads: 1
    resources:
        gpu=1,
    params:
        variant=lambda wildcards: variant_options(wildcards.variant),
        training=options(**config["training"], evaluation_batch_size=config["evaluation"]["batch_size"]),
        device=options(device=config["device"]),
    shell:
        "python -m descent.steps.train --mnist {input.mnist} --initial {input.initial}"
        " {params.variant} {params.training} {params.device} --threads {threads}"
        " --training {output.training} --evaluation {output.evaluation}"
        " --parameters {output.parameters} --run {output.run} 2>&1 | tee {log}"
