"""`remots provenance`, and the records that the other verbs leave, through the command line."""

import json
import os
import shutil
from pathlib import Path

import pytest

from remots.cli import main
from remots.formats.results.records import FOLDER, digest_file, digest_input, record_path
from tests.commands.walkers import run_until, write_walkers


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "walkers"
    write_walkers(folder)
    run_until(folder, "merge")
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "walkers")


def traced(capsys, *words):
    capsys.readouterr()
    assert main(["provenance", *map(str, words), "--json"]) == 0
    return {Path(row["path"]).name: row for row in json.loads(capsys.readouterr().out)["files"]}


def refused(capsys, *words):
    capsys.readouterr()
    assert main(["provenance", *map(str, words)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_result_tells_its_verb_versions_parameters_and_inputs(folder, capsys):
    rows = traced(capsys, folder / "tracks.parquet")
    record = rows["tracks.parquet"]["record"]
    assert record["verb"] == "merge"
    assert record["sha256"] == digest_file(folder / "tracks.parquet")
    assert record["parameters"]["max_gap_frames"] == 15
    assert {"remots", "revision", "code", "python", "machine", "packages"} == set(record["software"])
    assert "numpy" in record["software"]["packages"]
    inputs = {name: files[0] for name, files in record["inputs"].items()}
    assert set(inputs) == {"features", "masks", "sequence", "short_tracklets", "threshold"}
    assert inputs["masks"] == {"path": "masks.parquet", "sha256": digest_file(folder / "masks.parquet")}


def test_the_chain_goes_back_to_what_came_from_outside(folder, capsys):
    rows = traced(capsys, folder / "tracks.parquet")
    assert rows["warped_iou.parquet"]["record"]["verb"] == "warp"
    assert rows["histograms_intra.npz"]["record"]["verb"] == "histogram"
    assert rows["features.npy"]["record"] is None
    assert main(["provenance", str(folder / "tracks.parquet")]) == 0
    text = capsys.readouterr().out
    assert "made by     remots merge, version" in text
    assert "warped_iou.parquet: remots warp first_guess=masks, flow=dis_fine" in text
    assert "features.npy: from outside" in text


def test_a_flag_changes_the_record(folder, capsys):
    words = ["threshold-short", "--histograms", folder / "histograms_intra.npz", "--out", folder / "other.json"]
    assert main([*map(str, words), "--value", "0.4"]) == 0
    assert traced(capsys, folder / "other.json")["other.json"]["record"]["parameters"]["value"] == 0.4


def test_a_copy_is_found_by_its_content(folder, tmp_path, capsys):
    copy = shutil.copy(folder / "tracks.parquet", tmp_path / "renamed.parquet")
    assert "no record beside it; make it again, or name the folder of its run with --results" in refused(capsys, copy)
    assert traced(capsys, copy, "--results", folder)["renamed.parquet"]["record"]["verb"] == "merge"


def test_a_file_that_was_changed_has_no_record(folder, capsys):
    (folder / "threshold_short.json").write_text("{}")
    assert "threshold_short.json: the record beside it is of another content" in refused(
        capsys, folder / "threshold_short.json"
    )


def test_an_input_that_has_changed_or_gone_since_is_named(folder, capsys):
    (folder / "masks.parquet").write_bytes(b"other masks")
    (folder / "features.npy").unlink()
    assert main(["provenance", str(folder / "tracks.parquet")]) == 0
    text = capsys.readouterr().out
    assert "masks.parquet (has changed since): from outside" in text
    assert "features.npy (not there any more): from outside" in text


def test_missing_files_and_broken_records_are_one_line(folder, capsys):
    assert "no such file; name a result" in refused(capsys, folder / "none.parquet")
    record_path(folder / "tracks.parquet").write_text("{")
    assert "tracks.parquet.json: not a record" in refused(capsys, folder / "tracks.parquet")
    record_path(folder / "tracks.parquet").write_text("{}")
    assert "a record has the keys" in refused(capsys, folder / "tracks.parquet")


def test_large_files_are_read_once_and_changed_ones_again(folder, monkeypatch):
    table = folder / "tracks.parquet"
    digest = digest_file(table)
    with monkeypatch.context() as patch:
        patch.setattr("remots.formats.results.records.digest_file", lambda path: pytest.fail(f"{path} was read"))
        assert digest_input(table) == digest
    table.write_bytes(table.read_bytes()[::-1])  # of the same size
    stamp = record_path(table).stat().st_mtime_ns + 1
    os.utime(table, ns=(stamp, stamp))
    assert digest_input(table) == digest_file(table) != digest


def test_a_folder_of_images_counts_by_their_names_and_contents(folder):
    images = folder / "images"
    before = digest_input(images)
    (images / "notes.txt").write_text("no image")
    assert digest_input(images) == before
    (images / "000001.png").rename(images / "100001.png")
    assert digest_input(images) != before


def test_records_hold_no_absolute_path_and_no_second_run_changes_them(folder):
    records = {path.name: path.read_bytes() for path in (folder / FOLDER).iterdir()}
    assert not [name for name, content in records.items() if str(folder).encode() in content]
    run_until(folder, "merge")
    assert {path.name: path.read_bytes() for path in (folder / FOLDER).iterdir()} == records
