"""The paper's figures 4 and 5: the histograms of similarities, and the threshold that is read off them."""

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from remots.statistics.histograms import SimilarityHistogram
from remots.statistics.thresholds import Threshold

Kind = Literal["short", "merge"]

# Blue and orange of Okabe and Ito, safe for colour-blind people; they also differ in lightness, for print in grey.
DIFFERENT_PEOPLE = "#0072B2"
SAME_PERSON = "#E69F00"
INK = "#222222"
SOFT = "#555555"
FAINT = "#8A8A8A"
WARNING = "#B03A00"

# In inches, from the left and from the top; texts under the title push the axes down.
WIDTH, LEFT, RIGHT = 7.6, 0.42, 7.4
TITLE_TOP, RULE_TOP, LINE = 0.17, 0.46, 0.185
HEADROOM, AXES_HEIGHT, LEGEND_TOP, LEGEND_LINE, BOTTOM = 0.85, 2.2, 0.5, 0.22, 0.1
CHARACTERS_A_LINE = 100
MIN_BIN_WIDTH, MAX_BIN_WIDTH = 5e-4, 0.05
SPREAD_BOTTOM, SPREAD_STEP = 1.045, 0.065  # rows of means and deviations over the axes, in shares of their height

POPULATIONS = {
    "short": {"intra_frame": "different people, same frame", "sure_link": "same person, sure links between frames"},
    "merge": {"intra_frame": "different people, same frame", "intra_tracklet": "same person, same short tracklet"},
}
SYMBOLS = {"short": r"$\theta_{short}$", "merge": r"$\theta_{merge}$"}
SIDES = {"short": ("never linked", "may be linked"), "merge": ("kept apart", "may be merged")}
TITLES = {
    "short": "Threshold of the short-term tracker",
    "merge": "Threshold for merging short-term tracklets",
}

RULES = {
    "mean_plus_sigmas": "mean + {n_sigmas}standard deviations of the similarities of different people (paper 2.3)",
    "quantile": "upper quantile of the similarities of different people",
    "sure_links": "lower quantile of the similarities of sure links between adjacent frames",
    "candidates": "where candidate tracklets are as likely the same person as not, by looks and place",
    "candidate_looks": "where candidate tracklets are as likely the same person as not, by looks",
    "crossing": "where the histograms of different people and of the same person cross (paper 2.5)",
    "fixed": "set by hand",
}

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so the figure is the same on every machine
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": INK,
    "ytick.color": FAINT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "svg.hashsalt": "remots",
    "svg.fonttype": "path",
}


def infer_kind(populations: Collection[str]) -> Kind:
    """Tell which figure histograms are for: figure 5 (``"merge"``) where there are pairs of short tracklets."""
    return "merge" if "intra_tracklet" in populations else "short"


def populations_of(kind: Kind) -> tuple[str, ...]:
    """Name the populations of mask pairs that a figure shows."""
    return tuple(POPULATIONS[kind])


def draw_threshold(
    kind: Kind, histograms: Mapping[str, SimilarityHistogram], threshold: Threshold, sequence: str = ""
) -> Figure:
    """Draw the histograms of similarities with the threshold.

    Parameters
    ----------
    kind : {"short", "merge"}
        Figure 4 (θ_short: how similar different people are) or figure 5 (θ_merge: different people and the same).
    histograms : mapping of str to SimilarityHistogram
        By population: ``"intra_frame"`` with ``"sure_link"`` (figure 4) or ``"intra_tracklet"`` (figure 5). Populations
        that are missing or empty are left out of the figure.
    threshold : Threshold
        What to mark.
    sequence : str
        Name of the sequence, for the title.

    Returns
    -------
    matplotlib.figure.Figure
        Densities of unit area; belongs to no window and no global state.

    Notes
    -----
    Source: ReMOTS figures 4 and 5.
    """
    shown = [name for name in POPULATIONS[kind] if name in histograms and histograms[name].n > 0]
    with house_style():
        figure, axes = _lay_out(_texts(kind, threshold, sequence), n_rows=len(shown) + (2 if kind == "short" else 1))
        limits = _limits([histograms[name] for name in shown], threshold.value)
        axes.set_xlim(*limits)
        for row, name in enumerate(reversed(shown)):
            _draw_population(axes, histograms[name], POPULATIONS[kind][name], _colour(name))
            _mark_spread(axes, histograms[name], row, _colour(name))
        if kind == "short" and "intra_frame" in shown:
            _draw_normal_curve(axes, histograms["intra_frame"], limits)
        _finish_axes(axes)
        _mark_threshold(axes, kind, threshold.value, len(shown))
    return figure


