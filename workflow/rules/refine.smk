# Tracks of another tracker in the place of the short-term tracker's: read, and split where two people were joined. For
# the sequences that name such tracks in the sample sheet; the others are fused and associated.


rule import_tracklets:
    input:
        source=sample_of("tracklets"),
        detections=of_detectors,
        sequence=of_sequence("sequence.json"),
    output:
        masks=per_sequence("masks.parquet"),
        tracklets=per_sequence("given_tracklets.parquet"),
    log:
        per_sequence("logs/import_tracklets.log"),
    benchmark:
        per_sequence("benchmarks/import_tracklets.tsv")
    wildcard_constraints:
        sequence=any_of(REFINED),
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("import_tracklets"),
        runtime=minutes("import_tracklets"),
    params:
        settings=flags("import_tracklets"),
        code=code("import-tracklets"),
    shell:
        "python -m remots import-tracklets {input.source:q} --sequence {input.sequence:q}"
        " --detections {input.detections:q} --masks {output.masks:q} --tracklets {output.tracklets:q}"
        " {params.settings} 2> {log:q}"


rule refine:
    input:
        given=of_sequence("given_tracklets.parquet"),
        features=of_sequence("features_intra.npy"),
        warped_iou=of_sequence("warped_iou.parquet"),
    output:
        tracklets=per_sequence("short_tracklets.parquet"),
        summary=per_sequence("short_tracklets.json"),
    log:
        per_sequence("logs/refine.log"),
    benchmark:
        per_sequence("benchmarks/refine.tsv")
    wildcard_constraints:
        sequence=any_of(REFINED),
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("refine"),
        runtime=minutes("refine"),
    params:
        settings=flags("refine"),
        code=code("refine"),
    shell:
        "python -m remots refine --given {input.given:q} --features {input.features:q}"
        " --warped-iou {input.warped_iou:q} --out {output.tracklets:q} --summary {output.summary:q}"
        " {params.settings} 2> {log:q}"
