"""The command line: ``remots VERB``. Each verb is a module of `remots.commands`, imported only when it is called."""

import argparse
import ast
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, ModuleType

from remots import __version__
from remots.closing_line import error_logger, run_with_closing_line
from remots.commands.settings_flags import add_common_flags
from remots.errors import InputError
from remots.formats.files.atomic import has_begun, take_finished
from remots.job_environment import take_gpu
from remots.recording import write_records

VERBS_BY_STEP = {
    "scene": ["render"],
    "masks": ["probe", "import-truth", "detect", "join", "fuse", "import-tracklets"],
    "appearance": ["crop", "initialise", "train", "embed"],
    "short-term tracker": ["warp", "histogram", "threshold-short", "associate", "refine"],
    "merging": ["threshold-merge", "merge"],
    "results": ["fill", "export", "evaluate", "tabulate", "tabulate-ablation", "plot", "overlay", "excerpt", "report"],
    "files of others": ["convert", "validate"],
    "to begin": ["new", "get"],
    "help": ["config", "status", "provenance", "completion"],
}
EXIT_INTERRUPTED = 130
EXIT_CODES = "exit codes: 0 done; 2 bad input or usage, one line says what and where; 130 interrupted; 143 terminated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``remots``; from the command line by default.

    Returns
    -------
    int
        Exit code: 0 done, 2 bad input or usage (one line on standard error), 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    verbs = [verb for step in VERBS_BY_STEP.values() for verb in step]
    if words[:1] in (["--version"], ["-V"]):
        sys.stdout.write(f"remots {__version__}\n")
        return 0
    if words[:1] in ([], ["-h"], ["--help"]):
        sys.stdout.write(_overview())
        return 0
    if words[0] not in verbs:
        sys.stderr.write(f"remots: error: unknown verb {words[0]!r}; one of {', '.join(verbs)}\n")
        return 2
    if "--json" in words:
        return run_with_closing_line(words[0], lambda options: _run_verb(words[0], words[1:], options))
    return _run_verb(words[0], words[1:], argparse.Namespace())


def _run_verb(verb: str, words: list[str], options: argparse.Namespace) -> int:
    # Threads that wait must sleep: where two jobs share the cores, spinning threads made training four times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    module, parser = _module_of(verb), parser_of(verb)
    try:
        parser.parse_args(words, options)
    except SystemExit as stop:  # argparse has printed the help or the usage
        if stop.code:
            error_logger.error("wrong usage; standard error says what, and `remots %s --help` what is right", verb)
        return int(stop.code or 0)
    level = logging.WARNING if options.quiet else logging.INFO
    logging.basicConfig(level=level, format=f"remots {verb}: %(message)s", force=True)
    logging.root.handlers[0].setLevel(level)
    signal.signal(signal.SIGTERM, _stop)
    take_finished()  # what else this process has written is none of the verb's
    try:
        if options.gpus is not None:
            take_gpu(options.gpus)
        module.run(options)
        write_records(verb, options)
    except InputError as error:
        return _fail(verb, str(error))
    except OSError as error:
        if os.environ.get("REMOTS_DEBUG"):
            raise
        return _fail(verb, f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def parser_of(verb: str) -> argparse.ArgumentParser:
    """Make the parser of a verb's flags."""
    module = _module_of(verb)
    parser = argparse.ArgumentParser(
        prog=f"remots {verb}",
        description=module.__doc__,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        conflict_handler="resolve",  # a verb's own --json says more than the common one
    )
    add_common_flags(parser)
    module.add_arguments(parser)
    return parser


def _module_of(verb: str) -> ModuleType:
    return importlib.import_module(f"remots.commands.{_module_name(verb)}")


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that temporary files are removed, and a second one does not disturb that."""
    if has_begun():
        signal.signal(signal_number, signal.SIG_IGN)
        raise SystemExit(128 + signal_number)
    # Nothing is to be cleaned up. An exception could get lost here: modules catch those that come while they import.
    signal.signal(signal_number, signal.SIG_DFL)
    signal.raise_signal(signal_number)


def _fail(verb: str, message: str) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"remots {verb}: error: {line}\n")
    error_logger.error(line)
    return 2


def _module_name(verb: str) -> str:
    return verb.replace("-", "_")


def _overview() -> str:
    lines = ["usage: remots VERB [options]   (remots VERB --help says more)", ""]
    for step, verbs in VERBS_BY_STEP.items():
        lines.append(f"{step}:")
        lines += [f"  {verb:<18} {_summary(verb)}" for verb in verbs]
        lines.append("")
    return "\n".join([*lines, EXIT_CODES, ""])


def _summary(verb: str) -> str:
    """First line of the verb's docstring, read without importing the module (and so without torch)."""
    source = Path(__file__).with_name("commands") / f"{_module_name(verb)}.py"
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0] if docstring else ""
