# Filling short gaps of the tracks. Off by default; where it is on, what follows reads the filled masks beside the others.


rule fill:
    input:
        frames=sample_of("frames"),
        sequence=of_sequence("sequence.json"),
        masks=of_sequence("masks.parquet"),
        short_tracklets=of_sequence("short_tracklets.parquet"),
        tracks=of_sequence("tracks.parquet"),
    output:
        per_sequence("filled_masks.parquet"),
    log:
        per_sequence("logs/fill.log"),
    benchmark:
        per_sequence("benchmarks/fill.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("fill"),
        runtime=minutes("fill"),
    params:
        settings=flags("fill", "warp"),
        code=code("fill"),
    shell:
        "python -m remots fill --sequence {input.sequence:q} --masks {input.masks:q}"
        " --short-tracklets {input.short_tracklets:q} --tracks {input.tracks:q} --out {output:q}"
        " {params.settings} 2> {log:q}"
