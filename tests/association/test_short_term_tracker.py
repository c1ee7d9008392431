"""Equations 1 and 2, the linear assignment, and the short tracklets that come of it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from remots.association.short_term_tracker import (
    Links,
    assign_pairs,
    bound_distances,
    choose_links,
    link_short_tracklets,
    pair_distances,
    summarise_tracklets,
)
from remots.association.warping import paint_labels, warped_iou

EMPTY_PAIRS = np.zeros((0, 2), np.int64)


def unit_rows(rng, n_rows, n_dimensions=4):
    rows = rng.normal(size=(n_rows, n_dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_video(seed, n_frames=6, most=5):
    """Frames of masks, features, and random overlaps between adjacent frames."""
    rng = np.random.default_rng(seed)
    frames = np.repeat(np.arange(1, n_frames + 1), rng.integers(0, most + 1, n_frames))
    features = unit_rows(rng, len(frames))
    neighbours = [(i, j) for i, j in itertools.product(range(len(frames)), repeat=2) if frames[j] == frames[i] + 1]
    pairs = np.array([pair for pair in neighbours if rng.random() < 0.5], np.int64).reshape(-1, 2)
    return frames, features, pairs, rng.random(len(pairs))


def test_equation_1_is_infinite_without_overlap_and_one_minus_cosine_with_it():
    features = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], np.float32)
    pairs = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [0, 0]])
    distances = pair_distances(features, pairs, np.array([0.5, 0.01, 1.0, 0.0, 0.3]))
    assert distances == pytest.approx([0.4, 1, 2, np.inf, 0])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6))
def test_equation_1_is_that_of_the_paper_with_norms_written_out(seed):
    _, features, pairs, ious = random_video(seed)
    found = pair_distances(features, pairs, ious)
    for (i, j), distance in zip(pairs, found, strict=True):
        f, g = features[i].astype(float), features[j].astype(float)
        assert distance == pytest.approx(1 - f @ g / (np.linalg.norm(f) * np.linalg.norm(g)), abs=1e-6)


def test_many_pairs_are_compared_in_chunks(monkeypatch):
    _, features, pairs, ious = random_video(5, n_frames=8, most=8)
    whole = pair_distances(features, pairs, ious)
    monkeypatch.setattr("remots.association.short_term_tracker._VALUES_PER_CHUNK", 12)
    assert len(pairs) > 30
    assert np.array_equal(pair_distances(features, pairs, ious), whole)


def test_equation_2_keeps_a_distance_on_the_threshold_and_rules_out_one_above():
    distances = np.array([0.0, 0.25, 0.2500001, 1.0, np.inf])
    assert bound_distances(distances, 0.75).tolist() == [0.0, 0.25, np.inf, np.inf, np.inf]


def test_a_feature_that_is_not_finite_is_named():
    features = np.array([[1, 0], [np.nan, 0]], np.float32)
    with pytest.raises(ValueError, match="feature of mask 0 or 1 is not finite"):
        pair_distances(features, np.array([[0, 1]]), np.array([1.0]))


def best_choice(pairs, distances):
    """Try every set of pairs: the most pairs, then the least sum."""
    finite = [index for index in range(len(pairs)) if np.isfinite(distances[index])]
    best = (0, 0.0, ())
    for size in range(1, len(finite) + 1):
        for chosen in itertools.combinations(finite, size):
            rows, columns = pairs[list(chosen)].T
            if len(set(rows)) == len(set(columns)) == size:
                best = min(best, (-size, sum(distances[list(chosen)]), chosen))
    return best


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_the_assignment_has_the_most_pairs_and_then_the_least_distance(seed, n_rows, n_columns):
    rng = np.random.default_rng(seed)
    every = np.array(list(itertools.product(range(n_rows), range(10, 10 + n_columns))))
    pairs = every[rng.random(len(every)) < 0.7][:9]
    distances = np.where(rng.random(len(pairs)) < 0.25, np.inf, 2 * rng.random(len(pairs)))
    size, total, chosen = best_choice(pairs, distances)
    found = assign_pairs(pairs, distances)
    assert found.tolist() == list(chosen)
    assert len(found) == -size
    assert distances[found].sum() == pytest.approx(total)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6))
def test_the_assignment_of_a_crowd_costs_what_the_full_matrix_costs(seed):
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((20, 22)) < 0.85, np.inf, rng.random((20, 22)))
    pairs = np.argwhere(np.isfinite(matrix))
    huge = 1000.0
    rows, columns = linear_sum_assignment(np.where(np.isfinite(matrix), matrix, huge))
    solved = matrix[rows, columns]
    found = assign_pairs(pairs, matrix[tuple(pairs.T)])
    assert len(found) == np.isfinite(solved).sum()
    assert matrix[tuple(pairs[found].T)].sum() == pytest.approx(solved[np.isfinite(solved)].sum())


def test_a_mask_without_any_finite_pair_stays_unmatched():
    pairs = np.array([[0, 2], [0, 3], [1, 2], [1, 3]])
    assert assign_pairs(pairs, np.array([np.inf, np.inf, 0.4, 0.3])).tolist() == [3]
    assert assign_pairs(pairs, np.full(4, np.inf)).tolist() == []
    assert assign_pairs(EMPTY_PAIRS, np.zeros(0)).tolist() == []


def test_two_masks_that_can_only_go_to_the_same_one_leave_it_to_the_nearer():
    assert assign_pairs(np.array([[0, 2], [1, 2]]), np.array([0.5, 0.2])).tolist() == [1]


def test_the_sum_decides_and_not_the_nearest_pair():
    pairs = np.array([[0, 2], [0, 3], [1, 2], [1, 3]])
    assert assign_pairs(pairs, np.array([0.0, 0.1, 0.2, 0.9])).tolist() == [1, 2]


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.floats(-1, 1))
def test_tracklets_are_chains_through_adjacent_frames_numbered_as_they_appear(seed, theta):
    frames, features, pairs, ious = random_video(seed)
    ids, _ = link_short_tracklets(frames, features, pairs, ious, theta)
    assert len(ids) == len(frames)
    first_seen = list(dict.fromkeys(ids.tolist()))
    assert first_seen == list(range(len(first_seen)))
    allowed = {tuple(pair) for pair in pairs.tolist()}
    for tracklet in first_seen:
        members = np.flatnonzero(ids == tracklet)
        assert np.all(np.diff(frames[members]) == 1)
        for i, j in itertools.pairwise(members.tolist()):
            assert (i, j) in allowed
            assert features[i] @ features[j] >= theta - 1e-6


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.floats(-1, 1), st.floats(-1, 1))
def test_a_higher_threshold_never_makes_fewer_tracklets(seed, one, other):
    video = random_video(seed)
    low, high = sorted((one, other))
    n_low, n_high = (len(set(link_short_tracklets(*video, theta)[0].tolist())) for theta in (low, high))
    assert n_low <= n_high


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(seed, random):
    frames, features, pairs, ious = random_video(seed)
    order = list(range(len(pairs)))
    random.shuffle(order)
    same, _ = link_short_tracklets(frames, features, pairs, ious, 0.0)
    assert np.array_equal(link_short_tracklets(frames, features, pairs[order], ious[order], 0.0)[0], same)


def test_a_threshold_above_one_leaves_every_mask_alone():
    video = random_video(1)
    assert np.array_equal(link_short_tracklets(*video, 1.06)[0], np.arange(len(video[0])))


def test_a_threshold_of_minus_one_links_any_overlap():
    features = np.array([[1, 0], [-1, 0]], np.float32)
    ids, _ = link_short_tracklets(np.array([4, 5]), features, np.array([[0, 1]]), np.array([0.01]), -1.0)
    assert ids.tolist() == [0, 0]


def test_no_masks_one_mask_and_one_frame_are_valid():
    nothing = np.zeros((0, 4), np.float32)
    assert link_short_tracklets(np.zeros(0, int), nothing, EMPTY_PAIRS, np.zeros(0), 0.5)[0].tolist() == []
    rows = unit_rows(np.random.default_rng(0), 3)
    assert link_short_tracklets(np.array([9]), rows[:1], EMPTY_PAIRS, np.zeros(0), 0.5)[0].tolist() == [0]
    assert link_short_tracklets(np.array([9, 9, 9]), rows, EMPTY_PAIRS, np.zeros(0), 0.5)[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("frames", "n_features", "pairs", "words"),
    [
        ([1, 3], 2, [[0, 1]], "masks 0 and 1 are not in adjacent frames"),
        ([1, 2], 2, [[1, 0]], "masks 1 and 0 are not in adjacent frames"),
        ([1, 2], 3, [[0, 1]], "2 masks but 3 features"),
        ([1, 2], 2, [[0, 2]], "names mask 2, but there are 2 masks"),
        ([2, 1], 2, [[0, 1]], "not sorted by frame"),
        ([1, 2], 2, [[0, 1], [0, 1]], "do not fit together"),
    ],
)
def test_input_that_does_not_fit_is_refused(frames, n_features, pairs, words):
    features = np.ones((n_features, 1), np.float32)
    with pytest.raises(ValueError, match=words):
        link_short_tracklets(np.array(frames), features, np.array(pairs), np.ones(1), 0.5)


def links_of(pairs=(), similarities=(), rivals=(), n_refused=0):
    return Links(np.array(pairs, np.int64).reshape(-1, 2), np.array(similarities), np.array(rivals), n_refused)


def test_the_summary_counts_tracklets_and_warns_of_single_masks():
    summary = summarise_tracklets(np.array([0, 1, 0, 2, 0, 3]), links_of(n_refused=2))
    assert (summary.n_masks, summary.n_tracklets, summary.n_single_mask_tracklets) == (6, 4, 3)
    assert (summary.single_mask_share, summary.mean_length, summary.median_length) == (0.75, 1.5, 1.0)
    assert (summary.max_length, summary.n_refused_links, summary.estimated_purity) == (3, 2, None)
    assert summary.is_degenerate
    assert not summarise_tracklets(np.array([0, 0, 1, 1]), links_of()).is_degenerate
    nothing = summarise_tracklets(np.zeros(0, np.int64), links_of(), 10.0)
    assert (nothing.n_tracklets, nothing.mean_length, nothing.is_degenerate) == (0, 0.0, False)
    assert nothing.estimated_purity == 1


def test_a_link_as_good_as_its_rival_is_wrong_by_halves():
    ids = np.array([0, 0, 0, 0])
    links = links_of([(0, 1), (1, 2), (2, 3)], [0.9, 0.8, 0.9], [-np.inf, 0.8, -np.inf])
    # In one of two cases, two of the four masks are another's.
    assert summarise_tracklets(ids, links, 20.0).estimated_purity == pytest.approx(1 - 0.5 * 2 / 4)


def test_a_link_that_was_cut_again_is_counted_and_leaves_no_doubt():
    links = links_of([(0, 1), (1, 2), (2, 3)], [0.9, 0.8, 0.9], [-np.inf, 0.8, -np.inf])
    summary = summarise_tracklets(np.array([0, 0, 1, 1]), links, 20.0)
    assert (summary.n_split_links, summary.estimated_purity) == (1, 1)


def two_by_two(sim_00, sim_01, sim_10, sim_11):
    """Masks 0 and 1, then 2 and 3, with the given similarities between them."""
    wanted = np.array([[sim_00, sim_01], [sim_10, sim_11]])
    features = np.zeros((4, 4))
    features[2, 0] = features[3, 1] = 1
    features[:2, :2] = wanted
    features[[0, 1], [2, 3]] = np.sqrt(1 - (wanted**2).sum(axis=1))
    return features.astype(np.float32), np.array([[0, 2], [0, 3], [1, 2], [1, 3]])


def test_two_poor_links_are_not_made_for_want_of_a_good_one():
    features, pairs = two_by_two(0.8, 0.5, 0.45, 0.0)
    most = choose_links(features, pairs, np.ones(4), 0.4)
    best = choose_links(features, pairs, np.ones(4), 0.4, "most_similar")
    assert most.pairs.tolist() == [[0, 3], [1, 2]]
    assert best.pairs.tolist() == [[0, 2]]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(-0.9, 0.9))
def test_the_most_similar_links_have_the_greatest_sum_above_the_threshold(seed, theta):
    _, features, pairs, ious = random_video(seed, n_frames=2, most=4)
    links = choose_links(features, pairs, ious, theta, "most_similar")
    gains = {tuple(pair): float(features[pair[0]] @ features[pair[1]]) - theta for pair in pairs.tolist()}
    best = 0.0
    for size in range(5):
        for chosen in itertools.combinations(gains, size):
            if len({i for i, _ in chosen}) == len({j for _, j in chosen}) == size:
                best = max(best, sum(gains[pair] for pair in chosen))
    assert float((links.similarities - theta).sum()) == pytest.approx(best, abs=1e-5)


def test_a_link_whose_rival_comes_near_is_refused_and_counted():
    features, pairs = two_by_two(0.8, 0.1, 0.75, 0.0)
    links = choose_links(features, pairs, np.ones(4), 0.4, "most_similar", min_lead=0.04)
    assert (links.pairs.tolist(), links.n_refused) == ([[0, 2]], 0)
    assert links.rivals == pytest.approx([0.75], abs=1e-6)
    refused = choose_links(features, pairs, np.ones(4), 0.4, "most_similar", min_lead=0.06)
    assert (refused.pairs.tolist(), refused.n_refused) == ([], 1)


def test_a_mask_that_nobody_else_could_be_is_linked_whatever_the_lead():
    features = np.array([[1, 0], [0.6, 0.8]], np.float32)
    links = choose_links(features, np.array([[0, 1]]), np.ones(1), 0.5, "most_similar", min_lead=2.0)
    assert links.pairs.tolist() == [[0, 1]]


def exact_flow(before, after, letters_before, letters_after):
    """The flow that carries each letter to where it is drawn next; people are one column wide."""
    flow = np.zeros((*after.shape, 2), np.float32)
    for place, letter in enumerate(letters_after):
        if letter in letters_before:
            columns = np.flatnonzero((after == place + 1).any(axis=0))
            came_from = np.flatnonzero((before == letters_before.index(letter) + 1).any(axis=0))
            flow[after == place + 1, 0] = came_from[0] - columns[0]
    return flow


def test_two_people_who_pass_each_other_give_three_tracklets(two_people):
    looks = {"a": [1, 0], "b": [0, 1]}
    letters = [list(frame) for frame in two_people]
    maps = [paint_labels(list(frame.values()), (2, 5)) for frame in two_people]
    frames = np.repeat(np.arange(1, 6), [len(names) for names in letters])
    starts = np.searchsorted(frames, np.arange(1, 6))
    pairs, ious = [], []
    for t in range(4):
        flow = exact_flow(maps[t], maps[t + 1], letters[t], letters[t + 1])
        found = warped_iou(maps[t], maps[t + 1], flow, len(letters[t]), len(letters[t + 1]))
        pairs.append(np.column_stack([found.previous + starts[t], found.current + starts[t + 1]]))
        ious.append(found.iou)
    features = np.array([looks[letter] for names in letters for letter in names], np.float32)
    ids, _ = link_short_tracklets(frames, features, np.concatenate(pairs), np.concatenate(ious), 0.5)
    tracks = [(letter, tracklet) for letter, tracklet in zip(itertools.chain(*letters), ids.tolist(), strict=True)]
    assert tracks == [(letter, {"a": 0, "b": 1}[letter]) for names in letters[:3] for letter in names] + [
        (letter, {"a": 2, "b": 1}[letter]) for names in letters[3:] for letter in names
    ]


@pytest.mark.parametrize("assignment", ["most_links", "most_similar"])
@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_a_threshold_of_each_frame_links_as_the_frames_alone_with_theirs(assignment, seed):
    rng = np.random.default_rng(seed)
    np.repeat([1, 2, 3], 4)
    features = rng.normal(size=(12, 3))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    pairs = np.array([(a + 4 * k, b + 4 * k + 4) for k in range(2) for a in range(4) for b in range(4)])
    ious = (rng.random(32) < 0.6).astype(float)
    early, late = rng.uniform(-1, 1, 2)
    thetas = np.repeat([early, late], 16)
    found = choose_links(features, pairs, ious, thetas, assignment)
    for theta, own in ((early, slice(0, 16)), (late, slice(16, 32))):
        alone = choose_links(features, pairs[own], ious[own], theta, assignment).pairs
        of_pair = np.isin(found.pairs[:, 1], np.unique(pairs[own, 1]))
        assert found.pairs[of_pair].tolist() == alone.tolist()
