"""Identities as MOTChallenge has them: who leaves the picture and comes back is somebody new."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.masks.rle import encode
from remots.synthetic.returns import Returns

SIZE = (20, 30)


def mask(left, width=4):
    picture = np.zeros(SIZE, bool)
    picture[5:15, left : left + width] = True
    return encode(picture)


INSIDE, LEFT, RIGHT = mask(10), mask(0), mask(26)


def identities_of(*frames):
    """Identities of one person, whose mask is given for each frame; None where nothing is seen."""
    returns = Returns(SIZE)
    seen = [returns.identify(frame, [7], [shown]) for frame, shown in enumerate(frames, start=1) if shown is not None]
    return [identity for (identity,) in seen]


def test_who_leaves_at_the_border_and_comes_in_at_the_border_is_somebody_new():
    assert identities_of(INSIDE, LEFT, None, LEFT, INSIDE) == [1, 1, 2, 2]
    assert identities_of(INSIDE, LEFT, None, RIGHT, None, None, RIGHT) == [1, 1, 2, 3]


def test_who_is_hidden_or_stands_at_the_border_stays_the_same():
    assert identities_of(INSIDE, None, None, INSIDE) == [1, 1]
    assert identities_of(LEFT, LEFT, INSIDE, RIGHT) == [1, 1, 1, 1]
    assert identities_of(LEFT, None, INSIDE, None, RIGHT) == [1, 1, 1]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0, 10, 26])), unique_by=lambda p: p[0])))
def test_identities_are_numbered_as_they_appear_and_never_shared(frames):
    returns, owners, order = Returns(SIZE), {}, []
    for frame, people in enumerate(frames, start=1):
        found = returns.identify(frame, [person for person, _ in people], [mask(left) for _, left in people])
        for (person, _), identity in zip(people, found, strict=True):
            assert owners.setdefault(identity, person) == person
            order += [identity] if identity not in order else []
    assert order == list(range(1, len(order) + 1))
