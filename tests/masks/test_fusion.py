import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.masks.fusion import fuse_masks
from remots.masks.overlap import pairwise_iom
from remots.masks.rle import areas, decode, encode, encode_crop
from tests.benchmarks.fusion import crowded_frame
from tests.masks.drawing import dense_masks, encode_all, slow_fusion, slow_iom, slow_iou

thresholds = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 1.0])


@st.composite
def scored_masks(draw):
    stack = draw(dense_masks(0, 9, max_side=6))
    # Few values, so that ties in score are common.
    scores = draw(st.lists(st.sampled_from([0.2, 0.5, 0.9]), min_size=len(stack), max_size=len(stack)))
    return stack, np.array(scores, np.float32)


@settings(deadline=None, max_examples=300)
@given(scored_masks(), thresholds, st.integers(0, 4), st.sampled_from(["iom", "iou"]))
def test_fusion_gives_what_the_listing_gives_on_dense_frames(scored, threshold, min_area_px, metric):
    stack, scores = scored
    fused = fuse_masks(encode_all(stack), scores, threshold, min_area_px, metric)
    expected = slow_fusion(stack, scores, threshold, min_area_px, slow_iom if metric == "iom" else slow_iou)
    assert fused.kept.tolist() == [index for index, _ in expected]
    assert fused.masks == [encode(mask) for _, mask in expected]


