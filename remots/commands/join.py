"""Join the tables of the parts of a video in which a network has detected side by side.

    remots join part_1.parquet part_2.parquet --out detections/mmdet.parquet

The result has the same bytes as that of one `remots detect` over the whole video.
"""

import argparse
from pathlib import Path

from remots.errors import InputError
from remots.formats.files.atomic import atomic_output
from remots.formats.results.tables import TableWriter, iterate_frames, read_metadata


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", type=Path, nargs="+", metavar="TABLE", help="tables of the parts, in their order")
    parser.add_argument("--out", type=Path, required=True, help="table of detections to write")


def run(options: argparse.Namespace) -> None:
    facts = read_metadata(options.parts[0], "detections")
    last_frame = 0
    with atomic_output(options.out) as temporary, TableWriter(temporary, "detections", facts) as writer:
        for part in options.parts:
            if read_metadata(part, "detections") != facts:
                raise InputError(f"{part}: is of another sequence than {options.parts[0]}; join the parts of one video")
            for frame, rows in iterate_frames(part, "detections"):
                if frame <= last_frame:
                    raise InputError(f"{part}: frame {frame} comes after frame {last_frame}; give the parts in order")
                last_frame = frame
                writer.append(rows)
