"""What the documents say is there: links, verbs and flags, settings, messages, pictures."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import snakemake.exceptions
import yaml

from remots.cli import VERBS_BY_STEP, parser_of
from remots.settings import Config, parse_config
from tests.documents import REPOSITORY, anchors, blocks, commands, documents, links, read, spans

DOCUMENTS = documents()
VERBS = [verb for verbs in VERBS_BY_STEP.values() for verb in verbs]
# These tell of what was.
OF_TODAY = [name for name in DOCUMENTS if name != "CHANGELOG.md" and not name.startswith("docs/decisions")]
# What stands in `text` blocks of this document is what our code says; … stands for what differs.
OF_MESSAGES = ["docs/troubleshooting.md", "docs/own_video.md"]
SUFFIXES = ("parquet", "npz", "json", "smk", "py", "mp4", "log", "svg")
PATH_TO_READ = ["README.md", "docs/own_video.md", "docs/tuning.md", "docs/troubleshooting.md"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_something_that_is_there(document: str) -> None:
    for target in links(document):
        path, _, anchor = target.partition("#")
        place = (REPOSITORY / document).parent / path if path else REPOSITORY / document
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(str(place.resolve().relative_to(REPOSITORY))), target


@cache
def flags_of(verb: str) -> set[str]:
    """Every flag of a verb."""
    return {flag for action in parser_of(verb)._actions for flag in action.option_strings}


def calls(document: str) -> list[list[str]]:
    """Every call of a verb in backticks or in a block: the words up to the end of the command."""
    texts = [*spans(document), *commands(document), *(block.text for block in blocks(document, "", "text"))]
    found = [call for text in texts for call in re.findall(r"(?:^|[\s|;&])(remots [a-z][^|;&>#]*)", text)]
    return [call.split() for call in found]


@pytest.mark.parametrize("document", [name for name in OF_TODAY if calls(name)])
def test_every_verb_and_flag_that_is_named_exists(document: str) -> None:
    for words in calls(document):
        verb = words[1].rstrip(":,.")
        assert verb in VERBS, " ".join(words)
        flags = {word.partition("=")[0].rstrip(",.:)") for word in words[2:] if re.match(r"-{1,2}[a-z]", word)}
        assert flags <= flags_of(verb), " ".join(words)


def keys_of_sections() -> dict[str, set[str]]:
    """The keys of each section of the config; what stands under `detectors` and `scenes` are names."""
    sections = {name: field.annotation for name, field in Config.model_fields.items()}
    return {name: set(it.model_fields) for name, it in sections.items() if hasattr(it, "model_fields")}


@pytest.mark.parametrize("document", OF_TODAY)
def test_every_setting_that_is_named_as_section_and_key_exists(document: str) -> None:
    sections = keys_of_sections()
    for section, key in re.findall(r"`(\w+)\.(\w+)(?:: [^`]*)?`", read(document)):
        if section in sections and key.islower() and key not in SUFFIXES:
            assert key in sections[section], f"{section}.{key}"


@pytest.mark.parametrize("document", OF_TODAY)
def test_every_config_that_is_shown_is_accepted(document: str) -> None:
    pairs = re.findall(r"--config (?:[^`\n]*? )??(\w+)='?(\{[^']*\}|[^\s'`]+)'?", read(document))
    for key, value in pairs:
        parse_config({key: yaml.safe_load(value)}, document)
    for block in blocks(document, "yaml"):
        if block.text.partition(":")[0] in Config.model_fields:
            parse_config(yaml.safe_load(block.text), document)


@cache
def said_by_the_code() -> list[str]:
    """Every text in our code and rules, and in Snakemake's errors, with … for what is put in."""
    files = [*(REPOSITORY / "remots").rglob("*.py"), Path(snakemake.exceptions.__file__)]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    texts = [template(node) for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant)]
    rules = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")]
    return [" ".join(text.split()) for text in [*texts, *rules] if len(text) > 12]


def template(node: ast.AST) -> str:
    """The text of a string in the code, with … for every placeholder."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    value = getattr(node, "value", "")
    return re.sub(r"%[\d.]*[sdfgi]|\{[^{}]*\}", "…", value) if isinstance(value, str) else ""


def messages() -> list[str]:
    return [line for name in OF_MESSAGES for block in blocks(name, "text") for line in block.text.splitlines()]


@pytest.mark.parametrize("message", messages())
def test_every_message_that_is_quoted_is_one_that_the_code_gives(message: str) -> None:
    assert len(message.replace("…", "")) > 15
    assert any(message in text for text in said_by_the_code()), message


def test_a_message_that_nobody_gives_is_found_out() -> None:
    assert not any("the frames are too beautiful" in text for text in said_by_the_code())


def test_the_path_of_a_newcomer_is_read_in_ten_minutes() -> None:
    first = read("README.md").partition("## What comes out")[0]
    words = [first, *(read(name) for name in PATH_TO_READ[1:])]
    assert sum(len(text.split()) for text in words) < 2900  # code and tables included


def test_the_pictures_are_small_and_each_is_shown_somewhere() -> None:
    pictures = [path for path in (REPOSITORY / "docs" / "pictures").iterdir() if path.suffix in (".png", ".svg")]
    assert sum(path.stat().st_size for path in pictures) < 1_500_000
    shown = " ".join(target for name in DOCUMENTS for target in links(name))
    assert [path.name for path in pictures if path.name not in shown] == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        targets = [(REPOSITORY / name).parent / target.partition("#")[0] for target in links(name)]
        found = [path.resolve() for path in targets]
        found += [page for path in found if path.is_dir() for page in path.glob("*.md")]
        names = {str(path.relative_to(REPOSITORY)) for path in found if path.suffix == ".md"}
        waiting += names - reached - set(waiting)
    assert set(DOCUMENTS) - reached == {"CHANGELOG.md", "CONTRIBUTING.md"} - reached
