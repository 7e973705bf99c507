rule check_optimizers:
    output:
        "results/optimizers.csv",
    log:
        "logs/check_optimizers.log",
    priority: 1  # a wrong rule shows before the trainings
    params:
        **planned("check_optimizers"),
    shell:
        step("check.check_optimizers", "{params.options} --output {output}")
