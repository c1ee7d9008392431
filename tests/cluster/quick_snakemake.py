"""Snakemake that looks at its jobs each second. The plugin looks ever more rarely, and jobs here take seconds."""

import snakemake_executor_plugin_slurm
from snakemake.cli import main

if __name__ == "__main__":
    snakemake_executor_plugin_slurm.Executor.next_seconds_between_status_checks = property(
        lambda _: 1, lambda _, seconds: None
    )
    main()
