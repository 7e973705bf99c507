rule initialize:
    input:
        mnist=rules.download_mnist.output,
    output:
        parameters="results/{study}/.intermediate/initial.safetensors",
        metrics="results/{study}/initial.csv",
    log:
        "logs/{study}/initialize.log",
    resources:
        mem_mb=2000,
        runtime=10,  # minutes
    params:
        **planned("initialize"),
    shell:
        step("train.initialize", "--mnist {input.mnist} {params.options} --output results/{wildcards.study}")


TRAINING = [
    "training.csv",
    "evaluation.csv",
    "parameters.safetensors",
    ".intermediate/predictions.safetensors",
    "run.json",
]


rule train:
    input:
        mnist=rules.download_mnist.output,
        initial=rules.initialize.output.parameters,
    output:
        expand("results/{{study}}/{{variant}}/{file}", file=TRAINING),
    log:
        "logs/{study}/{variant}/train.log",
    resources:
        gpu=int(DEVICE == "cuda"),
        mem_mb=2000,
        runtime=60,  # minutes
    params:
        **planned("train"),
    shell:
        step(
            "train.train",
            "--mnist {input.mnist} --initial {input.initial} {params.options} --threads {threads} --output results/{wildcards.study}/{wildcards.variant}",
        )
