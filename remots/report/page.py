"""The report: one page that needs nothing else, with its pictures, its videos, its style and its script."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import chain
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, UndefinedError

from remots.report.colours import readable_on, track_colour

# What each step does, in the order of the pipeline; a step with another name stands behind them under that name.
STEPS = {
    "render": "render the scene",
    "probe": "look at the frames",
    "detect": "find masks",
    "join": "join the parts of the detections",
    "import_truth": "read the ground truth",
    "fuse": "fuse the masks",
    "crop": "cut the crops",
    "initialise": "make the encoder",
    "train_intra": "train within frames",
    "embed_intra": "compute features, first",
    "warp": "optical flow",
    "histogram_intra": "histograms, first",
    "threshold_short": "θ_short",
    "associate": "short-term tracker",
    "train_inter": "train between tracklets",
    "embed_inter": "compute features, second",
    "histogram_inter": "histograms, second",
    "threshold_merge": "θ_merge",
    "merge": "merge to tracks",
    "export": "write the tracks",
    "evaluate": "compare with the truth",
    "tabulate": "table of metrics",
    "plot_threshold_short": "figure of θ_short",
    "plot_threshold_merge": "figure of θ_merge",
    "overlay": "draw the video",
    "excerpt": "gather for this report",
}


class Cost(NamedTuple):
    """What a step took: its name, its seconds, and the most memory in MB, None where nobody knows."""

    step: str
    seconds: float
    memory_mb: float | None


class MetricsTable(NamedTuple):
    """The paper's table: names of columns, the first of them the sequence, and rows of cells, the last one combined."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


class PageData(NamedTuple):
    """What a page shows.

    Attributes
    ----------
    title : str
    version : str
        Of remots.
    excerpts : sequence of dict
        What `remots.formats.excerpt.excerpt_file.read_excerpt` gave for each sequence.
    table : MetricsTable
        No rows where there is no ground truth.
    costs : mapping of str to sequence of Cost
        By sequence; of steps for the whole run under the empty name.
    """

    title: str
    version: str
    excerpts: Sequence[Mapping[str, Any]]
    table: MetricsTable
    costs: Mapping[str, Sequence[Cost]]


def render_page(data: PageData) -> str:
    """Write the report as HTML.

    Parameters
    ----------
    data : PageData

    Returns
    -------
    str
        A page without any link to another file; every text in it is escaped. The same data give the same text.

    Raises
    ------
    ValueError
        If an excerpt lacks something that the page shows.
    """
    parts = {name: files("remots.report").joinpath(f"page.{name}").read_text("utf-8") for name in ("html", "css", "js")}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"track_style": track_style, "timeline_path": timeline_path, "tick_path": tick_path}
    environment.filters |= {"number": _number, "duration": _duration}
    shown = {
        "data": data,
        "style": parts["css"],
        "script": parts["js"],
        "scores": {row[0]: dict(zip(data.table.header, row, strict=True)) for row in data.table.rows},
        "costs": {name: order_costs(steps) for name, steps in data.costs.items()},
        "total": sum_costs(data.costs),
        "remarks": find_remarks(data.excerpts),
    }
    try:
        return environment.from_string(parts["html"]).render(shown)
    except (UndefinedError, TypeError) as error:
        raise ValueError(
            f"an excerpt lacks what the page shows ({error}); make it again with `remots excerpt`"
        ) from error


def order_costs(costs: Sequence[Cost]) -> list[tuple[str, Cost]]:
    """Put steps into the order of the pipeline, each with a few words; shorter than a tenth of a second counts too."""
    places = {step: place for place, step in enumerate(STEPS)}
    found = [(_step_of(cost.step), cost) for cost in costs]
    found.sort(key=lambda pair: (places.get(pair[0], len(places)), pair[1].step))
    return [(STEPS.get(step, cost.step), cost) for step, cost in found]


def sum_costs(costs: Mapping[str, Sequence[Cost]]) -> list[tuple[str, Cost]]:
    """Add up what each step took for all sequences, and take the largest memory; in the order of the pipeline."""
    sums: dict[str, Cost] = {}
    for cost in chain.from_iterable(costs.values()):
        step = _step_of(cost.step)
        before = sums.get(step, Cost(step, 0.0, None))
        memories = [memory for memory in (before.memory_mb, cost.memory_mb) if memory is not None]
        sums[step] = Cost(step, before.seconds + cost.seconds, max(memories, default=None))
    return order_costs(list(sums.values()))


def _step_of(name: str) -> str:
    """Give the step to which a benchmark belongs: ``detect_a/1_of_4`` is part of ``detect``."""
    return "detect" if name.startswith("detect") else name.split("/")[0]


def find_remarks(excerpts: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, str, str]]:
    """List what somebody should look at first.

    Parameters
    ----------
    excerpts : sequence of dict

    Returns
    -------
    list of (number, sequence, part, words)
        Number and name of the sequence, the part of its section, and what there is to see.
    """
    remarks = []
    for number, excerpt in enumerate(excerpts):
        found = [
            ("thresholds", f"θ_{threshold['kind']} fell back: {threshold['fallback']}")
            for threshold in excerpt["thresholds"]
            if threshold["fallback"]
        ]
        if not excerpt["counts"]["tracks"]:
            found.append(("video", "no tracks at all"))
        if excerpt["counts"]["without_track"]:
            found.append(("tracks", f"{excerpt['counts']['without_track']:,} masks are in no track"))
        if excerpt["switches"] and excerpt["switches"]["n"]:
            n = excerpt["switches"]["n"]
            found.append(("switches", "1 identity switch" if n == 1 else f"{n:,} identity switches"))
        n_close = len(excerpt["merged"]) + len(excerpt["apart"])
        if n_close:
            found.append(("calls", f"{n_close} close calls of the merging to check"))
        remarks += [(number, excerpt["sequence"]["sequence"], part, words) for part, words in found]
    return remarks


def track_style(track_id: int) -> str:
    """Give the colours of a track as CSS: its own, and that of text on it."""
    own = track_colour(track_id)
    return f"--own:rgb{own};--on-own:rgb{readable_on(own)}"


def timeline_path(runs: Sequence[tuple[int, int]], top: float, bottom: float) -> str:
    """Draw runs of frames as boxes of an SVG path; a frame is as wide as one unit."""
    return "".join(f"M{first} {top}H{last + 1}V{bottom}H{first}Z" for first, last in runs)


def tick_path(frames: Sequence[int], top: float, bottom: float) -> str:
    """Draw frames as upright strokes of an SVG path."""
    return "".join(f"M{frame} {top}V{bottom}" for frame in frames)


def _number(value: float) -> str:
    return f"{value:,}"


def _duration(seconds: float) -> str:
    """Write a time as people say it: ``0.4 s``, ``34 s``, ``2 min 5 s``, ``3 h 4 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
