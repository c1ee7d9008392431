"""The rendered scene: exact truth, lasting identities, occlusions, and the same bytes from the same seed."""

from itertools import pairwise

import numpy as np
import pytest

from remots.masks.rle import areas, boxes, decode
from remots.synthetic.scene import SMALLEST_MASK_PX, RenderedFrame, SceneParameters, render_scene

SMALL = {"height_px": 120, "width_px": 213, "n_people": 6, "n_frames": 40}


@pytest.fixture(scope="module")
def street() -> list[RenderedFrame]:
    return list(render_scene(SceneParameters(height_px=180, width_px=320, n_people=8, n_frames=120, seed=1)))


def gaps_of(frames: list[RenderedFrame]) -> dict[int, list[int]]:
    """Lengths of the stretches in which each person is not seen, between the first and the last time."""
    seen: dict[int, list[int]] = {}
    for frame, _, _, identities in frames:
        for identity in identities:
            seen.setdefault(identity, []).append(frame)
    return {who: [b - a - 1 for a, b in pairwise(when) if b - a > 1] for who, when in seen.items()}


def test_the_same_seed_gives_the_same_bytes() -> None:
    parameters = SceneParameters(**SMALL, seed=3, pan=True, exposure_drift=0.2)
    for first, second in zip(render_scene(parameters), render_scene(parameters), strict=True):
        assert np.array_equal(first.image, second.image)
        assert first.masks == second.masks
        assert first.identities == second.identities


def test_another_seed_gives_another_street_and_other_people() -> None:
    a, b = (next(iter(render_scene(SceneParameters(**SMALL, seed=seed)))) for seed in (0, 1))
    assert np.mean(np.abs(a.image.astype(int) - b.image)) > 5
    assert a.masks != b.masks


def test_a_longer_scene_begins_like_a_shorter_one() -> None:
    short = list(render_scene(SceneParameters(**{**SMALL, "n_frames": 5})))
    for frame, longer in zip(short, render_scene(SceneParameters(**SMALL)), strict=False):
        assert np.array_equal(frame.image, longer.image)
        assert frame.masks == longer.masks


def test_frames_are_numbered_from_one_and_images_are_rgb_of_the_size_asked_for(street: list[RenderedFrame]) -> None:
    assert [frame.frame for frame in street] == list(range(1, 121))
    assert {(frame.image.shape, frame.image.dtype) for frame in street} == {((180, 320, 3), np.dtype(np.uint8))}


def test_masks_are_disjoint_inside_the_frame_and_never_tiny(street: list[RenderedFrame]) -> None:
    n_masks = 0
    for _, image, masks, identities in street:
        claimed = sum((decode(mask).astype(int) for mask in masks), start=np.zeros(image.shape[:2], int))
        assert claimed.max(initial=0) <= 1
        assert all(area >= SMALLEST_MASK_PX for area in areas(masks))
        assert {tuple(mask["size"]) for mask in masks} <= {(180, 320)}
        assert identities == sorted(set(identities))
        n_masks += len(masks)
    assert n_masks > 400


def test_each_mask_covers_its_person_and_nothing_else() -> None:
    """Without noise, a frame differs from the same one with nobody in it where somebody is, or their shadow."""
    people = SceneParameters(height_px=180, width_px=320, n_people=6, n_frames=12, seed=4, noise=0.0)
    nobody = SceneParameters(height_px=180, width_px=320, n_people=0, n_frames=12, seed=4, noise=0.0)
    for (_, image, masks, _), (_, empty, _, _) in zip(render_scene(people), render_scene(nobody), strict=True):
        differs = np.abs(image.astype(int) - empty).max(axis=2) > 0
        body = np.any([decode(mask) for mask in masks], axis=0)
        assert np.mean(differs[body]) > 0.97
        brighter = np.any(image.astype(int) > empty.astype(int) + 40, axis=2)  # no shadow brightens
        inside = np.pad(body, 1)
        near = inside[2:, 1:-1] | inside[:-2, 1:-1] | inside[1:-1, 2:] | inside[1:-1, :-2] | body
        assert np.count_nonzero(brighter & ~near) <= 0.01 * np.count_nonzero(body)


def test_an_identity_keeps_its_place_and_its_colours_from_frame_to_frame(street: list[RenderedFrame]) -> None:
    n_compared = 0
    for before, after in pairwise(street):
        for who in set(before.identities) & set(after.identities):
            a, b = before.masks[before.identities.index(who)], after.masks[after.identities.index(who)]
            if min(areas([a, b])) < 300 or abs(int(areas([a])[0]) - int(areas([b])[0])) > 60:
                continue
            (left_a, top_a, *_), (left_b, top_b, *_) = boxes([a])[0], boxes([b])[0]
            assert np.hypot(left_a - left_b, top_a - top_b) < 15
            colours = [frame.image[decode(mask)].mean(axis=0) for frame, mask in ((before, a), (after, b))]
            assert np.abs(colours[0] - colours[1]).max() < 25
            n_compared += 1
    assert n_compared > 200


