import numpy as np
import pytest

from remots.appearance.augmentation import MEAN_COLOUR, STILL, STRONG, WEAK, Strength, augment
from tests.appearance.drawn_people import draw_people

CROPS = draw_people(4, 8, 64, 32)[0]


def altered(strong, seed=0, crops=CROPS):
    return augment(crops, np.full(len(crops), strong), np.random.default_rng(seed))


@pytest.mark.parametrize("strong", [False, True])
def test_one_seed_gives_one_result_and_another_another(strong):
    np.testing.assert_array_equal(altered(strong), altered(strong))
    assert (altered(strong) != altered(strong, seed=1)).any()


@pytest.mark.parametrize("strong", [False, True])
def test_the_crops_given_are_left_as_they_are(strong):
    before = CROPS.copy()
    altered(strong)
    np.testing.assert_array_equal(CROPS, before)


@pytest.mark.parametrize("strong", [False, True])
def test_the_mask_keeps_two_values_and_most_of_its_area(strong):
    result = altered(strong)
    assert set(np.unique(result[..., 3])) == {0, 255}
    share = (result[..., 3] > 0).sum(axis=(1, 2)) / (CROPS[..., 3] > 0).sum(axis=(1, 2))
    assert share.min() > 0.5
    assert share.max() < 1.7


def test_the_mask_moves_with_the_pixels():
    crops = CROPS.copy()
    crops[..., :3] = crops[..., 3:]  # white people on black
    result = altered(False, crops=crops)
    erased = (result[..., :3] == MEAN_COLOUR).all(axis=-1)
    grey = result[..., 0].astype(int)
    outside_edges = (grey < 64) | (grey > 192)
    agree = ((grey > 128) == (result[..., 3] > 128)) | erased
    assert agree[outside_edges].all()


def test_weak_alteration_changes_no_colours_beyond_erasing():
    flat = np.full((32, 64, 32, 4), 200, np.uint8)
    flat[..., 3] = 255
    result = augment(flat, np.zeros(32, bool), np.random.default_rng(0))
    inside = (result[..., 3] == 255) & ~(result[..., :3] == MEAN_COLOUR).all(axis=-1)
    interior = inside & (np.abs(result[..., 0].astype(int) - 200) < 50)
    assert (result[interior][:, :3].std(axis=1) == 0).all()
    assert interior.sum() / inside.sum() > 0.97  # the rest is the dark rim that a shift brings in


def test_strong_alteration_changes_far_more_than_weak():
    weak, strong = (np.abs(altered(flag).astype(int) - CROPS).mean(axis=(1, 2, 3)) for flag in (False, True))
    assert np.median(strong) > 1.2 * np.median(weak)


def test_crops_are_flipped_and_erased_as_often_as_said():
    left_marked = np.zeros((400, 64, 32, 4), np.uint8)
    left_marked[:, :, :10] = 255
    result = augment(left_marked, np.zeros(400, bool), np.random.default_rng(3))
    mask = result[..., 3] > 0
    flipped = mask[:, :, 16:].sum(axis=(1, 2)) > mask[:, :, :16].sum(axis=(1, 2))
    erased = (result[..., :3] == MEAN_COLOUR).all(axis=-1).any(axis=(1, 2))
    assert abs(flipped.mean() - WEAK.flip_chance) < 0.1  # four deviations
    assert abs(erased.mean() - WEAK.erase_chance) < 0.1
    strong = augment(left_marked, np.ones(400, bool), np.random.default_rng(3))
    erased = (strong[..., :3] == MEAN_COLOUR).all(axis=-1).any(axis=(1, 2))
    assert abs(erased.mean() - STRONG.erase_chance) < 0.1


def test_no_crops_give_no_crops():
    empty = np.zeros((0, 64, 32, 4), np.uint8)
    assert augment(empty, np.zeros(0, bool), np.random.default_rng(0)).shape == empty.shape


def test_nothing_asked_for_changes_nothing():
    result = augment(CROPS, np.ones(len(CROPS), bool), np.random.default_rng(0), STILL, STILL)
    np.testing.assert_array_equal(result, CROPS)


def occluded(people, chance=1.0):
    crops = np.zeros((40, 64, 32, 4), np.uint8)
    crops[..., :3] = np.arange(1, 41)[:, None, None, None]  # each its own grey
    crops[:, 4:60, 6:26, 3] = 255
    strength = Strength(flip_chance=0, max_shift=(0, 0), erase_chance=0, occlude_chance=chance)
    return crops, augment(crops, np.ones(40, bool), np.random.default_rng(2), STILL, strength, people)


def test_an_occluder_is_somebody_else_and_takes_pixels_and_mask():
    crops, result = occluded(people=np.arange(40) // 20)
    in_front = (result[..., :3] != crops[..., :3]).any(axis=-1)
    assert in_front.any(axis=(1, 2)).mean() > 0.9
    assert (result[..., 3][in_front] == 0).all()
    assert (result[..., 3][~in_front] == crops[..., 3][~in_front]).all()
    assert (result[..., 3] > 0).any(axis=(1, 2)).all()  # a part of everybody stays in sight
    for row in range(40):
        greys = np.unique(result[row, ..., 0][in_front[row]])
        assert all((grey - 1) // 20 != row // 20 for grey in greys)


def test_nobody_is_put_in_front_where_everybody_is_one_person_or_nobody_is_known():
    for people in (np.zeros(40, int), None):
        crops, result = occluded(people)
        np.testing.assert_array_equal(result, crops)
    crops, result = occluded(np.arange(40), chance=0.0)
    np.testing.assert_array_equal(result, crops)
