import base64
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from remots.cli import main
from remots.formats.excerpt.excerpt_file import SECTIONS, read_excerpt
from remots.formats.results.records import read_record
from remots.formats.results.result_folder import RESULTS_READ
from tests.commands.walkers import N_FRAMES, complaint, run_until, run_verb, write_masks, write_walkers


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The results of two people who are both out of sight in frames 4 and 5."""
    folder = tmp_path_factory.mktemp("walkers")
    write_walkers(folder, hidden={(4, 0), (5, 0), (4, 1), (5, 1)})
    run_until(folder, "merge")
    shutil.copy(folder / "features.npy", folder / "features_inter.npy")
    size = ["--crop-height-px", "32", "--crop-width-px", "16"]
    assert run_verb(folder, "crop", *size, sequence="sequence.json", masks="masks.parquet", out="crops.npy") == 0
    (folder / "training_intra.csv").write_text("step,loss,learning_rate,active_share,auc\n0,0.5,1,1,\n1,0.4,1,1,0.9\n")
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy that may be spoilt."""
    return shutil.copytree(finished, tmp_path / "walkers")


def excerpt(folder, *flags):
    out = folder / "out" / "excerpt.json"
    code = main(["excerpt", "--quiet", "--folder", str(folder), "--out", str(out), *flags])
    return read_excerpt(out) if code == 0 else code


def test_everything_that_is_there_is_gathered(folder):
    found = excerpt(folder)
    assert set(found) == set(SECTIONS)
    assert found["sequence"]["sequence"] == "walkers"
    assert "frames" not in found["sequence"]
    assert found["counts"]["masks"] == 2 * (N_FRAMES - 2)
    assert [kind["kind"] for kind in found["thresholds"]] == ["short", "merge"]
    assert found["training"]["words"][0].startswith("The intra-frame training took 2 steps")
    assert base64.b64decode(found["video"]["data"])[4:8] == b"ftyp"
    assert found["switches"] is None
    pictures = [picture for track in found["tracks"] for picture in track["pictures"]]
    assert all(base64.b64decode(picture["picture"].split(",")[1]).startswith(b"RIFF") for picture in pictures)
    for track in found["tracks"]:
        assert {picture["tracklet"] for picture in track["pictures"]} <= set(track["tracklets"])


def test_two_runs_give_the_same_bytes(folder):
    excerpt(folder)
    before = (folder / "out" / "excerpt.json").read_bytes()
    excerpt(folder)
    assert (folder / "out" / "excerpt.json").read_bytes() == before


def test_its_record_names_the_results_it_reads_and_nothing_beside_them(folder):
    excerpt(folder)
    before = read_record(folder / "out" / "excerpt.json")
    assert [one["path"] for one in before["inputs"]["folder"]] == [
        f"../{name}" for name in RESULTS_READ if (folder / name).exists()
    ]
    (folder / "figures").mkdir()
    (folder / "figures" / "merge.png").write_bytes(b"drawn later")
    excerpt(folder)
    assert read_record(folder / "out" / "excerpt.json") == before


def test_a_threshold_set_by_hand_moves_what_is_close(folder):
    out = {"threshold": "threshold_merge.json", "out": "tracks.parquet", "merges": "merges.parquet"}
    tables = {"short_tracklets": "short_tracklets.parquet", "features": "features.npy", "masks": "masks.parquet"}
    text = json.loads((folder / "threshold_merge.json").read_text())
    for value, side in ((-1.0, "merged"), (1.0, "apart")):
        text |= {"value": value, "rule": "fixed", "statistics": {}}
        (folder / "threshold_merge.json").write_text(json.dumps(text))
        assert run_verb(folder, "merge", **tables, sequence="sequence.json", **out) == 0
        found = excerpt(folder)
        other = {"merged": "apart", "apart": "merged"}[side]
        assert len(found[side]) == {"merged": 2, "apart": 4}[side]
        assert found[other] == []
        for call in found[side]:
            assert call["gap_frames"] == 3
            assert (call["earlier"]["last"], call["later"]["first"]) == (3, 6)
            assert call["earlier"]["tracklet"] != call["later"]["tracklet"]
            assert (call["earlier"]["track"] == call["later"]["track"]) == (side == "merged")


def test_filled_masks_are_drawn_counted_and_marked_in_the_timeline(folder):
    before = excerpt(folder)
    tables = {name: f"{name}.parquet" for name in ("masks", "tracks")} | {"short_tracklets": "short_tracklets.parquet"}
    flags = ["--max-gap-frames", "2", "--min-agreement", "0.1"]
    assert run_verb(folder, "fill", *flags, **tables, sequence="sequence.json", out="filled_masks.parquet") == 0
    after = excerpt(folder, "--filled", str(folder / "filled_masks.parquet"))
    n_filled = len(pd.read_parquet(folder / "filled_masks.parquet"))
    assert n_filled
    assert (before["counts"]["filled"], after["counts"]["filled"]) == (0, n_filled)
    assert after["counts"]["masks"] == before["counts"]["masks"]
    assert sum(last - first + 1 for track in after["tracks"] for first, last in track["filled"]) == n_filled
    assert {tuple(run) for track in after["tracks"] for run in track["filled"]} == {(4, 5)}
    assert all(track["filled"] == [] for track in before["tracks"])
    assert after["video"]["data"] != before["video"]["data"]


