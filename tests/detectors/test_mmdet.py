"""The adapter of MMDetection, compared with what the framework itself finds; all weights are random."""

import copy
import gc
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("mmdet", reason="needs MMDetection")

from remots.detectors.interface import Instance
from remots.detectors.mmdet import MmdetNetwork
from remots.detectors.mmdet_config import input_transforms, read_config
from remots.detectors.mmdet_zoo import find_checkpoint, find_config, weights_url
from remots.detectors.network import NetworkOptions
from remots.detectors.registry import create_detector
from remots.masks.overlap import pairwise_iou
from remots.masks.rle import encode
from tests.detectors.random_mmdet import X101, random_network, save

# After the adapter, which provides what the framework lacks.
from mmcv.transforms import Compose  # isort: skip
from mmdet.apis import inference_detector  # isort: skip
from mmengine.dataset import pseudo_collate  # isort: skip

R18 = "mask-rcnn_r18_fpn_8xb8-amp-lsj-200e_coco"
SOLO = "solov2-light_r18_fpn_ms-3x_coco"
MASK2FORMER = "mask2former_r50_8xb2-lsj-50e_coco"
RETINA = "retinanet_r18_fpn_1x_coco"
CARAFE = "mask-rcnn_r50_fpn-carafe_1x_coco"

SHORT_SIDE_PX = 96
MIN_SCORE = 0.05
FEW = "model.test_cfg.rpn.max_per_img=30"
CLASSES = ("pedestrian", "bicycle", *(f"thing {number}" for number in range(2, 80)))
PEDESTRIAN, BICYCLE = 0, 1


class Raw(NamedTuple):
    """What the framework finds in one image: scores, labels and masks of the whole frame."""

    scores: list[float]
    labels: list[int]
    masks: NDArray[np.bool_]


def copy_raw(sample: Any) -> Raw:
    found = sample.pred_instances
    return Raw(found.scores.tolist(), found.labels.tolist(), found.masks.cpu().numpy())


def instances(raw: Raw, labels: Sequence[int] = (PEDESTRIAN,), min_score: float = MIN_SCORE) -> list[Instance]:
    """What the adapter has to make of it."""
    rows = zip(raw.masks, raw.scores, raw.labels, strict=True)
    return [
        Instance(encode(mask), score)
        for mask, score, label in rows
        if label in labels and score >= min_score and score > 0 and mask.any()
    ]


def changes_for(model: str) -> dict[str, Any]:
    """Write into the framework's config what the adapter is told by options."""
    if model in (X101, R18, CARAFE):
        return {"model.test_cfg.rpn.max_per_img": 30, "model.test_cfg.rcnn.score_thr": MIN_SCORE}
    return {"model.test_cfg.score_thr": 0.0, "model.test_cfg.filter_thr": 0.0} if model == SOLO else {}


def make_raw(model: str, changes: dict[str, Any] | None = None, short_side_px: int = SHORT_SIDE_PX) -> Any:
    network = random_network(model, changes_for(model) | (changes or {}))
    for step in network.cfg.test_dataloader.dataset.pipeline:
        if step.type == "Resize":
            step.scale = (1333, short_side_px)
    return network


def raw_batch(network: Any, images: Sequence[NDArray[np.uint8]]) -> list[Raw]:
    """Give the framework several images at once, as its test loop does."""
    steps = copy.deepcopy(network.cfg.test_dataloader.dataset.pipeline)
    steps[0].type = "mmdet.LoadImageFromNDArray"
    transform = Compose(steps)
    with torch.no_grad():
        batch = pseudo_collate([transform({"img": image[..., ::-1], "img_id": 0}) for image in images])
        return [copy_raw(sample) for sample in network.test_step(batch)]


def raw_each(network: Any, images: Sequence[NDArray[np.uint8]]) -> list[Raw]:
    return [copy_raw(inference_detector(network, np.ascontiguousarray(image[..., ::-1]))) for image in images]


def options(model: str, weights: Path | str, **others: Any) -> NetworkOptions:
    usual: dict[str, Any] = {"classes": ("pedestrian",), "min_score": MIN_SCORE, "short_side_px": SHORT_SIDE_PX}
    few = {"overrides": (FEW,)} if model in (X101, R18, CARAFE) else {}
    return NetworkOptions(model=model, weights=str(weights), device="cpu", **{**usual, **few, **others})


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    """Two colourful pictures; red and blue must not change places on the way."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (2, 9, 12, 3), dtype=np.uint8)
    return [cv2.resize(image, (256, 192), interpolation=cv2.INTER_CUBIC) for image in small]


class Case(NamedTuple):
    """A saved random network, and what the framework found with it in the images: one by one, and at once."""

    checkpoint: Path
    each: list[Raw]
    batch: list[Raw]


def make_case(model: str, folder: Path, images: Sequence[NDArray[np.uint8]]) -> Case:
    network = make_raw(model)
    case = Case(save(network, folder / "random.pth", CLASSES), raw_each(network, images), raw_batch(network, images))
    del network  # the paper's takes half a gigabyte: never two at once
    gc.collect()
    return case


@pytest.fixture(scope="module")
def r18(tmp_path_factory: pytest.TempPathFactory, images: list[NDArray[np.uint8]]) -> Case:
    return make_case(R18, tmp_path_factory.mktemp("r18"), images)


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory, images: list[NDArray[np.uint8]]) -> Case:
    return make_case(SOLO, tmp_path_factory.mktemp("solo"), images)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No way out, and an empty cache of checkpoints, whose folder this is."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


def test_the_papers_network_gives_what_the_framework_finds_mask_by_mask(
    tmp_path: Path, images: list[NDArray[np.uint8]]
) -> None:
    case = make_case(X101, tmp_path, images)
    network = MmdetNetwork(options(X101, case.checkpoint))
    assert sum(parameter.numel() for parameter in network._network.parameters()) > 102e6
    expected = [instances(raw) for raw in case.each]
    assert min(map(len, expected)) >= 3
    assert [network.detect([image])[0] for image in images] == expected
    assert network.detect(images) == [instances(raw) for raw in case.batch]


@pytest.mark.parametrize("model", [SOLO, MASK2FORMER])
def test_networks_without_boxes_give_what_the_framework_finds_mask_by_mask(
    model: str, tmp_path: Path, images: list[NDArray[np.uint8]], solo: Case
) -> None:
    case = solo if model == SOLO else make_case(model, tmp_path, images)
    label = max(set(case.each[0].labels), key=case.each[0].labels.count)
    network = MmdetNetwork(options(model, case.checkpoint, classes=(CLASSES[label],), min_score=0.0))
    expected = [instances(raw, [label], 0.0) for raw in case.each]
    assert len(expected[0]) >= 3
    assert [network.detect([image])[0] for image in images] == expected


def test_a_batch_gives_what_the_framework_finds_in_the_same_batch(r18: Case, images: list[NDArray[np.uint8]]) -> None:
    expected = [instances(raw) for raw in r18.batch]
    assert min(map(len, expected)) >= 1
    assert MmdetNetwork(options(R18, r18.checkpoint)).detect(images) == expected


def test_only_the_classes_asked_for_are_found(r18: Case, images: list[NDArray[np.uint8]]) -> None:
    expected = {label: instances(r18.each[0], [label]) for label in (PEDESTRIAN, BICYCLE)}
    assert all(expected.values())
    for label, name in ((PEDESTRIAN, "Pedestrian"), (BICYCLE, "bicycle")):
        assert MmdetNetwork(options(R18, r18.checkpoint, classes=(name,))).detect(images[:1]) == [expected[label]]
    both = MmdetNetwork(options(R18, r18.checkpoint, classes=("bicycle", "pedestrian"), class_id=1))
    found = both.detect(images[:1])[0]
    assert found == [replace(instance, class_id=1) for instance in instances(r18.each[0], (PEDESTRIAN, BICYCLE))]


def test_low_scores_are_left_out_and_nothing_found_is_an_empty_list(r18: Case, images: list[NDArray[np.uint8]]) -> None:
    scores = sorted(instance.score for instance in instances(r18.each[0], (PEDESTRIAN, BICYCLE)))
    middle = (scores[-1] + scores[-2]) / 2
    classes = ("pedestrian", "bicycle")
    few = MmdetNetwork(options(R18, r18.checkpoint, classes=classes, min_score=middle)).detect(images[:1])[0]
    assert [instance.score for instance in few] == scores[-1:]
    assert MmdetNetwork(options(R18, r18.checkpoint, min_score=1.0)).detect(images) == [[], []]


def test_half_precision_finds_almost_the_same_masks_because_boxes_stay_in_float32(
    r18: Case, images: list[NDArray[np.uint8]]
) -> None:
    """The framework, left alone, rounds boxes to 8 bits: at this size to 2 px."""
    large = [cv2.resize(image, None, fx=4, fy=4) for image in images]
    usual: dict[str, Any] = {"classes": CLASSES, "min_score": 0.02, "short_side_px": 288}
    full = MmdetNetwork(options(R18, r18.checkpoint, **usual)).detect(large)
    half = MmdetNetwork(options(R18, r18.checkpoint, **usual, precision="bfloat16")).detect(large)
    network = make_raw(R18, {"model.test_cfg.rcnn.score_thr": 0.02}, short_side_px=288)
    network.load_state_dict(torch.load(r18.checkpoint, weights_only=False)["state_dict"])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = [instances(raw, range(80), 0.02) for raw in raw_each(network, large)]
    ours, theirs = best_ious(full, half), best_ious(full, rounded)
    assert len(ours) >= 50
    assert ours.mean() > 0.75
    assert ours.mean() > theirs.mean() + 0.1


def best_ious(expected: Sequence[Sequence[Instance]], found: Sequence[Sequence[Instance]]) -> NDArray[np.float64]:
    """Find, for each expected mask, how well the best of those found covers it."""
    pairs = zip(expected, found, strict=True)
    return np.concatenate([pairwise_iou([i.mask for i in a], [i.mask for i in b]).max(axis=1) for a, b in pairs])


def test_overrides_reach_the_network(r18: Case, images: list[NDArray[np.uint8]]) -> None:
    overrides = ("model.test_cfg.rcnn.max_per_img=2", "model.test_cfg.rcnn.mask_thr_binary=0.4", FEW)
    network = MmdetNetwork(options(R18, r18.checkpoint, overrides=overrides, classes=CLASSES))
    found = network.detect(images[:1])[0]
    usual = {instance.score: instance.mask for instance in instances(r18.each[0], range(80))}
    assert [instance.score for instance in found] == sorted(usual, reverse=True)[:2]
    assert all(usual[instance.score] != instance.mask for instance in found)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("model.test_cfg.rpn.max_per_image=50", r"has no 'max_per_image' there; there is max_per_img"),
        ("model.test_cgf.rpn.max_per_img=50", r"has no 'test_cgf' there; there is test_cfg"),
        ("test_dataloader.dataset.pipeline.9.type=Pad", r"has no '9' there; there is 3, 2, 1|has no '9' there"),
        ("model.type.name=3", r"has no 'name' there; there is nothing below"),
        ("model.test_cfg.rpn.max_per_img", r"is not KEY=VALUE"),
        ("model.backbone.depth=17", r"mmdet cannot build .*17"),
        ("model.roi_head.mask_head.num_convs=[(1]", r"does not suit"),
    ],
)
def test_overrides_that_do_not_suit_are_refused(override: str, complaint: str, r18: Case) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        MmdetNetwork(options(R18, r18.checkpoint, overrides=(override,)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("short_side_px", "long_side_px", "scale"),
    [(None, None, (1333, 800)), (480, None, (1333, 480)), (None, 1000, (1000, 800)), (900, 700, (700, 700))],
)
def test_the_size_of_the_images_is_changed_as_asked(
    short_side_px: int | None, long_side_px: int | None, scale: tuple[int, int]
) -> None:
    asked = NetworkOptions(short_side_px=short_side_px, long_side_px=long_side_px)
    resize = next(step for step in input_transforms(read_config(find_config(X101), asked)) if step["type"] == "Resize")
    assert resize["scale"] == scale


def test_a_network_that_pads_to_a_square_pads_to_one_that_images_fit_in() -> None:
    config = read_config(find_config("rtmdet-ins_tiny_8xb32-300e_coco"), NetworkOptions(long_side_px=1000))
    steps = {step["type"]: step for step in input_transforms(config)}
    assert steps["Resize"]["scale"] == (1000, 640)
    assert steps["Pad"]["size"] == (1024, 1024)


def test_a_config_without_resize_refuses_a_size(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("model = dict(type='X')\ntest_dataloader = dict(dataset=dict(pipeline=[dict(type='Pad')]))\n")
    with pytest.raises(ValueError, match=r"own\.py scales images in a way of its own"):
        read_config(path, NetworkOptions(short_side_px=100))


def test_a_config_of_ones_own_names_its_classes(tmp_path: Path, r18: Case, images: list[NDArray[np.uint8]]) -> None:
    """The checkpoint has the weights alone, so the names are the config's."""
    names = tuple(f"{name}s" for name in CLASSES)
    own = tmp_path / "own.py"
    own.write_text(
        f"_base_ = ['mmdet::mask_rcnn/{R18}.py']\n"
        f"test_dataloader = dict(dataset=dict(metainfo=dict(classes={names!r})))\n"
    )
    weights = tmp_path / "weights.pt"
    torch.save(torch.load(r18.checkpoint, weights_only=False)["state_dict"], weights)
    network = MmdetNetwork(replace(options(R18, weights, classes=("pedestrians",)), model=str(own)))
    assert network.detect(images[:1]) == [instances(r18.each[0])]
    with pytest.raises(ValueError, match="own knows no class 'pedestrian'; it has 80, the closest are 'pedestrians'"):
        MmdetNetwork(replace(options(R18, weights), model=str(own)))


