"""Sure links and their chains, against loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.association.sure_links import MAX_RIVAL_IOU_TO_LEARN, chain_links, find_sure_links

many = settings(deadline=None, max_examples=60)


def slow_sure_links(pairs, ious):
    found = []
    for place, (i, j) in enumerate(pairs):
        rivals = [other for other, (k, m) in enumerate(pairs) if other != place and (k == i or m == j)]
        if not rivals and ious[place] >= 0.5:
            found.append(place)
    return found


@settings(deadline=None, max_examples=100)
@given(st.sets(st.tuples(st.integers(0, 6), st.integers(7, 13)), max_size=12), st.integers(0, 1000))
def test_sure_links_are_good_overlaps_without_any_rival(pairs, seed):
    pairs = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    ious = np.random.default_rng(seed).uniform(0.3, 1, len(pairs))
    assert find_sure_links(pairs, ious).tolist() == slow_sure_links(pairs.tolist(), ious)


def test_an_iou_of_one_half_is_sure_and_a_slight_second_overlap_spoils_it():
    pairs = np.array([[0, 5], [1, 6], [1, 7], [2, 8]])
    assert find_sure_links(pairs, np.array([0.5, 0.9, 0.01, 0.49])).tolist() == [0]


def chain(n_masks, links, **limits):
    """Chain the sure links that a training learns from."""
    pairs = np.array([link[:2] for link in links], np.int64).reshape(-1, 2)
    ious = np.array([link[2] for link in links], np.float32)
    sure = find_sure_links(pairs, ious, **{"max_rival_iou": MAX_RIVAL_IOU_TO_LEARN, **limits})
    return chain_links(n_masks, pairs[sure]).tolist()


def test_a_high_overlap_without_rivals_links_and_chains_go_on():
    assert chain(4, [(0, 1, 0.83), (1, 2, 0.6), (2, 3, 0.4)]) == [0, 0, 0, 3]


@pytest.mark.parametrize("rival", [(1, 2, 0.2), (0, 3, 0.2)])
def test_a_rival_on_either_side_makes_a_link_unsure(rival):
    assert chain(4, [(0, 2, 0.7), rival])[2] == 2
    assert chain(4, [(0, 2, 0.7), (*rival[:2], 0.04)])[2] == 0  # hardly touches


@st.composite
def overlaps(draw):
    """Masks of three frames of four each, and pairs of adjacent frames in any order."""
    links = [(a, b) for first in (0, 4) for a in range(first, first + 4) for b in range(first + 4, first + 8)]
    chosen = draw(st.lists(st.sampled_from(links), unique=True, max_size=20))
    return [(a, b, draw(st.floats(0.01, 1))) for a, b in chosen]


@many
@given(links=overlaps())
def test_chains_are_those_that_loops_find(links):
    chains = list(range(12))
    for a, b, iou in sorted(links, key=lambda link: link[1]):
        near = [(c, d) for c, d, other in links if np.float32(other) > 0.05 and (c == a or d == b)]
        if np.float32(iou) >= 0.5 and near == [(a, b)]:
            chains[b] = chains[a]
    assert chain(12, links) == chains


def test_without_pairs_every_mask_is_on_its_own():
    assert chain(3, []) == [0, 1, 2]
    assert chain(0, []) == []


def test_a_rival_as_good_as_a_link_is_refused():
    with pytest.raises(ValueError, match=r"a rival of IoU 0\.5 is no rival where a link needs only 0\.5"):
        chain(2, [(0, 1, 0.9)], min_iou=0.5, max_rival_iou=0.5)
