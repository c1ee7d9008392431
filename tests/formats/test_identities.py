"""Ids in the formats: kept where they fit, never shared by two objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remots.errors import InputError
from remots.formats.exchange.identities import Identity, number_for_davis, number_for_png, number_for_text

PEOPLE = st.lists(
    st.tuples(st.sampled_from([1, 2, 10]), st.integers(-5, 2_100_000)).map(lambda pair: Identity(*pair)),
    unique=True,
    max_size=12,
)


@given(identities=PEOPLE)
def test_no_two_objects_share_an_id_and_the_id_says_the_class(identities):
    for number in (number_for_text, lambda some: number_for_png(some, "s"), lambda some: number_for_davis(some, "s")):
        ids = number(identities).ids
        assert set(ids) == set(identities)
        objects = [ids[one] for one in identities if one.class_id != 10]
        assert len(set(objects)) == len(objects)
    for one, text_id in number_for_text(identities).ids.items():
        assert one.class_id in (text_id // 1000, text_id // 1_000_000)
    for one, png_id in number_for_png(identities, "s").ids.items():
        assert png_id // 1000 == one.class_id
        assert png_id < 2**16


def test_ids_of_mots_files_stay():
    identities = [Identity(2, 2007), Identity(1, 1007), Identity(2, 2_001_234), Identity(10, 10000)]
    assert number_for_text(identities) == ({one: one.object_id for one in identities}, False)


def test_plain_numbers_become_ids_of_their_class():
    ids, is_renumbered = number_for_text([Identity(2, 7), Identity(1, 7), Identity(2, 1234)])
    assert list(ids.values()) == [2007, 1007, 2_001_234]
    assert not is_renumbered


def test_ids_that_would_meet_are_counted_anew():
    ids, is_renumbered = number_for_text([Identity(2, -3), Identity(2, 9)])
    assert list(ids.values()) == [2001, 2002]
    assert is_renumbered


def test_png_has_room_for_999_objects_of_a_class():
    assert max(number_for_png([Identity(2, n) for n in range(5000, 5999)], "s").ids.values()) == 2999
    with pytest.raises(InputError, match="s: a class has more than 999 objects"):
        number_for_png([Identity(2, n) for n in range(5000, 6000)], "s")


def test_davis_keeps_numbers_where_it_can_and_ignore_regions_are_void():
    ids, is_renumbered = number_for_davis([Identity(2, 2009), Identity(2, 2001), Identity(10, 10000)], "s")
    assert (list(ids.values()), is_renumbered) == ([9, 1, 255], False)
    ids, is_renumbered = number_for_davis([Identity(2, 2009), Identity(1, 1009)], "s")
    assert (list(ids.values()), is_renumbered) == ([1, 2], True)
