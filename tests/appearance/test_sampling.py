import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from remots.appearance.sampling import BatchSampler, InterShortTracklet, IntraFrame, TrueIdentities


@st.composite
def videos(draw):
    """Frames and tracklets of a video's masks, in random order; each tracklet is seen in a run of frames with gaps."""
    seen = set()
    for tracklet in range(draw(st.integers(1, 8))):
        first, length = draw(st.integers(1, 20)), draw(st.integers(1, 8))
        seen |= {(frame, tracklet) for frame in range(first, first + length) if draw(st.booleans()) or frame == first}
    rows = draw(st.permutations(sorted(seen)))
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def sampler(target, training=(), batch_size=32, n_views=2, max_people_per_frame=4, seed=0):
    return BatchSampler(target, list(training), batch_size, n_views, max_people_per_frame, seed)


def negatives(batch):
    """Pairs of crops that may be compared as different people."""
    return np.argwhere((batch.groups[:, None] == batch.groups) & (batch.labels[:, None] != batch.labels))


def positives(batch):
    same = batch.labels[:, None] == batch.labels
    np.fill_diagonal(same, False)
    return np.argwhere(same)


many = settings(deadline=None, max_examples=60)


@many
@given(video=videos(), step=st.integers(0, 100), n_views=st.integers(2, 4))
def test_intra_frame_negatives_are_other_masks_of_the_same_frame(video, step, n_views):
    frames, _ = video
    source = IntraFrame(frames)
    assume(source.n_groups)
    batch = sampler(source, n_views=n_views).draw(step)
    for a, b in negatives(batch):
        assert frames[batch.rows[a]] == frames[batch.rows[b]]
        assert batch.rows[a] != batch.rows[b]


@many
@given(video=videos(), step=st.integers(0, 100), n_views=st.integers(2, 4))
def test_an_intra_frame_positive_is_the_same_mask_strongly_altered(video, step, n_views):
    frames, _ = video
    source = IntraFrame(frames)
    assume(source.n_groups)
    batch = sampler(source, n_views=n_views).draw(step)
    for a, b in positives(batch):
        assert batch.rows[a] == batch.rows[b]
        assert batch.is_strong[a] or batch.is_strong[b]
    _, n_weak = np.unique(batch.labels[~batch.is_strong], return_counts=True)
    assert (n_weak == 1).all()  # one anchor a person


@many
@given(video=videos(), step=st.integers(0, 100), n_views=st.integers(2, 4))
def test_tracklets_that_never_share_a_frame_are_never_compared(video, step, n_views):
    frames, tracklets = video
    source = InterShortTracklet(frames, tracklets)
    assume(source.n_groups)
    batch = sampler(source, n_views=n_views).draw(step)
    frames_of = {tracklet: set(frames[tracklets == tracklet]) for tracklet in tracklets}
    for a, b in negatives(batch):
        one, other = tracklets[batch.rows[a]], tracklets[batch.rows[b]]
        assert one != other
        assert frames_of[one] & frames_of[other]


@many
@given(video=videos(), step=st.integers(0, 100), n_views=st.integers(2, 4))
def test_the_anchors_of_a_group_are_of_one_frame_and_their_positives_of_the_same_tracklet(video, step, n_views):
    frames, tracklets = video
    source = InterShortTracklet(frames, tracklets)
    assume(source.n_groups)
    batch = sampler(source, n_views=n_views).draw(step)
    anchors = np.flatnonzero(np.diff(batch.labels, prepend=-1))
    for group in np.unique(batch.groups):
        assert len(set(frames[batch.rows[anchors[batch.groups[anchors] == group]]])) == 1
    for a, b in positives(batch):
        assert tracklets[batch.rows[a]] == tracklets[batch.rows[b]]
        # A crop meets itself only where the tracklet has no more, and then one of the two is altered strongly.
        if batch.rows[a] == batch.rows[b]:
            assert np.sum(tracklets == tracklets[batch.rows[a]]) < n_views
            assert batch.is_strong[a] or batch.is_strong[b]


@many
@given(video=videos(), step=st.integers(0, 100), seed=st.integers(0, 5))
def test_a_batch_depends_on_seed_and_step_alone(video, step, seed):
    source = IntraFrame(video[0])
    assume(source.n_groups)
    fresh = sampler(source, seed=seed).draw(step)
    used = sampler(source, seed=seed)
    for earlier in range(3):
        used.draw(earlier)
    for field in ("rows", "stores", "labels", "groups", "is_strong"):
        np.testing.assert_array_equal(getattr(fresh, field), getattr(used.draw(step), field))


