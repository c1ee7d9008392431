"""The flags of a verb, made from its section of the settings."""

import argparse
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from remots.errors import InputError
from remots.settings import PAPER, Section, describe_first_error

SectionType = TypeVar("SectionType", bound=Section)


def add_common_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that each verb has."""
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors on standard error")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output says what was done")
    help_of_gpus = "0: use no GPU; 1: one that no other job of the workflow has"
    parser.add_argument("--gpus", type=int, metavar="N", help=help_of_gpus)


def add_settings(parser: argparse.ArgumentParser, section: type[Section]) -> None:
    """Add one flag per field of the section: its name, choices, default and description.

    Where defaults of the section leave the paper, there is a flag ``--paper``, too.
    """
    group = parser.add_argument_group("settings")
    if section in PAPER and parser.get_default("paper") is None:  # not yet there for another section
        described = "the paper's reading of every setting that is not given"
        group.add_argument("--paper", action="store_true", help=described)
    for name, field in section.model_fields.items():
        _add_flag(group, name, field, PAPER.get(section, {}).get(name))


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
                _add_flag(group, name, field)
        seen.update(section.model_fields)


def read_alternative(options: argparse.Namespace, choice: str, sections: Mapping[str, type[Section]]) -> Section:
    """Check the flags of the section that was chosen; raises InputError, also where a flag is another section's."""
    chosen = getattr(options, choice)
    known = {name for section in sections.values() for name in section.model_fields}
    given = {name: value for name, value in vars(options).items() if name in known}
    for name in given:
        if name not in sections[chosen].model_fields:
            raise InputError(f"--{name.replace('_', '-')} is no setting of {choice} {chosen}; leave it out")
    return _note(options, _check(sections[chosen], given))


def read_settings(options: argparse.Namespace, section: type[SectionType]) -> SectionType:
    """Check the values of the flags as the config file's are checked; raises InputError."""
    reading = PAPER.get(section, {}) if getattr(options, "paper", False) else {}
    given = {name: value for name, value in vars(options).items() if name in section.model_fields}
    return _note(options, _check(section, reading | given))


def _note(options: argparse.Namespace, settings: SectionType) -> SectionType:
    """Keep the settings that are in effect with the flags, for the record of the outputs."""
    options.settings = getattr(options, "settings", {}) | settings.model_dump()
    return settings


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


def _add_flag(group: Any, name: str, field: FieldInfo, paper: Any = None) -> None:
    """Add a flag that leaves no value where it is not given, so that what is given can be told from a default."""
    flag = f"--{name.replace('_', '-')}"
    values = f"default: {_as_word(field.default)}" + ("" if paper is None else f"; paper: {_as_word(paper)}")
    settings: dict[str, Any] = {
        "default": argparse.SUPPRESS,
        "help": f"{field.description} ({values})".replace("%", "%%"),
    }
    annotation = _without_none(field.annotation)
    if annotation is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **settings)
    elif typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        group.add_argument(flag, type=type(choices[0]), choices=choices, **settings)
    elif typing.get_origin(annotation) is list:
        (part,) = typing.get_args(annotation)
        group.add_argument(flag, type=part, nargs="*", metavar=part.__name__.upper(), **settings)
    else:
        group.add_argument(flag, type=annotation, metavar=annotation.__name__.upper(), **settings)


def _as_word(default: Any) -> str:
    if isinstance(default, list):
        return " ".join(map(str, default)) or "none"
    return "none" if default is None else str(default)


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation
