rule initialize:
    input:
        mnist=rules.download_mnist.output,
    output:
        parameters="results/{network}/initial.safetensors",
        metrics="results/{network}/initial.csv",
    log:
        "results/{network}/initialize.log",
    benchmark:
        "results/{network}/initialize.benchmark.tsv"
    threads: 1
    params:
        code=code("initialize"),
        torch=version("torch"),
        options=lambda wildcards: options(
            **STACKS[wildcards.network], evaluation_batch_size=config["evaluation"]["batch_size"]
        ),
    shell:
        step(
            "initialize",
            "--mnist {input.mnist} {params.options} --threads {threads}"
            " --parameters {output.parameters} --metrics {output.metrics}",
        )


# A sweep's trials and final runs are variants of two more stacks: results/sweep/NETWORK/trials and /final.
rule train:
    input:
        mnist=rules.download_mnist.output,
        initial=rules.initialize.output.parameters,
    output:
        training="results/{network}/{variant}/training.csv",
        evaluation="results/{network}/{variant}/evaluation.csv",
        parameters="results/{network}/{variant}/parameters.safetensors",
        predictions="results/{network}/{variant}/predictions.safetensors",
        run="results/{network}/{variant}/run.json",
    log:
        "results/{network}/{variant}/train.log",
    benchmark:
        "results/{network}/{variant}/train.benchmark.tsv"
    wildcard_constraints:
        network="|".join(stack for stack in STACKS if not (GPU_JOBS and stack == TRIALS)),
    threads: 1
    resources:
        gpu=int(DEVICE == "cuda"),
    params:
        code=lambda wildcards: train_code(
            SETTINGS[wildcards.variant]["optimizer"], SETTINGS[wildcards.variant]["implementation"]
        ),
        torch=version("torch"),
        variant=lambda wildcards: variant_options(SETTINGS[wildcards.variant]),
        training=lambda wildcards: training_options(config, wildcards.network, DEVICE),
    shell:
        step(
            "train",
            "--mnist {input.mnist} --initial {input.initial} {params.variant} {params.training}"
            " --threads {threads} --output results/{wildcards.network}/{wildcards.variant}",
        )
