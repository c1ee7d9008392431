from pathlib import Path

import pytest
import yaml

from remots.errors import InputError
from remots.formats.project.ablation_file import read_ablation
from remots.settings import PAPER, Associate, Config, ThresholdMerge, parse_config

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "ablation.yaml"


def write(file: Path, content: object) -> Path:
    file.write_text(yaml.safe_dump(content))
    return file


def test_a_variant_is_the_config_with_its_changes_laid_over_it(file):
    write(
        file,
        {
            "flow": {"fast": {"warp": {"flow": "dis_fast"}}, "same": None},
            "gap": {"far": {"merge": {"max_gap_frames": 99}}},
        },
    )
    given = {"train": {"steps": 7}, "merge": {"max_gap_frames": 3}, "warp": {"flow": "farneback"}}
    variants = read_ablation(file, given)
    assert list(variants) == ["flow/fast", "flow/same", "gap/far"]
    assert variants["flow/fast"] == parse_config({**given, "warp": {"flow": "dis_fast"}}, "expected")
    assert variants["flow/same"] == parse_config(given, "expected")
    assert variants["gap/far"] == parse_config({**given, "merge": {"max_gap_frames": 99}}, "expected")


def test_a_variant_may_take_the_paper_s_reading_and_what_is_given_still_wins(file):
    write(file, {"paper": {"all": {"paper": True, "associate": {"ambiguity_margin": 2}}}})
    (variant,) = read_ablation(file, {"threshold_merge": {"rule": "candidate_looks"}}).values()
    assert variant.associate == Associate(**{**PAPER[Associate], "ambiguity_margin": 2})
    assert variant.threshold_merge == ThresholdMerge(rule="candidate_looks")
    assert variant.warp.flow == "farneback"


def test_a_list_stands_for_each_of_its_values_and_several_for_every_combination(file):
    changes = {
        "threshold_merge": {"value": [0.1, 0.2]},
        "merge": {"max_gap_frames": [5, 6, 7]},
        "fuse": {"min_score": 0.3},
    }
    variants = read_ablation(write(file, {"oracle": {"both": changes}}), {})
    assert list(variants) == [f"oracle/both/{number}" for number in range(1, 7)]
    found = {(each.threshold_merge.value, each.merge.max_gap_frames, each.fuse.min_score) for each in variants.values()}
    assert found == {(value, gap, 0.3) for value in (0.1, 0.2) for gap in (5, 6, 7)}


def test_a_list_in_the_settings_of_a_detector_is_one_setting(file):
    changes = {"detectors": {"torchvision": {"classes": ["person", "car"]}}}
    (variant,) = read_ablation(write(file, {"detectors": {"cars": changes}}), {}).values()
    assert variant.detectors["torchvision"].classes == ["person", "car"]


def test_an_empty_file_has_no_variants(file):
    file.write_text("# nothing yet\n")
    assert read_ablation(file, {}) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"flow": {"raft": {"warp": {"flow": "raft"}}}}, "flow: raft: warp.flow is 'raft': input should be"),
        ({"flow": {"x": {"warp": {"method": 1}}}}, "flow: x: unknown key warp.method; allowed here: flow"),
        ({"flow": {"x": {"wrap": {}}}}, "flow: x: unknown key wrap; a variant may change paper, detectors, fuse,"),
        ({"flow": {"x": {"results": "elsewhere"}}}, "flow: x: unknown key results; a variant may change"),
        ({"gap": {"x": {"merge": {"max_gap_frames": [3, -1]}}}}, "gap: x: merge.max_gap_frames is -1"),
        ({"gap": {"far off": {}}}, "gap: far off: 'far off' becomes a folder"),
        ({"gap": {"../x": {}}}, "gap: ../x: '../x' becomes a folder"),
        ({"gap": ["x"]}, "gap: ['x'] is no mapping"),
        ({"gap": {"x": 3}}, "gap: x: 3 is no mapping"),
        ({"gap": {"x": {"merge": 3}}}, "gap: x: merge is 3: input should be"),
        (["gap"], "['gap'] is no mapping"),
    ],
)
def test_what_is_wrong_is_named_with_file_group_and_variant(file, content, message):
    with pytest.raises(InputError) as caught:
        read_ablation(write(file, content), {})
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_a_file_that_is_missing_or_no_yaml_is_named(file):
    with pytest.raises(InputError, match=r"ablation\.yaml: no such file of variants; set `ablation`"):
        read_ablation(file, {})
    file.write_text("a: [")
    with pytest.raises(InputError, match=r"ablation\.yaml: not valid YAML.*line"):
        read_ablation(file, {})


def test_of_the_committed_variants_each_group_but_the_paper_s_has_the_default_among_its_rows():
    variants = read_ablation(REPOSITORY / "config" / "ablation.yaml", {})
    groups = {name.split("/")[0] for name in variants}
    with_default = {name.split("/")[0] for name, variant in variants.items() if variant == Config()}
    assert groups - with_default == {"paper"}


def test_of_the_committed_variants_no_two_of_a_group_are_the_same():
    variants = read_ablation(REPOSITORY / "config" / "ablation.yaml", {})
    for name, variant in variants.items():
        same = [
            other
            for other, theirs in variants.items()
            if theirs == variant and other.split("/")[0] == name.split("/")[0]
        ]
        assert same == [name]
