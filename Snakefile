# The workflow at a glance. The rules are in workflow/rules, one file per stage.


include: "workflow/rules/config.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/calibration.smk"


if "sweep" in config:

    include: "workflow/rules/sweep.smk"


onstart:
    if (config["device"], DEVICE) == ("auto", "cpu"):
        print("no GPU found: training on the CPU", file=sys.stderr)
    bar.start(workflow.dag)


onerror:
    atexit.register(show_failure)


# All results are listed, so that any that is missing is made again.
rule all:
    default_target: True
    input:
        expand(rules.initialize.output, network=NETWORKS),
        expand(rules.train.output, network=NETWORKS, variant=VARIANTS),
        expand(rules.plot_curves.output, network=NETWORKS),
        expand(rules.plot_mistakes.output, network=NETWORKS),
        rules.summarize.output,
        rules.check_rules.output,
        rules.compare_twins.output,
        rules.compare_published.output,
        rules.report.output,
        expand(rules.tensorboard.output, network=NETWORKS, variant=VARIANTS) if TENSORBOARD else [],
