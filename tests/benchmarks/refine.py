"""Tracks of other trackers, refined: IDF1 and HOTA before and after, of the same masks.

    python -m tests.benchmarks refine --folder FOLDER [--videos …] [--trackers …] [--weights OSNet lite0 random]

Each tracker of PyPI's `trackers` runs at its defaults on the boxes of the masks and writes MOT text. ReMOTS reads that
text as anybody's, with the masks as detections, splits, trains and merges at its own defaults; nothing looks at the
truth but the metrics. Writes the table of docs/refining.md.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from remots.evaluation.metrics import summarise
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.frames import iterate_images
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.evaluation_file import read_evaluation
from remots.formats.results.tables import read_table, write_table
from tests.benchmarks.fusion_quality import fill_in
from tests.benchmarks.peers import PEERS, describe_package, identify, read_frames
from tests.benchmarks.tracking_data import REAL, SCENES, Video, prepare, run, video_in
from tests.benchmarks.tracking_ours import WEIGHTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "refining.md"
STATES = {"given": "as given", "split": "split", "merged": "split, trained, merged"}
METRICS = ("IDF1", "HOTA", "AssA", "IDS")


def write_mot_text(video: Video, tracker: str, path: Path) -> None:
    """Run a tracker at its defaults on the boxes of the masks; boxes that it leaves without identity are left out."""
    peer, frames = PEERS[tracker], list(read_frames(video))
    images: list[Any] = [None] * len(frames)
    if peer.sees_frames:
        images = [image[..., ::-1] for _, image in iterate_images(read_sequence(video.sequence))]
    lines = []
    for frame, ids in zip(frames, identify(peer, {}, frames, images), strict=True):
        for (left, top, right, bottom), own, score in zip(frame.xyxy.tolist(), ids, frame.scores, strict=True):
            if own >= 0:
                box = f"{left + 1:g},{top + 1:g},{right - left:g},{bottom - top:g}"
                lines.append(f"{frame.number},{own + 1},{box},{score:.4f},-1,-1,-1\n")
    path.write_text("".join(lines))


def refine(video: Video, given: Path, weights: str, folder: Path) -> dict[str, dict[str, float]]:
    """Refine tracks; gives the metrics of each state."""
    at = folder.joinpath
    detections = video.masks.parent / "detections_0.parquet"
    masks, short = at("masks.parquet"), at("short_tracklets.parquet")
    read = ["--sequence", video.sequence, "--masks", masks]
    words = ["--sequence", video.sequence, "--detections", detections, "--masks", masks]
    run("import-tracklets", given, *words, "--tracklets", at("given_tracklets.parquet"))
    found = {"given": _evaluate(video, masks, at("given_tracklets.parquet"), folder)}
    run("warp", *read, "--out", at("warped_iou.parquet"))
    run("crop", *read, "--out", at("crops.npy"))
    run("initialise", "--out", at("encoder_pretrained.safetensors"), *WEIGHTS[weights])
    _train(folder, "pretrained", "intra", ["--warped-iou", at("warped_iou.parquet")])
    looks = ["--features", at("features_intra.npy"), "--warped-iou", at("warped_iou.parquet")]
    words = ["--given", at("given_tracklets.parquet"), *looks]
    run("refine", *words, "--out", short, "--summary", at("short_tracklets.json"))
    found["split"] = _evaluate(video, masks, short, folder)
    _train(folder, "intra", "inter", ["--short-tracklets", short])
    looks = ["--short-tracklets", short, "--features", at("features_inter.npy"), "--masks", masks]
    words = [*looks, "--warped-iou", at("warped_iou.parquet")]
    run("histogram", *words, "--out", at("histograms_inter.npz"))
    looks += ["--sequence", video.sequence]
    threshold = at("threshold_merge.json")
    run("threshold-merge", "--histograms", at("histograms_inter.npz"), *looks, "--out", threshold)
    merged = ["--out", at("tracks.parquet"), "--merges", at("merges.parquet")]
    run("merge", *looks, "--threshold", threshold, *merged)
    found["merged"] = _evaluate(video, masks, short, folder, at("tracks.parquet"))
    counts = json.loads(at("short_tracklets.json").read_text())
    n_tracks = int(read_table(at("tracks.parquet"), "tracks")["track_id"].nunique())
    return found | {"tracklets": counts | {"n_tracks": n_tracks}}


def _train(folder: Path, before: str, stage: str, knows: list[Any]) -> None:
    at = folder.joinpath
    known = ["--crops", at("crops.npy"), "--masks", at("masks.parquet"), *knows, "--log", at(f"training_{stage}.csv")]
    encoder = at(f"encoder_{stage}.safetensors")
    start = at(f"encoder_{before}.safetensors")
    run("train", "--stage", stage, "--encoder", start, *known, "--out", encoder, "--threads", 1)
    features = at(f"features_{stage}.npy")
    run("embed", "--encoder", encoder, "--crops", at("crops.npy"), "--out", features, "--threads", 1)


def _evaluate(video: Video, masks: Path, tracklets: Path, folder: Path, tracks: Path | None = None) -> dict[str, float]:
    """Compare tracks with the truth; by default each tracklet is a track."""
    at = folder.joinpath
    if tracks is None:
        tracks = at("every_tracklet.parquet")
        ids = np.unique(read_table(tracklets, "short_tracklets")["tracklet_id"])
        write_table(tracks, "tracks", {"tracklet_id": ids, "track_id": ids + 1})
    read = ["--sequence", video.sequence, "--masks", masks, "--short-tracklets", tracklets, "--tracks", tracks]
    run("export", *read, "--mots", at("mots.txt"), "--kitti", at("kitti.txt"), "--coco", at("coco.json"))
    words = ["--sequence", video.sequence, "--truth", video.truth, "--mots", at("mots.txt")]
    run("evaluate", *words, "--unlabelled", video.unlabelled, "--out", at("evaluation.json"))
    return summarise(read_evaluation(at("evaluation.json"))[1])


def main(words: list[str]) -> None:
    """Refine what is asked for and not there yet, then write the table of all that is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks refine", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--folder", type=Path, required=True, help="folder of the work; what is done is not done again")
    parser.add_argument("--videos", nargs="*", choices=[*REAL, *SCENES], default=REAL, metavar="VIDEO")
    parser.add_argument("--trackers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--weights", nargs="*", choices=list(WEIGHTS), default=["OSNet"])
    options = parser.parse_args(words)
    for video in options.videos:
        for tracker in options.trackers:
            for weights in options.weights:
                _compute(options.folder, video, tracker, weights)
    _write_table(options.folder)


