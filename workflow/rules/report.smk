# What people look at: the paper's figures 4 and 5, the video with the tracks drawn into it, and one page with all of it.


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
        filled=filled_masks if FILLS else [],
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
        filled=flag_of_filled_masks if FILLS else "",
        code=code("overlay"),
    shell:
        "python -m remots overlay --sequence {input.sequence:q} --masks {input.masks:q}"
        " --short-tracklets {input.short_tracklets:q} --tracks {input.tracks:q} {params.filled} --out {output:q}"
        " {params.settings} 2> {log:q}"


rule excerpt:
    input:
        frames=sample_of("frames"),
        truth=truth_to_compare,
        corrections=corrections_of,
        filled=filled_masks if FILLS else [],
        results=[f"{RESULTS}/{{sequence}}/{name}" for name in RESULTS_READ],
    output:
        f"{RESULTS}/{{sequence}}/excerpt.json",
    log:
        f"{RESULTS}/{{sequence}}/logs/excerpt.log",
    benchmark:
        f"{RESULTS}/{{sequence}}/benchmarks/excerpt.tsv"
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=memory("excerpt"),
        runtime=minutes("excerpt"),
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        truth=lambda wildcards, input: f"--truth {shlex.quote(input.truth)}" if input.truth else "",
        corrections=flag_of_corrections,
        filled=flag_of_filled_masks if FILLS else "",
        settings=flags_of_run("excerpt", "merge", "evaluate"),
        code=code("excerpt"),
    shell:
        "python -m remots excerpt --folder {params.folder:q} {params.truth} {params.corrections} {params.filled}"
        " --out {output:q} {params.settings} 2> {log:q}"


rule report:
    input:
        excerpts=expand(f"{RESULTS}/{{sequence}}/excerpt.json", sequence=TARGETS),
        evaluations=expand(f"{RESULTS}/{{sequence}}/evaluation.json", sequence=EVALUATED),
    output:
        report(f"{RESULTS}/report.html", category="Report"),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../../envs/remots.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        benchmarks=[f"{RESULTS_ON_DISK}/benchmarks", *(f"{RESULTS_ON_DISK}/{name}/benchmarks" for name in TARGETS)],
        code=code("report"),
    shell:
        "python -m remots report {input.excerpts:q} --evaluations {input.evaluations:q}"
        " --benchmarks {params.benchmarks:q} --out {output:q} 2> {log:q}"
