"""Every rule has its place in the profiles of the cluster."""

import re

import yaml

from tests.workflow.conftest import REPOSITORY

# Of a sequence, and long: a job that is tried again runs its whole group again. `embed` is in a group per stage.
ALONE = {"detect", "detect_part", "train_intra", "train_inter", "embed"}
OF_ALL_SEQUENCES = {"initialise", "tabulate", "tabulate_ablation", "report"}


def rules() -> set[str]:
    """The rules that have jobs."""
    texts = [path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk")]
    return {name for text in texts for name in re.findall(r"^rule (\w+):", text, re.MULTILINE)}


def groups(profile: str) -> dict[str, str]:
    """The groups of a profile."""
    # What YTE takes from it is neither here nor there for the groups.
    text = (REPOSITORY / "profiles" / profile / "config.yaml").read_text()
    return dict(yaml.safe_load(text)["groups"])


def test_every_short_step_of_a_sequence_shares_a_job_and_every_long_one_stands_alone() -> None:
    assert set(groups("slurm")) == rules() - ALONE - OF_ALL_SEQUENCES


def test_every_step_of_many_short_sequences_shares_a_job_as_in_the_other_profile() -> None:
    of_many = groups("many_short")
    assert set(of_many) == rules() - OF_ALL_SEQUENCES
    assert groups("slurm").items() <= of_many.items()
    assert set(yaml.safe_load((REPOSITORY / "profiles/many_short/config.yaml").read_text())["group-components"]) == set(
        of_many.values()
    )
