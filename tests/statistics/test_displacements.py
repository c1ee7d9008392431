"""Places, velocities, displacements, their scales, and what evidence they give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.statistics import displacements
from remots.statistics.displacements import (
    DisplacementScales,
    PlaceBonus,
    TrackletPlaces,
    describe_motion,
    learn_scales,
    measure_displacements,
    place_evidence,
)


def walkers(n_people=6, n_frames=80, noise_px=1.0, seed=0):
    """People who walk in straight lines, in the order of frames: tracklet ids, frames, boxes."""
    rng = np.random.default_rng(seed)
    starts, steps = rng.uniform(0, 600, (n_people, 2)), rng.uniform(-4, 4, (n_people, 2))
    ids = np.tile(np.arange(n_people), n_frames)
    frames = np.repeat(np.arange(1, n_frames + 1), n_people)
    centres = starts[ids] + frames[:, None] * steps[ids] + rng.normal(0, noise_px, (len(ids), 2))
    boxes = np.column_stack([centres - [10, 25], np.full(len(ids), 20), np.full(len(ids), 50)])
    return ids, frames, boxes.round().astype(int)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_velocities_are_slopes_of_lines_through_the_nearest_masks(seed):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 3, 25)
    frames = np.sort(rng.choice(60, 25, replace=False))
    boxes = rng.integers(1, 1000, (25, 4))
    motion = describe_motion(ids, frames, boxes)
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    assert motion.centres_px == pytest.approx(centres)
    for mask in range(25):
        own = np.flatnonzero(ids == ids[mask])
        sides = [(own[own <= mask][-8:], motion.velocities_before), (own[own >= mask][:8], motion.velocities_after)]
        for members, velocities in sides:
            if len(members) < 4:
                assert np.all(np.isnan(velocities[mask]))
            else:
                slopes = np.polyfit(frames[members], centres[members], 1)[0]
                assert velocities[mask] == pytest.approx(slopes, abs=1e-6)


def test_a_displacement_is_the_way_left_over_after_walking_on_in_heights():
    ids = np.array([0] * 5 + [1] * 5 + [2])
    frames = np.array([1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 20])
    left = np.array([0, 2, 4, 6, 8, 38, 42, 46, 50, 54, 100])  # 2, then 4 px a frame
    boxes = np.column_stack([left, np.zeros(11), np.full(11, 4), np.full(11, 10)]).astype(int)
    motion = describe_motion(ids, frames, boxes)
    found = measure_displacements(motion, np.array([4, 4, 9]), np.array([5, 10, 10]))
    # 30 px in 6 frames at 3 px; 92 px in 15 at 2; 46 px in 5 at 4
    assert found.heights == pytest.approx([1.2, 6.2, 2.6])
    assert found.n_velocities.tolist() == [2, 1, 1]
    assert found.gap_frames.tolist() == [6, 15, 5]
    assert measure_displacements(motion, np.array([4]), np.array([5]), 0).heights == pytest.approx([3.0])
    assert measure_displacements(motion, np.array([4]), np.array([5]), 1).heights == pytest.approx([1.8])


def test_who_walks_straight_is_found_where_expected_and_others_are_not():
    ids, frames, boxes = walkers()
    scales = learn_scales(ids, describe_motion(ids, frames, boxes))
    assert scales.lags_frames.tolist()[:4] == [1, 2, 3, 4]
    assert np.all(scales.same[2] < 0.5)
    assert np.all(scales.same[0] > scales.same[2])  # without a velocity the forecast is worse
    assert np.all(scales.different > 1)


def test_what_was_not_learnt_tells_nothing():
    ids, frames, boxes = walkers(n_people=1)
    motion = describe_motion(ids, frames, boxes)
    scales = learn_scales(ids, motion)  # nobody else to compare with
    assert len(scales.lags_frames) == 0
    found = measure_displacements(motion, np.array([0, 1]), np.array([5, 70]))
    assert place_evidence(found.heights, *scales.at(found)).tolist() == [0, 0]
    nothing = describe_motion(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4), int))
    assert len(learn_scales(np.zeros(0, int), nothing).lags_frames) == 0


def test_scales_are_linear_between_lags_and_the_same_person_s_goes_on_growing():
    scales = DisplacementScales(np.array([2, 4]), np.array([[1.0, 2.0]] * 3), np.array([[5.0, 6.0]] * 3))
    found = displacements.Displacements(np.zeros(4), np.array([0, 1, 2, 2]), np.array([1, 3, 4, 12]))
    same, different = scales.at(found)
    assert same == pytest.approx([1, 1.5, 2, 6])
    assert different == pytest.approx([5, 5.5, 6, 6])


@settings(deadline=None, max_examples=80)
@given(st.floats(0, 50), st.floats(0.01, 5), st.floats(0.01, 5), st.floats(1, 4))
def test_evidence_is_the_log_ratio_of_two_student_densities(height, same, different, stretch):
    found = place_evidence(np.array([height]), np.array([same]), np.array([different]), stretch)[0]

    def log_density(median):  # two degrees of freedom, two dimensions
        return np.log(1 / (np.pi * median**2) * (1 + (height / median) ** 2) ** -2)

    expected = log_density(same * stretch) - log_density(different) if same * stretch < different else 0
    assert found == pytest.approx(expected, abs=1e-6)


def test_half_of_the_pairs_lie_within_the_scale():
    # The density of the evidence integrates to one half up to its median.
    radii = np.linspace(0, 3, 300001)
    density = 2 * np.pi * radii / (np.pi * 9) * (1 + (radii / 3) ** 2) ** -2
    assert np.trapezoid(density, radii) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("n_people", [1, 6])
def test_the_bonus_is_the_evidence_of_the_measured_displacement(n_people):
    ids, frames, boxes = walkers(n_people)
    ids[frames > 77] += n_people  # too short to have a velocity
    motion = describe_motion(ids, frames, boxes)
    scales = learn_scales(ids, motion)
    assert (len(scales.lags_frames) > 0) == (n_people > 1)
    rng = np.random.default_rng(0)
    ends, starts = rng.integers(0, 300, 200) % len(ids), rng.integers(0, 10**6, 200) % len(ids)
    ends, starts = np.minimum(ends, starts), np.maximum(ends, starts)
    apart = frames[starts] > frames[ends]
    places = TrackletPlaces(motion, scales, starts[apart], ends[apart])
    rows = np.arange(apart.sum())
    expected = 0.1 * place_evidence(*places.weigh(rows, rows), 1.5)
    assert PlaceBonus(places, 0.1, 1.5)(rows, rows) == pytest.approx(expected, abs=1e-9)


def test_no_bonus_exceeds_the_largest():
    ids, frames, boxes = walkers()
    motion = describe_motion(ids, frames, boxes)
    masks = np.arange(len(ids))
    bonus = PlaceBonus(TrackletPlaces(motion, learn_scales(ids, motion), masks, masks), 0.1, 1.5)
    rng = np.random.default_rng(0)
    earlier, later = rng.integers(0, 200, 2000), rng.integers(200, len(ids), 2000)
    found = bonus(earlier, later)
    assert found.max() <= bonus.largest
    assert found.max() > 0.5 * bonus.largest
    assert found.min() < 0
