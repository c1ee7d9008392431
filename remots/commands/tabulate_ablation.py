r"""Put the variants of an ablation into one table and one figure.

    remots tabulate-ablation --sequences plaza avenue --default results \
        --variant training/none results/ablation/training/none --variant training/both results \
        --csv ablation.csv --markdown ablation.md --png ablation.png --svg ablation.svg

A variant in the folder of the default is the default. Of variants that differ in a number alone (threshold/oracle/1,
threshold/oracle/2, ...) the best counts for each sequence: chosen with the truth, it is a bound, and the table says so.
"""

import argparse
import logging
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from remots.errors import InputError
from remots.evaluation.ablation import Variant, ablation_as_markdown, average, tabulate_ablation
from remots.evaluation.metrics import RawResults
from remots.formats.files.atomic import atomic_outputs
from remots.formats.results.evaluation_file import read_evaluation
from remots.report.ablation_figure import draw_ablation
from remots.report.figures import save_figure

logger = logging.getLogger(__name__)

DRAWN = ("IDF1", "HOTA")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequences", nargs="*", default=[], help="their names, which are those of their folders")
    parser.add_argument("--default", required=True, type=Path, metavar="FOLDER", help="results of the default")
    parser.add_argument(
        "--variant",
        nargs=2,
        action="append",
        default=[],
        metavar=("GROUP/VARIANT[/NUMBER]", "FOLDER"),
        help="a variant, and its results: FOLDER/SEQUENCE/evaluation.json",
    )
    parser.add_argument("--csv", required=True, type=Path, help="table to write, a row a variant and sequence")
    parser.add_argument("--markdown", required=True, type=Path, help="table of the means to write")
    parser.add_argument("--png", required=True, type=Path, help="figure to write")
    parser.add_argument("--svg", required=True, type=Path, help="figure to write")


def run(options: argparse.Namespace) -> None:
    if not options.sequences:
        raise InputError("no target sequence has ground truth; fill in the column ground_truth of the sample sheet")
    if not options.variant:
        raise InputError("no variant to compare; `ablation` in the config must name a file of variants")
    folders = {options.default, *(Path(folder) for _, folder in options.variant)}
    options.evaluations = sorted(_evaluation(folder, name) for folder in folders for name in options.sequences)
    default = _read(options.default, options.sequences)
    table = tabulate_ablation(default, _read_variants(options.variant, options.default, options.sequences))
    means = average(table)
    with atomic_outputs(options.csv, options.markdown, options.png, options.svg) as (csv, markdown, png, svg):
        table.to_csv(csv, index=False, float_format="%.4f")
        markdown.write_text(ablation_as_markdown(means), encoding="utf-8")
        save_figure(draw_ablation(table, means, DRAWN), png, svg)
    logger.info("%d variants on %d sequences -> %s", len(means), len(options.sequences), options.markdown)


def _read_variants(named: list[list[str]], default: Path, sequences: list[str]) -> Iterator[Variant]:
    """Put runs that differ in their number alone into one variant."""
    for (group, name), runs in groupby(named, key=lambda one: _split(one[0])):
        folders = [Path(folder) for _, folder in runs]
        yield Variant(group, name, [_read(folder, sequences) for folder in folders], folders == [default])


def _split(variant: str) -> tuple[str, str]:
    match variant.split("/"):
        case [group, name] | [group, name, _]:
            return group, name
    raise InputError(f"--variant {variant}: name it GROUP/VARIANT, or GROUP/VARIANT/NUMBER")


def _read(folder: Path, sequences: list[str]) -> dict[str, RawResults]:
    return {sequence: read_evaluation(_evaluation(folder, sequence))[1] for sequence in sequences}


def _evaluation(folder: Path, sequence: str) -> Path:
    return folder / sequence / "evaluation.json"
