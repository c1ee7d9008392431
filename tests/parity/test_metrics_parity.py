"""Our numbers against two independent ones: motrics (Rust) and trackeval's own way from files, on real KITTI MOTS."""

from collections import defaultdict
from pathlib import Path

import motrics
import numpy as np
import pytest
import trackeval
from motrics import kitti_mots
from pycocotools import mask as coco

from remots.evaluation.metrics import METRICS, LabelledMasks, combine, evaluate_sequence, summarise

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SEQUENCES = ["0012", "0014", "0015", "0017"]
TOLERANCE_PERCENT = 1e-9 * 100
Row = tuple[int, int, int, dict]  # frame from 0, id, class, mask


def read_rows(path: Path) -> list[Row]:
    """KITTI MOTS text, parsed here on its own so that the test depends on no reader of ours."""
    words = [line.split() for line in path.read_text().splitlines()]
    return [
        (int(f), int(i), int(c), {"size": [int(h), int(w)], "counts": rle.encode()}) for f, i, c, h, w, rle in words
    ]


def perturb(rows: list[Row], rng: np.random.Generator) -> list[Row]:
    """Make results of the truth: masks dropped, ids swapped, masks shifted, an ignore region turned into a person."""
    by_frame = defaultdict(list)
    for frame, identity, class_id, mask in rows:
        if class_id == 10 and rng.random() < 0.1:
            class_id, identity = 2, 90_000  # a false mask that lies wholly in an ignore region
        if class_id != 10 and rng.random() > 0.15:
            by_frame[frame].append((identity, class_id, mask))
    renamed: dict[int, int] = {}
    result = []
    for frame in sorted(by_frame):
        people = [identity for identity, class_id, _ in by_frame[frame] if class_id == 2]
        if len(people) > 1 and rng.random() < 0.15:
            a, b = rng.choice(people, 2, replace=False)
            renamed[a], renamed[b] = renamed.get(b, b), renamed.get(a, a)
        taken = None
        for identity, class_id, mask in by_frame[frame]:
            pixels = coco.decode(mask)
            if rng.random() < 0.4:
                pixels = np.roll(pixels, rng.integers(-6, 7, 2), axis=(0, 1))
            taken = np.zeros_like(pixels) if taken is None else taken
            pixels &= 1 - taken  # keep the masks of the frame disjoint
            if pixels.any():
                taken |= pixels
                result.append(
                    (frame, renamed.get(identity, identity), class_id, coco.encode(np.asfortranarray(pixels)))
                )
    return result


def write_rows(path: Path, rows: list[Row], first_frame: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{frame + first_frame} {i} {c} {mask['size'][0]} {mask['size'][1]} {mask['counts'].decode()}\n"
        for frame, i, c, mask in rows
    ]
    path.write_text("".join(lines))
    return path


def pair_frames(truth: list[Row], result: list[Row]):
    sides = []
    for rows in (truth, result):
        side = defaultdict(lambda: LabelledMasks([], [], []))
        for frame, identity, class_id, mask in rows:
            for column, value in zip(side[frame], (identity, class_id, mask), strict=True):
                column.append(value)
        sides.append(side)
    for frame in range(max(row[0] for row in truth) + 1):
        yield frame + 1, sides[0][frame], sides[1][frame]


@pytest.fixture(scope="module", params=SEQUENCES)
def truth_and_result(request, shared_data) -> tuple[list[Row], list[Row]]:
    truth = read_rows(shared_data / "kitti_mots_gt" / f"{request.param}.txt")
    return truth, perturb(truth, np.random.default_rng(int(request.param)))


