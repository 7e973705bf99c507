rule download_mnist:
    output:
        "resources/mnist.safetensors",
    log:
        "resources/download_mnist.log",
    params:
        code=code("download_mnist"),
        options=options(source=SOURCE, sha256=config["data"].get("sha256")),
    shell:
        step("download_mnist", "{params.options} --output {output}")
