"""The figure of an ablation: how far each variant is from the default, for each sequence and on the mean."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from remots.report.figures import DIFFERENT_PEOPLE, FAINT, SAME_PERSON, SOFT, house_style

# In inches.
WIDTH, LABELS, GAP, RIGHT = 9.6, 3.4, 0.75, 0.65
TOP, LINE, GROUP_GAP, BOTTOM = 1.1, 0.21, 0.4, 0.55
# Most differences are small and a few large: to so many points the scale is even, beyond them logarithmic.
EVEN_POINTS = 5
TICKS = [-50, -15, -5, -2, 0, 2, 5, 15, 50]


def draw_ablation(table: pd.DataFrame, means: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """Draw how far each variant is from the default: a dot a sequence, a bar for their mean.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a variant and sequence: ``group``, ``variant``, ``sequence``, and ``{metric}_difference`` in points.
    means : pandas.DataFrame
        A row a variant, from the top: ``group``, ``variant``, ``label``, ``is_default``, ``wins``, and the means.
    metrics : sequence of str
        Each has axes of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window and no global state.
    """
    places = _places(list(means["group"]))
    height = TOP + LINE * (max(places) + 2) + BOTTOM
    with house_style():
        figure = Figure(figsize=(WIDTH, height), dpi=200)
        figure.text(0.02, 1 - 0.17 / height, "What each choice is worth", va="top", fontsize=13, fontweight="bold")
        names = ", ".join(table["sequence"].unique())
        lines = [
            f"Difference to the default: a dot a sequence ({names}), a bar for the mean.",
            f"Orange: the best of its group. Beyond {EVEN_POINTS} points the scale is logarithmic.",
        ]
        figure.text(0.02, 1 - 0.46 / height, "\n".join(lines), va="top", fontsize=9.5, color=SOFT)
        width = (WIDTH - LABELS - RIGHT - GAP * (len(metrics) - 1)) / len(metrics)
        for number, metric in enumerate(metrics):
            left = LABELS + number * (width + GAP)
            box = (left / WIDTH, BOTTOM / height, width / WIDTH, 1 - (TOP + BOTTOM) / height)
            axes = figure.add_axes(box)
            _draw_metric(axes, table, means.assign(place=places), f"{metric}_difference")
            axes.set_xlabel(f"{metric}, points", fontsize=9.5)
            if number == 0:
                _write_labels(axes, means.assign(place=places))
    return figure


def _places(groups: Sequence[str]) -> list[float]:
    """Give each row its place from the top, in lines; a group's name takes one, and there is air between groups."""
    places: list[float] = []
    for number, group in enumerate(groups):
        starts = number == 0 or groups[number - 1] != group
        before = places[-1] if places else -1 - GROUP_GAP
        places.append(before + (2 + GROUP_GAP if starts else 1))
    return places


def _draw_metric(axes: Axes, table: pd.DataFrame, means: pd.DataFrame, column: str) -> None:
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=0)
    for row in means.to_dict("records"):
        colour, place, mean = SAME_PERSON if row["wins"] else DIFFERENT_PEOPLE, row["place"], row[column]
        if not row["is_default"]:
            values = table.loc[(table["group"] == row["group"]) & (table["variant"] == row["variant"]), column]
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.45, markersize=4.5, markeredgewidth=0)
        axes.plot([mean, mean], [place - 0.34, place + 0.34], color=colour, linewidth=2.4, solid_capstyle="butt")
        number = "0" if row["is_default"] else f"{mean:+.1f}"
        axes.text(1.14, place, number, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8.5)
    axes.set_ylim(means["place"].max() + 1, -1)
    axes.set_yticks([])
    axes.set_xscale("symlog", linthresh=EVEN_POINTS, linscale=1)
    axes.margins(x=0.08)
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in TICKS if low <= tick <= high], minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter("{x:.0f}")


def _write_labels(axes: Axes, means: pd.DataFrame) -> None:
    for group, rows in means.groupby("group", sort=False):
        _write(axes, LABELS - 0.2, rows["place"].min() - 1, str(group), bold=True)
        for row in rows.to_dict("records"):
            _write(axes, LABELS - 0.35, row["place"], row["label"], bold=row["wins"])


def _write(axes: Axes, inches: float, place: float, words: str, bold: bool) -> None:
    """Write so many inches to the left of the axes."""
    axes.annotate(
        words,
        xy=(0, place),
        xycoords=axes.get_yaxis_transform(),
        xytext=(-72 * inches, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        fontweight="bold" if bold else "normal",
        annotation_clip=False,
    )
