# `snakemake calibration`: the trainings by which the sheet is judged. The default run needs their table alone, which
# comes with Descent.


rule calibration:
    input:
        "results/calibration.csv",
    localrule: True


use rule train as train_calibration with:
    wildcard_constraints:
        network="|".join(calibration.STACKS),
        variant="lr=[^/]+",
    params:
        code=code("train"),
        torch=version("torch"),
        variant=lambda wildcards: variant_options(calibration.VARIANTS[wildcards.network][wildcards.variant]),
        training=options(
            **calibration.TRAINING, evaluation_batch_size=config["evaluation"]["batch_size"], device=DEVICE
        ),


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
