# `snakemake calibration`: the trainings by which the sheet is judged. The default run needs their table alone, which
# comes with Descent.


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
