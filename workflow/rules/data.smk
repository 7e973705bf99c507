rule download_mnist:
    input:
        code=code("download_mnist"),
    output:
        "resources/mnist.safetensors",
    log:
        "resources/download_mnist.log",
    benchmark:
        "resources/download_mnist.benchmark.tsv"
    params:
        options=options(
            source=config["data"]["source"],
            sha256=json.dumps(config["data"]["sha256"], sort_keys=True) if "sha256" in config["data"] else None,
        ),
    shell:
        "python -m descent.steps.download_mnist {params.options} --output {output} 2> >(tee {log} >&2)"
