"""The one error that a person is meant to read."""


class InputError(Exception):
    """Bad input: one line that names the file, the place in it, and what to do.

    The command line prints it without a traceback and exits with code 2. Functions of the core raise `ValueError`
    instead; whoever read the file adds where it came from.
    """
