# Step 0b (paper 2.1): one disjoint set of masks from all detectors, by non-maximum suppression with IoM.


rule fuse:
    input:
        detections=of_detectors,
        sequence=of_sequence("sequence.json"),
    output:
        per_sequence("masks.parquet"),
    log:
        per_sequence("logs/fuse.log"),
    benchmark:
        per_sequence("benchmarks/fuse.tsv")
    wildcard_constraints:
        sequence=any_of(name for name in SAMPLES if name not in REFINED),
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("fuse"),
        runtime=minutes("fuse"),
    params:
        settings=flags("fuse"),
        code=code("fuse"),
    shell:
        "python -m remots fuse --detections {input.detections:q} --sequence {input.sequence:q} --out {output:q}"
        " {params.settings} 2> {log:q}"
