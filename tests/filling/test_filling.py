"""Filled masks: where the person is, nowhere else, and the same as a slow, obvious twin gives."""

import copy
import gc
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from remots.association.first_guess import guess_flow
from remots.association.flow import dense_flow
from remots.association.warping import paint_labels
from remots.filling.filling import Candidate, Conditions, iterate_fillings, settle
from remots.filling.gaps import Gap, find_gaps
from remots.masks.rle import decode, encode
from tests.filling.street import HEIGHT, PERSON_WIDTH, WIDTH, detect, draw_street
from tests.masks.drawing import dense_masks, slow_iou

LENIENT = Conditions(min_agreement=0.0, min_visible_share=0.0, min_area_px=1)
STRICT = Conditions(min_agreement=0.7, min_visible_share=0.5, min_area_px=30)


def fill(stream, frames, tracks, conditions=STRICT, max_gap_frames=5, **flow):
    """What is filled, dense, by (frame, track)."""
    gaps = find_gaps(tracks, frames, max_gap_frames)
    found = {}
    for filled in iterate_fillings(stream, gaps, conditions, **flow):
        for gap, mask in zip(filled.gaps, filled.masks, strict=True):
            assert (filled.frame, tracks[gap.mask_before]) not in found
            found[filled.frame, int(tracks[gap.mask_before])] = decode(mask)
    return found


def test_somebody_missed_for_a_frame_is_put_where_they_are():
    images, masks = draw_street(5, [(20, 2)])
    found = fill(*detect(images, masks, missed={(3, 0)}))
    assert set(found) == {(3, 1)}
    assert slow_iou(found[3, 1], masks[2][0]) > 0.9


def test_somebody_missed_for_three_frames_is_put_where_they_are_in_each():
    images, masks = draw_street(7, [(20, 1)])
    found = fill(*detect(images, masks, missed={(3, 0), (4, 0), (5, 0)}))
    assert set(found) == {(3, 1), (4, 1), (5, 1)}
    assert min(slow_iou(found[frame, 1], masks[frame - 1][0]) for frame in (3, 4, 5)) > 0.85


def test_a_frame_in_which_nobody_at_all_was_found_is_filled():
    images, masks = draw_street(4, [(10, 2), (50, -2)])
    found = fill(*detect(images, masks, missed={(2, 0), (2, 1)}))
    assert set(found) == {(2, 1), (2, 2)}


def test_a_gap_that_is_too_long_stays():
    images, masks = draw_street(5, [(20, 2)])
    assert fill(*detect(images, masks, missed={(3, 0), (4, 0)}), max_gap_frames=1) == {}


def test_before_the_first_mask_and_after_the_last_nothing_is_filled():
    images, masks = draw_street(6, [(20, 2)])
    assert fill(*detect(images, masks, missed={(1, 0), (2, 0), (6, 0)})) == {}


def test_who_walks_behind_somebody_is_not_put_on_them_while_hidden():
    # The first walks to the right behind the second, who stands; hidden in frames 3 to 5 but for a strip at most.
    images, masks = draw_street(8, [(14, 6), (36, 0)])
    hidden = {(frame, 0) for frame in range(1, 9) if masks[frame - 1][0].sum() < 0.7 * 12 * 30}
    found = fill(*detect(images, masks, missed=hidden))
    assert hidden
    for (frame, track), mask in found.items():
        assert track == 1
        assert not np.any(mask & masks[frame - 1][1])
        assert slow_iou(mask, masks[frame - 1][0]) > 0.5


def test_a_jump_over_which_the_two_ends_disagree_stays_a_gap():
    images, masks = draw_street(3, [(10, 0), (50, 0)])
    stream, frames, _ = detect(images, masks, missed={(1, 1), (2, 0), (2, 1), (3, 0)})
    assert fill(stream, frames, np.array([1, 1])) == {}
    assert fill(stream, frames, np.array([1, 1]), LENIENT) == {}  # not even then: they share no pixel


