"""Write the script that completes verbs and flags in a shell when TAB is pressed.

    remots completion bash

With bash: ``remots completion bash > ~/.local/share/bash-completion/completions/remots``. With zsh: into a file
``_remots`` in a folder of ``$fpath``. With fish: ``~/.config/fish/completions/remots.fish``.
"""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

import shtab

from remots import commands
from remots.commands.settings_flags import add_common_flags

SHELLS = ("bash", "zsh", "fish")
NO_VERBS = {"settings_flags"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def run(options: argparse.Namespace) -> None:
    sys.stdout.write(shtab.complete(_parser_of_all_verbs(), options.shell) + "\n")


def _parser_of_all_verbs() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="remots")
    parser.add_argument("--version", action="store_true")
    verbs = parser.add_subparsers()
    for name in sorted({found.name for found in pkgutil.iter_modules(commands.__path__)} - NO_VERBS):
        module = importlib.import_module(f"{commands.__name__}.{name}")
        summary = (module.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(name.replace("_", "-"), help=summary, conflict_handler="resolve")
        add_common_flags(verb)
        module.add_arguments(verb)
        for action in verb._actions:
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser
