"""Corrections by hand: what they do to the clustering, against the plain one, and which are refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging.corrections import (
    NO_CORRECTIONS,
    CorrectionRow,
    Corrections,
    PartName,
    resolve_corrections,
    split_tracklets,
)
from remots.merging.evidence import Evidence
from remots.merging.linkage import merge_tracklets
from tests.merging.slow_clustering import prepare, random_tracklets, slow_merging

seeds = st.integers(0, 10**6)


def masks_of(frames):
    """Tracklet and frame of each mask, in the order of frames."""
    pairs = sorted((frame, k) for k, own in enumerate(frames) for frame in own)
    return np.array([k for _, k in pairs], np.int64), np.array([frame for frame, _ in pairs], np.int64)


def row(line, action, a, b=None, frame=None):
    names = [PartName(*map(int, str(name).split("@"))) if name is not None else None for name in (a, b)]
    return CorrectionRow(line, action, *names, frame)


def resolve(frames, *rows):
    return resolve_corrections([row(*each) for each in rows], *masks_of(frames))


def random_corrections(seed, frames):
    """Some must links that share no frame, some cannot links and drops that contradict none of them."""
    rng = np.random.default_rng(seed)
    group_of, must, rows = dict(enumerate(range(len(frames)))), [], []
    for _ in range(int(rng.integers(0, 4))):
        a, b = (group_of[k] for k in rng.choice(len(frames), 2, replace=False).tolist())
        members = [[k for k, group in group_of.items() if group == name] for name in (a, b)]
        if a != b and not any(set(frames[i]) & set(frames[j]) for i, j in itertools.product(*members)):
            must.append((members[0][-1], members[1][0]))
            group_of |= dict.fromkeys(members[1], a)
    linked = {k for pair in must for k in pair}
    dropped = [k for k in rng.choice(len(frames), 2).tolist() if k not in linked]
    cannot = [tuple(rng.choice(len(frames), 2, replace=False).tolist()) for _ in range(int(rng.integers(0, 6)))]
    cannot = [(a, b) for a, b in cannot if group_of[a] != group_of[b]]
    rows += [row(1 + i, "must_link", *pair) for i, pair in enumerate(must)]
    rows += [row(10 + i, "cannot_link", *pair) for i, pair in enumerate(cannot)]
    return rows + [row(30 + i, "drop", k) for i, k in enumerate(dropped)]


@settings(deadline=None, max_examples=250)
@given(seeds, st.integers(2, 14), st.booleans(), st.floats(-1, 1), st.integers(1, 15), st.booleans())
def test_corrected_clusters_and_merges_are_those_of_the_plain_algorithm(
    seed, n_tracklets, holes, theta, max_gap, with_place
):
    features, frames = random_tracklets(seed, n_tracklets, holes)
    found = resolve_corrections(random_corrections(seed, frames), *masks_of(frames))
    sums, sizes, ranges = prepare(features, frames)
    bonuses = np.random.default_rng(seed).normal(0, 0.4, (len(ranges.first),) * 2) if with_place else None
    asked = {"must": found.must_links.tolist(), "cannot": found.cannot_links.tolist(), "dropped": found.dropped}
    slow_clusters, slow_merges = slow_merging(features, frames, theta, max_gap, bonuses, **asked)
    evidence = Evidence(None, Bonuses(bonuses) if with_place else None)
    track_ids, merges = merge_tracklets(sums, sizes, ranges, theta, max_gap, evidence, corrections=found)
    columns = (merges.a.tolist(), merges.b.tolist(), merges.gap_frames.tolist())
    assert list(zip(*columns, strict=True)) == [(a, b, gap) for a, b, _, gap in slow_merges]
    assert merges.distance.tolist() == pytest.approx([m[2] for m in slow_merges], abs=1e-5)
    tracks = {frozenset(np.flatnonzero(track_ids == track).tolist()) for track in set(track_ids.tolist()) - {0}}
    assert tracks == slow_clusters
    assert np.flatnonzero(track_ids == 0).tolist() == found.dropped.tolist()
    assert set(track_ids.tolist()) - {0} == set(range(1, len(tracks) + 1))


class Bonuses:
    """Any bonus for any junction."""

    def __init__(self, bonuses):
        self.bonuses, self.largest = bonuses, float(bonuses.max(initial=0))

    def __call__(self, earlier, later):
        return self.bonuses[earlier, later]


def track(frames, looks, corrections, max_gap=15):
    features = [np.repeat([look], len(own), axis=0) for own, look in zip(frames, looks, strict=True)]
    return merge_tracklets(*prepare(features, frames), 0.5, max_gap, corrections=corrections)[0].tolist()


def test_a_must_link_joins_strangers_further_apart_than_any_gap_allows():
    frames, looks = [[1, 2], [900]], [[1.0, 0.0], [-1.0, 0.0]]
    assert track(frames, looks, NO_CORRECTIONS) == [1, 2]
    assert track(frames, looks, resolve(frames, (2, "must_link", 1, 0))) == [1, 1]


def test_a_cannot_link_keeps_whole_clusters_apart():
    frames, looks = [[1], [3], [5], [7]], [[1.0, 0.0]] * 4
    assert track(frames, looks, NO_CORRECTIONS) == [1, 1, 1, 1]
    tracks = track(frames, looks, resolve(frames, (2, "must_link", 0, 1), (3, "cannot_link", 3, 0)))
    assert tracks[0] == tracks[1] != tracks[3]


def test_a_dropped_tracklet_is_in_no_track_and_bridges_no_gap():
    frames, looks = [[1], [11], [21]], [[1.0, 0.0]] * 3
    assert track(frames, looks, NO_CORRECTIONS) == [1, 1, 1]
    assert track(frames, looks, resolve(frames, (2, "drop", 1))) == [1, 0, 2]


@settings(deadline=None, max_examples=100)
@given(seeds, st.booleans())
def test_parts_are_what_lies_between_the_cuts(seed, holes):
    _, frames = random_tracklets(seed, 8, holes)
    rng = np.random.default_rng(seed)
    cuts = {k: sorted(set(rng.choice(own, 2).tolist()) - {min(own)}) for k, own in enumerate(frames)}
    rows = [row(2, "split", k, None, frame) for k, own in cuts.items() for frame in own]
    ids, found = masks_of(frames)
    corrections = resolve_corrections(list(reversed(rows)), ids, found)
    expected = {(k, frame): len(frames) + i for i, (k, frame) in enumerate((k, f) for k in cuts for f in cuts[k])}
    parts = split_tracklets(ids, found, corrections.splits)
    for k, frame, part in zip(ids.tolist(), found.tolist(), parts.tolist(), strict=True):
        begun = [cut for cut in cuts[k] if cut <= frame]
        assert part == (expected[k, begun[-1]] if begun else k)


def test_other_rows_name_parts_by_tracklet_and_first_frame():
    frames = [[3, 4, 5, 6, 7, 8], [20]]
    found = resolve(
        frames, (2, "must_link", "0@7", 1), (3, "split", 0, None, 7), (4, "split", 0, None, 5), (5, "drop", "0@3")
    )
    assert found.splits.tolist() == [[0, 5], [0, 7]]
    assert found.must_links.tolist() == [[1, 3]]
    assert found.dropped.tolist() == [0]


def test_rows_may_be_repeated():
    frames = [[1], [3], [5], [7, 8]]
    rows = [(2, "must_link", 0, 1), (3, "cannot_link", 1, 2), (4, "split", 3, None, 8), (5, "drop", 2)]
    once, twice = resolve(frames, *rows), resolve(frames, *rows, *((10 + line, *rest) for line, *rest in rows))
    assert once.must_links.tolist() == twice.must_links.tolist()
    assert once.splits.tolist() == twice.splits.tolist()


FRAMES = [[1, 2], [4, 5], [7, 8], [8, 9], [20], [30, 31, 35]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(2, "must_link", 0, 6)], ["line 2 (must_link 0, 6): there is no tracklet 6; they are numbered from 0 to 5"]),
        ([(2, "drop", 77)], ["line 2 (drop 77): there is no tracklet 77"]),
        ([(2, "cannot_link", 3, 3)], ["line 2 (cannot_link 3, 3): links 3 to itself"]),
        ([(2, "must_link", 2, 3)], ["line 2 (must_link 2, 3) would join 2 and 3, which share frame 8", "this row"]),
        (
            [(2, "must_link", 2, 0), (4, "must_link", 0, 1), (6, "must_link", 1, 3)],
            ["line 2 (must_link 2, 0) and line 4 (must_link 0, 1) and line 6 (must_link 1, 3) would join 2 and 3"],
        ),
        (
            [(2, "must_link", 0, 1), (3, "cannot_link", 1, 0)],
            ["line 3 (cannot_link 1, 0) contradicts line 2 (must_link 0, 1)"],
        ),
        (
            [(2, "cannot_link", 0, 4), (3, "must_link", 0, 1), (4, "must_link", 4, 1)],
            ["line 2 (cannot_link 0, 4) contradicts line 3 (must_link 0, 1) and line 4 (must_link 4, 1)"],
        ),
        ([(2, "drop", 1), (3, "must_link", 0, 1)], ["line 2 (drop 1) contradicts line 3 (must_link 0, 1)"]),
        ([(2, "split", 5, None, 36)], ["line 2 (split 5 at frame 36): tracklet 5 has the frames 30 to 35"]),
        ([(2, "split", 5, None, 30)], ["its second part can begin in 31 to 35"]),
        ([(2, "split", 5, None, 33)], ["tracklet 5 has no mask in that frame; its next one is in frame 35"]),
        ([(2, "split", 4, None, 20)], ["tracklet 4 has frame 20 alone, and cannot be split"]),
        ([(2, "split", "5@30", None, 31)], ["a split names the whole tracklet"]),
        (
            [(2, "split", 5, None, 31), (3, "drop", 5)],
            ["line 3 (drop 5): tracklet 5 is cut by line 2 (split 5 at frame 31); name the part: 5@30, 5@31"],
        ),
        ([(2, "drop", "5@31")], ["line 2 (drop 5@31): there is no part 5@31; no row splits this tracklet"]),
        ([(2, "split", 5, None, 31), (3, "drop", "5@35")], ["there is no part 5@35; its parts are 5@30, 5@31"]),
    ],
)
def test_rows_that_make_no_sense_or_contradict_each_other_are_named(rows, words):
    with pytest.raises(ValueError, match="line") as error:
        resolve(FRAMES, *rows)
    for part in words:
        assert part in str(error.value)


def test_without_tracklets_any_row_is_refused():
    with pytest.raises(ValueError, match="there are none"):
        resolve([], (2, "drop", 0))
    assert len(resolve([]).dropped) == 0


def test_no_corrections_leave_the_pairs_as_they_are():
    features, frames = random_tracklets(1, 20, holes=True)
    plain = merge_tracklets(*prepare(features, frames), 0.1, 15)
    empty = merge_tracklets(*prepare(features, frames), 0.1, 15, corrections=Corrections())
    assert np.array_equal(plain[0], empty[0])