@settings(deadline=None, max_examples=150)
@given(scored_masks(), thresholds, st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(scored, threshold, min_area_px, random):
    stack, scores = scored
    masks = encode_all(stack)
    order = list(range(len(masks)))
    random.shuffle(order)
    fused = fuse_masks(masks, scores, threshold, min_area_px)
    shuffled = fuse_masks([masks[i] for i in order], scores[order], threshold, min_area_px)
    assert shuffled.masks == fused.masks
    assert [masks[order[i]] for i in shuffled.kept] == [masks[i] for i in fused.kept]
    np.testing.assert_array_equal(scores[order][shuffled.kept], scores[fused.kept])


@settings(deadline=None, max_examples=100)
@given(scored_masks(), thresholds, st.integers(0, 3))
def test_fused_masks_share_no_pixel_and_fusing_them_again_changes_nothing(scored, threshold, min_area_px):
    stack, scores = scored
    fused = fuse_masks(encode_all(stack), scores, threshold, min_area_px)
    if fused.masks:
        assert sum(decode(mask).astype(int) for mask in fused.masks).max() == 1
    assert (areas(fused.masks) >= max(min_area_px, 1)).all()
    again = fuse_masks(fused.masks, scores[fused.kept], threshold, min_area_px)
    assert sorted(again.kept.tolist()) == list(range(len(fused.masks)))
    assert [fused.masks[i] for i in again.kept] == again.masks


@settings(deadline=None, max_examples=60)
@given(scored_masks(), st.sampled_from(["iom", "iou"]))
def test_no_two_kept_masks_overlap_more_than_the_threshold(scored, metric):
    stack, scores = scored
    fused = fuse_masks(encode_all(stack), scores, 0.5, 0, metric)
    ratio = slow_iom if metric == "iom" else slow_iou
    kept = stack[fused.kept]
    assert all(ratio(a, b) <= 0.5 for i, a in enumerate(kept) for b in kept[:i])


def test_of_two_masks_with_iom_one_half_both_stay_at_that_threshold_and_the_better_one_owns_the_shared_pixel():
    first, second = encode(np.array([[1, 1, 0]])), encode(np.array([[0, 1, 1]]))
    fused = fuse_masks([first, second], np.array([0.6, 0.9]), 0.5, 1)
    assert fused.kept.tolist() == [1, 0]
    assert [decode(mask).astype(int).tolist() for mask in fused.masks] == [[[0, 1, 1]], [[1, 0, 0]]]
    assert fuse_masks([first, second], np.array([0.6, 0.9]), 0.49, 1).kept.tolist() == [1]


def test_a_mask_inside_a_larger_one_of_higher_score_is_dropped_under_iom_and_kept_nowhere_under_iou():
    large, small = encode(np.ones((10, 20))), encode_crop(np.ones((2, 2)), 5, 5, (10, 20))
    assert fuse_masks([small, large], np.array([0.5, 0.9]), 0.5, 1).kept.tolist() == [1]
    # IoU 0.02 suppresses nothing, but the larger mask owns all its pixels.
    assert fuse_masks([small, large], np.array([0.5, 0.9]), 0.5, 1, "iou").kept.tolist() == [1]
    # With the higher score, the small mask takes the place of the large one, or is cut out of it.
    assert fuse_masks([small, large], np.array([0.9, 0.5]), 0.5, 1).kept.tolist() == [0]
    cut_out = fuse_masks([small, large], np.array([0.9, 0.5]), 0.5, 1, "iou")
    assert areas(cut_out.masks).tolist() == [4, 196]


def test_a_chain_of_masks_is_suppressed_from_the_top():
    # Each mask overlaps the next too far; the second is dropped, so the third stays, and so on.
    masks = [encode_crop(np.ones((1, 4)), left, 0, (1, 40)) for left in range(30)]
    fused = fuse_masks(masks, np.linspace(1, 0.5, 30), 0.5, 1)
    assert fused.kept.tolist() == list(range(0, 30, 2))


def test_a_mask_left_with_too_few_pixels_is_dropped():
    front, behind = encode_crop(np.ones((4, 6)), 0, 0, (4, 9)), encode_crop(np.ones((4, 6)), 3, 0, (4, 9))
    scores = np.array([0.9, 0.8])
    assert len(fuse_masks([front, behind], scores, 0.5, 12).kept) == 2
    assert len(fuse_masks([front, behind], scores, 0.5, 13).kept) == 1


def test_a_speck_of_high_score_takes_no_part_and_the_person_under_it_stays_whole():
    person, speck = encode_crop(np.ones((10, 6)), 5, 5, (20, 20)), encode_crop(np.ones((2, 2)), 7, 8, (20, 20))
    scores = np.array([0.6, 0.9])
    for metric in ("iom", "iou"):
        fused = fuse_masks([person, speck], scores, 0.5, 5, metric)
        assert fused.kept.tolist() == [0]
        assert fused.masks == [person]
    # Four pixels are no speck where four are enough: the paper's reading, in which the speck suppresses the person.
    assert fuse_masks([person, speck], scores, 0.5, 4).kept.tolist() == [1]


@settings(deadline=None, max_examples=100)
@given(scored_masks(), thresholds, st.integers(2, 6), st.sampled_from(["iom", "iou"]))
def test_masks_that_are_too_small_from_the_start_change_nothing(scored, threshold, min_area_px, metric):
    stack, scores = scored
    large = np.flatnonzero(stack.sum((1, 2)) >= min_area_px)
    fused = fuse_masks(encode_all(stack), scores, threshold, min_area_px, metric)
    without = fuse_masks(encode_all(stack[large]), scores[large], threshold, min_area_px, metric)
    assert fused.masks == without.masks
    assert fused.kept.tolist() == large[without.kept].tolist()


def test_of_equal_scores_the_larger_mask_comes_first():
    small, large = encode(np.array([[1, 1, 0, 0]])), encode(np.array([[0, 1, 1, 1]]))
    for masks in ([small, large], [large, small]):
        assert areas(fuse_masks(masks, np.array([0.5, 0.5]), 0.5, 1).masks).tolist() == [3, 1]


def test_no_masks_and_empty_masks_give_no_masks():
    for masks in ([], [encode(np.zeros((4, 4)))] * 2):
        fused = fuse_masks(masks, np.full(len(masks), 0.9), 0.5, 0)
        assert fused.masks == []
        assert fused.kept.shape == (0,)
        assert fused.kept.dtype == np.int64


def test_one_mask_stays_as_it_is():
    mask = encode(np.eye(5))
    assert fuse_masks([mask], np.array([0.1]), 0.5, 5).masks == [mask]


def test_bad_scores_and_mixed_frames_are_refused():
    mask = encode(np.eye(5))
    with pytest.raises(ValueError, match="2 masks have scores of shape"):
        fuse_masks([mask, mask], np.array([0.5]), 0.5, 1)
    with pytest.raises(ValueError, match="score of mask 1 is not a number"):
        fuse_masks([mask, mask], np.array([0.5, np.nan]), 0.5, 1)
    with pytest.raises(ValueError, match="4 x 4 and 5 x 5"):
        fuse_masks([mask, encode(np.eye(4))], np.array([0.5, 0.6]), 0.5, 1)


def test_a_crowded_full_hd_frame_of_three_hundred_masks_becomes_disjoint():
    masks, scores = crowded_frame(150)
    fused = fuse_masks(masks, scores, 0.5, 30)
    assert 50 < len(fused.kept) < 150
    iom = pairwise_iom(fused.masks, fused.masks)
    assert iom.sum() == len(fused.masks)
    whole = pairwise_iom([masks[i] for i in fused.kept], masks)
    assert ((whole > 0.5).sum(0) > 0).all()
