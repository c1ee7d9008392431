"""`snakemake ablation`: a variant runs what it changes and what follows. The tests go on from one another, in order."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import HEADER, Workplace

pytestmark = pytest.mark.workflow

# How often each rule runs: once for the sequence, and again where something before it is changed.
ONCE = Counter(["initialise", "render", "probe", "detect", "detect", "import_truth", "fuse", "crop", "warp"])
AFTER_MERGE = Counter(["threshold_merge", "merge", "export", "evaluate"])
AFTER_ASSOCIATE = Counter(["train_inter", "embed", "histogram_inter"]) + AFTER_MERGE
AFTER_WARP = Counter(["train_intra", "embed", "histogram_intra", "threshold_short", "associate"]) + AFTER_ASSOCIATE
VARIANTS = {
    "training": {"intra": {"adapt": {"inter": False}}, "both": {"adapt": {"inter": True}}},
    "threshold_merge": {"oracle": {"threshold_merge": {"value": [0.2, 0.6]}}},
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    made = Workplace(tmp_path_factory.mktemp("ablation"))
    made.sequences = ["plaza:target"]
    made.write()
    write(made, VARIANTS)
    return made


def write(workplace: Workplace, variants: object) -> None:
    (workplace.folder / "config" / "ablation.yaml").write_text(yaml.safe_dump(variants, sort_keys=False))


def test_a_variant_costs_the_rules_that_it_changes_and_those_that_follow(workplace: Workplace) -> None:
    costs = [
        ({}, {}),
        ({"overlay": {"opacity": 0.1}}, {}),  # no part of what is evaluated
        ({"merge": {"max_gap_frames": 5}}, AFTER_MERGE),
        ({"adapt": {"inter": False}}, AFTER_ASSOCIATE),
        ({"threshold_short": {"rule": "quantile"}}, Counter(["threshold_short", "associate"]) + AFTER_ASSOCIATE),
        ({"warp": {"flow": "farneback"}}, Counter(["warp"]) + AFTER_WARP),
        ({"initialise": {"background": "kept"}}, Counter(["initialise"]) + AFTER_WARP),
        ({"fuse": {"overlap_metric": "iou"}}, Counter(["fuse", "crop", "warp"]) + AFTER_WARP),
    ]
    write(workplace, {"group": {f"variant_{number}": changes for number, (changes, _) in enumerate(costs)}})
    of_all = sum((Counter(cost) for _, cost in costs), ONCE + AFTER_WARP)
    assert workplace.rules_to_run("ablation") == of_all + Counter(["tabulate_ablation", "ablation"])
    write(workplace, VARIANTS)


def test_one_command_runs_every_variant_and_each_step_once(workplace: Workplace) -> None:
    workplace.run("ablation")
    results = workplace.folder / "results"
    assert made_in(results / "plaza") >= {"masks.parquet", "encoder_intra.safetensors", "evaluation.json"}
    of_merging = {"threshold_merge.json", "tracks.parquet", "merges.parquet", "evaluation.json"}
    of_merging |= {"mots.txt", "kitti_mots.txt", "coco_video.json"}
    of_training = {"encoder_inter.safetensors", "training_inter.csv", "features_inter.npy", "histograms_inter.npz"}
    folders = {str(path.parent.relative_to(results)) for path in results.glob("ablation/**/evaluation.json")}
    oracle = {f"ablation/threshold_merge/oracle/{number}/plaza" for number in (1, 2)}
    assert folders == {"ablation/training/intra/plaza"} | oracle
    assert made_in(results / "ablation/training/intra/plaza") == of_merging | of_training
    for folder in oracle:
        assert made_in(results / folder) == of_merging
    assert not (results / "metrics.md").exists()


def made_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_a_training_that_is_left_out_hands_on_the_encoder(workplace: Workplace) -> None:
    folders = [workplace.folder / "results" / name / "plaza" for name in ("", "ablation/training/intra")]
    logs = [pd.read_csv(folder / "training_inter.csv") for folder in folders]
    assert [len(log) for log in logs] == [3, 0]


def test_the_table_has_a_row_a_variant_and_the_default_in_each_group(workplace: Workplace) -> None:
    folder = workplace.folder / "results" / "ablation"
    table = pd.read_csv(folder / "ablation.csv")
    rows = list(table[["group", "variant", "sequence", "is_default", "n_runs"]].itertuples(index=False, name=None))
    assert rows == [
        ("training", "intra", "plaza", False, 1),
        ("training", "both", "plaza", True, 1),
        ("threshold_merge", "default", "plaza", True, 1),
        ("threshold_merge", "oracle", "plaza", False, 2),
    ]
    assert "oracle (best of 2, chosen with the truth)" in (folder / "ablation.md").read_text()
    assert "both (default)" in (folder / "ablation.md").read_text()
    assert (folder / "ablation.svg").stat().st_size > 1000


def test_the_second_run_finds_nothing_to_do(workplace: Workplace) -> None:
    assert workplace.rules_to_run("ablation") == {}


def test_a_changed_variant_reruns_alone(workplace: Workplace) -> None:
    write(workplace, VARIANTS | {"threshold_merge": {"oracle": {"threshold_merge": {"value": [0.2, 0.7]}}}})
    expected = {*AFTER_MERGE, "tabulate_ablation", "ablation"}
    assert workplace.rules_to_run("ablation") == dict.fromkeys(expected, 1)


def test_a_wrong_variant_is_named_in_one_line(workplace: Workplace) -> None:
    write(workplace, {"flow": {"raft": {"warp": {"method": "raft"}}}})
    done = workplace.run("ablation", "--dry-run", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert "config/ablation.yaml: flow: raft: unknown key warp.method; allowed here: flow" in done.stdout + done.stderr


def test_without_ground_truth_one_line_says_what_is_needed_before_anything_else_runs(workplace: Workplace) -> None:
    write(workplace, VARIANTS)
    scene = "results/scenes/plaza"
    workplace.sheet = f"{HEADER}plaza\ttarget\t{scene}/frames.mp4\t{scene}/detections_a.json\t\t\t\n"
    workplace.write()
    assert workplace.rules_to_run("ablation") == {"tabulate_ablation": 1, "ablation": 1}
    done = workplace.run("ablation", check=False)
    assert done.returncode != 0
    assert "remots tabulate-ablation: error: no target sequence has ground truth; fill in the column" in done.stderr
