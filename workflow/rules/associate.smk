# Step 2 (paper 2.3): overlaps along the optical flow, the threshold θ_short, short-term tracklets.


rule warp:
    input:
        frames=sample_of("frames"),
        sequence=of_sequence("sequence.json"),
        masks=of_sequence("masks.parquet"),
    output:
        per_sequence("warped_iou.parquet"),
    log:
        per_sequence("logs/warp.log"),
    benchmark:
        per_sequence("benchmarks/warp.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("warp"),
        runtime=minutes("warp"),
    params:
        settings=flags("warp"),
        code=code("warp"),
    shell:
        "python -m remots warp --sequence {input.sequence:q} --masks {input.masks:q} --out {output:q}"
        " {params.settings} 2> {log:q}"


rule histogram_intra:
    input:
        masks=of_sequence("masks.parquet"),
        features=of_sequence("features_intra.npy"),
        warped_iou=of_sequence("warped_iou.parquet"),
    output:
        per_sequence("histograms_intra.npz"),
    log:
        per_sequence("logs/histogram_intra.log"),
    benchmark:
        per_sequence("benchmarks/histogram_intra.tsv")
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
        " --warped-iou {input.warped_iou:q} --out {output:q} {params.settings} 2> {log:q}"


rule threshold_short:
    input:
        of_sequence("histograms_intra.npz"),
    output:
        per_sequence("threshold_short.json"),
    log:
        per_sequence("logs/threshold_short.log"),
    benchmark:
        per_sequence("benchmarks/threshold_short.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("threshold_short"),
        runtime=minutes("threshold_short"),
    params:
        settings=flags("threshold_short"),
        code=code("threshold-short"),
    shell:
        "python -m remots threshold-short --histograms {input:q} --out {output:q} {params.settings} 2> {log:q}"


rule associate:
    input:
        masks=of_sequence("masks.parquet"),
        features=of_sequence("features_intra.npy"),
        warped_iou=of_sequence("warped_iou.parquet"),
        threshold=of_sequence("threshold_short.json"),
    output:
        tracklets=per_sequence("short_tracklets.parquet"),
        summary=per_sequence("short_tracklets.json"),
    log:
        per_sequence("logs/associate.log"),
    benchmark:
        per_sequence("benchmarks/associate.tsv")
    wildcard_constraints:
        sequence=any_of(name for name in SAMPLES if name not in REFINED),
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("associate"),
        runtime=minutes("associate"),
    params:
        settings=flags("associate"),
        code=code("associate"),
    shell:
        "python -m remots associate --masks {input.masks:q} --features {input.features:q}"
        " --warped-iou {input.warped_iou:q} --threshold {input.threshold:q}"
        " --out {output.tracklets:q} --summary {output.summary:q} {params.settings} 2> {log:q}"