def test_a_mask_that_is_there_keeps_its_pixels_and_too_small_a_rest_is_left_out():
    gap = Gap(0, 1, 1, 3)
    square, left_half = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    square[5:15, 5:15] = True
    left_half[:, :11] = True  # six of the ten columns
    one = [Candidate(gap, encode(square), 0.9)]
    kept = settle(2, one, [encode(left_half)], Conditions(0, 0.4, 40))
    assert np.array_equal(decode(kept.masks[0]), square & ~left_half)
    assert settle(2, one, [encode(left_half)], Conditions(0, 0.41, 40)).masks == []
    assert settle(2, one, [encode(left_half)], Conditions(0, 0.4, 41)).masks == []
    assert settle(2, one, [encode(square)], Conditions(0, 0.0, 1)).masks == []


@settings(deadline=None, max_examples=60)
@given(dense_masks(n_min=1, n_max=6), st.data())
def test_settled_masks_are_disjoint_and_each_pixel_goes_to_who_agrees_best(stack, data):
    n_there = data.draw(st.integers(0, len(stack) - 1))
    labels = np.cumsum(stack[:n_there], axis=0)
    there = [mask & (count == 1) for mask, count in zip(stack[:n_there], labels, strict=True)]
    agreements = data.draw(st.lists(st.sampled_from([0.5, 0.7, 0.9]), min_size=len(stack), max_size=len(stack)))
    claims = list(zip(stack[n_there:], agreements, strict=False))
    candidates = [Candidate(Gap(i, 9, 1, 3), encode(mask), share) for i, (mask, share) in enumerate(claims)]
    filled = settle(2, candidates, [encode(mask) for mask in there], LENIENT)
    assert filled == settle(2, candidates[::-1], [encode(mask) for mask in there], LENIENT)
    dense = [decode(mask) for mask in filled.masks]
    assert all(mask.any() for mask in dense)
    assert np.all(np.sum([*dense, *there, np.zeros(stack.shape[1:])], axis=0) <= 1)
    assert np.array_equal(
        np.any([*dense, *there, np.zeros(stack.shape[1:])], axis=0), np.any([*there, *(m for m, _ in claims)], axis=0)
    )
    for gap, mask in zip(filled.gaps, dense, strict=True):
        own, agreement = claims[gap.mask_before]
        better = [other for other, share in claims if share > agreement]
        assert not np.any(mask & np.any([*better, np.zeros(stack.shape[1:])], axis=0))
        assert not np.any(mask & ~own)


def slowly(stream, gaps, conditions):
    """The same with whole frames, each gap by itself, everything in memory: dense masks by (frame, gap)."""
    images = {frame: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for frame, image, _ in stream}
    masks = {frame: own for frame, _, own in stream}
    flat = [mask for _, _, own in stream for mask in own]
    claims = {}

    def step(cover, source, goal):
        labels = [paint_labels(masks[frame], (HEIGHT, WIDTH)) for frame in (source, goal)]
        flow = dense_flow(images[source], images[goal], "dis_fine", guess_flow(*labels)).astype(np.float16)
        return cv2.remap(cover, flow.astype(np.float32), None, cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP)

    for gap in gaps:
        ahead = {gap.frame_before: decode(flat[gap.mask_before]).astype(np.uint8) * 255}
        back = {gap.frame_after: decode(flat[gap.mask_after]).astype(np.uint8) * 255}
        between = range(gap.frame_before + 1, gap.frame_after)
        for frame in between:
            ahead[frame] = step(ahead[frame - 1], frame - 1, frame)
        for frame in reversed(between):
            back[frame] = step(back[frame + 1], frame + 1, frame)
        agreement = min(slow_iou(ahead[frame] > 127, back[frame] > 127) for frame in between)
        if agreement > 0 and agreement >= conditions.min_agreement:
            for frame in between:
                distances = [signed_distances(cover[frame] > 127) for cover in (ahead, back)]
                shape = (gap.frame_after - frame) * distances[0] + (frame - gap.frame_before) * distances[1] > 0
                claims.setdefault(frame, []).append((-agreement, shape.sum(), gap, shape))
    found = {}
    for frame, claimed in claims.items():
        taken = np.any([np.zeros((HEIGHT, WIDTH), bool), *map(decode, masks[frame])], axis=0)
        free = [(key, (shape & ~taken).sum(), gap, shape) for key, _, gap, shape in claimed]
        for _, _, gap, shape in sorted(free, key=lambda claim: claim[:3]):
            own = shape & ~taken
            taken |= shape
            least = max(conditions.min_area_px, conditions.min_visible_share * shape.sum())
            if own.any() and own.sum() >= least:
                found[frame, gap] = own
    return found


