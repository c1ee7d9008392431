# What people look at: the paper's figures 4 and 5, and the video with the tracks drawn into it.


rule plot_threshold_short:
    input:
        histograms=of_sequence("histograms_intra.npz"),
        threshold=of_sequence("threshold_short.json"),
    output:
        png=per_sequence("figures/threshold_short.png"),
        svg=report(per_sequence("figures/threshold_short.svg"), category="Thresholds", subcategory="{sequence}"),
    log:
        per_sequence("logs/plot_threshold_short.log"),
    benchmark:
        per_sequence("benchmarks/plot_threshold_short.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("plot"),
        runtime=minutes("plot"),
    params:
        code=code("plot"),
    shell:
        "python -m remots plot --kind short --histograms {input.histograms:q} --threshold {input.threshold:q}"
        " --png {output.png:q} --svg {output.svg:q} 2> {log:q}"


rule plot_threshold_merge:
    input:
        histograms=of_sequence("histograms_inter.npz"),
        threshold=of_sequence("threshold_merge.json"),
    output:
        png=per_sequence("figures/threshold_merge.png"),
        svg=report(per_sequence("figures/threshold_merge.svg"), category="Thresholds", subcategory="{sequence}"),
    log:
        per_sequence("logs/plot_threshold_merge.log"),
    benchmark:
        per_sequence("benchmarks/plot_threshold_merge.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("plot"),
        runtime=minutes("plot"),
    params:
        code=code("plot"),
    shell:
        "python -m remots plot --kind merge --histograms {input.histograms:q} --threshold {input.threshold:q}"
        " --png {output.png:q} --svg {output.svg:q} 2> {log:q}"


rule overlay:
    input:
        frames=sample_of("frames"),
        sequence=of_sequence("sequence.json"),
        masks=of_sequence("masks.parquet"),
        short_tracklets=of_sequence("short_tracklets.parquet"),
        tracks=of_sequence("tracks.parquet"),
    output:
        report(per_sequence("overlay.mp4"), category="Tracks", subcategory="{sequence}"),
    log:
        per_sequence("logs/overlay.log"),
    benchmark:
        per_sequence("benchmarks/overlay.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("overlay"),
        runtime=minutes("overlay"),
    params:
        settings=flags("overlay"),
        code=code("overlay"),
    shell:
        "python -m remots overlay --sequence {input.sequence:q} --masks {input.masks:q}"
        " --short-tracklets {input.short_tracklets:q} --tracks {input.tracks:q} --out {output:q}"
        " {params.settings} 2> {log:q}"
