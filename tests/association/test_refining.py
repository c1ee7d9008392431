"""Tracks of others are split where two people were joined, over any gap, and others stay whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.association.refining import compare_contexts, describe_refinement, refine_tracklets
from tests.association.test_splitting import looks, unit


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 1000))
def test_contexts_are_means_over_all_pairs_across_the_gap(n_masks, n_context, gap, seed):
    features = unit(np.random.default_rng(seed).normal(size=(n_masks, 4)))
    ends = np.arange(max(0, n_masks - gap))
    similarities, sizes = compare_contexts(features, ends, ends + gap, n_context)
    for end in ends.tolist():
        before = features[max(0, end + 1 - n_context) : end + 1]
        after = features[end + gap : end + gap + n_context]
        slow = np.mean([float(a @ b) for a in before.astype(float) for b in after.astype(float)])
        assert similarities[end] == pytest.approx(slow, abs=1e-6)
        assert sizes[end] == min(len(before), len(after))


class Tracks:
    """Tracks of people whose looks drift as they walk; masks in the order of frames, all links sure but at changes."""

    def __init__(self, seed, *tracks):
        rng = np.random.default_rng(seed)
        masks = []
        for number, parts in enumerate(tracks):
            for person, frames in parts:
                drift = 0.004 * np.cumsum(rng.normal(size=(len(frames), 8)), axis=0)
                rows = unit(looks(person, len(frames), rng) + drift)
                masks += [(frame, number, person, row) for frame, row in zip(frames, rows, strict=True)]
        masks.sort(key=lambda mask: mask[:2])
        self.frames, self.ids, self.people = (np.array([mask[i] for mask in masks], np.int64) for i in range(3))
        self.features = np.array([mask[3] for mask in masks], np.float32).reshape(-1, 8)
        last: dict[tuple[int, int], int] = {}
        sure = []
        for mask, key in enumerate(zip(self.ids.tolist(), self.people.tolist(), strict=True)):
            if key in last and self.frames[last[key]] == self.frames[mask] - 1:
                sure.append((last[key], mask))
            last[key] = mask
        self.sure = np.array(sure, np.int64).reshape(-1, 2)

    def refine(self, share=0.01, max_gap_frames=None):
        return refine_tracklets(self.ids, self.frames, self.features, self.sure, share, max_gap_frames)


WHOLE = [[(0, range(1, 80))], [(1, range(5, 90))], [(2, range(1, 100))]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 500), st.integers(1, 60))
def test_a_track_that_finds_somebody_else_is_split_there_over_any_gap(seed, gap):
    tracks = Tracks(seed, *WHOLE, [(3, range(1, 15)), (4, range(14 + gap, 30 + gap))])
    refined = tracks.refine()
    assert not set(refined[tracks.people == 3]) & set(refined[tracks.people == 4])


@pytest.mark.parametrize("gap", [2, 7, 30, 60])
def test_a_track_that_finds_its_person_again_seldom_is_split_there_unless_gaps_are_too_long(gap):
    n_split = 0
    for seed in range(30):
        tracks = Tracks(seed, *WHOLE, [(3, [*range(1, 15), *range(14 + gap, 30 + gap)])])
        own = np.flatnonzero(tracks.people == 3)
        refined = tracks.refine(share=0.01)
        n_split += refined[own[13]] != refined[own[14]]
        cut = tracks.refine(share=0.01, max_gap_frames=gap - 1)
        assert cut[own[13]] != cut[own[14]]
    assert n_split <= 3


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 500), st.floats(0, 0.3), st.sampled_from([None, 1, 5]))
def test_parts_are_pieces_of_the_given_tracks_in_one_stretch_of_time(seed, share, max_gap):
    tracks = Tracks(seed, *WHOLE, [(3, range(1, 15)), (4, range(20, 30))])
    refined = tracks.refine(share, max_gap)
    firsts = [np.flatnonzero(refined == number)[0] for number in range(refined.max() + 1)]
    assert firsts == sorted(firsts)
    for number in range(refined.max() + 1):
        own = np.flatnonzero(refined == number)
        (given_id,) = set(tracks.ids[own].tolist())
        between = (tracks.ids == given_id) & (np.arange(len(refined)) >= own[0]) & (np.arange(len(refined)) <= own[-1])
        assert np.array_equal(np.flatnonzero(between), own)
        if max_gap:
            assert np.diff(tracks.frames[own]).max(initial=1) <= max_gap


def test_without_a_share_or_without_sure_links_tracks_stay_as_they_are():
    tracks = Tracks(1, *WHOLE, [(3, range(1, 15)), (4, range(20, 30))])
    for refined in (
        tracks.refine(0),
        refine_tracklets(tracks.ids, tracks.frames, tracks.features, tracks.sure[:9], 0.1),
    ):
        pairs = set(zip(tracks.ids.tolist(), refined.tolist(), strict=True))
        assert len(pairs) == len(set(refined.tolist())) == 4


def test_no_masks_and_single_masks_are_valid():
    empty = np.zeros(0, np.int64)
    assert len(refine_tracklets(empty, empty, np.zeros((0, 8), np.float32), empty.reshape(0, 2), 0.02)) == 0
    assert describe_refinement(empty, empty).n_tracklets == 0
    tracks = Tracks(1, *WHOLE, [(3, [50])])
    assert (tracks.refine()[tracks.people == 3] >= 0).all()


def test_what_became_of_the_tracks_is_counted():
    found = describe_refinement(np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1, 0, 1, 2, 3]))
    assert (found.n_given_tracklets, found.n_split_tracklets, found.n_tracklets) == (3, 1, 4)
    assert (found.n_single_mask_tracklets, found.max_length, found.single_mask_share) == (2, 2, 0.5)
