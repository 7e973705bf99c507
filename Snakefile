# The workflow at a glance. The rules are in workflow/rules, one file per stage.


include: "workflow/rules/config.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/report.smk"


if "sweep" in config:

    include: "workflow/rules/sweep.smk"

elif SWEEP_MISTAKE:

    rule sweep:
        input:
            lambda wildcards: sys.exit(SWEEP_MISTAKE),


# Only initialize and train are worth a cluster's job.
localrules:
    all,
    download_mnist,
    plot_curves,
    plot_accuracies,
    summarize,
    check_optimizers,
    compare_twins,
    compare_published,
    report,


onstart:
    if (config["device"], DEVICE) == ("auto", "cpu"):
        print("no GPU found: training on the CPU", file=sys.stderr)
    bar.start(workflow.dag)


onsuccess:
    atexit.register(terminal.show_news, RESULTS, BEFORE)  # after Snakemake's own last words


onerror:
    atexit.register(terminal.show_failure)


# All results are listed, so that any that is missing is made again.
rule all:
    default_target: True
    input:
        expand(rules.initialize.output, study=NETWORKS),
        TRAINED,
        COMPARED,
        rules.report.output,
