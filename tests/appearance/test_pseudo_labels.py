import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.appearance.pseudo_labels import chain_sure_links, hold_out_frames

many = settings(deadline=None, max_examples=60)


def chain(n_masks, links, **limits):
    pairs = np.array([link[:2] for link in links], np.int64).reshape(-1, 2)
    return chain_sure_links(n_masks, pairs, np.array([link[2] for link in links], np.float32), **limits).tolist()


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


@many
@given(n_frames=st.integers(0, 90), share=st.floats(0, 0.5), seed=st.integers(0, 5))
def test_held_out_frames_are_whole_and_of_the_share_asked_for(n_frames, share, seed):
    frames = np.repeat(np.arange(1, n_frames + 1), 3)
    held_out = hold_out_frames(frames, share, seed)
    assert held_out.shape == frames.shape
    by_frame = held_out.reshape(-1, 3)
    assert (by_frame.all(axis=1) == by_frame.any(axis=1)).all()
    assert abs(by_frame[:, 0].sum() - share * n_frames) <= 3  # each of three blocks is rounded
    np.testing.assert_array_equal(held_out, hold_out_frames(frames, share, seed))


def test_held_out_frames_are_three_blocks_one_in_each_third():
    held_out = hold_out_frames(np.arange(300), 0.1, 0)
    firsts = np.flatnonzero(np.diff(held_out.astype(int), prepend=0) == 1)
    assert held_out.sum() == 30
    assert (firsts // 100).tolist() == [0, 1, 2]
    assert (held_out != hold_out_frames(np.arange(300), 0.1, 1)).any()
