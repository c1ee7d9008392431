# ReMOTS: every instance mask of a video gets a lasting identity.
#
# This file is the table of contents: the configuration, the steps in the order of the paper, the targets.
#   snakemake --cores 4                                         the sequences of config/sequences.tsv
#   snakemake --cores 4 --configfile config/demo/config.yaml    the rendered demo
#   snakemake --cores 4 ablation                                what each choice is worth: config/ablation.yaml
#   snakemake --profile slurm                                   the same on a cluster
from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/cluster.smk"


rule all:
    input:
        expand(f"{RESULTS}/{{sequence}}/mots.txt", sequence=TARGETS),
        expand(f"{RESULTS}/{{sequence}}/overlay.mp4", sequence=TARGETS),
        expand(
            f"{RESULTS}/{{sequence}}/figures/threshold_{{kind}}.svg",
            sequence=TARGETS,
            kind=["short", "merge"],
        ),
        [f"{RESULTS}/metrics.md"] if EVALUATED else [],
        [f"{RESULTS}/report.html"] if TARGETS else [],


include: "workflow/rules/render.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/fuse.smk"
include: "workflow/rules/refine.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/associate.smk"
include: "workflow/rules/merge.smk"
include: "workflow/rules/fill.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/ablation.smk"


rule ablation:
    input:
        multiext(f"{RESULTS}/ablation/ablation", ".csv", ".md", ".png", ".svg"),


onerror:
    print_errors_of_verbs()