def signed_distances(mask):
    padded = np.pad(mask, 1)
    return (distance_transform_edt(padded) - distance_transform_edt(~padded))[1:-1, 1:-1]


STREETS = st.lists(
    st.tuples(st.integers(-5, WIDTH - PERSON_WIDTH), st.sampled_from([-4, -2, -1, 0, 1, 3, 5])), min_size=1, max_size=4
)
MISSED = st.sets(st.tuples(st.integers(1, 7), st.integers(0, 3)), max_size=14)


@settings(deadline=None, max_examples=25)
@given(STREETS, MISSED, st.sampled_from([LENIENT, STRICT]), st.integers(0, 3))
def test_what_is_filled_is_what_the_slow_twin_fills_and_keeps_every_promise(people, missed, conditions, seed):
    images, masks = draw_street(7, people, seed)
    stream, frames, tracks = detect(images, masks, missed)
    before = copy.deepcopy(stream)
    gaps = find_gaps(tracks, frames, 4)
    found = {}
    n_frames_before = 0
    for filled in iterate_fillings(iter(stream), gaps, conditions):
        assert filled.frame > n_frames_before  # by rising frame, each once
        n_frames_before = filled.frame
        there = stream[filled.frame - 1][2]
        counts = np.sum([decode(mask) for mask in [*there, *filled.masks]], axis=0)
        assert counts.shape == (HEIGHT, WIDTH)
        assert counts.max() <= 1
        for gap, mask in zip(filled.gaps, filled.masks, strict=True):
            assert gap in gaps
            assert gap.frame_before < filled.frame < gap.frame_after
            found[filled.frame, gap] = decode(mask)
    for (_, image, own), (_, image_before, own_before) in zip(stream, before, strict=True):
        assert np.array_equal(image, image_before)
        assert own == own_before
    expected = slowly(stream, gaps, conditions)
    assert set(found) == set(expected)
    for key, mask in found.items():
        n_other_px = np.count_nonzero(mask != expected[key])
        assert n_other_px <= 2 + 0.02 * expected[key].sum(), key  # distances are rounded in another way


def test_two_runs_fill_the_same():
    images, masks = draw_street(7, [(10, 2), (50, -2), (30, 1)])
    seen = detect(images, masks, missed={(3, 0), (3, 1), (4, 1), (5, 2)})
    first, second = fill(*seen), fill(*seen)
    assert first
    assert set(first) == set(second)
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_without_gaps_no_frame_is_read():
    def frames():
        raise AssertionError
        yield

    assert list(iterate_fillings(frames(), [], STRICT)) == []


def test_a_frame_that_is_left_out_is_named():
    images, masks = draw_street(5, [(20, 2)])
    stream, frames, tracks = detect(images, masks, missed={(3, 0)})
    with pytest.raises(ValueError, match="frame 4: comes after frame 2"):
        fill(stream[:2] + stream[3:], frames, tracks)


def test_overlapping_masks_are_named_by_their_frame():
    images, masks = draw_street(5, [(20, 2), (60, 0)])
    stream, frames, tracks = detect(images, masks, missed={(3, 0)})
    frame, image, own = stream[3]
    stream[3] = (frame, image, [own[0], own[0]])
    with pytest.raises(ValueError, match="frame 4: masks of one frame overlap"):
        fill(stream, frames, tracks)


def test_memory_does_not_grow_with_the_length_of_the_video():
    def peak(n_frames):
        images, masks = draw_street(4, [(20, 0), (50, 0)])
        missed = {(frame, 0) for frame in range(3, n_frames, 4)}
        seen = [
            (f, images[0], [encode(masks[0][p]) for p in (0, 1) if (f, p) not in missed])
            for f in range(1, n_frames + 1)
        ]
        frames = np.repeat([f for f, _, _ in seen], [len(own) for _, _, own in seen])
        tracks = np.concatenate([[1, 2] if len(own) == 2 else [2] for _, _, own in seen])
        gaps = find_gaps(tracks, frames, 3)
        gc.collect()
        tracemalloc.start()
        n_filled = sum(1 for _ in iterate_fillings(iter(seen), gaps, LENIENT))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size, n_filled

    (short, n_short), (long, n_long) = peak(20), peak(100)
    assert n_long > 4 * n_short > 0
    assert long < 1.3 * short
