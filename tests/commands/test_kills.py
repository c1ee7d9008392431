"""Every verb, killed at any moment: each output is whole or absent, and the next run is as if nothing had been.

The moments are spread over the time that the verb takes once its modules are imported (`tests.commands.nursery`);
before that no file is touched. Others are aimed: right before each renaming of a file.
"""

import hashlib
import shutil
import signal

import numpy as np
import pytest

from remots.cli import VERBS_BY_STEP
from remots.formats.results.records import FOLDER, digest_file, read_record
from tests.commands.nursery import Nursery
from tests.commands.test_whole_chain import Chain

N_MOMENTS = 20
# They write no file; `get` keeps what it has fetched so far, on purpose (tests/formats/test_downloads.py).
LEFT_OUT = {"config", "provenance", "status", "completion", "get"}
VERBS = [verb for step in VERBS_BY_STEP.values() for verb in step if verb not in LEFT_OUT]
# The flags that name outputs; the frames of `render` are given a folder.
OUTPUTS = {"--out", "--log", "--summary", "--merges", "--kitti", "--coco", "--png", "--svg", "--csv", "--markdown"}
OF_VERB = {
    "export": {"--mots"},
    "render": {"--out-dir"},
    "import-tracklets": {"--masks", "--tracklets"},
    "validate": {"--fix"},
}


class RecordedChain(Chain):
    """Runs each call in a nursery, and keeps the words of the first call of each verb."""

    def __init__(self, folder, nursery):
        super().__init__(folder)
        self.nursery, self.calls = nursery, {}

    def call(self, verb, *words):
        self.calls.setdefault(verb, words)
        found = self.nursery.call([verb, *(self.place(word) for word in words)])
        assert found[0] == 0, f"remots {verb} {' '.join(words)}"

    def place(self, word):
        return str(self.folder / word[1:]) if word.startswith("@") else word

    def fill(self):
        """Gaps of tracks, which are left as they are by default."""
        tables = ["--masks", "@masks.parquet", "--short-tracklets", "@short_tracklets.parquet"]
        words = ["--sequence", "@sequence.json", *tables, "--tracks", "@tracks.parquet", "--max-gap-frames", "3"]
        self.call("fill", *words, "--out", "@filled_masks.parquet")

    def use_the_files_of_others(self):
        """What begins with the tracks of another tracker, or with no more than a video."""
        given, features = ["--tracklets", "@given.parquet"], ["--features", "@features_inter.npy"]
        sequence = ["--sequence", "@sequence.json"]
        self.call("import-tracklets", "@mots.txt", *sequence, "--masks", "@given_masks.parquet", *given)
        refined = ["--out", "@refined.parquet", "--summary", "@refined.json"]
        self.call("refine", "--given", "@given.parquet", *features, "--warped-iou", "@warped_iou.parquet", *refined)
        self.call("convert", "@mots.txt", "--from", "mots", "--to", "cvat", *sequence, "--out", "@cvat.xml")
        self.call("validate", "@mots.txt", *sequence, "--fix", "@mended.txt")
        self.call("new", "@frames.mp4", "--out", "@.")

    def words_into(self, verb, folder):
        """The words of the verb, with all outputs in another folder."""
        flags = OUTPUTS | OF_VERB.get(verb, set())
        words = self.calls[verb]
        return [verb] + [
            str(folder / word[1:]) if before in flags else self.place(word)
            for before, word in zip(("", *words), words, strict=False)
        ]


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    with Nursery() as nursery:
        chain = RecordedChain(tmp_path_factory.mktemp("chain"), nursery)
        chain.masks("--n-people", "4", "--n-frames", "10")
        chain.track()
        chain.report()
        chain.fill()
        chain.call("join", "@a.parquet", "--out", "@joined.parquet")
        chain.use_the_files_of_others()
        (chain.folder / "plaza").mkdir()
        shutil.copy(chain.folder / "evaluation.json", chain.folder / "plaza")
        written = [word for name in ("csv", "markdown", "png", "svg") for word in (f"--{name}", f"@ablation.{name}")]
        variant = ["--default", "@.", "--variant", "training/none", str(chain.folder)]
        chain.call("tabulate-ablation", "--sequences", "plaza", *variant, *written)
        yield chain


def contents(folder):
    """The digest of every file but the hidden ones, by its name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def check_after_kill(folder, expected):
    for name, digest in contents(folder).items():
        assert expected[name] == digest, f"{name} is there, but not whole"
        (folder / name).unlink()


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_a_killed_verb_leaves_whole_outputs_or_none_and_the_next_run_ends_as_an_undisturbed_one(verb, chain, tmp_path):
    disturbed = tmp_path / "disturbed"
    assert chain.nursery.call(chain.words_into(verb, disturbed))[0] == 0  # imports what the verb needs
    shutil.rmtree(disturbed)
    exit_code, seconds = chain.nursery.call(chain.words_into(verb, disturbed))
    assert exit_code == 0
    expected = contents(disturbed)
    assert expected
    shutil.rmtree(disturbed)
    chance = np.random.default_rng(0)
    n_kills = 0
    while n_kills < N_MOMENTS:
        moment = seconds * (n_kills + chance.random()) / N_MOMENTS
        words = chain.words_into(verb, disturbed)
        exit_code, _ = chain.nursery.call(words, delay=moment, signal=signal.SIGKILL)
        check_after_kill(disturbed, expected)
        if exit_code == -signal.SIGKILL:
            n_kills += 1
        else:  # it was done before: the machine is faster now
            assert exit_code == 0
            seconds *= 0.8
    for number in range(1, len(expected) + 2):
        words = chain.words_into(verb, disturbed)
        assert chain.nursery.call(words, at_rename=number)[0] == -signal.SIGKILL
        check_after_kill(disturbed, expected)
    assert chain.nursery.call(chain.words_into(verb, disturbed))[0] == 0
    assert contents(disturbed) == expected
    hidden = {path.name for path in disturbed.rglob(".*")}
    assert hidden == {FOLDER}, "what killed runs left is still there"
    assert {path.name for path in (disturbed / FOLDER).iterdir()} == {f"{name}.json" for name in expected}
    for name in expected:
        assert read_record(disturbed / name)["sha256"] == digest_file(disturbed / name)
