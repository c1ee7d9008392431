"""``ablation.yaml``: groups of variants of the config, which `snakemake ablation` compares."""

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from remots.errors import InputError
from remots.settings import NAME_PATTERN, Config, Section, parse_config

# What a variant may change: the settings of the steps, not where things lie.
CHANGEABLE = [
    "paper",
    "detectors",
    *(
        name
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    ),
]


def read_ablation(path: Path | str, values: Mapping[str, Any]) -> dict[str, Config]:
    """Read the variants and lay each over the config.

    Parameters
    ----------
    path : Path
        YAML of three levels: group, variant, and what the variant changes, written as in ``config.yaml``. Where a
        setting is a list, the variant stands for several: one for each of its values.
    values : mapping
        What ``config.yaml`` holds, unchecked: with ``paper``, keys that are left out there stay left out.

    Returns
    -------
    dict of str to Config
        By ``"GROUP/VARIANT"``, or ``"GROUP/VARIANT/NUMBER"`` for each of several, in the order of the file.

    Raises
    ------
    InputError
        If the file is missing, is no YAML, or a key or value is wrong; names the file, the group and the variant.
    """
    variants: dict[str, Config] = {}
    for group, members in _as_mapping(_read_yaml(path), f"{path}").items():
        for name, changes in _as_mapping(members, f"{path}: {group}").items():
            place = f"{path}: {group}: {name}"
            _check(group, name, _as_mapping(changes, place), place)
            each = list(_one_by_one(changes or {}))
            for number, overlay in enumerate(each, start=1):
                key = f"{group}/{name}" + (f"/{number}" if len(each) > 1 else "")
                variants[key] = parse_config(lay_over(values, overlay), place)
    return variants


def _read_yaml(path: Path | str) -> Any:
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file of variants; set `ablation` in the config to one") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


def _as_mapping(value: Any, place: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{place}: {value!r} is no mapping; write group, variant and sections as in config.yaml")
    return {str(key): inner for key, inner in value.items()}


def _check(group: str, name: str, changes: dict[str, Any], place: str) -> None:
    for word in (group, name):
        if not re.match(NAME_PATTERN, word):
            raise InputError(f"{place}: {word!r} becomes a folder; write it with letters, digits, '_', '.' and '-'")
    for section in changes:
        if section not in CHANGEABLE:
            raise InputError(f"{place}: unknown key {section}; a variant may change {', '.join(CHANGEABLE)}")


def _one_by_one(changes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Take the values of each list in turn, and of several lists every combination."""
    lists = [
        [(section, key, value) for value in values]
        for section, settings in changes.items()
        if section != "detectors" and isinstance(settings, dict)
        for key, values in settings.items()
        if isinstance(values, list)
    ]
    for chosen in itertools.product(*lists):
        yield lay_over(changes, _nested(chosen))


def _nested(chosen: tuple[tuple[str, str, Any], ...]) -> dict[str, Any]:
    overlay: dict[str, Any] = {}
    for section, key, value in chosen:
        overlay.setdefault(section, {})[key] = value
    return overlay


def lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Put one config on another; mappings are joined key by key, anything else is replaced. As Snakemake does."""
    joined = dict(below)
    for key, value in above.items():
        old = joined.get(key)
        joined[key] = lay_over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return joined