def test_without_names_in_checkpoint_or_config_they_are_cocos(tmp_path: Path, r18: Case) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(torch.load(r18.checkpoint, weights_only=False)["state_dict"], weights)
    assert MmdetNetwork(options(R18, weights, classes=("traffic light", "person")))._wanted == {0, 9}


def test_an_unknown_class_is_met_with_the_closest(r18: Case) -> None:
    expected = f"{R18} knows no class 'person'; it has 80, the closest are 'pedestrian'"
    with pytest.raises(ValueError, match=expected):
        MmdetNetwork(options(R18, r18.checkpoint, classes=("person",)))


@pytest.mark.parametrize("name", [X101, f"mask_rcnn/{X101}", f"{X101}.py", f"configs/mask_rcnn/{X101}.py"])
def test_a_config_of_the_zoo_is_found_with_and_without_folder_and_ending(name: str) -> None:
    assert find_config(name).parts[-2:] == ("mask_rcnn", f"{X101}.py")


@pytest.mark.parametrize("name", ["mask-rcnn_x101-64x4d_fpn_2x_cocoo", "mask-rcnn_x101_64x4d_fpn_2x_coco.py"])
def test_a_config_that_does_not_exist_is_met_with_the_closest(name: str) -> None:
    with pytest.raises(ValueError, match=rf"no mmdet config '{name}': .* closest names .*{X101}") as caught:
        find_config(name)
    assert "\n" not in str(caught.value)


def test_a_name_that_the_zoo_has_twice_is_asked_for_with_its_folder() -> None:
    name = "grounding_dino_swin-t_pretrain_odinw13"
    with pytest.raises(ValueError, match=rf"several configs '{name}': say \S+/{name} or \S+/{name}"):
        find_config(name)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("model = dict(", "cannot read the config"),
        ("custom_imports = dict(imports='no_such_package')", "cannot read the config .*no_such_package"),
        ("x = 1", "is no config of a detector"),
    ],
)
def test_a_config_that_is_none_is_one_sentence(code: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(code)
    with pytest.raises(ValueError, match=complaint) as caught:
        read_config(path, NetworkOptions())
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_architecture_is_refused_with_counts_and_an_example(r18: Case, solo: Case) -> None:
    with pytest.raises(ValueError, match=rf"of another architecture than {R18}: .* \d+ are missing, such as \S+"):
        MmdetNetwork(options(R18, solo.checkpoint))


def test_a_checkpoint_of_other_shapes_is_refused_with_both(r18: Case) -> None:
    overrides = ("model.roi_head.mask_head.num_classes=3", "model.roi_head.bbox_head.num_classes=3")
    with pytest.raises(
        ValueError, match=r"of another architecture .*have another shape, such as \S+ \(81 x 1024, not 4"
    ):
        MmdetNetwork(options(R18, r18.checkpoint, overrides=overrides))


def test_a_truncated_checkpoint_is_refused(r18: Case, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(r18.checkpoint.read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match=r"cut\.pth .* is cut off"):
        MmdetNetwork(options(R18, cut))


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "it ran",))

    bad = tmp_path / "bad.pth"
    torch.save({"state_dict": {"weight": torch.zeros(1)}, "meta": Malicious()}, bad)
    with pytest.raises(ValueError, match=r"bad\.pth holds .*nothing of it was run"):
        MmdetNetwork(options(R18, bad))
    assert not (tmp_path / "it ran").exists()
    pickle.loads(pickle.dumps(Malicious()))  # noqa: S301
    assert (tmp_path / "it ran").exists()  # it would have


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint can be read at .*none\.pth"):
        MmdetNetwork(options(R18, tmp_path / "none.pth"))


