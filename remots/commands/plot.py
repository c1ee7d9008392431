r"""Draw the histograms of similarities and the threshold read off them (paper figures 4 and 5).

    remots plot --histograms histograms_intra.npz --threshold threshold_short.json \
        --png threshold_short.png --svg threshold_short.svg

The figure says the rule and any fallback in words. The same files give the same bytes.
"""

import argparse
import logging
from pathlib import Path

from remots.formats.files.atomic import atomic_outputs
from remots.formats.results.statistics_files import read_histograms, read_threshold
from remots.report.figures import draw_threshold, infer_kind, populations_of, save_figure

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--histograms", required=True, type=Path, help="histograms of similarities, from remots histogram"
    )
    parser.add_argument("--threshold", required=True, type=Path, help="threshold_short.json or threshold_merge.json")
    parser.add_argument("--png", required=True, type=Path, help="figure to write")
    parser.add_argument("--svg", required=True, type=Path, help="figure to write")
    parser.add_argument("--kind", choices=("short", "merge"), help="by default, what the histograms are of")
    parser.add_argument("--name", help="name of the sequence (default: that of the folder of the histograms)")


def run(options: argparse.Namespace) -> None:
    kind = options.kind or infer_kind(read_histograms(options.histograms))
    histograms = read_histograms(options.histograms, *populations_of(kind))
    threshold = read_threshold(options.threshold)
    name = options.histograms.resolve().parent.name if options.name is None else options.name
    figure = draw_threshold(kind, histograms, threshold, name)
    with atomic_outputs(options.png, options.svg) as (png, svg):
        save_figure(figure, png, svg)
    logger.info("%s: %s", name, ", ".join(f"{histograms[part].n:,} {part} pairs" for part in histograms))
