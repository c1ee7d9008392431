"""Say everything that is wrong with MOTS masks, and mend what can be mended safely.

    remots validate results.txt --sequence sequence.json
    remots validate data/MOTS/train --json > findings.json
    remots validate results.txt --fix mended.txt

SOURCE is a MOTS text, a folder of MOTS PNG, a sequence folder of MOTChallenge, a data set of these, KITTI MOTS, or a
folder of texts. Each finding names file, line and frame. Exit code 2 where there are errors, 0 for warnings alone.

--fix writes a new file, never SOURCE: sorted, without repeated and empty masks, shared pixels with the smaller mask. A
fault without a safe remedy (a broken mask, a wrong size, an id with two masks) is refused; --leave-out drops its line.
"""

import argparse
import logging
from pathlib import Path

from remots.errors import InputError
from remots.formats.checks.data_set_checks import check_anything
from remots.formats.checks.findings import Findings, print_findings, refuse_what_remains
from remots.formats.checks.mots_frame_checks import check_mots_text
from remots.formats.checks.mots_line_checks import Expected
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="file or folder to check")
    parser.add_argument("--sequence", type=Path, help="sequence.json, to hold a file against its size and length")
    parser.add_argument(
        "--first-frame-number", type=int, choices=(0, 1), help="0 for KITTI (default: what the file or data set shows)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a line per finding")
    parser.add_argument("--fix", type=Path, metavar="FILE", help="write a mended MOTS text; SOURCE must be one, too")
    parser.add_argument("--leave-out", action="store_true", help="with --fix: leave out lines that cannot be mended")


def run(options: argparse.Namespace) -> None:
    sequence = read_sequence(options.sequence) if options.sequence else None
    size = (sequence.height_px, sequence.width_px) if sequence else None
    expected = Expected(options.first_frame_number, sequence.last_frame if sequence else None, size)
    findings = Findings()
    if options.fix is None:
        check_anything(options.source, expected, findings)
        print_findings(findings, options.json)
        refuse_what_remains(options.source, findings, findings.errors())
        return
    if not options.source.is_file() or options.fix.resolve() == options.source.resolve():
        raise InputError(f"{options.source}: --fix mends one MOTS text, into another file")
    with atomic_output(options.fix) as temporary:
        check_mots_text(options.source, expected, findings, temporary)
        remaining = [] if options.leave_out else findings.not_mendable()
        print_findings(findings, options.json, None if remaining else options.fix)
        refuse_what_remains(options.source, findings, remaining)
    logger.info("%s: mended -> %s", options.source, options.fix)
