# What a killed Snakemake leaves on a SLURM cluster: its jobs, which go on. Nobody else may write their files meanwhile.
import shutil
import subprocess


def stop_where_jobs_still_run():
    """Refuse to start while the jobs of an earlier run in this folder are on the cluster.

    Raises
    ------
    WorkflowError
        With the ids of the jobs and what to do.
    """
    if workflow.local_exec or not shutil.which("squeue"):
        return
    listed = subprocess.run(["squeue", "--me", "--noheader", "--format=%i %k|%Z"], capture_output=True, text=True)
    jobs = [line.split("|", 1) for line in listed.stdout.splitlines() if " rule_" in line]
    ids = [job.split()[0] for job, folder in jobs if os.path.realpath(folder) == os.getcwd()]
    if ids:
        raise WorkflowError(
            f"jobs of an earlier run in this folder are still on the cluster: {', '.join(ids)}. Wait until they end, or "
            f"end them with `scancel {' '.join(ids)}` (a training goes on from its last checkpoint); then start again."
        )


onstart:
    stop_where_jobs_still_run()