def test_settings_bound_what_is_shown(folder):
    flags = ["--tracks", "1", "--pictures", "2", "--close-calls", "0", "--video-frames", "2"]
    found = excerpt(folder, *flags)
    assert len(found["tracks"]) == 1
    assert found["n_tracks_left_out"] == found["counts"]["tracks"] - 1
    assert len(found["tracks"][0]["pictures"]) == 2
    assert found["merged"] == found["apart"] == []
    assert "pieces" in found["video"]["words"]


def test_what_was_corrected_is_shown_and_is_no_close_call_any_more(folder):
    # Short tracklets 0 and 1 are seen in frames 1 to 3, 2 and 3 in 6 to 8; each of the people keeps its track.
    before = excerpt(folder, "--close-calls", "100")
    rows = ["must_link\t2@6\t0\t\tmine", "cannot_link\t1\t3\t\t", "split\t2\t\t7\ttwo", "drop\t2@7\t\t\t"]
    corrections = folder / "corrections.tsv"
    head = [f"# tracklets: {before['tracklets_digest']}", "action\ta\tb\tframe\tnote"]
    corrections.write_text("\n".join([*head, *rows]) + "\n")
    files = {"short_tracklets": "short_tracklets.parquet", "features": "features.npy", "masks": "masks.parquet"}
    files |= {"threshold": "threshold_merge.json", "corrections": "corrections.tsv", "out": "tracks.parquet"}
    assert run_verb(folder, "merge", **files, sequence="sequence.json", merges="merges.parquet") == 0
    found = excerpt(folder, "--close-calls", "100", "--corrections", str(corrections))
    assert found["tracklets_digest"] == before["tracklets_digest"]
    assert ["\t".join(row.values()) for row in found["corrections"]] == [row.ljust(len(row)) for row in rows]
    assert found["counts"]["without_track"] == 2
    assert {"0", "2@6"} in [set(track["tracklets"]) for track in found["tracks"]]
    pairs = [{call["earlier"]["tracklet"], call["later"]["tracklet"]} for call in found["merged"] + found["apart"]]
    assert {"1", "3"} not in pairs
    assert {"0", "2@6"} not in pairs


@pytest.mark.parametrize(
    "missing", ["crops.npy", "features_inter.npy", "histograms_intra.npz", "training_intra.csv", "merges.parquet"]
)
def test_what_is_not_there_is_left_out(folder, missing):
    (folder / missing).unlink()
    found = excerpt(folder)
    assert set(found) == set(SECTIONS)
    if missing == "crops.npy":
        assert {picture["picture"] for track in found["tracks"] for picture in track["pictures"]} == {""}
    if missing in ("features_inter.npy", "merges.parquet"):
        assert found["merged"] == found["apart"] == []


def test_switches_are_found_against_the_truth(folder, tmp_path):
    # One true person who walks to where the other one is, all of a sudden.
    import pandas as pd

    from remots.formats.results.tables import read_table, write_table

    masks = read_table(folder / "masks.parquet", "masks")
    tracks = read_table(folder / "short_tracklets.parquet", "short_tracklets").merge(
        read_table(folder / "tracks.parquet", "tracks"), on="tracklet_id"
    )
    first, last = tracks["track_id"].min(), tracks["track_id"].max()
    chosen = pd.concat(
        [
            tracks[(tracks.frame <= 3) & (tracks.track_id == first)],
            tracks[(tracks.frame >= 6) & (tracks.track_id == last)],
        ]
    )
    truth = masks.loc[chosen["mask_id"]].assign(identity=2001)
    columns = {name: truth[name].to_numpy() for name in truth} | {"mask_id": np.arange(len(truth))}
    write_table(tmp_path / "truth.parquet", "truth", columns)
    found = excerpt(folder, "--truth", str(tmp_path / "truth.parquet"))["switches"]
    assert found["n"] == 1
    (switch,) = found["shown"]
    assert (switch["last_frame"], switch["frame"], switch["identity"]) == (3, 6, 2001)
    assert (switch["track_before"], switch["track_after"]) == (first, last)
    assert [picture["frame"] for picture in switch["pictures"]] == [3, 6]


def lead_nowhere(sequence):
    facts = json.loads(sequence.read_text())
    sequence.write_text(json.dumps(facts | {"frames": "gone"}))


def test_a_folder_that_is_none_of_a_sequence_is_named(tmp_path, capsys):
    assert main(["excerpt", "--folder", str(tmp_path / "no"), "--out", str(tmp_path / "out" / "a.json")]) == 2
    assert "no: no such folder" in complaint(capsys, "excerpt", tmp_path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "tracks.parquet").unlink(), "tracks.parquet: no such file"),
        (lambda folder: (folder / "training_intra.csv").write_text("a,b\n1,2\n"), "not the log of a training"),
        (lambda folder: np.save(folder / "crops.npy", np.zeros((3, 32, 16, 4), np.uint8)), "3 crops, but 12 masks"),
        (lambda folder: (folder / "threshold_merge.json").write_text("{"), "threshold_merge.json: not JSON"),
        (lambda folder: lead_nowhere(folder / "sequence.json"), "run `remots probe` again"),
    ],
)
def test_what_is_broken_is_named_and_nothing_is_left(folder, capsys, spoil, words):
    spoil(folder)
    assert main(["excerpt", "--quiet", "--folder", str(folder), "--out", str(folder / "out" / "a.json")]) == 2
    assert words in complaint(capsys, "excerpt", folder)


def test_tables_that_do_not_belong_together_are_named(folder, capsys):
    write_masks(folder / "masks.parquet", [], [])
    assert main(["excerpt", "--quiet", "--folder", str(folder), "--out", str(folder / "out" / "a.json")]) == 2
    assert "tracklets of 12 masks, but there are 0" in complaint(capsys, "excerpt", folder)
