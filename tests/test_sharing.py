"""A file of a variant is shared exactly when no setting that can change it differs, as the rules themselves say."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.settings import Config, parse_config
from remots.sharing import MADE_FROM, find_home, settings_behind

RULES = Path(__file__).parents[1] / "workflow" / "rules"
BASE = parse_config({}, "base")

# A setting, by the name under which the table knows it, and another value of it.
CHANGES = {
    "detectors": {"detectors": {"precomputed": {"min_score": 0.5}}},
    "fuse": {"fuse": {"overlap_metric": "iou"}},
    "import_tracklets": {"import_tracklets": {"min_box_iou": 0.3}},
    "refine": {"refine": {"split_share": 0.1}},
    "crop": {"crop": {"crop_height_px": 64}},
    "initialise": {"initialise": {"background": "kept"}},
    "warp": {"warp": {"flow": "farneback"}},
    "train": {"train": {"steps": 7}},
    "adapt.intra": {"adapt": {"intra": False}},
    "adapt.inter": {"adapt": {"inter": False}},
    "adapt.training_set": {"adapt": {"training_set": False}},
    "embed": {"embed": {"batch_size": 3}},
    "histogram": {"histogram": {"n_bins": 50}},
    "threshold_short": {"threshold_short": {"value": 0.3}},
    "associate": {"associate": {"ambiguity_margin": 0.0}},
    "threshold_merge": {"threshold_merge": {"value": 0.3}},
    "merge": {"merge": {"max_gap_frames": 3}},
    "fill": {"fill": {"max_gap_frames": 2}},
    "export": {"export": {"class_id": 1}},
    "evaluate": {"evaluate": {"class_id": 1}},
}


def changed(names: frozenset[str]) -> Config:
    values: dict[str, dict[str, object]] = {}
    for name in names:
        for section, keys in CHANGES[name].items():
            values.setdefault(section, {}).update(keys)
    return parse_config(values, "changed")


def reaches(name: str, file: str) -> bool:
    """Whether a setting reaches a file, by walking the table from the setting on."""
    reached, before = {name}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {made for made, sources in MADE_FROM.items() if reached & set(sources)}
    return file in reached


@settings(deadline=None, max_examples=60)
@given(st.lists(st.frozensets(st.sampled_from(sorted(CHANGES)), max_size=3), min_size=1, max_size=4))
def test_a_file_is_shared_exactly_when_no_setting_upstream_of_it_differs(variants):
    names = {"": frozenset(), **{f"variant {i}": one for i, one in enumerate(variants)}}
    configs = {key: changed(one) for key, one in names.items()}
    for file in MADE_FROM:
        for key, one in names.items():
            same = [other for other, theirs in names.items() if not any(reaches(name, file) for name in one ^ theirs)]
            assert find_home(file, key, configs) == same[0]


def test_every_setting_of_the_table_is_in_the_config_and_tried_here():
    behind = frozenset().union(*map(settings_behind, MADE_FROM))
    assert behind == set(CHANGES)
    for name in behind:
        assert changed(frozenset({name})) != BASE


def test_of_two_variants_that_make_the_same_the_first_makes_it():
    crossing = {"threshold_short": {"value": 0.3}, "threshold_merge": {"rule": "crossing"}}
    configs = {
        "": BASE,
        "a/": parse_config({"threshold_short": {"value": 0.3}}, "a"),
        "b/": parse_config(crossing, "b"),
    }
    assert find_home("masks.parquet", "b/", configs) == ""
    assert find_home("encoder_inter.safetensors", "b/", configs) == "a/"
    assert find_home("tracks.parquet", "b/", configs) == "b/"


def rules() -> list[str]:
    """The text of each rule; of a rule with a stage in its names, once for each stage."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.smk")))
    blocks = re.split(r"^rule ", text, flags=re.MULTILINE)[1:]
    return [block.replace("{stage}", stage) for block in blocks for stage in ("intra", "inter")]


def named(functions: str, section: str, block: str) -> set[str]:
    """The words in quotes between the brackets of each call of some functions, in one section of a rule."""
    (text,) = re.findall(rf"^    {section}:\n(.*?)(?=^    \w+:|\Z)", block, re.MULTILINE | re.DOTALL)[:1] or [""]
    return {
        word for call in re.findall(rf"\b(?:{functions})\(([^()]*)\)", text) for word in re.findall('"(.+?)"', call)
    }


def sources(block: str) -> set[str]:
    """What a rule says of itself, in the words of the table."""
    learnt = named("of_training_sequences", "input", block)
    return {
        *named("of_sequence|of_run", "input", block),
        *named("flags", "params", block),
        *(word for stage in named("flags_of_training", "params", block) for word in ("train", f"adapt.{stage}")),
        *(f"training/{name}" if f"training/{name}" in MADE_FROM else name for name in learnt),
        *(["adapt.training_set"] if learnt else []),
        *(["detections"] if "detections=of_detectors" in block else []),
        *(["filled_masks.parquet"] if "filled=filled_masks" in block else []),
        *(["detectors"] if "settings=settings_of_detector" in block else []),
    }


@pytest.mark.parametrize("file", sorted(MADE_FROM))
def test_the_table_says_of_a_file_what_its_rule_says(file):
    written = {"detections": "detections/{detector}.parquet"}.get(file, file.removeprefix("training/"))
    found = [sources(block) for block in rules() if written in named("per_sequence|per_run", "output", block)]
    if written == "crops.npy":
        found = [one | {"truth.parquet" if file.startswith("training/") else "masks.parquet"} for one in found]
    assert set(MADE_FROM[file]) == set().union(*found)  # two rules make it where tracks of another tracker are given


def test_every_file_that_a_rule_reads_is_in_the_table():
    read = set().union(*(named("of_sequence|of_run|of_training_sequences", "input", block) for block in rules()))
    assert len(read) > 10
    assert read <= set(MADE_FROM)
