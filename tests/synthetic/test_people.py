"""People: joints, textures and sprites."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.synthetic.gait import Manner, joints, phase_advance, swing_amplitude
from remots.synthetic.looks import choose_look
from remots.synthetic.people import Person, lay_over
from remots.synthetic.textures import PATTERNS


def somebody(number: int, lookalike: float = 0.0) -> Person:
    return Person(choose_look(np.random.default_rng(number), np.random.default_rng(99), lookalike, 1.0))


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 2 * np.pi), st.floats(0, 2.2))
def test_the_lower_foot_stands_on_the_ground_and_the_head_is_on_top(phase: float, speed: float) -> None:
    body = joints(phase, speed, Manner())
    feet = [body[name][2] for name in ("heel_r", "heel_l", "toe_r", "toe_l")]
    assert min(feet) == pytest.approx(0, abs=1e-9)
    assert max(joint[2] for joint in body.values()) == body["crown"][2]
    assert 0.9 < body["crown"][2] < 1.05


def test_somebody_who_stands_has_both_feet_side_by_side() -> None:
    body = joints(1.0, 0.0, Manner())
    assert body["toe_r"][0] == pytest.approx(body["toe_l"][0])
    assert body["toe_r"][1] == pytest.approx(-body["toe_l"][1])


def test_feet_do_not_slide_while_they_carry_the_body() -> None:
    """The foot on the ground goes backwards, relative to the body, about as far as the body goes forwards."""
    height_m, speed, manner = 1.72, 1.3, Manner(lean=0.0)
    assert swing_amplitude(speed) > 0.3
    step_m = 0.02
    advance = phase_advance(step_m, speed, height_m, manner)
    errors = []
    for phase in np.arange(0, 2 * np.pi, 0.2):
        now, then = joints(phase, speed, manner), joints(phase + advance, speed, manner)
        side = "r" if now["heel_r"][2] + now["toe_r"][2] < now["heel_l"][2] + now["toe_l"][2] else "l"
        moved = (then[f"ankle_{side}"][0] - now[f"ankle_{side}"][0]) * height_m
        errors.append(moved + step_m)
    assert np.median(np.abs(errors)) < 0.6 * step_m


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_has_the_shape_asked_for_and_colours_in_range(pattern: str) -> None:
    texture = PATTERNS[pattern](np.random.default_rng(0), (30, 44), (200.0, 40.0, 40.0), (30.0, 60.0, 200.0))
    assert texture.shape == (30, 44, 3)
    assert texture.min() >= 0
    assert texture.max() <= 255


@pytest.mark.parametrize("heading", [0.0, np.pi / 2, np.pi, -np.pi / 2, 0.7])
def test_a_sprite_is_premultiplied_as_high_as_the_person_and_stands_at_the_foot(heading: float) -> None:
    for number in range(6):
        person = somebody(number)
        sprite = person.draw((200.0, 300.0), 60.0, heading, 0.4, 1.2)
        alpha = sprite.rgba[..., 3]
        assert (sprite.rgba[..., :3] <= alpha[..., None].astype(int) + 1).all()
        rows = np.flatnonzero((alpha > 127).any(axis=1))
        assert len(rows) == pytest.approx(person.look.height_m * 60, rel=0.12)
        assert sprite.top + rows[-1] == pytest.approx(300, abs=8)
        columns = np.flatnonzero((alpha > 127).any(axis=0))
        assert sprite.left + columns.mean() == pytest.approx(200, abs=14)


def test_somebody_looks_different_from_the_front_and_from_behind() -> None:
    person = somebody(3)
    front, back = (person.draw((50.0, 120.0), 60.0, heading, 0.0, 0.0).rgba for heading in (-np.pi / 2, np.pi / 2))
    assert np.abs(front.astype(int) - back).mean() > 1


def test_laying_a_sprite_over_a_picture_blends_by_alpha() -> None:
    picture = np.full((1, 3, 3), 100, np.uint8)
    lay_over(picture, np.array([[[0, 0, 0, 0], [100, 100, 100, 128], [200, 200, 200, 255]]], np.uint8))
    assert picture[0, 0].tolist() == [100, 100, 100]
    assert np.allclose(picture[0, 1], 100 + 100 * 127 / 255, atol=1)
    assert picture[0, 2].tolist() == [200, 200, 200]
