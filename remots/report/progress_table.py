"""How far each sequence is, as a table on the terminal."""

from collections.abc import Mapping

from rich.table import Table

STYLES = {"done": "green", "running": "bold cyan", "queued": "cyan", "stopped": "yellow", "failed": "bold red"}
MAX_ROWS = 40


def progress_table(rows: Mapping[str, Mapping[str, str]], show_all: bool = False) -> Table:
    """Lay out sequences by steps.

    Parameters
    ----------
    rows : mapping of str to mapping of str to str
        By sequence and step: a word; nothing where the step has not begun.
    show_all : bool
        Show each sequence; else, of more than forty, those that are done share a row, and those that have not begun.

    Returns
    -------
    rich.table.Table
    """
    shown = dict(rows) if show_all or len(rows) <= MAX_ROWS else _fold(rows)
    table = Table("sequence", *next(iter(shown.values()), {}))
    for name, steps in shown.items():
        table.add_row(name, *(f"[{STYLES[word]}]{word}[/]" if word in STYLES else word for word in steps.values()))
    return table


def _fold(rows: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    done = {name: steps for name, steps in rows.items() if set(steps.values()) <= {"done", "-"}}
    not_begun = {name: steps for name, steps in rows.items() if not set(steps.values()) - {"", "-"}}
    folded = {name: steps for name, steps in rows.items() if name not in done and name not in not_begun}
    for group, what in [(done, "that are done"), (not_begun, "that have not begun")]:
        if group:
            folded[f"{len(group)} {what}"] = next(iter(group.values()))
    return folded
