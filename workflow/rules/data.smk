rule download_mnist:
    output:
        "resources/mnist.safetensors",
    log:
        "resources/download_mnist.log",
    params:
        code=code("download_mnist"),
        options=options(
            source=config["data"]["source"],
            sha256=json.dumps(config["data"]["sha256"], sort_keys=True) if "sha256" in config["data"] else None,
        ),
    shell:
        step("download_mnist", "{params.options} --output {output}")
