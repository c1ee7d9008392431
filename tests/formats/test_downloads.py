"""Downloads from a real server on this machine: broken connections, ranges, checksums, no network."""

import hashlib
import random
from collections import namedtuple

import pytest

from remots.errors import InputError
from remots.formats.files import archives
from remots.formats.files.downloads import WebFile, check_digest, fetch, note_digest
from tests.formats.web_server import Behaviour, serve, unused_address

CONTENT = random.Random(1).randbytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PAGE = "https://example.org/page"
NO_WAIT = (0.0, 0.0, 0.0)


def get(address, path, sha256=DIGEST):
    fetch(WebFile(f"{address}/clip.avi", PAGE, sha256), path, NO_WAIT)
    return path.read_bytes()


def leftovers(path):
    return sorted(other.name for other in path.parent.iterdir() if other != path)


def test_a_file_is_fetched_whole_and_nothing_is_left_beside_it(tmp_path):
    with serve(Behaviour({"/clip.avi": CONTENT})) as address:
        assert get(address, tmp_path / "data" / "clip.avi") == CONTENT
    assert leftovers(tmp_path / "data" / "clip.avi") == []


def test_a_file_that_is_there_is_not_fetched_again(tmp_path):
    (tmp_path / "clip.avi").write_bytes(CONTENT)
    assert get(unused_address(), tmp_path / "clip.avi") == CONTENT


def test_a_connection_that_breaks_goes_on_where_it_stopped(tmp_path):
    behaviour = Behaviour({"/clip.avi": CONTENT}, break_after=1_100_000, n_breaks=2)
    with serve(behaviour) as address:
        assert get(address, tmp_path / "clip.avi") == CONTENT
    starts = [int(wanted.removeprefix("bytes=")[:-1]) if wanted else 0 for _, wanted in behaviour.asked]
    assert starts == [0, 1_100_000, 2_200_000]
    assert leftovers(tmp_path / "clip.avi") == []


class After(list):
    """A list of what was asked that calls back at its n-th entry."""

    def __init__(self, number, call):
        super().__init__()
        self.number, self.call = number, call

    def append(self, item):
        super().append(item)
        if len(self) == self.number:
            self.call()


def test_a_run_that_was_stopped_goes_on_in_the_next_one(tmp_path):
    behaviour = Behaviour({"/clip.avi": CONTENT}, break_after=700_000, n_breaks=1)
    behaviour.asked = After(2, lambda: behaviour.statuses.extend([503] * 9))
    with serve(behaviour) as address:
        with pytest.raises(InputError, match="700000 bytes are there, run the same command again to go on"):
            get(address, tmp_path / "clip.avi")
        assert leftovers(tmp_path / "clip.avi") == ["clip.avi.part", "clip.avi.part.json"]
        behaviour.asked, behaviour.statuses = [], []
        assert get(address, tmp_path / "clip.avi") == CONTENT
    assert behaviour.asked == [("/clip.avi", "bytes=700000-")]


def test_a_server_without_ranges_begins_anew(tmp_path):
    behaviour = Behaviour({"/clip.avi": CONTENT}, break_after=1_000_000, n_breaks=2, knows_ranges=False)
    with serve(behaviour) as address:
        assert get(address, tmp_path / "clip.avi") == CONTENT


def test_a_server_that_names_no_version_of_the_file_begins_anew(tmp_path):
    behaviour = Behaviour({"/clip.avi": CONTENT}, break_after=1_000_000, n_breaks=1, etag=None)
    with serve(behaviour) as address:
        assert get(address, tmp_path / "clip.avi") == CONTENT
    assert [wanted for _, wanted in behaviour.asked] == [None, None]


def test_a_file_that_changes_on_the_server_in_the_middle_is_not_pieced_together(tmp_path):
    behaviour = Behaviour({"/clip.avi": CONTENT[:-5] + b"older"}, break_after=1_000_000, n_breaks=1)

    def change():
        behaviour.files["/clip.avi"], behaviour.etag = CONTENT, '"two"'

    behaviour.asked = After(2, change)
    with serve(behaviour) as address:
        assert get(address, tmp_path / "clip.avi") == CONTENT


def test_a_server_that_breaks_off_again_and_again_is_given_up(tmp_path):
    with (
        serve(Behaviour({"/clip.avi": CONTENT}, break_after=10, n_breaks=99, knows_ranges=False)) as address,
        pytest.raises(InputError, match=f"get clip.avi from {PAGE}, put it at"),
    ):
        get(address, tmp_path / "clip.avi")
    assert not (tmp_path / "clip.avi").exists()


def test_an_answer_without_length_is_taken_as_it_comes(tmp_path):
    with serve(Behaviour({"/clip.avi": CONTENT}, says_length=False)) as address:
        assert get(address, tmp_path / "clip.avi") == CONTENT


def test_a_fault_of_the_server_that_passes_is_waited_for(tmp_path):
    with serve(Behaviour({"/clip.avi": CONTENT}, statuses=[503, 500])) as address:
        assert get(address, tmp_path / "clip.avi") == CONTENT


@pytest.mark.parametrize("status", [404, 403])
def test_a_refusal_says_where_to_get_the_file_by_hand_and_where_to_put_it(tmp_path, status):
    path = tmp_path / "clip.avi"
    with serve(Behaviour({"/clip.avi": CONTENT}, statuses=[status])) as address, pytest.raises(InputError) as caught:
        get(address, path)
    assert f"the server answers {status}" in str(caught.value)
    assert f"By hand: get clip.avi from {PAGE}, put it at {path}, and run the same command again" in str(caught.value)
    assert leftovers(path) == []


@pytest.mark.parametrize("address", ["nobody", "http://no-such-host.invalid"])
def test_without_a_network_the_advice_is_the_same(tmp_path, address):
    with pytest.raises(InputError) as caught:
        get(unused_address() if address == "nobody" else address, tmp_path / "clip.avi")
    assert "cannot be reached" in str(caught.value)
    assert f"get clip.avi from {PAGE}" in str(caught.value)


def test_only_the_web_is_spoken(tmp_path):
    (tmp_path / "clip.avi").write_bytes(CONTENT)
    with pytest.raises(InputError, match="not an address of the web"):
        get(f"file://{tmp_path}", tmp_path / "copy.avi")


def test_a_wrong_checksum_removes_the_file_and_names_both(tmp_path):
    path = tmp_path / "clip.avi"
    with serve(Behaviour({"/clip.avi": CONTENT[:-1] + b"x"})) as address, pytest.raises(InputError) as caught:
        get(address, path)
    assert f"but should be {DIGEST}" in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert leftovers(path) == []
    assert not path.exists()


def test_where_no_checksum_is_published_that_of_the_first_copy_counts(tmp_path, caplog):
    path = tmp_path / "clip.avi"
    with serve(Behaviour({"/clip.avi": CONTENT})) as address:
        get(address, path, None)
    note_digest(path, None)
    assert DIGEST in caplog.text
    assert (tmp_path / "clip.avi.sha256").read_text() == f"{DIGEST}  clip.avi\n"
    check_digest(path, None)
    path.write_bytes(b"another")
    with pytest.raises(InputError, match=r"of the first copy; remove clip.avi.sha256 if you trust this one"):
        check_digest(path, None)
    assert not path.exists()


def test_a_page_in_the_place_of_an_archive_is_refused(tmp_path):
    with (
        serve(Behaviour({"/MOTS.zip": b"<html>log in</html>"})) as address,
        pytest.raises(InputError, match="what came is no zip archive"),
    ):
        fetch(WebFile(f"{address}/MOTS.zip", PAGE), tmp_path / "MOTS.zip", NO_WAIT)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_noticed_before_anything_is_fetched(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _folder: usage(1_000_000))
    with serve(Behaviour({"/clip.avi": CONTENT})) as address, pytest.raises(InputError, match="are needed to fetch"):
        get(address, tmp_path / "clip.avi")
    assert list(tmp_path.iterdir()) == []
