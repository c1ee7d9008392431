"""What made a result: a digest of the code that a verb runs.

Snakemake re-runs a rule when its parameters change, not when an imported module does. So each rule passes the digest of
its verb's modules as a parameter: after an edit exactly the rules that run the edited code run again.
"""

import ast
import contextlib
import hashlib
import json
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path

from remots.errors import InputError
from remots.formats.files.atomic import atomic_output

PACKAGE = "remots"
# None of these changes a result by itself: settings reach a rule as its parameters, the command line only dispatches,
# and a file's name says nothing of what is in it.
LEFT_OUT = (
    *("remots.settings", "remots.cli", "remots.progress", "remots.provenance", "remots.recording"),
    *("remots.commands.settings_flags", "remots.formats.results.records", "remots.formats.files.atomic"),
)
DIGEST_CHARACTERS = 12
DATA = (".html", ".css", ".js")


def code_digest(verb: str, without: Collection[str] = ()) -> str:
    """Digest the code that a verb runs: its module and every module of the package that it imports, in turn.

    Comments, docstrings and layout do not count, so that better wording does not train encoders again.

    Parameters
    ----------
    verb : str
        For instance ``"merge"``.
    without : collection of str
        Modules that this run of the verb does not use, such as the other detectors.

    Returns
    -------
    str
        Twelve hexadecimal characters.

    Raises
    ------
    ValueError
        If there is no such verb.
    """
    module = f"{PACKAGE}.commands.{verb.replace('-', '_')}"
    if _source(module) is None:
        raise ValueError(f"no verb {verb!r}")
    digest = hashlib.sha256()
    for name in sorted(_reachable(module, without)):
        digest.update(name.encode())
        digest.update(_bare_code(name).encode())
        for page in _beside(name):
            digest.update(page.read_bytes())
    return digest.hexdigest()[:DIGEST_CHARACTERS]


def remembered_code_digest(verb: str, without: Collection[str], notes: Path) -> str:
    """Give `code_digest`, from a file of notes as long as no file of the package has changed.

    To parse the package takes most of a second, and every job of a cluster reads the rules anew.

    Parameters
    ----------
    verb, without
        As for `code_digest`.
    notes : Path
        JSON file with the digests found so far; written where it can be, and of no use with other code.

    Returns
    -------
    str
        Twelve hexadecimal characters.
    """
    key, known = " ".join([verb, *sorted(without)]), _read_notes(notes)
    if key not in known:
        known[key] = code_digest(verb, without)
        with contextlib.suppress(OSError, InputError), atomic_output(notes) as path:
            path.write_text(json.dumps({"stamp": _stamp(), "digests": known}))
    return known[key]


@cache
def _read_notes(notes: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        noted = json.loads(notes.read_text())
        if noted["stamp"] == _stamp():
            return dict(noted["digests"])
    return {}


@cache
def _stamp() -> str:
    """Digest what changes whenever a file of the package does, without reading any; no tool can set the ctime."""
    folder = Path(__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", *DATA))
    states = [(path, path.stat()) for path in files]
    seen = [(str(path), state.st_size, state.st_mtime_ns, state.st_ctime_ns) for path, state in states]
    return hashlib.sha256(repr((sys.version_info, seen)).encode()).hexdigest()


def modules_of(verb: str) -> list[str]:
    """Name the modules that `code_digest` takes in, sorted."""
    return sorted(_reachable(f"{PACKAGE}.commands.{verb.replace('-', '_')}"))


def _reachable(module: str, without: Collection[str] = ()) -> set[str]:
    seen: set[str] = set(without)
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _imports(name)
    return seen.difference(without)


def _beside(module: str) -> list[Path]:
    """Find what a module brings along under its own name, such as the style of a page."""
    source = _source(module)
    files = [source.with_suffix(suffix) for suffix in DATA] if source else []
    return [file for file in files if file.is_file()]


def _imports(module: str) -> tuple[str, ...]:
    return _read(module)[0]


def _bare_code(module: str) -> str:
    return _read(module)[1]


@cache
def _read(module: str) -> tuple[tuple[str, ...], str]:
    """Modules of the package that this one imports, and its code without docstrings; parsed once, for it takes time."""
    tree = _tree(module)
    imported = tuple(name for name in _names(tree) if name not in LEFT_OUT and _source(name) is not None)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_docstring(statement)]
    return imported, ast.dump(tree)


def _names(tree: ast.Module) -> set[str]:
    """Name what a module imports, at its top, inside a function, or by a name in a string."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # a module that is imported by its name, as detectors are
    return found


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _tree(module: str) -> ast.Module:
    source = _source(module)
    if source is None:
        raise ValueError(f"no module {module}")
    return ast.parse(source.read_text(encoding="utf-8"))


@cache
def _source(module: str) -> Path | None:
    first, *rest = module.split(".")
    if first != PACKAGE:
        return None
    base = Path(__file__).parent.joinpath(*rest)
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if rest and path.is_file():
            return path
    return None
