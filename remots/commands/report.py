r"""Put the results of a run on one page that opens anywhere, without a network.

    remots report results/*/excerpt.json --evaluations results/*/evaluation.json \
        --benchmarks results/benchmarks results/*/benchmarks --out results/report.html

The page holds its videos, pictures and figures itself. Corrections that are clicked in it are saved as corrections.tsv.
"""

import argparse
import logging
from pathlib import Path

from remots import __version__
from remots.errors import InputError
from remots.evaluation.tables import format_cells, header, tabulate_results
from remots.formats.excerpt.excerpt_file import read_excerpts
from remots.formats.files.atomic import atomic_output
from remots.formats.project.benchmarks import read_benchmarks
from remots.formats.results.evaluation_file import read_evaluation
from remots.report.page import Cost, MetricsTable, PageData, render_page

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("excerpts", nargs="*", type=Path, metavar="EXCERPT.json", help="from remots excerpt")
    parser.add_argument("--evaluations", nargs="*", type=Path, default=[], help="from remots evaluate")
    parser.add_argument(
        "--benchmarks",
        nargs="*",
        type=Path,
        default=[],
        help="folders of benchmark files; one beside a sequence's excerpt.json is that sequence's",
    )
    parser.add_argument("--title", default="ReMOTS report", help="title of the page (default: %(default)s)")
    parser.add_argument("--out", required=True, type=Path, help="page to write, .html")


def run(options: argparse.Namespace) -> None:
    excerpts = read_excerpts(options.excerpts)
    name_of = {path.parent: excerpt["sequence"]["sequence"] for path, excerpt in excerpts.items()}
    costs: dict[str, list[Cost]] = {}
    for folder in options.benchmarks:
        found = (Cost(*cost) for cost in read_benchmarks(folder))
        costs.setdefault(name_of.get(folder.parent, ""), []).extend(found)
    try:
        table = tabulate_results([read_evaluation(path) for path in options.evaluations])
        cells = MetricsTable(header(), format_cells(table))
        page = render_page(PageData(options.title, __version__, list(excerpts.values()), cells, costs))
    except (ValueError, KeyError) as error:
        raise InputError(f"{', '.join(map(str, options.excerpts + options.evaluations))}: {error}") from error
    with atomic_output(options.out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    if not excerpts:
        logger.warning("no excerpt was given: the page shows no sequence")
    logger.info("%d sequences, %.1f MB -> %s", len(excerpts), options.out.stat().st_size / 1e6, options.out)
