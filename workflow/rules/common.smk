# What all rules share: the checked configuration, the sample sheet, and the flags and code of each verb.
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir).resolve()
sys.path.insert(0, str(ROOT))

from remots.commands.settings_flags import format_flags
from remots.detectors.registry import DETECTORS as REGISTRY
from remots.errors import InputError
from remots.formats.ablation_file import read_ablation
from remots.formats.sample_sheet import check_detectors, detector_names, read_sample_sheet, training_rows
from remots.job_environment import prefer_this_interpreter, share_gpus
from remots.provenance import code_digest
from remots.settings import Network, parse_config
from remots.sharing import MADE_FROM, find_home

prefer_this_interpreter()
if workflow.local_exec and workflow.is_main_process:
    share_gpus()
# The code is that of the checkout. Snakemake would take PYTHONPATH out of the environment of jobs that have a conda
# environment, so their command sets it.
shell.prefix("set -euo pipefail; export PYTHONPATH=" + shlex.quote(str(ROOT)) + "${{PYTHONPATH:+:$PYTHONPATH}}; ")

try:
    SETTINGS = parse_config(config, "config")
    SAMPLES = {row.sequence: row for row in read_sample_sheet(SETTINGS.sequences)}
    check_detectors(SAMPLES.values(), SETTINGS.detectors)
    ABLATION = read_ablation(SETTINGS.ablation, config) if Path(SETTINGS.ablation).is_file() else {}
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = SETTINGS.results
TARGETS = [name for name, row in SAMPLES.items() if row.split == "target"]
TRAINING = [name for name, row in SAMPLES.items() if row.split == "train"]
REFINED = [name for name in TARGETS if SAMPLES[name].tracklets]  # tracks of another tracker are given
EVALUATED = [name for name in TARGETS if SAMPLES[name].ground_truth]
# What stands in the sample sheet, by the name of the detections: a detector of the config, or a file with masks.
DETECTORS = {name: detector_names(SAMPLES[name]) for name in TARGETS}
# Every variant of the config by the folder that it has under the results, "ablation/GROUP/VARIANT/"; the config itself
# has no folder of its own and stands first.
VARIANTS = {"": SETTINGS} | {f"ablation/{name}/": changed for name, changed in ABLATION.items()}


def any_of(names):
    """A regular expression that matches each of the names, and nothing where there is none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    variant=f"({any_of(f'ablation/{name}/' for name in ABLATION)})?",
    sequence=any_of(SAMPLES),
    detector="[^/]+",
    part=r"\d+",
    n_parts=r"\d+",
    scene=any_of(SETTINGS.scenes),
    stage="pretrained|intra|inter",


def flags(*sections):
    """The settings of a rule as flags of its verb; a changed setting re-runs just the rules that have it."""

    @cache
    def written(variant):
        return " ".join(format_flags(getattr(VARIANTS[variant], section)) for section in sections)

    return lambda wildcards: written(wildcards.variant)


def flags_of_run(*sections):
    """The settings of a rule that belongs to the config itself and to no variant, as flags of its verb."""
    return " ".join(format_flags(getattr(SETTINGS, section)) for section in sections)


def flags_of_training(stage):
    """The settings of a training as flags of `train`; without any steps where `adapt` in the config leaves it out."""
    settings = flags("train")
    return lambda wildcards: settings(wildcards) + (
        "" if getattr(VARIANTS[wildcards.variant].adapt, stage) else " --steps 0"
    )


def code(verb):
    """A digest of the code behind a verb; edited code re-runs just the rules that use it."""
    return code_digest(verb)


def per_run(name):
    """A file of all sequences, as an output."""
    return f"{RESULTS}/{{variant}}{name}"


def per_sequence(name):
    """A file in the folder of the sequence, as an output."""
    return f"{RESULTS}/{{variant}}{{sequence}}/{name}"


@cache
def home(variant, file):
    """The folder of results in which a file of a variant lies: that of the first variant that makes the same."""
    return f"{RESULTS}/{find_home(file, variant, VARIANTS)}"


def of_run(name):
    """A file of all sequences, as an input."""
    return lambda wildcards: home(wildcards.variant, name) + name


def of_sequence(name):
    """A file in the folder of the sequence, as an input; `{stage}` in its name is the rule's."""

    def path(wildcards):
        file = name.format(**dict(wildcards.items()))
        return f"{home(wildcards.variant, file)}{wildcards.sequence}/{file}"

    return path


def frame_range(wildcards):
    """The part of the video that the sample sheet asks for, as flags of `probe`."""
    row = SAMPLES[wildcards.sequence]
    first = [f"--first-frame {row.first_frame}"] if row.first_frame else []
    last = [f"--last-frame {row.last_frame}"] if row.last_frame else []
    return " ".join(first + last)


def detector_of(wildcards):
    """The settings of the detector behind some detections; a file is read by `precomputed`."""
    source = DETECTORS[wildcards.sequence][wildcards.detector]
    detectors = VARIANTS[wildcards.variant].detectors
    return detectors.get(source, detectors["precomputed"])


