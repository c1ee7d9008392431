"""The clustering, against the plain one in `slow_clustering`."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging import clusters, linkage
from remots.merging.evidence import Evidence
from remots.merging.linkage import merge_tracklets
from tests.merging.slow_clustering import prepare, random_tracklets, slow_merging

seeds = st.integers(0, 10**6)
A, B, C = np.array([[1.0, 0.0]]), np.array([[0.8, 0.6]]), np.array([[1.0, 0.0]])


class TableOfBonuses:
    """Any bonus for any junction."""

    def __init__(self, bonuses):
        self.bonuses, self.largest = bonuses, float(bonuses.max(initial=0))

    def __call__(self, earlier, later):
        return self.bonuses[earlier, later]


def sized(distances, smaller_sizes):
    """Looks of small clusters tell less: their distances lie nearer to 0.5."""
    return 0.5 + (distances - 0.5) * smaller_sizes / (1 + smaller_sizes)


def merge(features, frames, theta, max_gap=15, bonus=None, looks=None):
    track_ids, merges = merge_tracklets(*prepare(features, frames), theta, max_gap, Evidence(looks, bonus))
    clusters = {frozenset(np.flatnonzero(track_ids == track).tolist()) for track in set(track_ids.tolist())}
    listed = list(
        zip(merges.a.tolist(), merges.b.tolist(), merges.distance.tolist(), merges.gap_frames.tolist(), strict=True)
    )
    return track_ids, clusters, listed


@settings(deadline=None, max_examples=150)
@given(seeds, st.integers(0, 12), st.booleans(), st.floats(-1, 1), st.integers(1, 15))
def test_clusters_and_merges_are_those_of_the_plain_algorithm(seed, n_tracklets, holes, theta, max_gap):
    features, frames = random_tracklets(seed, n_tracklets, holes)
    slow_clusters, slow_merges = slow_merging(features, frames, theta, max_gap)
    _, clusters, merges = merge(features, frames, theta, max_gap)
    assert [(a, b, gap) for a, b, _, gap in merges] == [(a, b, gap) for a, b, _, gap in slow_merges]
    assert [distance for *_, distance, _ in merges] == pytest.approx([m[2] for m in slow_merges], abs=1e-5)
    assert clusters == slow_clusters


@settings(deadline=None, max_examples=200)
@given(seeds, st.integers(0, 12), st.booleans(), st.floats(-1, 1), st.integers(1, 15), st.booleans(), st.booleans())
def test_with_other_evidence_the_merges_are_those_of_the_plain_algorithm(
    seed, n_tracklets, holes, theta, max_gap, with_place, with_sizes
):
    features, frames = random_tracklets(seed, n_tracklets, holes)
    n_rows = len(prepare(features, frames)[2].first)
    bonuses = np.random.default_rng(seed).normal(0, 0.4, (n_rows, n_rows)) if with_place else None
    looks = sized if with_sizes else None
    slow_clusters, slow_merges = slow_merging(features, frames, theta, max_gap, bonuses, looks)
    bonus = TableOfBonuses(bonuses) if with_place else None
    _, clusters, merges = merge(features, frames, theta, max_gap, bonus, looks)
    assert [(a, b, gap) for a, b, _, gap in merges] == [(a, b, gap) for a, b, _, gap in slow_merges]
    assert [distance for *_, distance, _ in merges] == pytest.approx([m[2] for m in slow_merges], abs=1e-5)
    assert clusters == slow_clusters


def test_no_bonus_anywhere_changes_nothing():
    features, frames = random_tracklets(3, 12, holes=True)
    n_rows = len(prepare(features, frames)[2].first)
    assert (
        merge(features, frames, 0.2, bonus=TableOfBonuses(np.zeros((n_rows, n_rows))))[1:]
        == merge(features, frames, 0.2)[1:]
    )


def test_a_tracklet_that_fills_a_hole_is_judged_by_both_of_its_ends():
    frames, features = [[1, 2, 8, 9], [4, 5]], [np.repeat(A, 4, axis=0), np.repeat(A, 2, axis=0)]
    bonuses = np.zeros((3, 3))
    bonuses[0, 2] = 0.3
    bonuses[2, 1] = -0.3  # back from it to the other end of the hole: nobody walks so far
    assert len(merge(features, frames, 0.9, bonus=TableOfBonuses(bonuses))[1]) == 2
    bonuses[2, 1] = 0.3
    assert len(merge(features, frames, 0.9, bonus=TableOfBonuses(bonuses))[1]) == 1


@settings(deadline=None, max_examples=25)
@given(seeds, st.booleans())
def test_larger_scenes_agree_with_the_plain_algorithm_too(seed, holes):
    features, frames = random_tracklets(seed, 35, holes, n_frames=120)
    slow_clusters, slow_merges = slow_merging(features, frames, 0.2, 15)
    _, clusters, merges = merge(features, frames, 0.2)
    assert clusters == slow_clusters
    assert [merge[:2] for merge in merges] == [merge[:2] for merge in slow_merges]


@settings(deadline=None, max_examples=80)
@given(seeds, st.integers(0, 30), st.booleans(), st.floats(-1, 1))
def test_no_track_has_two_masks_in_one_frame(seed, n_tracklets, holes, theta):
    features, frames = random_tracklets(seed, n_tracklets, holes)
    _, clusters, _ = merge(features, frames, theta)
    for members in clusters:
        together = [frame for k in members for frame in frames[k]]
        assert len(together) == len(set(together))


@settings(deadline=None, max_examples=80)
@given(seeds, st.floats(-1, 1), st.floats(-1, 1))
def test_a_higher_threshold_makes_the_first_part_of_the_same_merges(seed, one, other):
    features, frames = random_tracklets(seed, 20, holes=False)
    low, high = sorted((one, other))
    many, few = merge(features, frames, low)[2], merge(features, frames, high)[2]
    assert few == many[: len(few)]


@settings(deadline=None, max_examples=60)
@given(seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_tracklets_does_not_matter(seed, random):
    features, frames = random_tracklets(seed, 20, holes=True)
    order = list(range(20))
    random.shuffle(order)
    _, clusters, _ = merge(features, frames, 0.1)
    _, shuffled, _ = merge([features[k] for k in order], [frames[k] for k in order], 0.1)
    assert {frozenset(order[k] for k in members) for members in shuffled} == clusters


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_every_merge_is_near_enough_in_time_and_looks(seed):
    features, frames = random_tracklets(seed, 25, holes=False)
    for a, b, distance, gap in merge(features, frames, 0.3, 7)[2]:
        assert a < b
        assert distance <= 0.7
        assert 1 <= gap <= 7


def test_a_chain_joins_through_its_middle_although_its_ends_are_too_far_apart():
    # Complete linkage, which is what a huge number for infinity amounts to, would keep the third apart.
    _, clusters, merges = merge([A, A, A], [[1], [11], [21]], 0.9)
    assert clusters == {frozenset({0, 1, 2})}
    assert [merge[:2] + merge[3:] for merge in merges] == [(0, 1, 10), (0, 2, 10)]
    assert merge([A, A], [[1], [21]], 0.9)[1] == {frozenset({0}), frozenset({1})}


def test_a_chain_does_not_join_through_a_middle_that_shares_a_frame_with_an_end():
    features = [np.repeat(A, 3, axis=0), np.repeat(A, 4, axis=0), np.repeat(A, 3, axis=0)]
    _, clusters, _ = merge(features, [[1, 2, 3], [5, 6, 7, 8], [8, 9, 10]], -1)
    assert clusters in ({frozenset({0, 1}), frozenset({2})}, {frozenset({0, 2}), frozenset({1})})


def test_distances_can_fall_where_a_part_was_too_far_away_before():
    # The first and third look alike but are 20 frames apart; they meet through the second, which resembles both.
    *_, merges = merge([A, B, C], [[1], [11], [21]], 0.5)
    assert [distance for *_, distance, _ in merges] == pytest.approx([0.2, 0.1])


def test_a_cluster_is_the_mean_of_all_its_observations_and_not_of_its_tracklets():
    features = [np.repeat(A, 3, axis=0), np.array([[0.96, 0.28]]), np.array([[0.0, 1.0]])]
    *_, merges = merge(features, [[1, 2, 3], [5], [7]], -1)
    assert merges[0][2] == pytest.approx(0.04, abs=1e-6)
    assert merges[1][2] == pytest.approx(1 - 0.28 / 4, abs=1e-6)


def test_of_equally_near_pairs_the_smallest_ids_go_first():
    *_, merges = merge([A] * 4, [[1], [1], [2], [2]], 0.5)
    assert [merge[:2] for merge in merges] == [(0, 2), (1, 3)]


def test_a_distance_on_the_threshold_is_merged():
    features = [np.array([[1.0, 0, 0, 0]]), np.array([[0.5, 0.5, 0.5, 0.5]])]
    assert len(merge(features, [[1], [2]], 0.5)[2]) == 1
    assert len(merge(features, [[1], [2]], 0.50001)[2]) == 0


def test_tracks_are_numbered_from_one_as_they_appear():
    track_ids, _, _ = merge([A, B, A, -A], [[30], [2], [31], [1]], 0.99)
    assert track_ids.tolist() == [3, 2, 3, 1]


def test_no_tracklets_and_one_tracklet_are_valid():
    track_ids, _, merges = merge([], [], 0.5)
    assert track_ids.tolist() == []
    assert merges == []
    assert merge([A], [[7]], 0.5)[0].tolist() == [1]


def test_two_people_who_pass_each_other_keep_their_identity(two_people):
    """a is hidden in the third frame, so the short-term tracker gives it two tracklets: 0 and 2."""
    shown = [set(map(str, frame)) for frame in two_people]
    frames = [[t for t in (1, 2) if "a" in shown[t - 1]], [1, 2, 3, 4, 5], [t for t in (4, 5) if "a" in shown[t - 1]]]
    assert [len(own) for own in frames] == [2, 5, 2]
    looks = [np.repeat([[1.0, 0.1]], 2, axis=0), np.repeat([[0.1, 1.0]], 5, axis=0), np.repeat([[1.0, 0.0]], 2, axis=0)]
    looks = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in looks]
    track_ids, _, merges = merge(looks, frames, 0.5)
    assert track_ids.tolist() == [1, 2, 1]
    assert [merge[3] for merge in merges] == [2]


def test_input_of_different_lengths_is_refused():
    sums, sizes, ranges = prepare([A, B], [[1], [2]])
    with pytest.raises(ValueError, match="do not fit together"):
        merge_tracklets(sums, sizes[:1], ranges, 0.5, 15)


def test_a_crowd_of_a_thousand_tracklets_is_merged_without_a_shared_frame():
    features, frames = random_tracklets(3, 1000, holes=False, n_frames=600, n_dimensions=8)
    _, clusters, merges = merge(features, frames, 0.3)
    assert len(merges) == 1000 - len(clusters) > 300
    for members in clusters:
        together = list(itertools.chain.from_iterable(frames[k] for k in members))
        assert len(together) == len(set(together))


@pytest.mark.parametrize("n_together", [1, 3, 1000])
@pytest.mark.parametrize("with_place", [False, True])
def test_how_many_pairs_are_worked_out_together_changes_nothing(monkeypatch, n_together, with_place):
    features, frames = random_tracklets(5, 300, holes=True, n_frames=300)
    n_rows = len(prepare(features, frames)[2].first)
    bonus = TableOfBonuses(np.random.default_rng(1).normal(0, 0.2, (n_rows, n_rows))) if with_place else None
    expected = merge(features, frames, 0.2, bonus=bonus, looks=sized)
    monkeypatch.setattr(linkage, "_PAIRS_TOGETHER", n_together)
    track_ids, found, merges = merge(features, frames, 0.2, bonus=bonus, looks=sized)
    assert found == expected[1]
    assert [(a, b, gap) for a, b, _, gap in merges] == [(a, b, gap) for a, b, _, gap in expected[2]]
    assert len(merges) > 100
    assert np.array_equal(track_ids, expected[0])


@pytest.mark.parametrize("with_place", [False, True])
def test_scenes_parted_into_small_chunks_agree_with_the_plain_algorithm(monkeypatch, with_place):
    monkeypatch.setattr(linkage, "_PAIRS_PER_CHUNK", 3)
    monkeypatch.setattr(clusters, "_PAIRS_PER_CHUNK", 5)
    features, frames = random_tracklets(11, 30, holes=True, n_frames=90)
    n_rows = len(prepare(features, frames)[2].first)
    bonuses = np.random.default_rng(2).normal(0, 0.2, (n_rows, n_rows)) if with_place else None
    slow_clusters, slow_merges = slow_merging(features, frames, 0.2, 15, bonuses)
    _, found, merges = merge(features, frames, 0.2, bonus=TableOfBonuses(bonuses) if with_place else None)
    assert [(a, b, gap) for a, b, _, gap in merges] == [(a, b, gap) for a, b, _, gap in slow_merges]
    assert found == slow_clusters
