# Step 4 (paper 2.5): the threshold θ_merge and the merging of short-term tracklets into tracks.


rule histogram_inter:
    input:
        masks=of_sequence("masks.parquet"),
        features=of_sequence("features_inter.npy"),
        warped_iou=of_sequence("warped_iou.parquet"),
        short_tracklets=of_sequence("short_tracklets.parquet"),
    output:
        per_sequence("histograms_inter.npz"),
    log:
        per_sequence("logs/histogram_inter.log"),
    benchmark:
        per_sequence("benchmarks/histogram_inter.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("histogram"),
        runtime=minutes("histogram"),
    params:
        settings=flags("histogram"),
        code=code("histogram"),
    shell:
        "python -m remots histogram --masks {input.masks:q} --features {input.features:q}"
        " --warped-iou {input.warped_iou:q} --short-tracklets {input.short_tracklets:q}"
        " --out {output:q} {params.settings} 2> {log:q}"


rule threshold_merge:
    input:
        histograms=of_sequence("histograms_inter.npz"),
        short_tracklets=of_sequence("short_tracklets.parquet"),
        features=of_sequence("features_inter.npy"),
        masks=of_sequence("masks.parquet"),
        sequence=of_sequence("sequence.json"),
    output:
        per_sequence("threshold_merge.json"),
    log:
        per_sequence("logs/threshold_merge.log"),
    benchmark:
        per_sequence("benchmarks/threshold_merge.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("threshold_merge"),
        runtime=minutes("threshold_merge"),
    params:
        settings=flags("threshold_merge", "merge"),
        code=code("threshold-merge"),
    shell:
        "python -m remots threshold-merge --histograms {input.histograms:q} --short-tracklets {input.short_tracklets:q}"
        " --features {input.features:q} --masks {input.masks:q} --sequence {input.sequence:q} --out {output:q}"
        " {params.settings} 2> {log:q}"


rule merge:
    input:
        short_tracklets=of_sequence("short_tracklets.parquet"),
        features=of_sequence("features_inter.npy"),
        masks=of_sequence("masks.parquet"),
        sequence=of_sequence("sequence.json"),
        threshold=of_sequence("threshold_merge.json"),
        corrections=corrections_of,
    output:
        tracks=per_sequence("tracks.parquet"),
        merges=per_sequence("merges.parquet"),
    log:
        per_sequence("logs/merge.log"),
    benchmark:
        per_sequence("benchmarks/merge.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("merge"),
        runtime=minutes("merge"),
    params:
        settings=flags("merge"),
        corrections=flag_of_corrections,
        code=code("merge"),
    shell:
        "python -m remots merge --short-tracklets {input.short_tracklets:q} --features {input.features:q}"
        " --masks {input.masks:q} --sequence {input.sequence:q} --threshold {input.threshold:q} {params.corrections}"
        " --out {output.tracks:q} --merges {output.merges:q} {params.settings} 2> {log:q}"
