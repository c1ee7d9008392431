"""Compare the tracks of a sequence with its ground truth.

    remots evaluate --sequence sequence.json --truth truth.parquet --mots mots.txt --out evaluation.json

Computes the metrics of the paper's tables (sMOTSA, IDF1, MOTSA, MOTSP, MODSA, MT, ML) and HOTA, DetA, AssA and IDS.
Results of any other tracker can be evaluated too, as MOTSChallenge text.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.evaluation.metrics import evaluate_sequence, summarise
from remots.formats.exchange.evaluated_frames import open_evaluated_frames
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.evaluation_file import write_evaluation
from remots.progress import track
from remots.settings import Evaluate

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", required=True, type=Path, help="sequence.json, from remots probe")
    parser.add_argument("--truth", required=True, type=Path, help="truth.parquet, from remots import-truth")
    parser.add_argument("--mots", required=True, type=Path, help="tracks as MOTSChallenge text, from remots export")
    parser.add_argument("--out", required=True, type=Path, help="evaluation.json to write")
    add_settings(parser, Evaluate)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Evaluate)
    sequence = read_sequence(options.sequence)
    try:
        with open_evaluated_frames(sequence, options.truth, options.mots) as frames:
            shown = track(frames, f"evaluate {sequence.sequence}", sequence.n_frames)
            raw = evaluate_sequence(shown, settings.class_id, settings.unlabelled)
    except ValueError as error:
        raise InputError(f"{options.mots} against {options.truth}: {error}") from error
    metrics = summarise(raw)
    write_evaluation(options.out, sequence.sequence, metrics, raw)
    for side, path, misses in (("true", options.truth, "CLR_FN"), ("result", options.mots, "CLR_FP")):
        if not raw["CLEAR"]["CLR_TP"] + raw["CLEAR"][misses]:
            logger.warning("%s: no %s mask of class %d in these frames", path, side, settings.class_id)
    numbers = ", ".join(f"{name} {metrics[name]:.1f}" for name in ("sMOTSA", "IDF1", "HOTA"))
    logger.info("%s: %s, %d identity switches", sequence.sequence, numbers, metrics["IDS"])
