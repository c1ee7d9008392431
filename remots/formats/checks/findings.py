"""What `remots validate` finds: each fault with its place, and what `--fix` can do about it."""

import json
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

from remots.errors import InputError

Level = Literal["error", "warning"]
# What --fix does: nothing (it is no fault of the file, or only worth a look), mend it, or nothing safe: leave it out.
Remedy = Literal["none", "mend", "leave out"]


class Finding(NamedTuple):
    """One fault.

    Attributes
    ----------
    level : {"error", "warning"}
        An error is what the benchmarks' tools refuse or read in another way than it was meant.
    code : str
        Which kind of fault, in a word or two.
    file : str
    line : int or None
        From 1; None where it is no matter of one line.
    frame : int or None
        As the file counts.
    message : str
    remedy : {"none", "mend", "leave out"}
    """

    level: Level
    code: str
    file: str
    line: int | None
    frame: int | None
    message: str
    remedy: Remedy = "none"

    def __str__(self) -> str:
        line = "" if self.line is None else f": line {self.line}"
        frame = "" if self.frame is None else f" (frame {self.frame})"
        return f"{self.file}{line}{frame}: {self.level}: {self.message} [{self.code}]"


class Findings:
    """Collects findings; `add` is given to whoever looks."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.n_files = 0

    def add(
        self,
        level: Level,
        code: str,
        file: Path | str,
        message: str,
        line: int | None = None,
        frame: int | None = None,
        remedy: Remedy = "none",
    ) -> None:
        """Note a fault; see `Finding`."""
        self.found.append(Finding(level, code, str(file), line, frame, message, remedy))

    def ordered(self) -> list[Finding]:
        """Give the findings by file and line, those about a whole file first."""
        return sorted(self.found, key=lambda one: (one.file, one.line or 0, one.level, one.code))

    def count(self, level: Level) -> int:
        """Count the errors or warnings."""
        return sum(one.level == level for one in self.found)

    def errors(self) -> list[Finding]:
        """Give the errors alone."""
        return [one for one in self.ordered() if one.level == "error"]

    def not_mendable(self) -> list[Finding]:
        """Give the errors that cannot be mended safely."""
        return [one for one in self.errors() if one.remedy != "mend"]

    def as_json(self, fixed: Path | None = None) -> dict[str, Any]:
        """Give all of it as plain values for JSON; `fixed` is the mended file."""
        return {
            "files": self.n_files,
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "fixed": None if fixed is None else str(fixed),
            "findings": [one._asdict() for one in self.ordered()],
        }


def print_findings(findings: Findings, is_json: bool, fixed: Path | None = None) -> None:
    """Print all findings to standard output: a line each, or one JSON object."""
    if is_json:
        sys.stdout.write(json.dumps(findings.as_json(fixed), indent=1) + "\n")
        return
    for one in findings.ordered():
        sys.stdout.write(f"{one}\n")
    if not findings.found:
        sys.stdout.write("no faults found\n")


def refuse_what_remains(path: Path, findings: Findings, remaining: list[Finding]) -> None:
    """Raise InputError, with the counts and what to do, where errors remain."""
    if not remaining:
        return
    counts = f"{findings.count('error')} errors and {findings.count('warning')} warnings"
    n_mendable = findings.count("error") - len(findings.not_mendable())
    if len(remaining) < findings.count("error"):
        advice = f"{len(remaining)} have no safe remedy: correct them, or leave their lines out with --leave-out"
    elif n_mendable:
        advice = f"--fix mends {n_mendable} of the errors"
    else:
        advice = "correct them, or leave their lines out with --fix FILE --leave-out"
    raise InputError(f"{path}: {counts}; {advice}")
