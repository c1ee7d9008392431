import numpy as np

from remots.report.thumbnails import HEIGHT_PX, MAX_WIDTH_PX, MIN_WIDTH_PX, draw_thumbnail


def crop(colour, inside=True):
    pixels = np.zeros((64, 32, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[:, :16, 3] = 255 * inside
    return pixels


def test_a_thumbnail_has_the_proportions_of_the_box_not_of_the_crop():
    assert draw_thumbnail(crop(9), 30, 60).shape == (HEIGHT_PX, HEIGHT_PX // 2, 3)
    assert draw_thumbnail(crop(9), 1, 90).shape == (HEIGHT_PX, MIN_WIDTH_PX, 3)
    assert draw_thumbnail(crop(9), 90, 1).shape == (HEIGHT_PX, MAX_WIDTH_PX, 3)


def test_the_person_keeps_the_colours_and_what_is_around_fades():
    drawn = draw_thumbnail(crop((200, 40, 20)), 44, 88)
    assert drawn[40, 3].tolist() == [200, 40, 20]
    faded = drawn[40, -3].astype(int)
    assert np.all(np.abs(faded - 128) < np.abs(np.array([200, 40, 20]) - 128) / 2)
