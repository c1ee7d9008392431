import json
import re

import pytest

from remots.cli import main
from remots.formats.excerpt.excerpt_file import write_excerpt
from tests.commands.walkers import complaint
from tests.report.test_page import excerpt


@pytest.fixture
def street(tmp_path):
    (tmp_path / "street").mkdir()
    path = tmp_path / "street" / "excerpt.json"
    write_excerpt(path, excerpt())
    return path


def report(folder, *words):
    return main(["report", "--quiet", *map(str, words), "--out", str(folder / "out" / "report.html")])


def test_an_excerpt_becomes_a_page_with_the_times_of_its_steps(tmp_path, street):
    for folder, seconds in (("street", 34.7), (".", 61)):
        (tmp_path / folder / "benchmarks").mkdir()
        (tmp_path / folder / "benchmarks" / "merge.tsv").write_text(f"s\tmax_rss\n{seconds}\t12\n")
    folders = [tmp_path / "benchmarks", tmp_path / "street" / "benchmarks"]
    assert report(tmp_path, street, "--benchmarks", *folders, "--title", "A day <in> town") == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.lstrip().startswith("<!doctype html>")
    assert "<title>A day &lt;in&gt; town</title>" in page
    assert re.findall(r"Together</th><td>([^<]*)<", page) == ["1 min 36 s", "35 s"]


def test_without_an_excerpt_the_page_says_so(tmp_path):
    assert report(tmp_path) == 0
    assert "There is no sequence in this run." in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not an excerpt of this version"),
        (json.dumps({"excerpt": 1}), "not an excerpt of this version"),
        (json.dumps({"excerpt": 99} | excerpt()), "not an excerpt of this version"),
    ],
)
def test_what_is_no_excerpt_is_named(tmp_path, capsys, text, words):
    (tmp_path / "a.json").write_text(text)
    assert report(tmp_path, tmp_path / "a.json") == 2
    assert words in complaint(capsys, "report", tmp_path)


def test_an_excerpt_whose_parts_are_broken_is_named(tmp_path, capsys):
    write_excerpt(tmp_path / "a.json", excerpt(video={"data": ""}))
    assert report(tmp_path, tmp_path / "a.json") == 2
    assert "a.json" in complaint(capsys, "report", tmp_path)


def test_a_missing_excerpt_and_one_given_twice_are_named(tmp_path, street, capsys):
    assert report(tmp_path, tmp_path / "no.json") == 2
    assert "make it with `remots excerpt`" in complaint(capsys, "report", tmp_path)
    again = tmp_path / "again.json"
    again.write_bytes(street.read_bytes())
    assert report(tmp_path, street, again) == 2
    assert "sequence street has an excerpt already" in complaint(capsys, "report", tmp_path)
