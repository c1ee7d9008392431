"""The table of an ablation: the metrics of each variant, and how far they are from those of the default."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from remots.evaluation.metrics import RawResults, summarise

SHOWN = ("IDF1", "HOTA", "AssA", "IDS", "sMOTSA")
FEWER_IS_BETTER = ("IDS",)
_KEYS = ["group", "variant", "sequence", "is_default", "n_runs"]


class Variant(NamedTuple):
    """A row of the table: the raw results by sequence, of one run or of several.

    Of several runs the best counts for each sequence, which is chosen with the truth: a bound, and no result.
    """

    group: str
    name: str
    runs: Sequence[Mapping[str, RawResults]]
    is_default: bool = False


def tabulate_ablation(default: Mapping[str, RawResults], variants: Iterable[Variant]) -> pd.DataFrame:
    """Put the metrics of variants beside those of the default.

    Parameters
    ----------
    default : mapping of str to raw results
        By sequence, at least one.
    variants : iterable of Variant
        Those of one group behind one another. A group without the default gets it as its first row.

    Returns
    -------
    pandas.DataFrame
        A row a variant and sequence: ``group``, ``variant``, ``sequence``, ``is_default``, ``n_runs``, the metrics of
        `SHOWN` (ratios in percent), and for each of them ``{metric}_difference`` to the default of the same sequence.
    """
    expected = {name: summarise(raw) for name, raw in default.items()}
    rows = []
    for group, members in groupby(variants, key=lambda variant: variant.group):
        listed = list(members)
        if not any(variant.is_default for variant in listed):
            listed.insert(0, Variant(group, "default", [default], is_default=True))
        for variant in listed:
            for name, usual in expected.items():
                found = max((summarise(run[name]) for run in variant.runs), key=_goodness)
                values = {metric: float(found[metric]) for metric in SHOWN}
                differences = {f"{metric}_difference": values[metric] - usual[metric] for metric in SHOWN}
                identity = (group, variant.name, name, variant.is_default, len(variant.runs))
                rows.append(dict(zip(_KEYS, identity, strict=True)) | values | differences)
    return pd.DataFrame(rows)


def average(table: pd.DataFrame) -> pd.DataFrame:
    """Take the mean over the sequences, and find the winner of each group.

    Parameters
    ----------
    table : pandas.DataFrame
        From `tabulate_ablation`.

    Returns
    -------
    pandas.DataFrame
        A row a variant, in the same order, without ``sequence``; in addition ``wins``, whether IDF1 + HOTA is the
        greatest of its group (what was chosen with the truth never wins), and ``label``, its name for people.
    """
    means = table.drop(columns="sequence").groupby(["group", "variant", "is_default", "n_runs"], sort=False).mean()
    means = means.reset_index()
    goodness = (means["IDF1"] + means["HOTA"]).where(means["n_runs"] == 1, -np.inf)
    wins = np.isclose(goodness, goodness.groupby(means["group"]).transform("max"))
    return means.assign(wins=wins & (means["n_runs"] == 1), label=means.apply(_label, axis=1))


def ablation_as_markdown(means: pd.DataFrame) -> str:
    """Write the means over the sequences in Markdown, the winner of each group bold.

    Parameters
    ----------
    means : pandas.DataFrame
        From `average`.

    Returns
    -------
    str
        A line a variant: each metric, and in brackets its difference to the default.
    """
    names = [f"{metric}{'↓' if metric in FEWER_IS_BETTER else '↑'}" for metric in SHOWN]
    lines = [f"| group | variant | {' | '.join(names)} |", f"| --- | --- |{' ---: |' * len(SHOWN)}"]
    group = None
    for row in means.to_dict("records"):
        cells = [row["label"], *(_write(row, metric) for metric in SHOWN)]
        if row["wins"]:
            cells = [f"**{cell}**" for cell in cells]
        lines.append("| " + " | ".join(["" if row["group"] == group else row["group"], *cells]) + " |")
        group = row["group"]
    return "\n".join(lines) + "\n"


def _label(row: pd.Series) -> str:
    if row["n_runs"] > 1:
        return f"{row['variant']} (best of {row['n_runs']}, chosen with the truth)"
    return f"{row['variant']} (default)" if row["is_default"] and row["variant"] != "default" else str(row["variant"])


def _write(row: Mapping[Hashable, Any], metric: str) -> str:
    return f"{row[metric]:.1f}" + ("" if row["is_default"] else f" ({row[f'{metric}_difference']:+.1f})")


def _goodness(metrics: Mapping[str, float]) -> float:
    return metrics["IDF1"] + metrics["HOTA"]
