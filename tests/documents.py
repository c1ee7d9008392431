"""The documents, taken apart: fenced blocks, the commands in them, what is said in backticks, links and headings."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a document, with the language that is named at its fence."""

    document: str
    language: str
    text: str


def documents() -> list[str]:
    """Every Markdown file of the project that people read, from the root of the checkout."""
    files = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("config/**/*.md")]
    return sorted(str(path.relative_to(REPOSITORY)) for path in files)


@cache
def read(document: str) -> str:
    """Read a document."""
    return (REPOSITORY / document).read_text(encoding="utf-8")


def blocks(document: str, *languages: str) -> list[Block]:
    """Give the fenced blocks of a document, of some languages or of all."""
    found = [Block(document, language, text) for language, text in FENCE.findall(read(document))]
    return [block for block in found if not languages or block.language in languages]


def prose(document: str) -> str:
    """Give a document without its fenced blocks."""
    return FENCE.sub("", read(document))


def commands(document: str) -> list[str]:
    """Give the commands of the ``sh`` blocks of a document, in order; one that goes on over several lines is one."""
    return [command for block in blocks(document, "sh") for command in _split(block.text)]


def _split(script: str) -> Iterator[str]:
    """Cut a script where the shell has a whole command; remarks and empty lines are left out."""
    command = ""
    for line in script.splitlines():
        command += line + "\n"
        if not command.rstrip().endswith("\\") and _is_whole(command):
            if [word for word in shlex.split(command, comments=True) if word.strip()]:
                yield command.strip()
            command = ""
    if command.strip():
        raise ValueError(f"no whole command: {command}")


def _is_whole(command: str) -> bool:
    return subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode == 0


def spans(document: str) -> list[str]:
    """Give what stands in backticks in the prose of a document, without line breaks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(document))]


def links(document: str) -> list[str]:
    """Give the targets of the links and pictures of a document that lead into the checkout."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(document))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(document: str) -> set[str]:
    """Give the names under which the headings of a document can be linked to, as repository hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
