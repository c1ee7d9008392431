"""The readers of other people's tools, as `trackeval` has them, on files that were written here."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import trackeval
from pycocotools import mask as coco_mask

QUIET = {"PRINT_CONFIG": False}


def _quietly(make, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return make(*arguments)


def _compress(mask):
    encoded = coco_mask.frPyObjects(mask, *mask["size"])
    return encoded | {"counts": encoded["counts"].decode()}


def _masks(raw, side):
    """Frame (1-based), id → class and RLE counts, of what a dataset of trackeval has read."""
    classes = raw.get(f"{side}_classes", [None] * raw["num_timesteps"])
    return {
        (frame, int(number)): (None if own is None else int(own[row]), dets[row]["counts"])
        for frame, (ids, own, dets) in enumerate(zip(raw[f"{side}_ids"], classes, raw[f"{side}_dets"], strict=True), 1)
        for row, number in enumerate(ids)
    }


def read_mots_challenge(text: Path, n_frames: int, work: Path, is_gt=False):
    """What trackeval finds in a text: masks, and with `is_gt` also the ignore region of each frame."""
    place = work / ("gt/s/gt/gt.txt" if is_gt else "trackers/t/data/s.txt")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.read_bytes())
    (work / "gt/s/gt").mkdir(parents=True, exist_ok=True)
    (work / "gt/s/gt/gt.txt").touch()
    (work / "trackers/t/data").mkdir(parents=True, exist_ok=True)
    (work / "trackers/t/data/s.txt").touch()
    folders = {"GT_FOLDER": str(work / "gt"), "TRACKERS_FOLDER": str(work / "trackers"), "TRACKERS_TO_EVAL": ["t"]}
    config = QUIET | folders | {"SEQ_INFO": {"s": n_frames}, "SKIP_SPLIT_FOL": True}
    dataset = _quietly(trackeval.datasets.MOTSChallenge, config)
    raw = _quietly(dataset.get_raw_seq_data, "t", "s")
    _quietly(dataset.get_preprocessed_seq_data, raw, "pedestrian")
    side = "gt" if is_gt else "tracker"
    return (_masks(raw, side), raw["gt_ignore_region"]) if is_gt else _masks(raw, side)


def read_mots_zip(archive: Path, lengths: dict[str, int], work: Path):
    """What trackeval finds in the zip that goes to the server: masks by sequence."""
    for place in (work / "gt/data.zip", work / "trackers/t/data.zip"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(archive.read_bytes())
    folders = {"GT_FOLDER": str(work / "gt"), "TRACKERS_FOLDER": str(work / "trackers"), "TRACKERS_TO_EVAL": ["t"]}
    config = QUIET | folders | {"SEQ_INFO": lengths, "SKIP_SPLIT_FOL": True, "INPUT_AS_ZIP": True}
    dataset = _quietly(trackeval.datasets.MOTSChallenge, config)
    return {name: _masks(_quietly(dataset.get_raw_seq_data, "t", name), "tracker") for name in lengths}


def read_kitti_mots(text: Path, n_frames: int, work: Path):
    for place in (work / "gt/label_02/0000.txt", work / "trackers/t/data/0000.txt"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.read_bytes())
    folders = {"GT_FOLDER": str(work / "gt"), "TRACKERS_FOLDER": str(work / "trackers"), "TRACKERS_TO_EVAL": ["t"]}
    dataset = _quietly(trackeval.datasets.KittiMOTS, QUIET | folders | {"SEQ_INFO": {"0000": n_frames}})
    raw = _quietly(dataset.get_raw_seq_data, "t", "0000")
    return _masks(raw, "gt"), raw["gt_ignore_region"]


def read_davis(folder: Path, work: Path):
    (work / "trackers/t/data").mkdir(parents=True)
    for place in (work / "gt", work / "trackers/t/data"):
        place.mkdir(exist_ok=True)
        (place / "s").symlink_to(folder)
    folders = {"GT_FOLDER": str(work / "gt"), "TRACKERS_FOLDER": str(work / "trackers"), "TRACKERS_TO_EVAL": ["t"]}
    dataset = _quietly(trackeval.datasets.DAVIS, QUIET | folders)
    raw = _quietly(dataset.get_raw_seq_data, "t", "s")
    return _masks(raw, "gt"), raw["masks_void"]


def read_youtube_vis(file: Path, work: Path):
    """What trackeval's YouTube-VIS finds, by video and category; the tracks of the file are truth and result."""
    truth, result = work / "gt/youtube_vis_x/gt.json", work / "trackers/youtube_vis_x/t/data/t.json"
    truth.parent.mkdir(parents=True)
    result.parent.mkdir(parents=True)
    truth.write_bytes(file.read_bytes())
    tracks = json.loads(file.read_text())["annotations"]
    for one in tracks:  # results have compressed masks, the truth has not
        one["segmentations"] = [mask and _compress(mask) for mask in one["segmentations"]]
    result.write_text(json.dumps(tracks))
    folders = {"GT_FOLDER": f"{work}/gt/", "TRACKERS_FOLDER": f"{work}/trackers/", "TRACKERS_TO_EVAL": ["t"]}
    dataset = _quietly(trackeval.datasets.YouTubeVIS, QUIET | folders | {"SPLIT_TO_EVAL": "x"})
    scores = {}
    for name in dataset.seq_list:
        raw = _quietly(dataset.get_raw_seq_data, "t", name)
        for category in dataset.class_list:
            data = _quietly(dataset.get_preprocessed_seq_data, raw, category)
            scores[name, category] = trackeval.metrics.CLEAR().eval_sequence(data) | {"data": data}
    return scores


def read_mot_boxes(file: Path, n_frames: int, work: Path):
    for place in (work / "gt/s/gt/gt.txt", work / "trackers/t/data/s.txt"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    folders = {"GT_FOLDER": str(work / "gt"), "TRACKERS_FOLDER": str(work / "trackers"), "TRACKERS_TO_EVAL": ["t"]}
    config = QUIET | folders | {"SEQ_INFO": {"s": n_frames}, "SKIP_SPLIT_FOL": True}
    dataset = _quietly(trackeval.datasets.MotChallenge2DBox, config)
    raw = _quietly(dataset.get_raw_seq_data, "t", "s")
    return {
        (frame, int(number)): (int(classes[row]), *np.asarray(boxes[row]).tolist())
        for frame, (ids, classes, boxes) in enumerate(
            zip(raw["tracker_ids"], raw["tracker_classes"], raw["tracker_dets"], strict=True), 1
        )
        for row, number in enumerate(ids)
    }
