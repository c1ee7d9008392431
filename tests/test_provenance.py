"""The digest of a verb's code: it changes with the code and with nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from remots.provenance import code_digest, modules_of, remembered_code_digest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "remots", tmp_path / "remots", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def digest_in(folder: Path, verb: str) -> str:
    program = (
        f"import sys; sys.path.insert(0, '.'); from remots.provenance import code_digest; print(code_digest({verb!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def test_a_verb_takes_in_the_modules_it_needs_and_no_others() -> None:
    modules = modules_of("merge")
    assert "remots.merging.linkage" in modules
    assert "remots.formats.results.tables" in modules
    assert not [name for name in modules if name.startswith(("remots.appearance", "remots.synthetic"))]


def test_a_detector_that_is_imported_by_its_name_counts_too() -> None:
    assert "remots.detectors.motion" in modules_of("detect")
    assert "remots.detectors.silhouettes" in modules_of("detect")


def test_an_unknown_verb_is_refused() -> None:
    with pytest.raises(ValueError, match="no verb 'mend'"):
        code_digest("mend")


def test_edited_code_changes_the_digest_of_the_verbs_that_use_it_only(copy: Path) -> None:
    before = {verb: digest_in(copy, verb) for verb in ("merge", "fuse")}
    module = copy / "remots/merging/linkage.py"
    module.write_text(module.read_text() + "\n_EDITED = 1\n")
    assert digest_in(copy, "merge") != before["merge"]
    assert digest_in(copy, "fuse") == before["fuse"]


def test_the_style_of_a_page_counts_for_the_verb_that_writes_it_only(copy: Path) -> None:
    before = {verb: digest_in(copy, verb) for verb in ("report", "merge")}
    style = copy / "remots/report/page.css"
    style.write_text(style.read_text() + "\n")
    assert digest_in(copy, "report") != before["report"]
    assert digest_in(copy, "merge") == before["merge"]


def test_comments_and_docstrings_do_not_count(copy: Path) -> None:
    before = digest_in(copy, "merge")
    module = copy / "remots/merging/linkage.py"
    module.write_text("# a comment\n" + module.read_text().replace('"""', '"""Better said: ', 1))
    assert digest_in(copy, "merge") == before


def test_a_remembered_digest_is_the_digest_until_the_code_changes(tmp_path: Path) -> None:
    package = tmp_path / "remots"
    shutil.copytree(REPOSITORY / "remots", package, ignore=shutil.ignore_patterns("__pycache__"))
    notes = tmp_path / "notes.json"

    def remembered() -> str:
        program = "from remots.provenance import *; from pathlib import Path; "
        program += "print(remembered_code_digest('merge', ['remots.masks'], Path('notes.json')))"
        words = [sys.executable, "-c", program]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    assert remembered().strip() == code_digest("merge", ["remots.masks"])
    notes.write_text(notes.read_text().replace(code_digest("merge", ["remots.masks"]), "from notes"))
    assert remembered() == "from notes\n"
    times = (package / "rows.py").stat()
    (package / "rows.py").write_text((REPOSITORY / "remots/rows.py").read_text())
    os.utime(package / "rows.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert remembered().strip() == code_digest("merge", ["remots.masks"])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stamp": 1}', '{"digests": {}}'])
def test_broken_notes_are_as_good_as_none(text: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    notes.write_text(text)
    assert remembered_code_digest("merge", [], notes) == code_digest("merge")
