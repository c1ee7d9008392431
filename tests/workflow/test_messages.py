"""The first failure: one clear line for a wrong config, sample sheet or input."""

from pathlib import Path

import pytest

from tests.workflow.conftest import HEADER, Workplace

pytestmark = pytest.mark.workflow


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def stop_message(workplace: Workplace, *options: str) -> str:
    done = workplace.run(*options, check=False)
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    return output


def test_an_unknown_config_key_is_named_with_the_keys_there_are(workplace: Workplace) -> None:
    workplace.config["merge"] = {"max_gap": 3}
    workplace.write()
    message = stop_message(workplace, "--dry-run")
    assert "unknown key merge.max_gap; allowed here: max_gap_frames" in message


def test_a_negative_theta_t_is_refused_with_its_range(workplace: Workplace) -> None:
    workplace.config["merge"] = {"max_gap_frames": -15}
    workplace.write()
    message = stop_message(workplace, "--dry-run")
    assert "merge.max_gap_frames is -15" in message
    assert "greater than or equal to 1" in message


def test_a_wrong_split_names_line_and_allowed_values(workplace: Workplace) -> None:
    (workplace.folder / "sequences.tsv").write_text(HEADER + "plaza\ttest\tvideo.mp4\tmotion\t\t\t\n")
    message = stop_message(workplace, "--dry-run")
    assert "sequences.tsv, line 2: split is 'test'" in message
    assert "'train' or 'target'" in message


def test_a_missing_video_is_named(workplace: Workplace) -> None:
    (workplace.folder / "sequences.tsv").write_text(HEADER + "mine\ttarget\tno_such.mp4\tmotion\t\t\t\n")
    assert "no_such.mp4" in stop_message(workplace, "--dry-run")


def test_the_error_line_of_a_failed_verb_is_shown_at_the_end(workplace: Workplace) -> None:
    (workplace.folder / "broken.mp4").write_text("this is no video")
    (workplace.folder / "sequences.tsv").write_text(HEADER + "mine\ttarget\tbroken.mp4\tmotion\t\t\t\n")
    message = stop_message(workplace)
    assert "remots probe: error: broken.mp4" in message
    assert not (workplace.folder / "results" / "mine" / "sequence.json").exists()


def test_an_empty_sample_sheet_says_what_to_do(workplace: Workplace) -> None:
    (workplace.folder / "sequences.tsv").write_text(HEADER)
    done = workplace.run("--dry-run")
    assert "no target sequence yet" in done.stderr
