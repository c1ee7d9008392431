"""`remots fill`, through the command line, and what `export`, `overlay`, `excerpt` and `evaluate` make of its table."""

import shutil

import numpy as np
import pandas as pd
import pytest

from remots.cli import main
from remots.formats.results.filled_masks import FILLED_MASKS
from remots.formats.results.tables import read_table, write_table
from remots.formats.results.tracks import read_track_of_mask
from remots.masks.overlap import pairwise_iou
from remots.masks.rle import Rle, areas, encode_crop
from tests.commands.walkers import HEIGHT, WIDTH, complaint, run_until, run_verb, write_masks, write_walkers

TABLES = {
    "sequence": "sequence.json",
    "masks": "masks.parquet",
    "short_tracklets": "short_tracklets.parquet",
    "tracks": "tracks.parquet",
}
EXPORTED = {"mots": "mots.txt", "kitti": "kitti_mots.txt", "coco": "coco_video.json"}
HIDDEN = {(3, 0), (5, 0), (6, 0), (5, 1)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two people walk a pixel a frame; the first is missed in frame 3 and in 5 and 6, the second in 5."""
    folder = tmp_path_factory.mktemp("walkers") / "result"
    write_walkers(folder, hidden=HIDDEN, step_px=1)
    run_until(folder, "associate")
    tracklets = read_table(folder / "short_tracklets.parquet", "short_tracklets")
    places = read_table(folder / "masks.parquet", "masks", ["left_px"])["left_px"]
    person = pd.Series(np.where(places < 50, 1, 2)).groupby(tracklets["tracklet_id"]).first()
    columns = {"tracklet_id": person.index, "track_id": person.to_numpy()}
    write_table(folder / "tracks.parquet", "tracks", columns)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy that may be spoilt."""
    return shutil.copytree(finished, tmp_path / "walkers")


def fill(folder, *flags, **files):
    return run_verb(folder, "fill", *flags, **(TABLES | {"out": "out/filled_masks.parquet"} | files))


def filled_rows(folder):
    return read_table(folder / "out" / "filled_masks.parquet", FILLED_MASKS)


def true_mask(frame, person):
    left = 4 + frame if person == 0 else 100 - frame
    return encode_crop(np.ones((40, 14)), left, 10, (HEIGHT, WIDTH))


def test_gaps_are_filled_where_the_people_are_and_nothing_that_was_there_is_touched(folder):
    before = {name: (folder / name).read_bytes() for name in TABLES.values()}
    assert fill(folder, "--max-gap-frames", "2") == 0
    rows = filled_rows(folder)
    assert {(row.frame, row.track_id - 1) for row in rows.itertuples()} == HIDDEN
    for row in rows.itertuples():
        mask = Rle(size=(HEIGHT, WIDTH), counts=row.rle)
        assert pairwise_iou([mask], [true_mask(row.frame, row.track_id - 1)])[0, 0] > 0.8
        assert row.area_px == areas([mask])[0]
        assert (row.class_id, row.score) == (2, np.float32(0.9))
    tables = read_table(folder / "masks.parquet", "masks")
    for side, ends in (("before", {3: 2, 5: 4}), ("after", {3: 4, 5: 7})):
        first = rows[rows["track_id"] == 1].drop_duplicates("frame").set_index("frame")[f"mask_id_{side}"]
        assert {frame: tables["frame"][first[frame]] for frame in ends} == ends
    assert {name: (folder / name).read_bytes() for name in TABLES.values()} == before


def test_longer_gaps_are_left_alone(folder):
    assert fill(folder, "--max-gap-frames", "1") == 0
    assert {(row.frame, row.track_id - 1) for row in filled_rows(folder).itertuples()} == {(3, 0), (5, 1)}


def test_by_default_nothing_is_filled_and_a_warning_says_so(folder, capsys):
    assert fill(folder, "--quiet") == 0
    assert len(filled_rows(folder)) == 0
    assert "max_gap_frames is 0, so no gap is filled" in capsys.readouterr().err


def test_two_runs_give_the_same_bytes(folder):
    written = []
    for _ in range(2):
        assert fill(folder, "--max-gap-frames", "2") == 0
        written.append((folder / "out" / "filled_masks.parquet").read_bytes())
    assert written[0] == written[1]


def test_a_result_without_masks_has_nothing_to_fill(folder):
    write_masks(folder / "masks.parquet", [], [])
    write_table(
        folder / "short_tracklets.parquet", "short_tracklets", {n: [] for n in ("mask_id", "frame", "tracklet_id")}
    )
    write_table(folder / "tracks.parquet", "tracks", {"tracklet_id": [], "track_id": []})
    assert fill(folder, "--max-gap-frames", "2") == 0
    assert len(filled_rows(folder)) == 0


def lines_of(folder, *flags):
    assert run_verb(folder, "export", *flags, **TABLES, **EXPORTED) == 0
    return (folder / "mots.txt").read_text().splitlines()


def test_export_writes_filled_masks_beside_the_others_and_without_the_flag_what_it_always_wrote(folder):
    plain = lines_of(folder)
    assert fill(folder, "--max-gap-frames", "2") == 0
    filled = lines_of(folder, "--filled", str(folder / "out" / "filled_masks.parquet"))
    assert lines_of(folder) == plain
    assert set(plain) < set(filled)
    added = [line.split()[:2] for line in filled if line not in plain]
    assert sorted(added) == [["3", "2001"], ["5", "2001"], ["5", "2002"], ["6", "2001"]]
    frames = [int(line.split()[0]) for line in filled]
    assert frames == sorted(frames)


def write_truth(folder):
    frames, people = np.divmod(np.arange(16), 2)
    masks = [true_mask(frame + 1, person) for frame, person in zip(frames, people, strict=True)]
    rows = [
        f"{f + 1} {2001 + p} 2 {HEIGHT} {WIDTH} {m['counts'].decode()}"
        for f, p, m in zip(frames, people, masks, strict=True)
    ]
    (folder / "gt.txt").write_text("\n".join(rows) + "\n")
    words = ["import-truth", str(folder / "gt.txt"), "--sequence", str(folder / "sequence.json")]
    assert main([*words, "--out", str(folder / "truth.parquet")]) == 0


def test_what_is_filled_counts_in_the_evaluation(folder):
    write_truth(folder)
    assert fill(folder, "--max-gap-frames", "2") == 0
    found = []
    for flags in ((), ("--filled", str(folder / "out" / "filled_masks.parquet"))):
        lines_of(folder, *flags)
        files = {"sequence": "sequence.json", "truth": "truth.parquet", "mots": "mots.txt", "out": "evaluation.json"}
        assert run_verb(folder, "evaluate", **files) == 0
        found.append(pd.read_json(folder / "evaluation.json", typ="series")["metrics"])
    assert found[0]["MOTSA"] == pytest.approx(75)
    assert found[1]["MOTSA"] == pytest.approx(100)
    assert found[1]["IDF1"] > found[0]["IDF1"]


def test_the_overlay_draws_filled_masks(folder):
    assert fill(folder, "--max-gap-frames", "2") == 0
    contents = []
    for flags in ((), ("--filled", str(folder / "out" / "filled_masks.parquet"))):
        assert run_verb(folder, "overlay", *flags, **TABLES, out="overlay.mp4") == 0
        contents.append((folder / "overlay.mp4").read_bytes())
    assert contents[0] != contents[1]


def missing(folder):
    (folder / "tracks.parquet").unlink()
    return "tracks.parquet: no such file"


def overlapping(folder):
    frames = read_table(folder / "masks.parquet", "masks", ["frame"])["frame"]
    write_masks(folder / "masks.parquet", frames, [true_mask(1, 0)] * len(frames))
    return "masks.parquet: frame 3: masks of one frame overlap"


def no_image(folder):
    text = (folder / "sequence.json").read_text()
    (folder / "sequence.json").write_text(text.replace("/images", "/pictures"))
    return "pictures: no such folder"


def two_in_a_frame(folder):
    tracklets = read_table(folder / "tracks.parquet", "tracks")["tracklet_id"]
    write_table(folder / "tracks.parquet", "tracks", {"tracklet_id": tracklets, "track_id": [1] * len(tracklets)})
    return "tracks.parquet: track 1 has two masks in frame 1; make it again"


@pytest.mark.parametrize("spoil", [missing, overlapping, no_image, two_in_a_frame])
def test_bad_input_is_refused_in_one_line(folder, capsys, spoil):
    expected = spoil(folder)
    assert fill(folder, "--quiet", "--max-gap-frames", "2") == 2
    assert expected in complaint(capsys, "fill", folder)


@pytest.mark.parametrize("flag", ["--max-gap-frames", "--min-agreement", "--min-visible-share"])
def test_settings_out_of_range_are_refused(folder, capsys, flag):
    assert fill(folder, flag, "-1") == 2
    assert f"{flag} is -1" in complaint(capsys, "fill", folder)


def test_filled_masks_of_another_video_are_refused(folder, capsys):
    columns = {name: [] for name in read_table_columns()}
    write_table(folder / "filled.parquet", FILLED_MASKS, columns, {"height_px": 7, "width_px": 9})
    assert (
        run_verb(
            folder, "export", "--quiet", **TABLES, filled="filled.parquet", mots="out/m", kitti="out/k", coco="out/c"
        )
        == 2
    )
    assert "filled.parquet: masks of frames of 9x7 px" in complaint(capsys, "export", folder)


def test_a_filled_mask_in_a_frame_where_its_track_is_seen_is_refused(folder, capsys):
    assert fill(folder, "--max-gap-frames", "2") == 0
    rows = filled_rows(folder).assign(frame=4)
    size = {"height_px": HEIGHT, "width_px": WIDTH}
    write_table(folder / "filled.parquet", FILLED_MASKS, {name: rows[name] for name in rows}, size)
    shutil.rmtree(folder / "out")
    capsys.readouterr()
    assert (
        run_verb(
            folder, "export", "--quiet", **TABLES, filled="filled.parquet", mots="out/m", kitti="out/k", coco="out/c"
        )
        == 2
    )
    assert "filled.parquet: track 1 is seen in frame 4 already; run `remots fill` again" in complaint(
        capsys, "export", folder
    )


def test_training_reads_no_filled_mask(folder):
    """The masks that everything is learnt from have the same rows; filled ones are in no table that `train` reads."""
    assert fill(folder, "--max-gap-frames", "2") == 0
    n_masks = len(read_table(folder / "masks.parquet", "masks"))
    tracks = read_track_of_mask(folder / "short_tracklets.parquet", folder / "tracks.parquet", n_masks)
    assert len(tracks) == n_masks
    assert (
        main(
            [
                "crop",
                "--sequence",
                str(folder / "sequence.json"),
                "--masks",
                str(folder / "out" / "filled_masks.parquet"),
                "--out",
                str(folder / "crops.npy"),
            ]
        )
        == 2
    )


def read_table_columns():
    from remots.formats.results.tables import SCHEMAS

    return SCHEMAS[FILLED_MASKS].names
