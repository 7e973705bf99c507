# Of a study, all seeds start together; of a variant, all seeds train together.


def train_code(wildcards):
    """A checksum of what a variant's training runs: a torch variant does not use the rule from scratch."""
    variant = STUDIES[wildcards.study].variants[wildcards.variant]
    custom = variant["implementation"] == "custom"
    return code("train", optimizers=(variant["optimizer"],) if custom else ())


rule initialize:
    input:
        mnist=rules.download_mnist.output,
    output:
        parameters="results/{study}/initial.safetensors",
        metrics="results/{study}/initial.csv",
    log:
        "results/{study}/initialize.log",
    params:
        code=code("initialize"),
        torch=version("torch"),
        options=lambda wildcards: studies.initialize_options(STUDIES[wildcards.study]),
    shell:
        step("initialize", "--mnist {input.mnist} {params.options} --output results/{wildcards.study}")


rule train:
    input:
        mnist=rules.download_mnist.output,
        initial=rules.initialize.output.parameters,
    output:
        training="results/{study}/{variant}/training.csv",
        evaluation="results/{study}/{variant}/evaluation.csv",
        parameters="results/{study}/{variant}/parameters.safetensors",
        predictions="results/{study}/{variant}/predictions.safetensors",
        run="results/{study}/{variant}/run.json",
    log:
        "results/{study}/{variant}/train.log",
    resources:
        gpu=int(DEVICE == "cuda"),
    params:
        code=train_code,
        torch=version("torch"),
        options=lambda wildcards: studies.train_options(STUDIES[wildcards.study], wildcards.variant, DEVICE),
    shell:
        step(
            "train",
            "--mnist {input.mnist} --initial {input.initial} {params.options} --threads {threads} --output results/{wildcards.study}/{wildcards.variant}",
        )
