# The results in the benchmarks' formats, and the paper's tables 1 and 2.


rule export:
    input:
        sequence=of_sequence("sequence.json"),
        masks=of_sequence("masks.parquet"),
        short_tracklets=of_sequence("short_tracklets.parquet"),
        tracks=of_sequence("tracks.parquet"),
        filled=filled_masks if FILLS else [],
    output:
        mots=per_sequence("mots.txt"),
        kitti=per_sequence("kitti_mots.txt"),
        coco=per_sequence("coco_video.json"),
    log:
        per_sequence("logs/export.log"),
    benchmark:
        per_sequence("benchmarks/export.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("export"),
        runtime=minutes("export"),
    params:
        settings=flags("export"),
        filled=flag_of_filled_masks if FILLS else "",
        code=code("export"),
    shell:
        "python -m remots export --sequence {input.sequence:q} --masks {input.masks:q}"
        " --short-tracklets {input.short_tracklets:q} --tracks {input.tracks:q} {params.filled}"
        " --mots {output.mots:q} --kitti {output.kitti:q} --coco {output.coco:q} {params.settings} 2> {log:q}"


rule evaluate:
    input:
        sequence=of_sequence("sequence.json"),
        truth=of_sequence("truth.parquet"),
        mots=of_sequence("mots.txt"),
    output:
        per_sequence("evaluation.json"),
    log:
        per_sequence("logs/evaluate.log"),
    benchmark:
        per_sequence("benchmarks/evaluate.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=minutes("evaluate"),
    params:
        settings=flags("evaluate"),
        code=code("evaluate"),
    shell:
        "python -m remots evaluate --sequence {input.sequence:q} --truth {input.truth:q} --mots {input.mots:q}"
        " --out {output:q} {params.settings} 2> {log:q}"


rule tabulate:
    input:
        expand(f"{RESULTS}/{{sequence}}/evaluation.json", sequence=EVALUATED),
    output:
        csv=report(f"{RESULTS}/metrics.csv", category="Metrics"),
        markdown=f"{RESULTS}/metrics.md",
    log:
        f"{RESULTS}/logs/tabulate.log",
    benchmark:
        f"{RESULTS}/benchmarks/tabulate.tsv"
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("tabulate"),
    shell:
        "python -m remots tabulate {input:q} --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"