@pytest.mark.parametrize("class_id", [2, 1])
def test_metrics_agree_with_motrics_to_a_billionth(truth_and_result, class_id, tmp_path):
    truth, result = truth_and_result
    truth_file, result_file = write_rows(tmp_path / "truth.txt", truth), write_rows(tmp_path / "result.txt", result)
    masks, ignored = kitti_mots.load_kitti_mots_gt(truth_file)
    sides = kitti_mots.preprocess_kitti_mots(
        masks,
        kitti_mots.load_kitti_mots(result_file),
        {2: "pedestrian", 1: "car"}[class_id],
        ignore_regions=ignored,
    )
    clear = motrics.compute_clear_from_similarity(*sides)
    hota = motrics.compute_hota_from_similarity(*sides)
    expected = {
        "sMOTSA": 100 * clear.smota,
        "IDF1": 100 * motrics.compute_identity_from_similarity(*sides).idf1,
        "MOTSA": 100 * clear.mota,
        "MOTSP": 100 * clear.motp,
        "MODSA": 100 * clear.moda,
        "MT": clear.mt,
        "ML": clear.ml,
        "HOTA": 100 * hota.hota,
        "DetA": 100 * hota.deta,
        "AssA": 100 * hota.assa,
        "IDS": clear.num_switches,
    }
    found = summarise(evaluate_sequence(pair_frames(truth, result), class_id=class_id))
    assert found == pytest.approx(expected, rel=0, abs=TOLERANCE_PERCENT)
    if any(row[2] == class_id for row in truth):  # 0017 has no cars
        assert 0 < found["sMOTSA"] < found["MOTSA"] < 100


def test_sequences_and_their_combination_agree_with_trackeval_from_files(shared_data, tmp_path):
    raws = {}
    for name in SEQUENCES[:3]:
        truth = read_rows(shared_data / "kitti_mots_gt" / f"{name}.txt")
        result = perturb(truth, np.random.default_rng(7))
        raws[name] = evaluate_sequence(pair_frames(truth, result))
        write_rows(tmp_path / "truth" / name / "gt" / "gt.txt", truth, first_frame=1)
        write_rows(tmp_path / "trackers" / "ours" / "data" / f"{name}.txt", result, first_frame=1)
        n_frames = max(row[0] for row in truth) + 1
        (tmp_path / "truth" / name / "seqinfo.ini").write_text(f"[Sequence]\nseqLength={n_frames}\n")
    (tmp_path / "seqmap.txt").write_text("\n".join(["name", *raws]) + "\n")
    official = run_trackeval(tmp_path)
    found = {
        **{name: summarise(raw) for name, raw in raws.items()},
        "COMBINED_SEQ": summarise(combine(list(raws.values()))),
    }
    for name, metrics in found.items():
        families = official[name]["pedestrian"]
        for metric in METRICS:
            value = np.mean(families[metric.family][metric.key]) * (100 if metric.is_ratio else 1)
            assert metrics[metric.name] == pytest.approx(value, rel=0, abs=TOLERANCE_PERCENT), (name, metric.name)


def run_trackeval(folder: Path) -> dict:
    """Run the benchmark's own evaluation on a folder in its own layout."""
    silent = {"PRINT_RESULTS": False, "PRINT_CONFIG": False, "TIME_PROGRESS": False, "OUTPUT_SUMMARY": False}
    silent |= {"OUTPUT_DETAILED": False, "PLOT_CURVES": False, "LOG_ON_ERROR": None, "OUTPUT_EMPTY_CLASSES": False}
    dataset = trackeval.datasets.MOTSChallenge(
        {
            "GT_FOLDER": str(folder / "truth"),
            "TRACKERS_FOLDER": str(folder / "trackers"),
            "SEQMAP_FILE": str(folder / "seqmap.txt"),
            "SKIP_SPLIT_FOL": True,
            "PRINT_CONFIG": False,
        }
    )
    metrics = [
        trackeval.metrics.HOTA(),
        trackeval.metrics.CLEAR({"PRINT_CONFIG": False}),
        trackeval.metrics.Identity({"PRINT_CONFIG": False}),
    ]
    results, _ = trackeval.Evaluator(silent).evaluate([dataset], metrics)
    return results["MOTSChallenge"]["ours"]
