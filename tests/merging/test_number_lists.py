"""Lists of numbers that are read and replaced many at a time."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging.number_lists import NumberLists

numbers = st.lists(st.integers(0, 99), max_size=4)


def join(lists):
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in lists], dtype=np.int64)])
    return np.array([value for own in lists for value in own], np.int64), offsets


def part(values, offsets):
    return [values[start:end].tolist() for start, end in itertools.pairwise(offsets.tolist())]


@settings(deadline=None, max_examples=100)
@given(st.lists(numbers, min_size=4, max_size=4), st.lists(st.tuples(st.permutations(range(4)), numbers, numbers)))
def test_lists_are_what_was_last_put_in(lists, changes):
    found = NumberLists(*join(lists))
    for names, one, other in changes:
        names = np.array(names)
        found.replace(names[:2], *join([one, other]), emptied=names[2:3])
        lists[names[0]], lists[names[1]], lists[names[2]] = one, other, []
        assert part(*found.take(np.arange(4))) == lists
        assert part(*found.take(names[[3, 0, 3]])) == [lists[names[3]], lists[names[0]], lists[names[3]]]


def test_outdated_lists_do_not_pile_up():
    found = NumberLists(*join([[1, 2, 3], [4]]))
    for value in range(1000):
        found.replace(np.array([0]), *join([[value] * 3]), emptied=np.array([1]))
    assert part(*found.take(np.arange(2))) == [[999] * 3, []]
    assert len(found._values) <= 3 * 4
