# Step 0a (paper 2.1): the frames, the raw masks of each detector, and the ground truth where there is one. Each detector
# of a sequence is a job of its own; a network's is split into parts where the sample sheet says so.


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
        mem_mb=memory("probe"),
        runtime=minutes("probe"),
    params:
        range=frame_range,
        code=code("probe"),
    shell:
        "python -m remots probe {input:q} --name {wildcards.sequence:q} {params.range} --out {output:q} 2> {log:q}"


rule detect:
    input:
        source=source_of_detections,
        network=files_of_network,
        sequence=of_sequence("sequence.json"),
    output:
        per_sequence("detections/{detector}.parquet"),
    log:
        per_sequence("logs/detect_{detector}.log"),
    benchmark:
        per_sequence("benchmarks/detect_{detector}.tsv")
    wildcard_constraints:
        sequence=f"(?!({any_of(SPLIT)})/)[^/]+",
    conda:
        environment_of_detector
    resources:
        mem_mb=memory("detect"),
        runtime=minutes("detect"),
        gpu=gpus_of_detector,
    params:
        settings=settings_of_detector,
        masks=masks_of_detector,
        code=code_of_detector,
    shell:
        "python -m remots detect --gpus {resources.gpu} {params.settings} {params.masks}"
        " --sequence {input.sequence:q} --out {output:q} 2> {log:q}"


rule detect_part:
    input:
        source=source_of_detections,
        network=files_of_network,
        sequence=of_sequence("sequence.json"),
    output:
        temp(per_sequence("detections/{detector}/{part}_of_{n_parts}.parquet")),
    log:
        per_sequence("logs/detect_{detector}_{part}_of_{n_parts}.log"),
    benchmark:
        per_sequence("benchmarks/detect_{detector}_{part}_of_{n_parts}.tsv")
    conda:
        environment_of_detector
    resources:
        mem_mb=memory("detect"),
        runtime=minutes("detect"),
        gpu=gpus_of_detector,
    params:
        settings=settings_of_detector,
        masks=masks_of_detector,
        code=code_of_detector,
    shell:
        "python -m remots detect --gpus {resources.gpu} {params.settings} {params.masks}"
        " --part {wildcards.part}/{wildcards.n_parts} --sequence {input.sequence:q} --out {output:q} 2> {log:q}"


rule join:
    input:
        parts_of_detections,
    output:
        per_sequence("detections/{detector}.parquet"),
    log:
        per_sequence("logs/join_{detector}.log"),
    benchmark:
        per_sequence("benchmarks/join_{detector}.tsv")
    wildcard_constraints:
        sequence=any_of(SPLIT),
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("join"),
        runtime=minutes("join"),
    params:
        code=code("join"),
    shell:
        "python -m remots join {input:q} --out {output:q} 2> {log:q}"


rule import_truth:
    input:
        source=sample_of("ground_truth"),
        sequence=of_sequence("sequence.json"),
    output:
        per_sequence("truth.parquet"),
    log:
        per_sequence("logs/import_truth.log"),
    benchmark:
        per_sequence("benchmarks/import_truth.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("import_truth"),
        runtime=minutes("import_truth"),
    params:
        code=code("import-truth"),
    shell:
        "python -m remots import-truth {input.source:q} --sequence {input.sequence:q} --out {output:q} 2> {log:q}"
