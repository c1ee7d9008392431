"""``config.yaml``, its README and its JSON schemas, all made from the models of `remots.settings`."""

import json
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import annotated_types
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from remots.errors import InputError
from remots.formats.project.ablation_file import lay_over
from remots.formats.project.sample_sheet import SampleRow
from remots.settings import PAPER, Config, Motion, Network, Precomputed, Scene, Section, parse_config

# Sections that stand under a name that the user chooses, or that names a detector.
NAMED_SECTIONS: list[tuple[str, type[Section]]] = [
    ("detectors.NAME", Network),
    ("detectors.motion", Motion),
    ("detectors.precomputed", Precomputed),
    ("scenes.NAME", Scene),
]


def read_config(path: Path | str) -> Config:
    """Read and check a config file.

    Raises
    ------
    InputError
        If the file is missing, is no YAML (with the line), or a key or value is wrong (with the key).
    """
    return read_configs([path])


def read_configs(paths: Sequence[Path | str]) -> Config:
    """Read config files, each laid over those before it, and check the whole; raises as `read_config` does."""
    values: dict[str, Any] = {}
    for path in paths:
        values = lay_over(values, _read_yaml(path))
    return parse_config(values, ", ".join(map(str, paths)))


def _read_yaml(path: Path | str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such config file") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds no settings; write KEY: VALUE as `remots config` does")
    return values


def config_as_yaml(paper: bool = False) -> str:
    """Write every setting, each with its meaning.

    Parameters
    ----------
    paper : bool
        Where the paper's reading is not the default, give the paper's value.

    Returns
    -------
    str
        YAML in which a setting at its default is a comment: only what is given wins over `paper`.
    """
    what = "in the paper's reading (`remots config --paper`)" if paper else "at its default (`remots config`)"
    lines = [
        f"## Every setting of ReMOTS {what}. A key that is left out keeps its default, or with",
        '## `paper: true` the paper\'s value. To change one, take away the "# " before it and before its section.',
    ]
    for name, field in Config.model_fields.items():
        section = _section(field)
        if section is None:
            value = paper if name == "paper" else field.get_default(call_default_factory=True)
            lines += ["", f"## {field.description}", f"{name}: {_as_yaml(value)}"]
            continue
        reading = PAPER.get(section, {}) if paper else {}
        lines += ["", f"## {_first_line(section)}", f"{name}:" if reading else f"# {name}:"]
        for key, inner in section.model_fields.items():
            line = f"  {key}: {_as_yaml(reading.get(key, inner.default))}"
            lines += [f"#   ## {inner.description}", line if key in reading else f"# {line}"]
    return "\n".join(lines) + "\n"


def config_as_readme() -> str:
    """Explain every key of the config and every column of the sample sheet, in Markdown."""
    parts = [
        "# Configuration",
        "This page is made from the code (`remots config --format readme`); a test keeps it so. "
        "Unknown keys are refused.",
        "## `sequences.tsv`",
        "Tab-separated, one row a sequence; lines that start with `#` are left out. Paths are relative to the folder "
        "where Snakemake runs.",
        "\n".join(_table("column", SampleRow)),
        "## `config.yaml`",
        "`remots config > config.yaml` writes all of it, its sections as comments: a key that is left out keeps "
        "its default. Changing a key re-runs the rule of that name (of `detectors.NAME`: `detect` with that "
        "detector), and what follows from it.",
        "With `paper: true` (`snakemake --config paper=true`; `--paper` on the command line of a verb) each key that "
        "is left out takes the value in the column `paper`, where there is one. Keys that are given win. "
        "`remots config --paper` writes a config with those values.",
        "\n".join(_table("key", Config, leave_out_sections=True)),
    ]
    for name, field in Config.model_fields.items():
        section = _section(field)
        if section is not None:
            parts += [f"### `{name}`", _first_line(section), "\n".join(_table("key", section))]
    for place, section in NAMED_SECTIONS:
        parts += [f"### `{place}`", _first_line(section), "\n".join(_table("key", section))]
    return "\n\n".join(parts) + "\n"


def config_as_schema() -> str:
    """Write the JSON schema of ``config.yaml``."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def sample_sheet_as_schema() -> str:
    """Write the JSON schema of one row of ``sequences.tsv``."""
    return json.dumps(SampleRow.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _table(first_column: str, model: type[BaseModel], leave_out_sections: bool = False) -> Iterator[str]:
    reading: dict[str, Any] = next((values for section, values in PAPER.items() if section is model), {})
    paper = " paper |" if reading else ""
    yield f"| {first_column} | allowed | default |{paper} meaning |"
    yield "| --- | --- | --- |" + (" --- |" if reading else "") + " --- |"
    for name, field in model.model_fields.items():
        if not (leave_out_sections and _section(field)):
            default = "needed" if field.is_required() else f"`{_as_yaml(field.get_default(call_default_factory=True))}`"
            if reading:
                paper = f" `{_as_yaml(reading[name])}` |" if name in reading else " |"
            yield f"| `{name}` | {_allowed(field)} | {default} |{paper} {field.description} |"


def _allowed(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    parts = (
        typing.get_args(annotation)
        if typing.get_origin(annotation) in (typing.Union, types.UnionType)
        else (annotation,)
    )
    words = []
    for part in parts:
        if typing.get_origin(part) is typing.Literal:
            words.append(", ".join(f"`{choice}`" for choice in typing.get_args(part)))
        else:
            words.append(
                {int: "integer", float: "number", str: "text", bool: "true, false"}.get(part, _plain_name(part))
            )
    return " or ".join(words) + _bounds(field)


def _plain_name(annotation: Any) -> str:
    if annotation is types.NoneType:
        return "empty"
    return {list: "list", dict: "mapping"}.get(typing.get_origin(annotation), str(annotation))


def _bounds(field: FieldInfo) -> str:
    signs: dict[type, tuple[str, str]] = {
        annotated_types.Ge: ("≥", "ge"),
        annotated_types.Gt: (">", "gt"),
        annotated_types.Le: ("≤", "le"),
        annotated_types.Lt: ("<", "lt"),
    }
    bounds = [f"{signs[type(m)][0]} {getattr(m, signs[type(m)][1])}" for m in field.metadata if type(m) in signs]
    return " " + ", ".join(bounds) if bounds else ""


def _section(field: FieldInfo) -> type[Section] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _as_yaml(value: Any) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("\n...\n").strip()
    )