def describe_rule(threshold: Threshold) -> str:
    """Say in words how a threshold was chosen.

    Parameters
    ----------
    threshold : Threshold
        With the rule's name, and the statistics from which the number of standard deviations is read.

    Returns
    -------
    str
        For instance ``"mean + 3 standard deviations of the similarities of different people (paper 2.3)"``; a name
        that has no words stands for itself.
    """
    mean, std = (threshold.statistics.get(f"intra_frame_{name}") for name in ("mean", "std"))
    n_sigmas = ""
    if mean is not None and std and not threshold.fallback:
        n_sigmas = f"{(threshold.value - mean) / std:.3g} "
    return RULES.get(threshold.rule, threshold.rule).format(n_sigmas=n_sigmas)


def save_figure(figure: Figure, png: Path | str, svg: Path | str) -> None:
    """Write a figure as PNG and SVG; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From `draw_threshold`.
    png, svg : Path
        The files (temporary names: see `remots.formats.files.atomic`).
    """
    with house_style():
        figure.savefig(png, format="png", metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save in the look that all figures share."""
    with mpl.rc_context(_STYLE):
        yield


def _colour(population: str) -> str:
    return DIFFERENT_PEOPLE if population == "intra_frame" else SAME_PERSON


def _texts(kind: Kind, threshold: Threshold, sequence: str) -> list[tuple[str, dict[str, Any]]]:
    """List the lines over the figure with their looks: title, rule, and the fallback where there is one."""
    title = f"{TITLES[kind]} · {sequence}" if sequence else TITLES[kind]
    lines: list[tuple[str, dict[str, Any]]] = [(title, {"fontsize": 13, "fontweight": "bold"})]
    fallback = f"Fallback: {threshold.fallback}" if threshold.fallback else ""
    for words, colour in ((f"Rule: {describe_rule(threshold)}", SOFT), (fallback, WARNING)):
        lines += [(line, {"fontsize": 9.5, "color": colour}) for line in textwrap.wrap(words, CHARACTERS_A_LINE)]
    return lines


def _lay_out(texts: Sequence[tuple[str, dict[str, Any]]], n_rows: int) -> tuple[Figure, Axes]:
    """Make a figure as high as its texts need, with empty axes."""
    axes_top = RULE_TOP + LINE * (len(texts) - 1) + HEADROOM
    height = axes_top + AXES_HEIGHT + LEGEND_TOP + LEGEND_LINE * n_rows + BOTTOM
    figure = Figure(figsize=(WIDTH, height), dpi=200)
    for number, (line, look) in enumerate(texts):
        top = TITLE_TOP if number == 0 else RULE_TOP + LINE * (number - 1)
        figure.text(LEFT / WIDTH, 1 - top / height, line, va="top", **look)
    bottom = height - axes_top - AXES_HEIGHT
    return figure, figure.add_axes((LEFT / WIDTH, bottom / height, (RIGHT - LEFT) / WIDTH, AXES_HEIGHT / height))


def _limits(histograms: Sequence[SimilarityHistogram], threshold: float) -> tuple[float, float]:
    """Span what there is to see: every pair and the threshold, with some air."""
    low, high = (threshold, threshold) if histograms else (-1.0, 1.0)
    for histogram in histograms:
        edges, _ = coarsen(histogram)
        low = min(low, float(edges[0]))
        high = max(high, float(edges[-1]), min(1.1, histogram.mean + 3 * histogram.std))
    air = max(0.02, 0.06 * (high - low))
    return low - air, high + air


def _draw_population(axes: Axes, histogram: SimilarityHistogram, label: str, colour: str) -> None:
    edges, density = coarsen(histogram)
    axes.stairs(density, edges, fill=True, color=colour, alpha=0.35, linewidth=0)
    pairs = "1 pair" if histogram.n == 1 else f"{histogram.n:,} pairs"
    numbers = f"{pairs}, mean {histogram.mean:.3f}, σ {histogram.std:.3f}"
    axes.stairs(density, edges, color=colour, linewidth=1.6, label=f"{label}: {numbers}")


def coarsen(histogram: SimilarityHistogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Join narrow bins into as few as show the shape well, and scale them to unit area.

    Parameters
    ----------
    histogram : SimilarityHistogram
        Not empty.

    Returns
    -------
    edges : ndarray of float64, shape (n_joined + 1,)
        From the first to the last similarity. The bins are a little narrower than Scott (1979) would have them for a
        normal distribution, 2.5 σ / n^(1/3), so that the tails, which the thresholds are about, stay visible.
    density : ndarray of float64, shape (n_joined,)
        Share of the pairs per unit of similarity.
    """
    fine_width = 2 / len(histogram.fine_counts)
    wanted = float(np.clip(2.5 * histogram.std / histogram.n ** (1 / 3), MIN_BIN_WIDTH, MAX_BIN_WIDTH))
    n_together = max(1, round(wanted / fine_width))
    # The bins are laid from 1 downwards, where similarities pile up: no bin there is cut short.
    padded = np.pad(histogram.fine_counts, (-len(histogram.fine_counts) % n_together, 0))
    counts = padded.reshape(-1, n_together).sum(axis=1)
    width = n_together * fine_width
    edges = 1.0 - width * np.arange(len(counts), -1, -1, dtype=np.float64)
    filled = np.flatnonzero(counts)
    shown = slice(filled[0], filled[-1] + 1)
    return edges[filled[0] : filled[-1] + 2], np.asarray(counts[shown] / (histogram.n * width))


def _mark_spread(axes: Axes, histogram: SimilarityHistogram, row: int, colour: str) -> None:
    """Mark the mean and three standard deviations each way, over the histogram."""
    height = SPREAD_BOTTOM + row * SPREAD_STEP
    low, high = axes.get_xlim()
    ends = [max(low, histogram.mean - 3 * histogram.std), min(high, histogram.mean + 3 * histogram.std)]
    caps = [i for i, end in enumerate(ends) if low < end < high]
    place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "color": colour, "clip_on": False}
    axes.plot(
        ends, [height, height], linewidth=1.4, marker="|", markersize=7, markeredgewidth=1.4, markevery=caps, **place
    )
    axes.plot([histogram.mean], [height], marker="o", markersize=5.5, markeredgecolor="white", **place)


