"""Settings: one source for config, schemas, README and flags."""

import argparse
import re
from pathlib import Path

import pytest
import yaml

from remots.cli import main
from remots.commands.settings_flags import add_settings, format_flags, read_settings
from remots.errors import InputError
from remots.formats.project.ablation_file import read_ablation
from remots.formats.project.config_files import (
    config_as_readme,
    config_as_schema,
    config_as_yaml,
    read_config,
    sample_sheet_as_schema,
)
from remots.settings import (
    PAPER,
    Associate,
    Config,
    Merge,
    Scene,
    ThresholdMerge,
    ThresholdShort,
    Train,
    parse_config,
    read_as_paper,
)

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("config/config.yaml", config_as_yaml),
        ("config/README.md", config_as_readme),
        ("workflow/schemas/config.schema.json", config_as_schema),
        ("workflow/schemas/sequences.schema.json", sample_sheet_as_schema),
    ],
)
def test_the_committed_file_is_what_the_models_say(path: str, written: object) -> None:
    assert callable(written)
    assert (REPOSITORY / path).read_text(encoding="utf-8") == written(), f"run `remots config` and commit {path}"


@pytest.mark.parametrize("paper", [False, True])
def test_the_written_config_reads_back_as_it_is_and_with_every_comment_taken_away(paper: bool) -> None:
    expected = read_as_paper(Config()) if paper else Config()
    text = config_as_yaml(paper)
    everything = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    assert set(yaml.safe_load(everything)) == set(Config.model_fields)
    for written in [text, everything]:
        assert parse_config(yaml.safe_load(written), "written") == expected


def test_the_paper_s_values_are_allowed_and_no_defaults() -> None:
    for section, values in PAPER.items():
        read = section(**values).model_dump()
        for key, value in values.items():
            assert read[key] == value
            assert section.model_fields[key].default != value, f"{section.__name__}.{key} needs no switch"


def test_the_switch_takes_the_paper_s_value_of_each_key_that_is_left_out_and_of_no_other() -> None:
    given = {"paper": True, "associate": {"ambiguity_margin": 1.0}, "train": {"steps": 7, "decay": "cosine"}}
    config = parse_config(given, "my.yaml")
    assert config.associate == Associate(assignment="most_links", ambiguity_margin=1.0, split_share=0.0)
    assert config.train == Train(**{**PAPER[Train], "steps": 7, "decay": "cosine"})
    assert config.threshold_merge == ThresholdMerge(rule="crossing")
    assert config.crop == Config().crop
    assert parse_config({**given, "paper": "false"}, "my.yaml").threshold_merge == ThresholdMerge()


def test_the_committed_defaults_leave_the_switch_its_effect() -> None:
    committed = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))
    assert parse_config({**committed, "paper": "true"}, "config") == read_as_paper(Config())


def test_each_place_that_leaves_the_paper_stands_in_its_decision_record() -> None:
    (record,) = (REPOSITORY / "docs" / "decisions").glob("*-one-switch-for-the-paper.md")
    text = record.read_text(encoding="utf-8")
    sections = {field.annotation: name for name, field in Config.model_fields.items()}
    for section, values in PAPER.items():
        for key, value in values.items():
            default = section.model_fields[key].default
            assert f"| `{sections[section]}.{key}` | `{_in_yaml(default)}` | `{_in_yaml(value)}` |" in text


def _in_yaml(value: object) -> str:
    return yaml.safe_dump(value).splitlines()[0]


def test_every_setting_is_described() -> None:
    for name, field in Config.model_fields.items():
        section = field.annotation
        for key, inner in getattr(section, "model_fields", {name: field}).items():
            assert inner.description or hasattr(inner.annotation, "model_fields"), f"{name}.{key}"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "config").glob("**/*.yaml")), ids=str)
def test_every_committed_config_is_valid(path: Path) -> None:
    if path.name == "ablation.yaml":
        assert read_ablation(path, {})
    else:
        read_config(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"merge": {"max_gap_frames": -1}}, "merge.max_gap_frames is -1: input should be greater than or equal to 1"),
        ({"merge": {"gap": 1}}, "unknown key merge.gap; allowed here: max_gap_frames"),
        ({"marge": {}}, "unknown key marge; allowed here: sequences"),
        ({"warp": {"flow": "raft"}}, "warp.flow is 'raft': input should be 'dis_ultrafast'"),
        ({"scenes": {"a": {"people": 3}}}, "unknown key scenes.a.people; allowed here: n_frames"),
        ({"fuse": {"overlap_threshold": "high"}}, "fuse.overlap_threshold is 'high'"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_config(values, "my.yaml")
    assert str(caught.value).startswith("my.yaml: ")
    assert message in str(caught.value)


def test_yaml_that_cannot_be_parsed_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("merge:\n  max_gap_frames: [3\n")
    with pytest.raises(InputError, match=r"bad\.yaml: not valid YAML.*line"):
        read_config(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    "section", [Merge(max_gap_frames=7), ThresholdShort(value=0.25), Scene(pan=True, seed=3), Train(normalise=False)]
)
def test_flags_give_back_the_settings_they_were_made_from(section: object) -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, type(section))  # type: ignore[arg-type]
    options = parser.parse_args(format_flags(section).split())  # type: ignore[arg-type]
    assert read_settings(options, type(section)) == section  # type: ignore[type-var]


def test_a_flag_out_of_range_is_refused_by_its_name() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, Merge)
    with pytest.raises(InputError, match="--max-gap-frames is -3"):
        read_settings(parser.parse_args(["--max-gap-frames", "-3"]), Merge)


def test_the_flag_for_the_paper_sets_what_is_not_given() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, ThresholdMerge)
    add_settings(parser, Associate)  # one flag for both
    options = parser.parse_args(["--paper", "--assignment", "most_similar"])
    assert read_settings(options, ThresholdMerge) == ThresholdMerge(rule="crossing")
    expected = Associate(assignment="most_similar", ambiguity_margin=0.0, split_share=0.0)
    assert read_settings(options, Associate) == expected
    options = parser.parse_args([])
    assert read_settings(options, Associate) == Associate()


@pytest.mark.parametrize(
    "verb", ["fuse", "initialise", "train", "warp", "threshold-short", "associate", "threshold-merge", "config"]
)
def test_each_verb_with_a_default_that_leaves_the_paper_has_the_flag(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--paper" in shown
    assert verb == "config" or "; paper: " in " ".join(shown.split())


def test_the_config_of_the_paper_is_written_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--paper"]) == 0
    assert capsys.readouterr().out == config_as_yaml(paper=True)
    assert main(["config", "--paper", "--format", "schema"]) == 2
    assert "--paper writes a config; leave out --format schema" in capsys.readouterr().err
