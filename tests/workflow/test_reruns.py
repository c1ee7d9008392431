"""What runs again after a change: exactly the rules that depend on it. The tests go on from one another, in order."""

import json
import re

import pandas as pd
import pytest

from remots.settings import PAPER, parse_config
from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.workflow

AFTER_MERGE = {"export", "evaluate", "tabulate", "overlay", "excerpt", "report"}
AFTER_ASSOCIATE = {
    "train_inter",
    "embed",
    "histogram_inter",
    "threshold_merge",
    "plot_threshold_merge",
    "merge",
} | AFTER_MERGE
AFTER_FUSE = {
    "crop",
    "train_intra",
    "warp",
    "histogram_intra",
    "threshold_short",
    "plot_threshold_short",
    "associate",
} | AFTER_ASSOCIATE
ONCE_PER_TARGET = {"render", "probe", "detect", "import_truth", "fuse"} | AFTER_FUSE


def test_every_result_is_there_after_one_run(finished: Workplace) -> None:
    results = finished.folder / "results"
    for name in ["mots.txt", "kitti_mots.txt", "coco_video.json", "overlay.mp4", "evaluation.json", "merges.parquet"]:
        assert (results / "plaza" / name).stat().st_size > 0, name
    for kind in ["short", "merge"]:
        for suffix in ["png", "svg"]:
            assert (results / "plaza" / "figures" / f"threshold_{kind}.{suffix}").stat().st_size > 0
    assert (results / "report.html").stat().st_size > 100_000
    assert "combined" in (results / "metrics.md").read_text()
    assert not list(results.rglob(".*partial*"))


def test_the_second_run_finds_nothing_to_do(finished: Workplace) -> None:
    assert finished.rules_to_run() == {}


def test_theta_t_reruns_merging_and_what_follows(finished: Workplace) -> None:
    # θ_merge is read off the pairs that may be merged, and those are within θ_t.
    finished.config["merge"] = {"max_gap_frames": 5}
    finished.write()
    assert set(finished.rules_to_run()) == {"threshold_merge", "plot_threshold_merge", "merge"} | AFTER_MERGE
    finished.run()
    assert finished.rules_to_run() == {}


def test_corrections_beside_the_results_rerun_merging_and_what_follows_and_are_obeyed(finished: Workplace) -> None:
    folder = finished.folder / "results" / "plaza"
    asked, header = folder / "corrections.tsv", "action\ta\tb\tframe\tnote\n"
    before = pd.read_parquet(folder / "tracks.parquet")
    asked.write_text(header + "drop\t0\t\t\ta poster\n")
    assert set(finished.rules_to_run()) == {"merge"} | AFTER_MERGE
    refused = finished.run(check=False)
    hint = re.search(r"add the line: (# tracklets: [0-9a-f]{12})", refused.stdout + refused.stderr)
    assert refused.returncode
    assert hint
    asked.write_text(f"{hint[1]}\n{header}drop\t0\t\t\ta poster\n")
    finished.run()
    assert finished.rules_to_run() == {}
    assert set(pd.read_parquet(folder / "tracks.parquet")["tracklet_id"]) == set(before["tracklet_id"]) - {0}
    asked.unlink()
    assert set(finished.rules_to_run()) == {"merge"} | AFTER_MERGE
    finished.run()
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "tracks.parquet"), before)


def test_theta_short_reruns_association_and_what_follows_but_no_flow(finished: Workplace) -> None:
    finished.config["threshold_short"] = {"value": 0.2}
    finished.write()
    rules = finished.rules_to_run()
    assert set(rules) == {"threshold_short", "plot_threshold_short", "associate"} | AFTER_ASSOCIATE
    assert rules["embed"] == 1
    finished.run()
    assert finished.rules_to_run() == {}


def test_overlap_threshold_reruns_fusion_and_what_follows_but_no_import_and_no_training_sequence(
    finished: Workplace,
) -> None:
    finished.config["fuse"] = {"overlap_threshold": 0.7}
    finished.write()
    rules = finished.rules_to_run()
    assert set(rules) == {"fuse"} | AFTER_FUSE
    assert rules["crop"] == 1
    finished.run()
    assert finished.rules_to_run() == {}


def test_an_edited_module_reruns_the_rules_that_use_it(finished: Workplace) -> None:
    module = finished.folder / "remots" / "merging" / "linkage.py"
    module.write_text(module.read_text() + "\n_EDITED = True\n")
    assert set(finished.rules_to_run()) == {"merge"} | AFTER_MERGE
    finished.run()
    assert finished.rules_to_run() == {}


def test_an_edited_docstring_or_comment_reruns_nothing(finished: Workplace) -> None:
    module = finished.folder / "remots" / "merging" / "linkage.py"
    text = module.read_text()
    assert text.startswith('"""')
    module.write_text('"""Said in better words.' + text[3:].replace("\n_EDITED", "\n# a comment\n_EDITED"))
    assert finished.rules_to_run() == {}


def test_a_touched_config_file_reruns_nothing(finished: Workplace) -> None:
    (finished.folder / "my_config.yaml").touch()
    assert finished.rules_to_run() == {}


def test_the_paper_s_reading_reruns_what_has_another_value_there_and_no_detection(finished: Workplace) -> None:
    assert set(finished.rules_to_run("--config", "paper=true")) == {"fuse", "initialise"} | AFTER_FUSE


def test_settings_that_are_given_win_over_the_paper_s_reading(finished: Workplace) -> None:
    defaults = parse_config({}, "defaults")
    given = {
        name: getattr(defaults, name).model_dump(include=set(values))
        for name in ["fuse", "initialise", "train", "warp", "threshold_short", "associate"]
        for values in [PAPER[type(getattr(defaults, name))]]
    }
    words = [f"{name}={json.dumps(values)}" for name, values in given.items()]
    rules = finished.rules_to_run("--config", "paper=true", *words)
    assert set(rules) == {"threshold_merge", "plot_threshold_merge", "merge"} | AFTER_MERGE


def test_an_added_target_runs_alone_and_the_table_is_made_again(finished: Workplace) -> None:
    finished.sequences.append("market:target")
    finished.write()
    rules = finished.rules_to_run()
    assert set(rules) == ONCE_PER_TARGET
    expected = {"detect": 2, "embed": 2}
    assert rules == {rule: expected.get(rule, 1) for rule in ONCE_PER_TARGET}
    finished.run()
    assert finished.rules_to_run() == {}
    assert "market" in (finished.folder / "results" / "metrics.md").read_text()


def test_gaps_are_filled_where_it_is_asked_for_and_then_only_the_results_are_made_again(finished: Workplace) -> None:
    finished.config["fill"] = {"max_gap_frames": 3}
    finished.write()
    assert set(finished.rules_to_run()) == {"fill"} | AFTER_MERGE
    finished.run()
    assert finished.rules_to_run() == {}
    folder = finished.folder / "results" / "plaza"
    filled = pd.read_parquet(folder / "filled_masks.parquet")
    found = pd.read_parquet(folder / "masks.parquet")
    assert len((folder / "mots.txt").read_text().splitlines()) == len(filled) + len(found)
    excerpt = json.loads((folder / "excerpt.json").read_text())
    assert excerpt["counts"]["filled"] == len(filled)
    del finished.config["fill"]
    finished.write()
    assert set(finished.rules_to_run()) == AFTER_MERGE
