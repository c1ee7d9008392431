"""The flags of a verb, made from its section of the settings."""

import argparse
import types
import typing
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


def read_settings(options: argparse.Namespace, section: type[SectionType]) -> SectionType:
    """Check the values of the flags as the config file's are checked; raises InputError."""
    values = {name: getattr(options, name) for name in section.model_fields}
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
        elif value is not None:
            words += [flag, shlex.quote(str(value))]
    return " ".join(words)


def _add_flag(group: Any, name: str, field: FieldInfo, default: Any) -> None:
    flag = f"--{name.replace('_', '-')}"
    described = f"{field.description} (default: {default})".replace("%", "%%")
    annotation = _without_none(field.annotation)
    if annotation is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=described)
    elif typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        group.add_argument(flag, type=type(choices[0]), choices=choices, default=default, help=described)
    else:
        group.add_argument(flag, type=annotation, default=default, help=described, metavar=annotation.__name__.upper())


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation
