# What all rules share: the checked configuration, the sample sheet, and the flags and code of each verb.
import gc
import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Another workflow may import the rules, from a checkout or straight from a repository host; only a checkout has the code
# beside them.
RULES = str(workflow.current_basedir)
CHECKOUT = Path(RULES).parents[1]
if (CHECKOUT / "remots").is_dir():
    sys.path.insert(0, str(CHECKOUT))

try:
    from remots.commands.settings_flags import format_flags
    from remots.detectors.registry import DETECTORS as REGISTRY
    from remots.errors import InputError
    from remots.formats.project.ablation_file import read_ablation
    from remots.formats.project.sample_sheet import check_detectors, detector_names, read_sample_sheet, training_rows
    from remots.formats.results.result_folder import RESULTS_READ
    from remots.job_environment import LOCK_FOLDER, code_folder, prefer_this_interpreter, share_gpus
    from remots.provenance import remembered_code_digest
    from remots.settings import Network, parse_config
    from remots.sharing import MADE_FROM, find_home
except ImportError as error:
    raise WorkflowError(
        f"{error}; the code of ReMOTS must be installed beside Snakemake, of the version of its rules ({RULES}): "
        "python -m pip install 'remots @ git+https://HOST/OWNER/remots@TAG'"
    ) from None

prefer_this_interpreter()
# A plan is a great many small objects that stay: looking through them for garbage as often as Python does took a tenth of its time.
gc.set_threshold(10_000, 10, 1_000)
# The main process does not know yet who will run the jobs; a job on a cluster does, and its scheduler hands out the GPUs.
# Two jobs on one node may both see a GPU 0, each its own, and must not wait for each other.
if workflow.remote_exec:
    os.environ.pop(LOCK_FOLDER, None)
elif workflow.is_main_process:
    share_gpus()
# Snakemake would take PYTHONPATH out of the environment of jobs that have a conda environment, so their command sets it,
# after what another workflow has every command begin with.
shell.prefix(
    (shell._process_prefix or "set -euo pipefail; ").replace("{", "{{").replace("}", "}}")
    + f"export PYTHONPATH={shlex.quote(str(code_folder()))}"
    + "${{PYTHONPATH:+:$PYTHONPATH}}; "
)


def wants_variants():
    """Whether the command line asks for variants: the target `ablation`, or a file or a job of one.

    Else the rules need no functions that find out which variant makes a file, and thousands of sequences are planned in
    less time. Snakemake knows its targets only after it has read the rules.
    """
    return any("ablation" in word for word in sys.argv[1:])


try:
    SETTINGS = parse_config(config, "config")
    SAMPLES = {row.sequence: row for row in read_sample_sheet(SETTINGS.sequences)}
    check_detectors(SAMPLES.values(), SETTINGS.detectors)
    WITH_VARIANTS = wants_variants() and Path(SETTINGS.ablation).is_file()
    ABLATION = read_ablation(SETTINGS.ablation, config) if WITH_VARIANTS else {}
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = SETTINGS.results
# Where the results lie in the end: another workflow may import this one with a `prefix`.
on_disk = workflow.modifier.modify_path
RESULTS_ON_DISK = str(on_disk(RESULTS))
TARGETS = [name for name, row in SAMPLES.items() if row.split == "target"]
TRAINING = [row for row in SAMPLES.values() if row.split == "train"]
REFINED = [name for name in TARGETS if SAMPLES[name].tracklets]  # tracks of another tracker are given
EVALUATED = [name for name in TARGETS if SAMPLES[name].ground_truth]
# What stands in the sample sheet, by the name of the detections: a detector of the config, or a file with masks.
DETECTORS = {name: detector_names(SAMPLES[name]) for name in TARGETS}
# The detectors whose framework has a conda environment of its own, under its name.
OWN_ENVIRONMENT = ["detectron2", "mmdet", "transformers"]
# The sequences whose video is split into parts for a network; few, as a regular expression holds them.
SPLIT = [name for name in TARGETS if SAMPLES[name].detection_jobs > 1]
# Every variant of the config by the folder that it has under the results, "ablation/GROUP/VARIANT/"; the config itself
# has no folder of its own and stands first.
VARIANTS = {"": SETTINGS} | {f"ablation/{name}/": changed for name, changed in ABLATION.items()}
# Whether gaps are filled in any of them; else rules need not ask for each job.
FILLS = any(settings.fill.max_gap_frames for settings in VARIANTS.values())


def any_of(names):
    """A regular expression that matches each of the names, and nothing where there is none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    variant=f"({any_of(f'ablation/{name}/' for name in ABLATION)})?",
    sequence="[^/]+",
    detector="[^/]+",
    part=r"\d+",
    n_parts=r"\d+",
    scene=any_of(SETTINGS.scenes),
    stage="pretrained|intra|inter",


def by_variant(text):
    """What a function of a variant gives, as a parameter: itself where there is one variant alone, else a function."""
    only = text("")
    if len(VARIANTS) == 1 and "{" not in only:  # braces would be wildcards
        return only
    return lambda wildcards: text(wildcards.variant)


def flags(*sections):
    """The settings of a rule as flags of its verb; a changed setting re-runs just the rules that have it."""
    return by_variant(
        cache(lambda variant: " ".join(format_flags(getattr(VARIANTS[variant], section)) for section in sections))
    )


def flags_of_run(*sections):
    """The settings of a rule that belongs to the config itself and to no variant, as flags of its verb."""
    return " ".join(format_flags(getattr(SETTINGS, section)) for section in sections)


def flags_of_training(stage):
    """The settings of a training as flags of `train`; without any steps where `adapt` in the config leaves it out."""

    @cache
    def written(variant):
        config = VARIANTS[variant]
        return format_flags(config.train) + ("" if getattr(config.adapt, stage) else " --steps 0")

    return by_variant(written)


@cache
def code(verb, *unused_modules):
    """A digest of the code behind a verb; edited code re-runs just the rules that use it."""
    return remembered_code_digest(verb, unused_modules, Path(".snakemake", "remots_digests.json"))


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
    if len(VARIANTS) == 1:
        return per_run(name)
    return lambda wildcards: home(wildcards.variant, name) + name


def of_sequence(name):
    """A file in the folder of the sequence, as an input; `{stage}` in its name is the rule's."""
    if len(VARIANTS) == 1:
        return per_sequence(name)

    def path(wildcards):
        file = name.format(**dict(wildcards.items()))
        return f"{home(wildcards.variant, file)}{wildcards.sequence}/{file}"

    return path


def row_of(wildcards):
    """The row of a sequence in the sample sheet."""
    if wildcards.sequence not in SAMPLES:
        raise WorkflowError(f"{SETTINGS.sequences} has no sequence {wildcards.sequence}")
    return SAMPLES[wildcards.sequence]


def as_given(path):
    """A path of the config or of the sample sheet, as an input: a `prefix` is for results, not for what is there."""
    return path if RESULTS_ON_DISK == RESULTS or Path(path).is_relative_to(RESULTS) else local(path)


def frame_range(wildcards):
    """The part of the video that the sample sheet asks for, as flags of `probe`."""
    row = row_of(wildcards)
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
        return as_given(DETECTORS[wildcards.sequence][wildcards.detector])
    return as_given(row_of(wildcards).frames)


def files_of_network(wildcards):
    """The checkpoint and the config of a network, where they are files; a zoo's are not."""
    detector = detector_of(wildcards)
    named = [detector.weights, detector.model] if is_network(wildcards) else []
    return [as_given(name) for name in named if name and Path(name).is_file()]


def masks_of_detector(wildcards, input):
    """The file with masks as a flag of `detect`; nothing for a detector that looks at the frames."""
    return f"--masks {shlex.quote(input.source)}" if detector_of(wildcards).detector == "precomputed" else ""


def settings_of_detector(wildcards):
    """The settings of a detector as flags of `detect`."""
    return format_flags(detector_of(wildcards))


def code_of_detector(wildcards):
    """A digest of the code of `detect` with this detector alone."""
    chosen = REGISTRY.get(detector_of(wildcards).detector)
    return code("detect", *(entry.module for entry in REGISTRY.values() if entry != chosen))


def is_network(wildcards):
    """Whether a network finds the masks: it may use a GPU, and has its framework's environment."""
    return isinstance(detector_of(wildcards), Network)


