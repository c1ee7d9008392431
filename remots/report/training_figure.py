"""The curves of the two trainings: how the loss fell, and how well held-out people were told apart."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from remots.report.figures import DIFFERENT_PEOPLE, SAME_PERSON, SOFT, house_style

STAGES = {"intra": ("intra-frame", DIFFERENT_PEOPLE), "inter": ("inter-short-tracklet", SAME_PERSON)}
SIZE = (7.6, 2.5)  # in inches
MARGINS = {"left": 0.07, "right": 0.99, "bottom": 0.2, "top": 0.88, "wspace": 0.24}
SMOOTHED_SHARE = 0.1  # of the steps, for the mean along the curve of the loss


def draw_training(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the curves of the trainings of a sequence.

    Parameters
    ----------
    curves : mapping of str to pandas.DataFrame
        By stage, ``"intra"`` and ``"inter"``; columns ``step``, ``loss`` and ``auc`` (NaN where nothing was evaluated).

    Returns
    -------
    matplotlib.figure.Figure
        To the left the loss (faint: each step; strong: the mean of the steps around), to the right the area under the
        curve on held-out people. Stages without a step are left out.
    """
    with house_style():
        figure = Figure(figsize=SIZE, dpi=200)
        left, right = figure.subplots(1, 2, gridspec_kw=MARGINS)
        for stage, (name, colour) in STAGES.items():
            if stage in curves and len(curves[stage]):
                _draw_loss(left, curves[stage], name, colour)
                _draw_auc(right, curves[stage], name, colour)
        _finish(left, "loss")
        _finish(right, "AUC on held-out people")
    return figure


def describe_training(curves: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say in words how each training went, one sentence a stage; nothing of stages that are not there."""
    lines = []
    for stage, (name, _) in STAGES.items():
        if stage not in curves:
            continue
        curve = curves[stage]
        evaluated = curve["auc"].dropna()
        if not len(curve):
            lines.append(f"The {name} training was left out.")
            continue
        words = f"The {name} training took {len(curve):,} steps; the loss went from {_mean(curve['loss'].head())} to "
        words += _mean(curve["loss"].tail())
        if len(evaluated):
            words += f", and the best AUC on held-out people is {evaluated.max():.3f}"
        lines.append(f"{words}.")
    return lines


def _mean(values: "pd.Series[float]") -> str:
    return f"{values.mean():.3f}"


def _draw_loss(axes: Axes, curve: pd.DataFrame, name: str, colour: str) -> None:
    axes.plot(curve["step"], curve["loss"], color=colour, linewidth=0.8, alpha=0.35)
    window = max(1, round(SMOOTHED_SHARE * len(curve)))
    smoothed = curve["loss"].rolling(window, center=True, min_periods=1).mean()
    axes.plot(curve["step"], smoothed, color=colour, linewidth=1.8, label=name)


def _draw_auc(axes: Axes, curve: pd.DataFrame, name: str, colour: str) -> None:
    evaluated = curve[np.isfinite(curve["auc"])]
    axes.plot(evaluated["step"], evaluated["auc"], color=colour, linewidth=1.8, marker="o", markersize=4, label=name)


def _finish(axes: Axes, label: str) -> None:
    axes.set_title(label, fontsize=10, loc="left")
    axes.set_xlabel("step")
    axes.tick_params(axis="y", colors=SOFT)
    axes.margins(y=0.15)
    if axes.has_data():
        axes.legend(frameon=False, fontsize=9)
    else:
        axes.text(0.5, 0.5, "not evaluated", ha="center", va="center", transform=axes.transAxes, color=SOFT)
        axes.set_xticks([])
        axes.set_yticks([])
