"""Figures for a page that may be light or dark: SVG whose ink follows the reader's choice."""

import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure

from remots.report.figures import DIFFERENT_PEOPLE, FAINT, INK, SAME_PERSON, SOFT, WARNING, house_style

# What each colour of the house becomes on a dark page; white is the edge of a marker.
ON_DARK = {
    INK: "#ece9e4",
    SOFT: "#b9b4ab",
    FAINT: "#86817a",
    WARNING: "#ff9d70",
    DIFFERENT_PEOPLE: "#56b4e9",
    SAME_PERSON: "#f0b429",
    "#FFFFFF": "#1b1d21",
}
_FONTS = "'DejaVu Sans', Verdana, sans-serif"  # two fonts of the same widths


def to_themed_svg(figure: Figure) -> bytes:
    """Write a figure as SVG for a light and a dark page; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        In colours of `remots.report.figures`. Its own texts, such as the title, are left out: the page says them.

    Returns
    -------
    bytes
        SVG without background, its letters as text.
    """
    for text in list(figure.texts):
        text.remove()
    buffer = io.BytesIO()
    with house_style(), mpl.rc_context({"svg.fonttype": "none"}):
        metadata = {"Date": None, "Creator": None}
        figure.savefig(buffer, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.05, metadata=metadata)
    svg = buffer.getvalue().decode("utf-8").replace("'DejaVu Sans'", _FONTS)
    svg = re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda found: _variable(found[0]), svg)
    return svg.replace("</style>", _themes() + "</style>", 1).encode("utf-8")


def _variable(colour: str) -> str:
    known = {name.lower() for name in ON_DARK}
    return f"var(--c{colour[1:]})" if colour in known else colour


def _themes() -> str:
    light = ";".join(f"--c{colour[1:].lower()}:{colour}" for colour in ON_DARK)
    dark = ";".join(f"--c{colour[1:].lower()}:{other}" for colour, other in ON_DARK.items())
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