def test_the_zoo_knows_where_the_weights_of_its_configs_are(tmp_path: Path) -> None:
    url = weights_url(find_config(X101))
    assert url is not None
    assert url.startswith("https://download.openmmlab.com/mmdetection/")
    assert url.endswith("mask_rcnn_x101_64x4d_fpn_2x_coco_20200509_224208-39d6f70c.pth")
    own = tmp_path / f"{X101}.py"
    own.write_text("")
    assert weights_url(own) is None


def test_without_a_network_one_sentence_says_which_file_to_fetch_and_which_flag_takes_it(offline: Path) -> None:
    url = weights_url(find_config(SOLO))
    with pytest.raises(ValueError, match="cannot be fetched") as caught:
        MmdetNetwork(options(SOLO, "zoo"))
    assert f"download {url} where there is a network" in str(caught.value)
    assert "--weights FILE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(offline.iterdir())


def test_weights_that_were_fetched_before_need_no_network(offline: Path, solo: Case) -> None:
    offline.mkdir(parents=True)
    kept = offline / "solov2_light_r18_fpn_3x_coco_20220511_083717-75fa355b.pth"
    kept.symlink_to(solo.checkpoint)
    assert find_checkpoint("zoo", find_config(SOLO)) == kept
    assert MmdetNetwork(options(SOLO, "zoo"))._wanted == {PEDESTRIAN}


def test_a_config_that_the_zoo_has_no_weights_for_says_so() -> None:
    with pytest.raises(ValueError, match=rf"zoo has no weights for {R18}\.py: name a checkpoint with --weights FILE"):
        find_checkpoint("zoo", find_config(R18))


def test_a_network_that_finds_boxes_only_is_refused(tmp_path: Path, images: list[NDArray[np.uint8]]) -> None:
    checkpoint = save(random_network(RETINA), tmp_path / "boxes.pth", CLASSES)
    with pytest.raises(ValueError, match=rf"{RETINA} finds no masks of instances: take another config, such as {X101}"):
        MmdetNetwork(options(RETINA, checkpoint)).detect(images)


def test_an_operator_that_the_installation_lacks_is_named(tmp_path: Path, images: list[NDArray[np.uint8]]) -> None:
    from mmcv import _ext

    if not type(_ext).__module__.startswith("remots"):
        pytest.skip("this mmcv has its own compiled operators")
    checkpoint = save(random_network(CARAFE), tmp_path / "carafe.pth", CLASSES)
    with pytest.raises(ValueError, match=rf"{CARAFE}: .*mmcv\._ext\.carafe_forward"):
        MmdetNetwork(options(CARAFE, checkpoint)).detect(images)


def test_an_mmcv_that_mmdet_was_not_made_for_is_one_sentence() -> None:
    script = (
        "import mmcv; mmcv.__version__ = '2.2.0'\n"
        "from remots.detectors.registry import create_detector\n"
        "try: create_detector('mmdet')\n"
        "except ValueError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("mmdet does not go with the mmcv installed here: MMCV==2.2.0 is used but incompatible")
    assert len(ran.stdout.splitlines()) == 1


def test_both_frameworks_work_in_one_process(r18: Case, images: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    pytest.importorskip("detectron2", reason="needs Detectron2")
    from tests.detectors.random_detectron2 import random_network as random_detectron2
    from tests.detectors.random_detectron2 import save_pth

    name = "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.yaml"
    checkpoint = save_pth(random_detectron2(name), tmp_path, "other")
    small = {"device": "cpu", "min_score": 0.0, "short_side_px": SHORT_SIDE_PX}
    overrides = ("MODEL.RPN.POST_NMS_TOPK_TEST=10",)
    other = create_detector("detectron2", model=name, weights=str(checkpoint), overrides=overrides, **small)
    ours = MmdetNetwork(options(R18, r18.checkpoint))
    before = other.detect(images)
    assert [ours.detect([image])[0] for image in images] == [instances(raw) for raw in r18.each]
    assert other.detect(images) == before
    assert before[0]
