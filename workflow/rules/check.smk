rule check_optimizers:
    output:
        "results/optimizers.csv",
    log:
        "logs/check_optimizers.log",
    priority: 1  # a wrong rule shows before the trainings
    params:
        code=code("check.check_optimizers", *RULES),
        torch=version("torch"),
        options=options(twins=twin_hyperparameters(config["variants"])),
    shell:
        step("check.check_optimizers", "{params.options} --output {output}")
