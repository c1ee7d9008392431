# Step 0a (paper 2.1): the frames, the raw masks of each detector, and the ground truth where there is one.


rule probe:
    input:
        sample_of("frames"),
    output:
        per_sequence("sequence.json"),
    log:
        per_sequence("logs/probe.log"),
    benchmark:
        per_sequence("benchmarks/probe.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        range=frame_range,
        code=code("probe"),
    shell:
        "python -m remots probe {input:q} --name {wildcards.sequence:q} {params.range} --out {output:q} 2> {log:q}"


rule import_detections:
    input:
        source=lambda wildcards: DETECTORS[wildcards.sequence][wildcards.detector],
        sequence=per_sequence("sequence.json"),
    output:
        per_sequence("detections/{detector}.parquet"),
    log:
        per_sequence("logs/import_detections_{detector}.log"),
    benchmark:
        per_sequence("benchmarks/import_detections_{detector}.tsv")
    wildcard_constraints:
        detector=f"(?!({any_of(RUN_BY_NAME)})\\.)[^/]+",
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=flags("import_detections"),
        code=code("import-detections"),
    shell:
        "python -m remots import-detections {input.source:q} --sequence {input.sequence:q} --out {output:q}"
        " {params.settings} 2> {log:q}"


rule detect:
    input:
        frames=sample_of("frames"),
        sequence=per_sequence("sequence.json"),
    output:
        per_sequence("detections/{detector}.parquet"),
    log:
        per_sequence("logs/detect_{detector}.log"),
    benchmark:
        per_sequence("benchmarks/detect_{detector}.tsv")
    wildcard_constraints:
        detector=any_of(RUN_BY_NAME),
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        settings=flags("detect"),
        code=code("detect"),
    shell:
        "python -m remots detect --detector {wildcards.detector:q} --sequence {input.sequence:q} --out {output:q}"
        " {params.settings} 2> {log:q}"


rule import_truth:
    input:
        source=sample_of("ground_truth"),
        sequence=per_sequence("sequence.json"),
    output:
        per_sequence("truth.parquet"),
    log:
        per_sequence("logs/import_truth.log"),
    benchmark:
        per_sequence("benchmarks/import_truth.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("import-truth"),
    shell:
        "python -m remots import-truth {input.source:q} --sequence {input.sequence:q} --out {output:q} 2> {log:q}"