def source_of_detections(wildcards):
    """What a detector looks at: the frames, or for `precomputed` the file with masks."""
    if detector_of(wildcards).detector == "precomputed":
        return DETECTORS[wildcards.sequence][wildcards.detector]
    return SAMPLES[wildcards.sequence].frames


def files_of_network(wildcards):
    """The checkpoint and the config of a network, where they are files; a zoo's are not."""
    detector = detector_of(wildcards)
    named = [detector.weights, detector.model] if is_network(wildcards) else []
    return [name for name in named if name and Path(name).is_file()]


def masks_of_detector(wildcards, input):
    """The file with masks as a flag of `detect`; nothing for a detector that looks at the frames."""
    return f"--masks {shlex.quote(input.source)}" if detector_of(wildcards).detector == "precomputed" else ""


def settings_of_detector(wildcards):
    """The settings of a detector as flags of `detect`."""
    return format_flags(detector_of(wildcards))


def code_of_detector(wildcards):
    """A digest of the code of `detect` with this detector alone."""
    chosen = REGISTRY.get(detector_of(wildcards).detector)
    return code_digest("detect", [entry.module for entry in REGISTRY.values() if entry != chosen])


def is_network(wildcards):
    """Whether a network finds the masks: it may use a GPU, and has its framework's environment."""
    return isinstance(detector_of(wildcards), Network)


def environment_of_detector(wildcards):
    """The conda environment of a detector: its framework's own, else that of all rules."""
    name = detector_of(wildcards).detector
    own = ROOT / "envs" / f"{name}.yaml"
    return str(own if own.is_file() else ROOT / "envs" / "remots.yaml")


def gpus_of_detector(wildcards):
    """GPUs of a detector's job."""
    return 1 if is_network(wildcards) else 0


def parts_of_detections(wildcards):
    """The parts into which a sequence is split for a network; others look at it whole."""
    n_parts = SAMPLES[wildcards.sequence].detection_jobs if is_network(wildcards) else 1
    folder = f"{RESULTS}/{wildcards.variant}{wildcards.sequence}/detections/{wildcards.detector}"
    return [f"{folder}/{part}_of_{n_parts}.parquet" for part in range(1, n_parts + 1)]


def of_detectors(wildcards):
    """The detections of each detector of a sequence."""
    folder = f"{home(wildcards.variant, 'detections')}{wildcards.sequence}/detections"
    return [f"{folder}/{name}.parquet" for name in DETECTORS[wildcards.sequence]]


def corrections_of(wildcards):
    """The corrections by hand, where there are some: those of the sample sheet, or a file beside the results.

    They name tracklets by number, so they hold wherever the short tracklets are those of the config itself.
    """
    variant = getattr(wildcards, "variant", "")  # the report is of the config itself
    if home(variant, "short_tracklets.parquet") != home("", "short_tracklets.parquet"):
        return []
    named = SAMPLES[wildcards.sequence].corrections
    beside = f"{RESULTS}/{wildcards.sequence}/corrections.tsv"
    return named or (beside if Path(beside).is_file() else [])


def flag_of_corrections(wildcards, input):
    """The corrections as a flag of `merge`."""
    return f"--corrections {shlex.quote(str(input.corrections))}" if input.corrections else ""


def masks_to_crop(wildcards):
    """What is cut out of the frames: the masks, and for training sequences the true ones."""
    return of_sequence("truth.parquet" if wildcards.sequence in TRAINING else "masks.parquet")(wildcards)


def of_training_sequences(name):
    """The same file of every training sequence that the target learns from, as an input function.

    None of them shares a frame with the target; without `adapt.training_set` there is none.
    """
    file = f"training/{name}" if f"training/{name}" in MADE_FROM else name

    def paths(wildcards):
        if not VARIANTS[wildcards.variant].adapt.training_set:
            return []
        rows = training_rows(SAMPLES[wildcards.sequence], SAMPLES.values())
        return [f"{home(wildcards.variant, file)}{row.sequence}/{name}" for row in rows]

    return paths


def truth_to_compare(wildcards):
    """The ground truth of a target that has one, as an input; nothing for others."""
    return f"{RESULTS}/{wildcards.sequence}/truth.parquet" if wildcards.sequence in EVALUATED else []


def evaluations_of_variants(wildcards):
    """The evaluations of the default and of every variant, each once; none where there is nothing to compare."""
    homes = {home(variant, "evaluation.json") for variant in VARIANTS} if ABLATION else ()
    return [f"{folder}{sequence}/evaluation.json" for folder in sorted(homes) for sequence in EVALUATED]


def flags_of_variants(wildcards):
    """Where the evaluations of the default and of every variant lie, as flags of `tabulate-ablation`."""
    folders = {name: shlex.quote(home(f"ablation/{name}/", "evaluation.json")) for name in ABLATION}
    variants = " ".join(f"--variant {name} {folder}" for name, folder in folders.items())
    return f"--default {shlex.quote(home('', 'evaluation.json'))} {variants}"


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
