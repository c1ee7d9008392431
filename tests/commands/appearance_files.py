"""The files that the verbs of the appearance step read, for tests."""

import numpy as np
import torch

from remots.appearance.encoder import Encoder
from remots.formats.results.encoder_files import write_encoder
from remots.formats.results.tables import write_table
from remots.masks.rle import areas, boxes, encode_crop
from tests.appearance.drawn_people import draw_people

SIZE = (48, 64)


def mask_columns(frames, masks):
    columns = {"mask_id": range(len(masks)), "frame": frames, "class_id": [2] * len(masks), "score": [1.0] * len(masks)}
    columns |= dict(zip(("left_px", "top_px", "width_px", "height_px"), boxes(masks).T, strict=True))
    return columns | {"area_px": areas(masks), "rle": [mask["counts"] for mask in masks]}


def write_masks(path, frames, masks, identities=None, size=SIZE):
    columns = mask_columns(frames, masks)
    if identities is not None:
        columns["identity"] = identities
    kind = "masks" if identities is None else "truth"
    write_table(path, kind, columns, {"height_px": size[0], "width_px": size[1]})
    return path


def write_crops(folder, n_people=4, n_frames=5, seed=0):
    """Crops of drawn people, their masks, short tracklets and truth (the masks themselves are blocks)."""
    folder.mkdir(parents=True, exist_ok=True)
    crops, frames, people = draw_people(n_people, n_frames, seed=seed)
    np.save(folder / "crops.npy", crops)
    masks = [encode_crop(np.ones((8, 4)), 6 * person, 2, SIZE) for person in people.tolist()]
    write_masks(folder / "masks.parquet", frames, masks)
    write_masks(folder / "truth.parquet", frames, masks, identities=people)
    tracklets = {"mask_id": range(len(masks)), "frame": frames, "tracklet_id": people}
    write_table(folder / "short_tracklets.parquet", "short_tracklets", tracklets)
    return folder


def write_small_encoder(path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        write_encoder(path, Encoder("test_resnet"))
    return path


def complaint(capsys, verb, exit_code):
    """The one line of an error."""
    captured = capsys.readouterr()
    assert exit_code == 2
    assert captured.out == ""
    assert "Traceback" not in captured.err
    line = captured.err.strip().splitlines()[-1]
    assert line.startswith(f"remots {verb}: error: ")
    return line
