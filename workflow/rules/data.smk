# Each data set has a file of its own, so that another `data` touches no other. The folder is looked at only if it is
# missing; it is no parameter, as the same files from elsewhere are the same data.
SOURCE = folder(config["data"])
DATA = f"resources/{idx_files.data_set(config['data'].get('sha256'))}.safetensors"
with one_line_for_a_mistake("config.yaml: data.source"):
    os.environ |= {"DESCENT_SOURCE": SOURCE and os.path.abspath(SOURCE)}
    if SOURCE and not os.path.exists(DATA):
        idx_files.locate(Path(SOURCE))


rule download_mnist:
    output:
        update(DATA),  # a failure leaves the file that was there
    log:
        "logs/download_mnist.log",
    params:
        **planned("download_mnist"),
    shell:
        step("data.download_mnist", "{params.options} --output {output}")
