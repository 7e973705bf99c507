SOURCE = config["data"]["source"]
if SOURCE and not os.path.isdir(SOURCE) and not os.path.exists("resources/mnist.safetensors"):
    sys.exit(f"config.yaml: data.source: there is no folder {SOURCE!r}")


rule download_mnist:
    output:
        "resources/mnist.safetensors",
    log:
        "resources/download_mnist.log",
    localrule: True
    params:
        code=code("download_mnist"),
        # A function, because Snakemake would take braces in a folder's name for wildcards.
        options=lambda wildcards: options(
            source=SOURCE,
            sha256=json.dumps(config["data"]["sha256"], sort_keys=True) if "sha256" in config["data"] else None,
        ),
    shell:
        step("download_mnist", "{params.options} --output {output}")
