# Filling short gaps of the tracks. Off by default; where it is on, what follows reads the filled masks beside the others.


def filled_masks(wildcards):
    """The filled masks of a sequence, as an input; nothing where gaps are not filled."""
    variant = getattr(wildcards, "variant", "")  # the report is of the config itself
    if not VARIANTS[variant].fill.max_gap_frames:
        return []
    return f"{home(variant, 'filled_masks.parquet')}{wildcards.sequence}/filled_masks.parquet"


def flag_of_filled_masks(wildcards, input):
    """The filled masks as a flag of the verbs that write or draw tracks."""
    return f"--filled {shlex.quote(str(input.filled))}" if input.filled else ""


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
