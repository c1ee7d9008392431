"""The paper's tables 1 and 2: one row a sequence and one for all of them together."""

from collections.abc import Sequence

import pandas as pd

from remots.evaluation.metrics import METRICS, RawResults, combine, summarise

COMBINED = "combined"


def tabulate_results(results: Sequence[tuple[str, RawResults]]) -> pd.DataFrame:
    """Put the metrics of sequences into one table.

    Parameters
    ----------
    results : sequence of (name, raw results)
        What `remots.evaluation.metrics.evaluate_sequence` gave for each sequence.

    Returns
    -------
    pandas.DataFrame
        Column ``sequence``, then `METRICS`: ratios in percent, counts as integers. The last row, ``combined``, is taken
        from the counts of all sequences added up, not from the mean of their ratios. No rows without a sequence.

    Raises
    ------
    ValueError
        If a sequence occurs twice.

    Notes
    -----
    Source: ReMOTS tables 1 and 2.
    """
    names = [name for name, _ in results]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"sequence {repeated[0]} is given twice; name each evaluation once")
    rows = [{"sequence": name, **summarise(raw)} for name, raw in results]
    if results:
        rows.append({"sequence": COMBINED, **summarise(combine([raw for _, raw in results]))})
    types = {metric.name: "float64" if metric.is_ratio else "int64" for metric in METRICS}
    return pd.DataFrame(rows, columns=["sequence", *types]).astype({"sequence": "object", **types})


def format_cells(table: pd.DataFrame) -> list[list[str]]:
    """Round the table as the paper does: one decimal for ratios, none for counts.

    Parameters
    ----------
    table : pandas.DataFrame
        From `tabulate_results`.

    Returns
    -------
    list of list of str
        The cells, row by row.
    """
    return [
        [str(row.sequence)]
        + [f"{value:.1f}" if m.is_ratio else str(value) for m, value in zip(METRICS, row[2:], strict=True)]
        for row in table.itertuples()
    ]


def to_markdown(table: pd.DataFrame) -> str:
    """Write the table in Markdown, numbers to the right, arrows for the better direction.

    Parameters
    ----------
    table : pandas.DataFrame
        From `tabulate_results`.

    Returns
    -------
    str
        Header, rule and one line a row; the columns line up in plain text too.
    """
    lines = [header(), *format_cells(table)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(header()))]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "".join("| " + " | ".join(_pad(line, widths)) + " |\n" for line in [lines[0], rule, *lines[1:]])


def header() -> list[str]:
    """Name the columns as the paper does, with an arrow towards the better."""
    return ["Sequence"] + [f"{metric.name}{'↓' if metric.name in ('ML', 'IDS') else '↑'}" for metric in METRICS]


def _pad(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
