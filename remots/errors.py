"""The one error that a person is meant to read, and other errors put into one line of it."""


class InputError(Exception):
    """Bad input: one line that names the file, the place in it, and what to do.

    The command line prints it without a traceback and exits with code 2. Functions of the core raise `ValueError`
    instead; whoever read the file adds where it came from.
    """


def first_line(error: Exception) -> str:
    """Give the first line of what another library raised; its type where it said nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def one_line(error: Exception) -> str:
    """Put what another library raised into one line: its type, and the first 160 characters of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
