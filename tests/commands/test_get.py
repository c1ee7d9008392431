"""`remots get`, through the command line, from a server on this machine."""

import io
import re
import zipfile
from pathlib import Path

import pytest

from remots.cli import main
from remots.formats.project.public_data import DATA_SETS
from remots.formats.project.sample_sheet import read_sample_sheet
from tests.formats.web_server import Behaviour, serve, unused_address

REPOSITORY = Path(__file__).parents[2]


def archive(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name in names:
            zipped.writestr(name, name)
    return buffer.getvalue()


def get(*words):
    return main(["get", *map(str, words)])


@pytest.mark.parametrize("top", ["MOTS/", "", "a/b/"])
def test_mots20_lies_where_its_config_expects_it_however_deep_the_archive_is(tmp_path, monkeypatch, capsys, top):
    monkeypatch.chdir(tmp_path)
    files = [f"{top}train/MOTS20-02/seqinfo.ini", f"{top}train/MOTS20-02/img1/000001.jpg", f"{top}test/MOTS20-01/x"]
    with serve(Behaviour({"/MOTS.zip": archive(*files)})) as address:
        assert get("mots20", "--mirror", address) == 0
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert found == [
        "data/MOTS.zip.sha256",
        "data/MOTS/test/MOTS20-01/x",
        "data/MOTS/train/MOTS20-02/img1/000001.jpg",
        "data/MOTS/train/MOTS20-02/seqinfo.ini",
    ]
    out, err = capsys.readouterr()
    assert out == "Next: snakemake --cores 8 --configfile config/mots20.yaml results/mots20/metrics.md\n"
    assert "none is published to compare it with" in err
    assert get("mots20", "--mirror", unused_address(), "--quiet") == 0  # it is there: nothing is fetched


def test_another_archive_than_the_first_time_is_refused(tmp_path, capsys):
    with serve(Behaviour({"/MOTS.zip": archive("train/MOTS20-02/a")})) as address:
        assert get("mots20", "--mirror", address, "--to", tmp_path) == 0
    (tmp_path / "MOTS").rename(tmp_path / "old")
    with serve(Behaviour({"/MOTS.zip": archive("train/MOTS20-02/b")})) as address:
        assert get("mots20", "--mirror", address, "--to", tmp_path) == 2
    assert "remove MOTS.zip.sha256 if you trust this one" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MOTS.zip.sha256", "old"]


def test_kitti_mots_is_put_together_from_its_parts(tmp_path):
    contents = {
        "/instances.zip": archive("instances/0002/000000.png"),
        "/data_tracking_image_2.zip": archive(
            "training/image_02/0002/000000.png", "testing/image_02/0002/000000.png", "devkit/readme.txt"
        ),
    }
    with serve(Behaviour(contents)) as address:
        assert get("kitti-mots", "--mirror", address, "--to", tmp_path, "--keep-archives") == 0
    for name in ("instances/0002", "training/image_02/0002", "testing/image_02/0002"):
        assert (tmp_path / "KITTI_MOTS" / name / "000000.png").is_file()
    assert (tmp_path / "KITTI_MOTS/testing/image_02/0002/000000.png").read_text().startswith("testing")
    assert (tmp_path / "instances.zip").is_file()
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_was_put_there_by_hand_is_checked_and_unpacked(tmp_path):
    (tmp_path / "MOTS.zip").write_bytes(archive("MOTS/train/MOTS20-02/a"))
    assert get("mots20", "--mirror", unused_address(), "--to", tmp_path) == 0
    assert (tmp_path / "MOTS/train/MOTS20-02/a").is_file()


def test_an_archive_of_something_else_is_refused_and_leaves_no_folder(tmp_path, capsys):
    with serve(Behaviour({"/MOTS.zip": archive("other/a")})) as address:
        assert get("mots20", "--mirror", address, "--to", tmp_path) == 2
    assert "holds no folder with train/MOTS20-02" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["MOTS.zip"]


def test_a_harmful_archive_leaves_nothing_outside(tmp_path, capsys):
    with serve(Behaviour({"/MOTS.zip": archive("train/MOTS20-02/a", "../../evil")})) as address:
        assert get("mots20", "--mirror", address, "--to", tmp_path / "data") == 2
    assert "outside of the folder" in capsys.readouterr().err
    assert not list(tmp_path.rglob("evil"))


def test_without_a_network_one_line_says_what_to_do_by_hand(tmp_path, capsys):
    assert get("vtest", "--mirror", unused_address(), "--to", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "By hand: get vtest.avi from https://github.com/opencv/opencv" in error
    assert f"put it at {tmp_path}/vtest.avi" in error


def test_vtest_is_compared_with_the_checksum_that_is_known(shared_data, tmp_path, capsys):
    video = shared_data / "vtest" / "vtest.avi"
    if not video.is_file():
        pytest.skip(f"{video} is not here")
    content = video.read_bytes()
    with serve(Behaviour({"/vtest.avi": content}, break_after=5_000_000, n_breaks=1)) as address:
        assert get("vtest", "--mirror", address, "--to", tmp_path / "a") == 0
    assert capsys.readouterr().out == f"Next: remots new {tmp_path}/a/vtest.avi\n"
    with serve(Behaviour({"/vtest.avi": content[:-1]})) as address:
        assert get("vtest", "--mirror", address, "--to", tmp_path / "b") == 2
    assert "its sha256 is" in capsys.readouterr().err


def test_a_part_that_is_none_is_refused_with_those_there_are(tmp_path, capsys):
    assert get("kitti-mots", "--parts", "video", "--to", tmp_path) == 2
    assert "kitti-mots has no part 'video'; it has masks, text, images" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mots20", "kitti-mots"])
def test_the_config_that_follows_looks_where_the_data_set_is_put(name):
    data_set = DATA_SETS[name]
    config = REPOSITORY / re.search(r"--configfile (\S+)", data_set.next_step)[1]
    rows = read_sample_sheet(config.with_suffix(".tsv"))
    folders = [f"data/{folder}/" for part in data_set.default for folder in data_set.parts[part].folders]
    for row in rows:
        for place in filter(None, (row.frames, row.ground_truth)):
            assert place.startswith(tuple(folders)), place
    assert f"sequences: {config.relative_to(REPOSITORY).with_suffix('.tsv')}" in config.read_text()
