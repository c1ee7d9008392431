"""The map from the paper to the code must not lie: everything it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from remots.cli import VERBS_BY_STEP

REPOSITORY = Path(__file__).resolve().parents[1]
MAP = REPOSITORY / "docs" / "paper_map.md"
COLUMNS = ["Paper", "Function", "Rule", "File", "Test"]


def read_rows() -> list[dict[str, list[str]]]:
    """The names in backticks of each cell of the table, by column; the first column as it stands."""
    lines = [line for line in MAP.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert header == COLUMNS
    return [
        {
            column: [cell] if column == "Paper" else re.findall(r"`([^`]+)`", cell)
            for column, cell in zip(header, row, strict=True)
        }
        for row in rows
    ]


ROWS = read_rows()


def named(column: str) -> list[str]:
    return sorted({name for row in ROWS for name in row[column]})


@cache
def defined_names(path: Path) -> set[str]:
    """Functions, classes and methods (Class.method) of a file, read without importing it."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return names


@cache
def rules() -> set[str]:
    files = (REPOSITORY / "workflow" / "rules").glob("*.smk")
    return {
        name for file in files for name in re.findall(r"^rule (\w+):", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["Paper"][0])
def test_every_idea_has_a_function_and_a_test(row):
    assert row["Function"]
    assert row["File"]
    assert row["Test"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["Paper"][0])
def test_every_function_stands_in_the_files_of_its_row(row):
    found = set().union(*(defined_names(REPOSITORY / path) for path in row["File"]))
    assert set(row["Function"]) <= found


@pytest.mark.parametrize("path", named("File"))
def test_every_file_exists(path):
    assert (REPOSITORY / path).is_file()


@pytest.mark.parametrize("name", named("Rule"))
def test_every_rule_exists_and_calls_a_verb(name):
    assert name in rules()
    verbs = {verb for verbs in VERBS_BY_STEP.values() for verb in verbs}
    assert any(name.replace("_", "-").startswith(verb) for verb in verbs)


@pytest.mark.parametrize("test", named("Test"))
def test_every_test_exists(test):
    path, _, name = test.partition("::")
    assert (REPOSITORY / "tests" / path).is_file()
    assert name in defined_names(REPOSITORY / "tests" / path)


def test_every_equation_and_figure_of_the_method_is_on_the_map():
    ideas = " ".join(row["Paper"][0] for row in ROWS)
    for part in (
        "2.1",
        "2.2",
        "2.3",
        "2.4",
        "2.5",
        "eq. 1",
        "eq. 2",
        "eq. 3",
        "fig. 2",
        "fig. 3",
        "fig. 4",
        "fig. 5",
        "tables 1",
    ):
        assert part in ideas
