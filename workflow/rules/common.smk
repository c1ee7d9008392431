# What all rules share: the checked configuration, the sample sheet, and the flags and code of each verb.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir).resolve()
sys.path.insert(0, str(ROOT))

from remots.commands.settings_flags import format_flags
from remots.detectors.registry import DETECTORS as RUN_BY_NAME
from remots.errors import InputError
from remots.formats.sample_sheet import detector_names, read_sample_sheet
from remots.job_environment import set_job_environment
from remots.provenance import code_digest
from remots.settings import parse_config

set_job_environment(ROOT)

try:
    SETTINGS = parse_config(config, "config")
    SAMPLES = {row.sequence: row for row in read_sample_sheet(SETTINGS.sequences)}
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = SETTINGS.results
TARGETS = [name for name, row in SAMPLES.items() if row.split == "target"]
TRAINING = [name for name, row in SAMPLES.items() if row.split == "train"]
EVALUATED = [name for name in TARGETS if SAMPLES[name].ground_truth]
# A name in RUN_BY_NAME finds the masks itself; anything else in the sample sheet is a file with masks.
DETECTORS = {name: detector_names(SAMPLES[name]) for name in TARGETS}


def any_of(names):
    """A regular expression that matches each of the names, and nothing where there is none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    sequence=any_of(SAMPLES),
    scene=any_of(SETTINGS.scenes),
    stage="pretrained|intra|inter",


def flags(section):
    """The settings of a rule as flags of its verb; a changed setting re-runs just the rules that have it."""
    return format_flags(getattr(SETTINGS, section))


def code(verb):
    """A digest of the code behind a verb; edited code re-runs just the rules that use it."""
    return code_digest(verb)


def per_sequence(name):
    """A file in the folder of the sequence."""
    return f"{RESULTS}/{{sequence}}/{name}"


def frame_range(wildcards):
    """The part of the video that the sample sheet asks for, as flags of `probe`."""
    row = SAMPLES[wildcards.sequence]
    first = [f"--first-frame {row.first_frame}"] if row.first_frame else []
    last = [f"--last-frame {row.last_frame}"] if row.last_frame else []
    return " ".join(first + last)


def of_detectors(wildcards):
    """The detections of each detector of a sequence."""
    return [f"{RESULTS}/{wildcards.sequence}/detections/{name}.parquet" for name in DETECTORS[wildcards.sequence]]


def of_training_sequences(name):
    """The same file of every training sequence."""
    return [f"{RESULTS}/{sequence}/{name}" for sequence in TRAINING]


def sample_of(column):
    """The cell of a sequence in a column of the sample sheet, as an input function."""
    return lambda wildcards: getattr(SAMPLES[wildcards.sequence], column)


def print_errors_of_verbs():
    """Show the error lines of the failed jobs at the end, so that nobody has to look for a log."""
    newest = sorted(Path(RESULTS).glob("**/logs/*.log"), key=lambda path: path.stat().st_mtime)[-20:]
    for path in newest:
        errors = [line for line in path.read_text(errors="replace").splitlines() if ": error: " in line]
        if errors:
            print(f"{errors[-1]}  ({path})", file=sys.stderr)


if not TARGETS:
    print(
        f"remots: {SETTINGS.sequences} has no target sequence yet, so there is nothing to do. "
        "config/README.md explains its columns; `make demo` shows a run.",
        file=sys.stderr,
    )
