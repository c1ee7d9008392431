# The demo's own video: street scenes with exact truth and two simulated detectors.


rule render:
    output:
        multiext(
            f"{RESULTS}/scenes/{{scene}}/",
            "frames.mp4",
            "truth.txt",
            "detections_a.json",
            "detections_b.json",
        ),
    log:
        f"{RESULTS}/scenes/{{scene}}/logs/render.log",
    benchmark:
        f"{RESULTS}/scenes/{{scene}}/benchmarks/render.tsv"
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings=lambda wildcards: format_flags(SETTINGS.scenes[wildcards.scene]),
        code=code("render"),
        folder=lambda wildcards, output: Path(output[0]).parent,
    shell:
        "python -m remots render --name {wildcards.scene:q} --out-dir {params.folder:q} {params.settings} 2> {log:q}"
