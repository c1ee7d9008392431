"""Adapt the encoder to the video: intra-frame, later inter-short-tracklet training.

    remots train --stage intra --encoder encoder_pretrained.safetensors --crops crops.npy --masks masks.parquet
        --out encoder_intra.safetensors --log training_intra.csv

Stage inter also needs --short-tracklets. Stage intra learns more with --warped-iou, from the links between frames that
geometry alone decides. Half of each mini-batch comes from training sequences, where there are any. An
interrupted training goes on where it stopped; on a CPU the result is the same to the byte.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.atomic import atomic_outputs
from remots.settings import Train

logger = logging.getLogger(__name__)

NOT_OF_THE_PLAN = {"batch_size", "views", "max_people_per_frame", "positives", "held_out_share"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", choices=("intra", "inter"), required=True, help="which of the two trainings")
    parser.add_argument("--encoder", type=Path, required=True, help="encoder to start from")
    parser.add_argument("--crops", type=Path, required=True, help="crops of the video's masks")
    parser.add_argument("--masks", type=Path, required=True, help="table of the video's masks")
    parser.add_argument("--short-tracklets", type=Path, help="table of the video's short-term tracklets (stage inter)")
    parser.add_argument("--warped-iou", type=Path, help="table of warped IoU of the video (stage intra)")
    parser.add_argument(
        "--training-crops", type=Path, nargs="*", default=[], metavar="CROPS", help="crops of each training sequence"
    )
    parser.add_argument(
        "--training-truth",
        type=Path,
        nargs="*",
        default=[],
        metavar="TRUTH",
        help="ground truth of each, in that order",
    )
    parser.add_argument("--out", type=Path, required=True, help="encoder to write, .safetensors")
    parser.add_argument("--log", type=Path, required=True, help="loss and learning rate of each step to write, .csv")
    parser.add_argument("--threads", type=int, help="threads; the result is the same (default: all cores)")
    add_settings(parser, Train)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Train)
    if (options.stage == "inter") != (options.short_tracklets is not None):
        raise InputError("--short-tracklets belongs to --stage inter, which cannot do without; see `remots associate`")
    from remots.appearance.devices import keep_memory, use_threads
    from remots.appearance.sampling import BatchSampler
    from remots.appearance.training_plan import TrainingPlan
    from remots.formats.results.encoder_files import read_encoder, write_encoder
    from remots.formats.results.training_files import checkpoint_path, train_with_checkpoints, write_training_log
    from remots.formats.results.training_inputs import check_crop_size, read_training_inputs

    use_threads(options.threads)
    keep_memory()
    encoder = read_encoder(options.encoder)
    inputs = read_training_inputs(
        options.crops,
        options.masks,
        options.short_tracklets,
        options.training_crops,
        options.training_truth,
        options.warped_iou if settings.positives == "sure_links" else None,
        settings.held_out_share if settings.patience else 0.0,
        settings.seed,
    )
    check_crop_size(encoder, options.encoder, inputs.stores)
    sampling = (settings.batch_size, settings.views, settings.max_people_per_frame, settings.seed)
    sampler = BatchSampler(inputs.target, inputs.training, *sampling)
    plan = TrainingPlan(**settings.model_dump(exclude=NOT_OF_THE_PLAN))
    with atomic_outputs(options.out, options.log) as (out, log):
        rows = train_with_checkpoints(encoder, sampler, inputs, plan, options.out)
        encoder.description = replace(encoder.description, stage=options.stage)
        write_encoder(out, encoder)
        write_training_log(log, rows)
    checkpoint_path(options.out).unlink(missing_ok=True)
    logger.info("%d steps on %d crops -> %s", len(rows), sum(map(len, inputs.stores)), options.out)