@pytest.mark.parametrize("seed", range(3))
def test_people_leave_and_come_back_after_short_and_after_long_absences(seed: int) -> None:
    scene = SceneParameters(height_px=90, width_px=160, n_people=8, n_frames=180, seed=seed)
    gaps = [gap for stretches in gaps_of(list(render_scene(scene))).values() for gap in stretches]
    assert any(3 <= gap <= 15 for gap in gaps)
    assert any(gap > 15 for gap in gaps)


def test_the_first_person_leaves_at_the_edge_and_comes_back_within_fifteen_frames() -> None:
    scene = SceneParameters(height_px=180, width_px=320, n_people=1, n_frames=60, seed=1)
    frames = list(render_scene(scene))
    gaps = gaps_of(frames)[1]
    assert any(1 <= gap <= 15 for gap in gaps)
    absent = [frame.frame for frame in frames if not frame.identities]
    at_edge = frames[absent[0] - 2]
    assert boxes(at_edge.masks)[0][0] <= 3


def test_people_hide_one_another_for_several_frames(street: list[RenderedFrame]) -> None:
    """Someone shrinks to less than half of what they were while touching another, and grows again."""
    n_hidden = 0
    for who in range(1, 9):
        sizes = {f.frame: int(areas([f.masks[f.identities.index(who)]])[0]) for f in street if who in f.identities}
        largest = np.quantile(list(sizes.values()), 0.8)
        hidden = [frame for frame, size in sizes.items() if size < 0.5 * largest]
        n_hidden = max(n_hidden, sum(b - a == 1 for a, b in pairwise(hidden)))
    assert n_hidden >= 4


def test_a_pan_moves_the_background_and_a_camera_that_stands_still_does_not() -> None:
    still, panned = (
        [frame.image.astype(float) for frame in render_scene(SceneParameters(n_people=0, n_frames=30, pan=pan))]
        for pan in (False, True)
    )
    assert np.abs(still[0] - still[-1]).mean() < 4
    assert np.abs(panned[0] - panned[-1]).mean() > 12


@pytest.mark.parametrize(("height_px", "width_px"), [(64, 64), (65, 97), (101, 33), (48, 300)])
@pytest.mark.parametrize("pan", [False, True])
def test_any_size_can_be_rendered_also_odd_ones(height_px: int, width_px: int, pan: bool) -> None:
    scene = SceneParameters(n_frames=4, n_people=5, height_px=height_px, width_px=width_px, pan=pan, seed=2)
    for _, image, masks, identities in render_scene(scene):
        assert image.shape == (height_px, width_px, 3)
        assert len(masks) == len(identities)


def test_nobody_and_a_single_frame_are_fine() -> None:
    (only,) = render_scene(SceneParameters(n_frames=1, n_people=0, height_px=64, width_px=64))
    assert only.frame == 1
    assert only.masks == []
    assert only.identities == []


def test_lookalikes_wear_nearly_the_same_colours() -> None:
    def spread(lookalike: float) -> float:
        scene = SceneParameters(n_frames=1, n_people=12, seed=5, lookalike=lookalike, noise=0.0)
        ((_, image, masks, _),) = render_scene(scene)
        means = [image[decode(mask)].mean(axis=0) for mask, area in zip(masks, areas(masks), strict=True) if area > 300]
        return float(np.std(means, axis=0).mean())

    assert spread(1.0) < 0.6 * spread(0.0)


def test_an_exposure_drift_changes_the_brightness_and_not_the_truth() -> None:
    plain, drifting = (
        list(render_scene(SceneParameters(**SMALL, seed=1, exposure_drift=drift))) for drift in (0.0, 0.3)
    )
    assert np.ptp([frame.image.mean() for frame in plain]) < 8
    assert np.ptp([frame.image.mean() for frame in drifting]) > 25
    assert [frame.masks for frame in plain] == [frame.masks for frame in drifting]


def test_speed_makes_people_cover_more_ground() -> None:
    def way(speed: float) -> float:
        scene = SceneParameters(n_frames=12, n_people=1, height_px=180, width_px=640, seed=3, speed=speed)
        lefts = [boxes(frame.masks)[0][0] for frame in render_scene(scene) if frame.masks]
        return float(abs(int(lefts[-1]) - int(lefts[0])))

    assert way(1.5) > 1.2 * way(0.6)


@pytest.mark.parametrize(
    "wrong",
    [{"n_frames": 0}, {"n_people": -1}, {"height_px": 8}, {"fps": 0.0}, {"lookalike": 1.5}, {"exposure_drift": 1.0}],
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_")[0]):
        SceneParameters(**wrong)
