# Steps 1 and 3 (paper 2.2 and 2.4): crops, the encoder, its two trainings, and the features after each.


rule crop:
    input:
        frames=sample_of("frames"),
        sequence=of_sequence("sequence.json"),
        masks=masks_to_crop,
    output:
        per_sequence("crops.npy"),
    log:
        per_sequence("logs/crop.log"),
    benchmark:
        per_sequence("benchmarks/crop.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("crop"),
        runtime=minutes("crop"),
    params:
        settings=flags("crop"),
        code=code("crop"),
    shell:
        "python -m remots crop --sequence {input.sequence:q} --masks {input.masks:q} --out {output:q}"
        " {params.settings} 2> {log:q}"


rule initialise:
    output:
        per_run("encoder_pretrained.safetensors"),
    log:
        per_run("logs/initialise.log"),
    benchmark:
        per_run("benchmarks/initialise.tsv")
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=flags("initialise", "crop"),
        code=code("initialise"),
    shell:
        "python -m remots initialise --out {output:q} {params.settings} 2> {log:q}"


rule train_intra:
    input:
        encoder=of_run("encoder_pretrained.safetensors"),
        crops=of_sequence("crops.npy"),
        masks=of_sequence("masks.parquet"),
        warped_iou=of_sequence("warped_iou.parquet"),
        training_crops=of_training_sequences("crops.npy"),
        training_truth=of_training_sequences("truth.parquet"),
    output:
        encoder=per_sequence("encoder_intra.safetensors"),
        log=per_sequence("training_intra.csv"),
    log:
        per_sequence("logs/train_intra.log"),
    benchmark:
        per_sequence("benchmarks/train_intra.tsv")
    conda:
        "../../envs/remots.yaml"
    threads: 4
    resources:
        mem_mb=memory_of_training,
        runtime=minutes_of_training,
        gpu=1,
    params:
        settings=flags_of_training("intra"),
        code=code("train"),
    shell:
        "python -m remots train --gpus {resources.gpu} --stage intra --encoder {input.encoder:q} --crops {input.crops:q}"
        " --masks {input.masks:q} --warped-iou {input.warped_iou:q}"
        " --training-crops {input.training_crops:q} --training-truth {input.training_truth:q}"
        " --out {output.encoder:q} --log {output.log:q} --threads {threads} {params.settings} 2> {log:q}"


rule train_inter:
    input:
        encoder=of_sequence("encoder_intra.safetensors"),
        crops=of_sequence("crops.npy"),
        masks=of_sequence("masks.parquet"),
        short_tracklets=of_sequence("short_tracklets.parquet"),
        training_crops=of_training_sequences("crops.npy"),
        training_truth=of_training_sequences("truth.parquet"),
    output:
        encoder=per_sequence("encoder_inter.safetensors"),
        log=per_sequence("training_inter.csv"),
    log:
        per_sequence("logs/train_inter.log"),
    benchmark:
        per_sequence("benchmarks/train_inter.tsv")
    conda:
        "../../envs/remots.yaml"
    threads: 4
    resources:
        mem_mb=memory_of_training,
        runtime=minutes_of_training,
        gpu=1,
    params:
        settings=flags_of_training("inter"),
        code=code("train"),
    shell:
        "python -m remots train --gpus {resources.gpu} --stage inter --encoder {input.encoder:q} --crops {input.crops:q}"
        " --masks {input.masks:q} --short-tracklets {input.short_tracklets:q}"
        " --training-crops {input.training_crops:q} --training-truth {input.training_truth:q}"
        " --out {output.encoder:q} --log {output.log:q} --threads {threads} {params.settings} 2> {log:q}"


rule embed:
    input:
        encoder=of_sequence("encoder_{stage}.safetensors"),
        crops=of_sequence("crops.npy"),
    output:
        per_sequence("features_{stage}.npy"),
    log:
        per_sequence("logs/embed_{stage}.log"),
    benchmark:
        per_sequence("benchmarks/embed_{stage}.tsv")
    conda:
        "../../envs/remots.yaml"
    threads: 4
    resources:
        mem_mb=memory("embed"),
        runtime=minutes("embed"),
        gpu=1,
    params:
        settings=flags("embed"),
        code=code("embed"),
    shell:
        "python -m remots embed --gpus {resources.gpu} --encoder {input.encoder:q} --crops {input.crops:q} --out {output:q}"
        " --threads {threads} {params.settings} 2> {log:q}"
