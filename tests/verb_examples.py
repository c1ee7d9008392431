"""The example in the docstring of a verb, as the words that a shell would make of it."""

import importlib
import re
import shlex


def example_of(verb: str) -> list[str]:
    """Give the words behind ``remots VERB`` in the first example; empty where there is none."""
    docstring = importlib.import_module(f"remots.commands.{verb.replace('-', '_')}").__doc__ or ""
    # The command goes on in lines that are indented further, with or without a backslash.
    found = re.search(rf"^    remots {verb}\b(.*(?:\n {{5,}}.*)*)", docstring, re.MULTILINE)
    if found is None:
        return []
    words = shlex.split(found[1].replace("\\\n", " "), comments=True)
    return ["remots", verb, *words[: next((n for n, word in enumerate(words) if word in (">", "|")), None)]]
