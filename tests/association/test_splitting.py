"""Short tracklets that hold two people are split, and others stay whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.association.splitting import MIN_LINKS_PER_CLASS, context_similarities, split_mixed_tracklets


def unit(rows):
    rows = np.asarray(rows, float)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def looks(person, n_masks, rng, noise=0.1):
    """Features of one person, all persons at right angles."""
    return unit(np.eye(8)[person] + rng.normal(0, noise / np.sqrt(8), (n_masks, 8)))


def chain(n_masks, first=0):
    masks = np.arange(first, first + n_masks)
    return np.column_stack([masks[:-1], masks[1:]])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 1000))
def test_contexts_are_means_over_all_pairs_across_the_link(n_masks, n_context, seed):
    features = unit(np.random.default_rng(seed).normal(size=(n_masks, 4)))
    similarities, sizes = context_similarities(features, n_context)
    assert len(similarities) == len(sizes) == n_masks - 1
    for link in range(1, n_masks):
        before, after = features[max(0, link - n_context) : link], features[link : link + n_context]
        slow = np.mean([float(a @ b) for a in before.astype(float) for b in after.astype(float)])
        assert similarities[link - 1] == pytest.approx(slow, abs=1e-6)
        assert sizes[link - 1] == min(len(before), len(after))


def two_people_in_one(rng, fade=0.5):
    """Sixty masks of each of two people alone, and a tracklet that fades from one person to the other."""
    blend = np.linspace(fade, 1 - fade, 2)[:, None]
    mixed = np.concatenate(
        [looks(0, 9, rng), unit(blend * np.eye(8)[1] + (1 - blend) * np.eye(8)[0]), looks(1, 9, rng)]
    )
    features = np.concatenate([looks(2, 60, rng), looks(3, 60, rng), mixed])
    return np.repeat([0, 1, 2], [60, 60, 20]), features, np.concatenate([chain(60), chain(60, 60)])


@given(st.integers(0, 100))
@settings(deadline=None, max_examples=20)
def test_a_tracklet_that_fades_from_one_person_to_another_is_split_between_them(seed):
    tracklet_ids, features, sure = two_people_in_one(np.random.default_rng(seed))
    split_ids = split_mixed_tracklets(tracklet_ids, features, sure, 0.01)
    assert not set(split_ids[120:129]) & set(split_ids[131:])


@given(st.integers(0, 100), st.sampled_from([0.01, 0.05, 0.2]))
@settings(deadline=None, max_examples=20)
def test_not_many_more_links_of_one_person_are_given_up_than_asked_for(seed, share):
    rng = np.random.default_rng(seed)
    features = np.concatenate([looks(person, 100, rng) for person in range(8)])
    sure = np.concatenate([chain(100, 100 * person) for person in range(8)])
    split_ids = split_mixed_tracklets(np.repeat(np.arange(8), 100), features, sure, share)
    assert split_ids.max() + 1 - 8 <= 4 * share * len(sure)  # a cut changes the contexts of its neighbours


@given(st.integers(0, 10**6), st.floats(0, 0.5))
@settings(deadline=None, max_examples=40)
def test_parts_are_runs_of_their_tracklets_numbered_by_first_mask(seed, share):
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 6, 150)
    order = {tracklet: number for number, tracklet in enumerate(dict.fromkeys(raw.tolist()))}
    tracklet_ids = np.array([order[tracklet] for tracklet in raw.tolist()])
    features = unit(rng.normal(size=(150, 3)))
    masks = [np.flatnonzero(tracklet_ids == tracklet) for tracklet in range(6)]
    sure = np.concatenate([np.column_stack([own[:-1], own[1:]]) for own in masks if len(own)])
    split_ids = split_mixed_tracklets(tracklet_ids, features, sure, share)
    firsts = [int(np.flatnonzero(split_ids == part)[0]) for part in range(split_ids.max() + 1)]
    assert firsts == sorted(firsts)
    for own in masks:
        assert (np.diff(split_ids[own]) != 0).sum() == len(set(split_ids[own])) - 1
    again = split_mixed_tracklets(tracklet_ids, features, sure, share)
    assert np.array_equal(again, split_ids)


def test_with_a_share_of_zero_or_few_sure_links_nothing_is_split():
    tracklet_ids, features, sure = two_people_in_one(np.random.default_rng(0))
    for links, share in ((sure, 0.0), (sure[: MIN_LINKS_PER_CLASS - 1], 0.05), (sure[:0], 0.05)):
        assert np.array_equal(split_mixed_tracklets(tracklet_ids, features, links, share), tracklet_ids)


def test_no_masks_are_valid():
    nothing = np.zeros(0, int), np.zeros((0, 4), np.float32), np.zeros((0, 2), int)
    assert len(split_mixed_tracklets(*nothing, 0.05)) == 0
