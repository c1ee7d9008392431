"""Settings: one source for config, schemas, README and flags."""

import argparse
from pathlib import Path

import pytest
import yaml

from remots.commands.settings_flags import add_settings, format_flags, read_settings
from remots.errors import InputError
from remots.formats.config_files import (
    config_as_readme,
    config_as_schema,
    config_as_yaml,
    read_config,
    sample_sheet_as_schema,
)
from remots.settings import Config, Merge, Scene, ThresholdShort, Train, parse_config

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


def test_the_written_defaults_read_back_as_the_defaults() -> None:
    assert parse_config(yaml.safe_load(config_as_yaml()), "defaults") == Config()


def test_every_setting_is_described() -> None:
    for name, field in Config.model_fields.items():
        section = field.annotation
        for key, inner in getattr(section, "model_fields", {name: field}).items():
            assert inner.description or hasattr(inner.annotation, "model_fields"), f"{name}.{key}"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "config").glob("**/*.yaml")), ids=str)
def test_every_committed_config_is_valid(path: Path) -> None:
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
