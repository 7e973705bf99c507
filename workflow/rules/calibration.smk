# `snakemake calibration`: the trainings that calibrate the verdict on the sheet. The default run needs only their
# table, which is in workflow/resources/.


rule calibration:
    input:
        "results/calibration.csv",
    localrule: True


rule calibrate:
    input:
        calibration_files,
    output:
        "results/calibration.csv",
    log:
        "results/calibration/calibrate.log",
    localrule: True
    params:
        code=code("calibrate"),
        options=options(run=[(run,) for run in CALIBRATION]),
    shell:
        step("calibrate", "{params.options} --output {output}")
