"""Masks with tracks, drawn: a row a track, a column a frame, a letter a short tracklet."""

import numpy as np

from remots.report.tracked_masks import TrackedMasks


def draw_tracks(*rows: str) -> TrackedMasks:
    """Turn rows such as ``"aaa..bb"`` into masks; the first row is track 1, ``.`` is no mask; areas grow with time."""
    letters = sorted({letter for row in rows for letter in row} - {"."})
    found = [
        (frame, track, letters.index(row[frame - 1]))
        for frame in range(1, max(map(len, rows), default=0) + 1)
        for track, row in enumerate(rows, start=1)
        if frame <= len(row) and row[frame - 1] != "."
    ]
    frames, tracks, tracklets = (
        np.array(column, np.int64) for column in (zip(*found, strict=True) if found else ((),) * 3)
    )
    boxes = np.tile(np.array([[0, 0, 10, 30]], np.int64), (len(found), 1))
    return TrackedMasks(frames, boxes, 100 + frames, tracklets, tracks)
