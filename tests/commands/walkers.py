"""A small sequence on disk: two people walk over a texture; masks, features that tell them apart, and all tables."""

import cv2
import numpy as np

from remots.cli import main
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import write_table
from remots.masks.rle import areas, boxes, encode

HEIGHT, WIDTH, N_FRAMES = 60, 120, 8


def write_walkers(folder, n_frames=N_FRAMES, hidden=(), n_people=2, first_frame=1, step_px=3):
    """Write images, sequence.json, masks.parquet and features.npy; `hidden` are (frame, person) without a mask."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 256, (HEIGHT, WIDTH + 100)).astype(np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    people = [texture[5:45, 110:124], texture[10:50, 140:154]]
    rows, features = [], []
    for frame in range(1, n_frames + 1):
        image, labels = texture[:, :WIDTH].copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
        for person in range(n_people):
            left = round((4 + step_px * frame) if person == 0 else (100 - step_px * frame))
            image[10:50, left : left + 14] = people[person]
            labels[10:50, left : left + 14] = person + 1
            if (frame, person) not in hidden:
                rows.append((frame, person))
        cv2.imwrite(str(folder / "images" / f"{frame:06d}.png"), np.repeat(image[..., None], 3, axis=2))
        rows_here = [person for shown, person in rows if shown == frame]
        features += [(encode(labels == person + 1), look(person, rng)) for person in rows_here]
    write_sequence(
        folder / "sequence.json",
        Sequence("walkers", str(folder / "images"), "images", HEIGHT, WIDTH, 10.0, first_frame, n_frames),
    )
    write_masks(folder / "masks.parquet", [frame for frame, _ in rows], [mask for mask, _ in features])
    np.save(folder / "features.npy", np.array([row for _, row in features], np.float32).reshape(-1, 4))
    return np.array([person for _, person in rows], np.int64)


def look(person, rng):
    row = np.eye(4)[person] + 0.1 * rng.normal(size=4)
    return row / np.linalg.norm(row)


def write_masks(path, frames, masks, size=(HEIGHT, WIDTH)):
    n_masks = len(masks)
    columns = {"mask_id": range(n_masks), "frame": frames, "class_id": [2] * n_masks, "score": [0.9] * n_masks}
    columns |= dict(zip(("left_px", "top_px", "width_px", "height_px"), boxes(masks).T, strict=True))
    columns |= {"area_px": areas(masks), "rle": [mask["counts"] for mask in masks]}
    write_table(path, "masks", columns, {"height_px": size[0], "width_px": size[1]})


def run_verb(folder, verb, *flags, **files):
    """Call a verb with files of the folder as flags: ``out="x.npz"`` becomes ``--out folder/x.npz``."""
    named = [word for name, file in files.items() for word in (f"--{name.replace('_', '-')}", str(folder / file))]
    return main([verb, *named, *flags])


def run_until(folder, last):
    """Make all files up to those of a verb."""
    common = {"masks": "masks.parquet", "features": "features.npy", "warped_iou": "warped_iou.parquet"}
    tracklets = {"short_tracklets": "short_tracklets.parquet"}
    steps = {
        "warp": {"sequence": "sequence.json", "masks": "masks.parquet", "out": "warped_iou.parquet"},
        "histogram": {**common, "out": "histograms_intra.npz"},
        "threshold-short": {"histograms": "histograms_intra.npz", "out": "threshold_short.json"},
        "associate": {
            **common,
            "threshold": "threshold_short.json",
            "out": "short_tracklets.parquet",
            "summary": "short_tracklets.json",
        },
        "histogram (inter)": {**common, **tracklets, "out": "histograms_inter.npz"},
        "threshold-merge": {
            **tracklets,
            "histograms": "histograms_inter.npz",
            "features": "features.npy",
            "masks": "masks.parquet",
            "sequence": "sequence.json",
            "out": "threshold_merge.json",
        },
        "merge": {
            **tracklets,
            "features": "features.npy",
            "masks": "masks.parquet",
            "sequence": "sequence.json",
            "threshold": "threshold_merge.json",
            "out": "tracks.parquet",
            "merges": "merges.parquet",
        },
    }
    for verb, files in steps.items():
        assert run_verb(folder, verb.split()[0], **files) == 0, verb
        if verb == last:
            return


def complaint(capsys, verb, folder):
    """The one line on standard error; nothing may be left of the outputs in the folder ``out``."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert not list(folder.glob("out/*"))
    assert not list(folder.glob("out/.*"))
    assert "Traceback" not in captured.err
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"remots {verb}: error: ")
    return captured.err


def only_error_line(capsys, verb, folder, output):
    """The last line of standard error; nothing may be left of the output."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert not (folder / output).exists()
    assert not list(folder.glob(".*.partial*"))
    line = captured.err.strip().splitlines()[-1]
    assert line.startswith(f"remots {verb}: error: ")
    return line
