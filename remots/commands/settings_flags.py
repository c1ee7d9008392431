"""The flags of a verb, made from its section of the settings."""

import argparse
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from remots.errors import InputError
from remots.settings import Section, describe_first_error

SectionType = TypeVar("SectionType", bound=Section)


def add_settings(parser: argparse.ArgumentParser, section: type[Section], **defaults: Any) -> None:
    """Add one flag per field of the section: its name, choices, default and description."""
    group = parser.add_argument_group("settings")
    for name, field in section.model_fields.items():
        _add_flag(group, name, field, defaults.get(name, field.default))


def add_alternatives(parser: argparse.ArgumentParser, choice: str, sections: Mapping[str, type[Section]]) -> None:
    """Add a flag that chooses a section, and the flags of all the sections; one that is not given keeps its default.

    Parameters
    ----------
    parser : ArgumentParser
    choice : str
        The field that tells the sections apart, for instance ``"detector"``.
    sections : mapping of str to type of Section
        By the value of that field.
    """
    parser.add_argument(f"--{choice}", required=True, choices=sections, help=f"the {choice}")
    seen = {choice}
    for section in dict.fromkeys(sections.values()):
        names = [name for name, own in sections.items() if own is section]
        group = parser.add_argument_group(f"settings of {', '.join(names)}")
        for name, field in section.model_fields.items():
            if name not in seen:
                _add_flag(group, name, field, argparse.SUPPRESS)
        seen.update(section.model_fields)


def read_alternative(options: argparse.Namespace, choice: str, sections: Mapping[str, type[Section]]) -> Section:
    """Check the flags of the section that was chosen; raises InputError, also where a flag is another section's."""
    chosen = getattr(options, choice)
    known = {name for section in sections.values() for name in section.model_fields}
    given = {name: value for name, value in vars(options).items() if name in known}
    for name in given:
        if name not in sections[chosen].model_fields:
            raise InputError(f"--{name.replace('_', '-')} is no setting of {choice} {chosen}; leave it out")
    return _check(sections[chosen], given)


def read_settings(options: argparse.Namespace, section: type[SectionType]) -> SectionType:
    """Check the values of the flags as the config file's are checked; raises InputError."""
    return _check(section, {name: getattr(options, name) for name in section.model_fields})


def _check(section: type[SectionType], values: dict[str, Any]) -> SectionType:
    try:
        return section.model_validate(values)
    except ValidationError as error:
        key, _, complaint = describe_first_error(error, section).partition(" is ")
        raise InputError(f"--{key.replace('_', '-')} is {complaint}") from error


def format_flags(section: Section) -> str:
    """Write a section as flags for a shell command; a rule passes its settings so.

    Fields that are None are left out.
    """
    import shlex

    words: list[str] = []
    for name, value in section.model_dump().items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, list):
            words += [flag, *(shlex.quote(str(one)) for one in value)] if value else []
        elif value is not None:
            words += [flag, shlex.quote(str(value))]
    return " ".join(words)


def _add_flag(group: Any, name: str, field: FieldInfo, default: Any) -> None:
    flag = f"--{name.replace('_', '-')}"
    shown = field.default if default is argparse.SUPPRESS else default
    described = f"{field.description} (default: {_as_word(shown)})".replace("%", "%%")
    annotation = _without_none(field.annotation)
    if annotation is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=described)
    elif typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        group.add_argument(flag, type=type(choices[0]), choices=choices, default=default, help=described)
    elif typing.get_origin(annotation) is list:
        (part,) = typing.get_args(annotation)
        group.add_argument(flag, type=part, nargs="*", default=default, help=described, metavar=part.__name__.upper())
    else:
        group.add_argument(flag, type=annotation, default=default, help=described, metavar=annotation.__name__.upper())


def _as_word(default: Any) -> str:
    if isinstance(default, list):
        return " ".join(map(str, default)) or "none"
    return "none" if default is None else str(default)


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation
