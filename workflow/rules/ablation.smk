# What each choice is worth: the variants of config/ablation.yaml, on the target sequences with ground truth. They run
# through the same rules, in results/ablation/GROUP/VARIANT/; what is the same for several is made once (`home`).


rule tabulate_ablation:
    input:
        evaluations_of_variants,
    output:
        csv=f"{RESULTS}/ablation/ablation.csv",
        markdown=f"{RESULTS}/ablation/ablation.md",
        png=f"{RESULTS}/ablation/ablation.png",
        svg=report(f"{RESULTS}/ablation/ablation.svg", category="Ablation"),
    log:
        f"{RESULTS}/logs/tabulate_ablation.log",
    benchmark:
        f"{RESULTS}/benchmarks/tabulate_ablation.tsv"
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        sequences=shlex.join(EVALUATED),
        variants=flags_of_variants,
        code=code("tabulate-ablation"),
    shell:
        "python -m remots tabulate-ablation --sequences {params.sequences} {params.variants}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --png {output.png:q} --svg {output.svg:q}"
        " 2> {log:q}"