def _draw_normal_curve(axes: Axes, histogram: SimilarityHistogram, limits: tuple[float, float]) -> None:
    """Draw the normal distribution that the paper takes for the similarities of different people."""
    if histogram.std <= 0:
        return
    x = np.linspace(*limits, 600)
    density = np.exp(-(((x - histogram.mean) / histogram.std) ** 2) / 2) / (histogram.std * np.sqrt(2 * np.pi))
    axes.plot(x, density, color=INK, linewidth=1.1, linestyle=(0, (4, 2.5)), label="normal distribution")


def _mark_threshold(axes: Axes, kind: Kind, value: float, n_rows: int) -> None:
    top = SPREAD_BOTTOM + n_rows * SPREAD_STEP
    place = axes.get_xaxis_transform()
    axes.plot([value, value], [0, top], color=INK, linewidth=1.8, transform=place, clip_on=False, zorder=6)
    low, high = axes.get_xlim()
    where = (value - low) / (high - low)
    side: Literal["left", "center", "right"] = "left" if where < 0.15 else "right" if where > 0.85 else "center"
    axes.text(value, top + 0.015, f"{SYMBOLS[kind]} = {value:.3f}", ha=side, va="bottom", fontsize=13, transform=place)
    axes.axvspan(low, value, color=FAINT, alpha=0.09, linewidth=0, zorder=0)
    below, above = SIDES[kind]
    for words, at, align in ((f"← {below}", -5, "right"), (f"{above} →", 5, "left")):
        fits = where > 0.2 if align == "right" else where < 0.8
        if fits:
            axes.annotate(
                words, (value, 0.985), (at, 0), place, "offset points", ha=align, va="top", fontsize=9, color=SOFT
            )


def _finish_axes(axes: Axes) -> None:
    axes.set_ylim(0, 1.22 * axes.dataLim.ymax if axes.has_data() else 1)
    axes.set_yticks([])
    axes.set_xlabel("cosine similarity of two appearance features")
    axes.set_ylabel("share of pairs (unit area)", color=SOFT)
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        box = {"facecolor": "white", "edgecolor": FAINT, "boxstyle": "round,pad=0.6"}
        axes.text(0.5, 0.5, "no pairs", ha="center", va="center", transform=axes.transAxes, zorder=7, bbox=box)
        return
    handles.append(Line2D([], [], color=SOFT, linewidth=1.4, marker="o", markersize=5.5, markeredgecolor="white"))
    anchor = (-0.008, -LEGEND_TOP / AXES_HEIGHT + 0.03)
    axes.legend(handles, [*labels, "mean ± 3 σ"], loc="upper left", bbox_to_anchor=anchor, frameon=False, fontsize=9.5)