def _compute(folder: Path, name: str, tracker: str, weights: str) -> None:
    own = folder / f"{name} - {tracker} - {weights}".replace(",", "")
    if (own / "found.json").is_file():
        return
    own.mkdir(parents=True, exist_ok=True)
    video = video_in(folder / name.replace(",", ""), name)
    if not video.truth.is_file():
        prepare(video.truth.parent, name)
    write_mot_text(video, tracker, own / "given.txt")
    found = refine(video, own / "given.txt", weights, own)
    facts = {"video": name, "tracker": tracker, "weights": weights, "package": describe_package()}
    (own / "found.json").write_text(json.dumps(facts | found, indent=1) + "\n")
    sys.stderr.write(f"{own.name}: {_pair(found['given'])} -> {_pair(found['merged'])}\n")


def _pair(metrics: dict[str, float]) -> str:
    return f"{metrics['IDF1']:.1f} / {metrics['HOTA']:.1f}"


def _write_table(folder: Path) -> None:
    rows = [["", "tracks or tracklets", *METRICS], ["---", *["---:"] * (1 + len(METRICS))]]
    for path in sorted(folder.glob("*/found.json")):
        found = json.loads(path.read_text())
        counts = [found["tracklets"][f"n_{kind}"] for kind in ("given_tracklets", "tracklets", "tracks")]
        for (state, name), count in zip(STATES.items(), counts, strict=True):
            cells = [f"{found[state][metric]:.{0 if metric == 'IDS' else 1}f}" for metric in METRICS]
            rows.append([f"{found['video']}: {found['tracker']}, {name} ({found['weights']})", str(count), *cells])
    table = "".join("| " + " | ".join(row) + " |\n" for row in rows)
    with atomic_output(DOCUMENT) as temporary:
        temporary.write_text(fill_in(DOCUMENT.read_text(), {"refined": table}))


if __name__ == "__main__":
    main(sys.argv[1:])
