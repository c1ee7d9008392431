"""The flow on a real video: people are found again better with it than without it, or with it the wrong way round."""

import itertools

import cv2
import numpy as np
import pytest

from remots.association.flow import dense_flow
from remots.association.warping import paint_labels, warped_iou
from remots.cli import main
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.masked_images import iterate_masked_images
from remots.formats.results.tables import read_table

STRIDE, LAST = 4, 61


@pytest.fixture(scope="module")
def true_frames(shared_data, tmp_path_factory):
    """Every fourth frame of vtest: identities, label map, grey image."""
    folder = tmp_path_factory.mktemp("vtest")
    sequence, truth = folder / "sequence.json", folder / "truth.parquet"
    video = shared_data / "vtest" / "vtest.avi"
    assert main(["probe", str(video), "--out", str(sequence), "--last-frame", "400"]) == 0
    source = shared_data / "vtest" / "gt.txt"
    assert main(["import-truth", str(source), "--sequence", str(sequence), "--out", str(truth)]) == 0
    identities = read_table(truth, "truth")["identity"].to_numpy()
    frames, n_masks = [], 0
    for frame, image, masks in iterate_masked_images(read_sequence(sequence), truth, "truth"):
        if frame > LAST:
            break
        own = identities[n_masks : n_masks + len(masks)]
        n_masks += len(masks)
        if (frame - 1) % STRIDE == 0:
            frames.append((own, paint_labels(masks, image.shape[:2]), cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)))
    return frames


def mean_iou_with_itself(frames, flow_between):
    ious, n_expected = 0.0, 0
    for (ids_before, before, gray_before), (ids_after, after, gray_after) in itertools.pairwise(frames):
        flow = flow_between(gray_before, gray_after)
        pairs = warped_iou(before, after, flow, len(ids_before), len(ids_after))
        ious += pairs.iou[ids_before[pairs.previous] == ids_after[pairs.current]].sum()
        n_expected += len(np.intersect1d(ids_before, ids_after))
    return ious / n_expected


def test_along_the_flow_people_overlap_themselves_twice_as_much(true_frames):
    along = mean_iou_with_itself(true_frames, dense_flow)
    still = mean_iou_with_itself(true_frames, lambda before, _after: np.zeros((*before.shape, 2), np.float32))
    wrong_way = mean_iou_with_itself(true_frames, lambda before, after: dense_flow(after, before))
    assert along > 0.55
    assert along > 2 * still
    assert still > wrong_way
