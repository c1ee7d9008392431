"""Ids for a format: those that a source has, or new ones where the format has no room for them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from remots.errors import InputError
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID
from remots.formats.exchange.mots_text import IDS_PER_CLASS, IGNORE_ID, mots_object_ids

VOID = 255
MOST_PNG_NUMBER = IDS_PER_CLASS - 1
MOST_DAVIS_OBJECTS = VOID - 1
_ALL_IDS_PER_CLASS = 1_000_000


class Identity(NamedTuple):
    """Whom a mask shows: its class as in MOTS text, and its id in the source."""

    class_id: int
    object_id: int


class Numbering(NamedTuple):
    """The id of each identity in a format, and whether ids had to be given up for new ones."""

    ids: dict[Identity, int]
    is_renumbered: bool


def number_for_text(identities: Iterable[Identity]) -> Numbering:
    """Give the ids of MOTS text: 1000 times the class, plus a number; ignore regions are 10000.

    Parameters
    ----------
    identities : iterable of Identity
        Each once.

    Returns
    -------
    Numbering
        Ids that have this form stay what they are. Others are taken as the number (of a class below 1000; from there on
        1000000 times the class is added), or, if two would get one id, all of them are counted anew from 1.
    """
    people, ignored = _part(identities)
    if all(_fits(identity) for identity in people):
        return Numbering({identity: identity.object_id for identity in people} | ignored, is_renumbered=False)
    numbered = {identity: int(mots_object_ids(identity.class_id, np.array(identity.object_id))) for identity in people}
    if len(set(numbered.values())) == len(people) and all(0 <= one.object_id < _ALL_IDS_PER_CLASS for one in people):
        return Numbering(numbered | ignored, is_renumbered=False)
    return Numbering(_count(people) | ignored, is_renumbered=True)


def number_for_png(identities: Iterable[Identity], name: str) -> Numbering:
    """Give the ids of MOTS PNG, as in text, but with numbers from 1 to 999 only.

    Raises
    ------
    InputError
        If a class has more objects than that; names the sequence `name`.
    """
    people, ignored = _part(identities)
    as_text = number_for_text(people)
    if all(number // IDS_PER_CLASS == identity.class_id for identity, number in as_text.ids.items()):
        return Numbering(as_text.ids | ignored, as_text.is_renumbered)
    counted = _count(people)
    if any(number // IDS_PER_CLASS != identity.class_id for identity, number in counted.items()):
        raise InputError(
            f"{name}: a class has more than {MOST_PNG_NUMBER} objects, too many for 16-bit PNG; convert to text"
        )
    return Numbering(counted | ignored, is_renumbered=True)


def number_for_davis(identities: Iterable[Identity], name: str) -> Numbering:
    """Give the indices of DAVIS PNG, 1 to 254; ignore regions are void, 255.

    The number within the class stays where that is possible, else objects are counted as they appear.

    Raises
    ------
    InputError
        If there are more than 254 objects; names the sequence `name`.
    """
    people, ignored = _part(identities)
    void = dict.fromkeys(ignored, VOID)
    numbers = [identity.object_id % IDS_PER_CLASS if _fits(identity) else identity.object_id for identity in people]
    if len(set(numbers)) == len(numbers) and all(1 <= number <= MOST_DAVIS_OBJECTS for number in numbers):
        return Numbering(dict(zip(people, numbers, strict=True)) | void, is_renumbered=False)
    if len(people) > MOST_DAVIS_OBJECTS:
        raise InputError(
            f"{name}: {len(people)} objects, but a palette PNG has room for {MOST_DAVIS_OBJECTS}; convert to another "
            "format, or a part of the video"
        )
    return Numbering({identity: number for number, identity in enumerate(people, start=1)} | void, is_renumbered=True)


def _part(identities: Iterable[Identity]) -> tuple[list[Identity], dict[Identity, int]]:
    """Part people and cars from ignore regions, which all have one id."""
    known = list(identities)
    people = [identity for identity in known if identity.class_id != IGNORE_CLASS_ID]
    return people, {identity: IGNORE_ID for identity in known if identity.class_id == IGNORE_CLASS_ID}


def _fits(identity: Identity) -> bool:
    """Tell whether an id says its class as those of MOTS files do."""
    class_id, object_id = identity
    return class_id in (object_id // IDS_PER_CLASS, object_id // _ALL_IDS_PER_CLASS) and object_id != IGNORE_ID


def _count(people: list[Identity]) -> dict[Identity, int]:
    n_of_class: dict[int, int] = {}
    ids = {}
    for identity in people:
        number = n_of_class[identity.class_id] = n_of_class.get(identity.class_id, 0) + 1
        ids[identity] = int(mots_object_ids(identity.class_id, np.array(number)))
    return ids