def environment_of_detector(wildcards):
    """The conda environment of a detector: its framework's own, else that of all rules."""
    name = detector_of(wildcards).detector
    return f"../../envs/{name if name in OWN_ENVIRONMENT else 'remots'}.yaml"


def gpus_of_detector(wildcards):
    """GPUs of a detector's job."""
    return 1 if is_network(wildcards) else 0


def parts_of_detections(wildcards):
    """The parts into which a sequence is split for a network; others look at it whole."""
    n_parts = row_of(wildcards).detection_jobs if is_network(wildcards) else 1
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
    return as_given(named) if named else beside if Path(on_disk(beside)).is_file() else []


def flag_of_corrections(wildcards, input):
    """The corrections as a flag of `merge`."""
    return f"--corrections {shlex.quote(str(input.corrections))}" if input.corrections else ""


def filled_masks(wildcards):
    """The filled masks of a sequence, as an input; nothing where gaps are not filled."""
    variant = getattr(wildcards, "variant", "")  # the report is of the config itself
    if not VARIANTS[variant].fill.max_gap_frames:
        return []
    return f"{home(variant, 'filled_masks.parquet')}{wildcards.sequence}/filled_masks.parquet"


def flag_of_filled_masks(wildcards, input):
    """The filled masks as a flag of the verbs that write or draw tracks."""
    return f"--filled {shlex.quote(str(input.filled))}" if input.filled else ""


def masks_to_crop(wildcards):
    """What is cut out of the frames: the masks, and for training sequences the true ones."""
    file = "truth.parquet" if row_of(wildcards).split == "train" else "masks.parquet"
    return f"{home(wildcards.variant, file)}{wildcards.sequence}/{file}"


def of_training_sequences(name):
    """The same file of every training sequence that the target learns from, as an input function.

    None of them shares a frame with the target; without `adapt.training_set` there is none.
    """
    file = f"training/{name}" if f"training/{name}" in MADE_FROM else name

    def paths(wildcards):
        if not VARIANTS[wildcards.variant].adapt.training_set:
            return []
        return [f"{home(wildcards.variant, file)}{teacher}/{name}" for teacher in teachers_of(wildcards.sequence)]

    return paths if TRAINING else []


@cache
def teachers_of(sequence):
    """The training sequences that a target learns from."""
    return [row.sequence for row in training_rows(SAMPLES[sequence], TRAINING)]


def truth_to_compare(wildcards):
    """The ground truth of a target that has one, as an input; nothing for others."""
    return f"{RESULTS}/{wildcards.sequence}/truth.parquet" if wildcards.sequence in EVALUATED else []


def evaluations_of_variants(wildcards):
    """The evaluations of the default and of every variant, each once; none where there is nothing to compare."""
    if not WITH_VARIANTS and Path(SETTINGS.ablation).is_file():
        raise WorkflowError("the comparison of variants is made when it is asked for: snakemake ablation")
    homes = {home(variant, "evaluation.json") for variant in VARIANTS} if ABLATION else ()
    return [f"{folder}{sequence}/evaluation.json" for folder in sorted(homes) for sequence in EVALUATED]


def flags_of_variants(wildcards):
    """Where the evaluations of the default and of every variant lie, as flags of `tabulate-ablation`."""
    folders = {name: folder_on_disk(f"ablation/{name}/", "evaluation.json") for name in ABLATION}
    variants = " ".join(f"--variant {name} {shlex.quote(folder)}" for name, folder in folders.items())
    return f"--default {shlex.quote(folder_on_disk('', 'evaluation.json'))} {variants}"


def folder_on_disk(variant, file):
    """The folder of results in which a file of a variant lies, for a command; Snakemake sees to inputs and outputs."""
    return home(variant, file).replace(RESULTS, RESULTS_ON_DISK, 1)


def sample_of(column):
    """The cell of a sequence in a column of the sample sheet, as an input function."""
    return lambda wildcards: as_given(getattr(row_of(wildcards), column))


def print_errors_of_verbs():
    """Show the error lines of the failed jobs at the end, so that nobody has to look for a log."""
    newest = sorted(Path(RESULTS_ON_DISK).glob("**/logs/*.log"), key=lambda path: path.stat().st_mtime)[-20:]
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