@many
@given(video=videos(), data=st.data(), step=st.integers(0, 100))
def test_half_of_a_batch_comes_from_the_training_sequences(video, data, step):
    source = IntraFrame(video[0])
    assume(source.n_groups)
    training = [TrueIdentities(data.draw(st.lists(st.integers(-1, 12), min_size=20, max_size=40))) for _ in range(2)]
    assume(any(one.n_groups for one in training))
    batch = sampler(source, training).draw(step)
    n_training = np.sum(batch.stores > 0)
    # A last single person of either half has nobody to be compared with and is left out.
    assert abs(n_training - 16) <= 2
    assert abs(len(batch) - n_training - 16) <= 2
    assert not {(batch.stores[a], batch.stores[b]) for a, b in negatives(batch)} & {(0, 1), (1, 0), (0, 2), (1, 2)}


@many
@given(identities=st.lists(st.integers(-2, 6), min_size=2, max_size=30), step=st.integers(0, 20))
def test_true_identities_leave_ignore_regions_out_and_never_mix_people(identities, step):
    identities = np.array(identities)
    source = TrueIdentities(identities)
    assume(source.n_groups)
    batch = sampler(IntraFrame([]), [source]).draw(step)
    assert (identities[batch.rows] >= 0).all()
    for a, b in negatives(batch):
        assert identities[batch.rows[a]] != identities[batch.rows[b]]
    for a, b in positives(batch):
        assert identities[batch.rows[a]] == identities[batch.rows[b]]


def test_without_two_masks_in_any_frame_only_training_sequences_are_drawn():
    batch = sampler(IntraFrame([1, 2, 3]), [TrueIdentities([0, 0, 1, 1])]).draw(0)
    assert set(batch.stores) == {1}


def test_a_training_sequence_of_one_person_is_never_drawn():
    batches = [sampler(IntraFrame([1, 1]), [TrueIdentities([4, 4]), TrueIdentities([0, 1])]).draw(k) for k in range(20)]
    assert set(np.concatenate([batch.stores for batch in batches])) == {0, 2}


def test_with_nothing_to_compare_the_sampler_is_empty_and_refuses():
    nothing = sampler(IntraFrame([1, 2, 3]), [TrueIdentities([-1, 5])])
    assert nothing.is_empty
    with pytest.raises(ValueError, match="no frame has two masks"):
        nothing.draw(0)
    assert sampler(IntraFrame([])).is_empty
    assert sampler(InterShortTracklet([], [])).is_empty


def test_a_crowded_frame_gives_no_more_people_than_asked_for():
    batch = sampler(IntraFrame(np.ones(100, int)), max_people_per_frame=4).draw(0)
    people = [len(set(batch.labels[batch.groups == group])) for group in np.unique(batch.groups)]
    assert people == [4, 4, 4, 4]


def test_every_frame_is_drawn_about_as_often_as_any_other():
    frames = np.repeat(np.arange(1, 11), 3)
    source = IntraFrame(frames)
    rng = np.random.default_rng(0)
    drawn = [frames[source.draw(2, 2, rng).rows[0, 0]] for _ in range(2000)]
    counts = np.bincount(drawn, minlength=11)[1:]
    assert counts.min() > 140  # 200 expected, deviation 13
    assert counts.max() < 260


def test_masks_without_a_tracklet_are_left_out():
    batch = sampler(InterShortTracklet([1, 1, 1, 2], [0, -1, 1, 0])).draw(0)
    assert 1 not in batch.rows


def test_a_tracklet_twice_in_one_frame_is_refused():
    with pytest.raises(ValueError, match="tracklet 7 has two masks in frame 3"):
        InterShortTracklet([1, 3, 3], [7, 7, 7])


def test_crops_of_training_sequences_carry_names_that_no_other_sequence_has():
    target = IntraFrame([1, 1, 2, 2])
    training = [TrueIdentities([5, 5, 9, 9, -1]), TrueIdentities([-1, 0, 0, 5, 5])]
    sampler = BatchSampler(target, training, 16, 2, 4, 0)
    assert sampler.n_identities == 4
    expected = {(1, 0): 0, (1, 1): 0, (1, 2): 1, (1, 3): 1, (2, 1): 2, (2, 2): 2, (2, 3): 3, (2, 4): 3}
    for step in range(20):
        batch = sampler.draw(step)
        for store, row, name in zip(batch.stores, batch.rows, batch.identities, strict=True):
            assert name == expected.get((int(store), int(row)), -1)


def test_held_out_masks_are_never_drawn():
    frames = np.repeat(np.arange(6), 3)
    is_held_out = frames >= 4
    source = IntraFrame(frames, is_held_out)
    assert source.n_groups == 4
    drawn = {row for step in range(30) for row in source.draw(3, 2, np.random.default_rng(step)).rows.ravel().tolist()}
    assert drawn == set(range(12))
    assert IntraFrame(frames, np.ones(18, bool)).n_groups == 0
