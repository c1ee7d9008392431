"""Networks of transformers, small and random, saved as the library saves them, and compared with what it gives."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

pytest.importorskip("transformers", reason="needs transformers")
import huggingface_hub.constants
from transformers import (
    EomtConfig,
    EomtForUniversalSegmentation,
    EomtImageProcessor,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessor,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    MaskFormerImageProcessor,
    RfDetrConfig,
    RfDetrForInstanceSegmentation,
    RfDetrImageProcessor,
    SwinConfig,
    ViTConfig,
    ViTForImageClassification,
)

from remots.detectors.network import NetworkOptions
from remots.detectors.transformers import DEFAULT_MODEL, TransformersNetwork
from remots.masks.rle import encode

NAMES = {0: "person", 1: "bicycle", 2: "car"}
LABELS = {"id2label": NAMES, "label2id": {name: index for index, name in NAMES.items()}}
STAGES = ["stage1", "stage2", "stage3", "stage4"]
SIZE = (60, 85)


def swin() -> SwinConfig:
    return SwinConfig(
        image_size=64, embed_dim=16, depths=[1] * 4, num_heads=[1, 2, 2, 2], window_size=4, out_features=STAGES
    )


def mask2former() -> tuple[Any, Any]:
    config = Mask2FormerConfig(
        backbone_config=swin(),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        num_queries=20,
        **LABELS,
    )
    processor = Mask2FormerImageProcessor(size={"shortest_edge": 96, "longest_edge": 160})
    return Mask2FormerForUniversalSegmentation(config), processor


def maskformer() -> tuple[Any, Any]:
    decoder = {"model_type": "detr", "d_model": 32, "decoder_layers": 1, "encoder_layers": 0, "num_queries": 20}
    decoder |= {"decoder_ffn_dim": 32, "encoder_ffn_dim": 32, "decoder_attention_heads": 2}
    config = MaskFormerConfig(
        backbone_config=swin(), decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32, **LABELS
    )
    processor = MaskFormerImageProcessor(size={"shortest_edge": 96, "longest_edge": 160})
    return MaskFormerForInstanceSegmentation(config), processor


def eomt() -> tuple[Any, Any]:
    config = EomtConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=96,
        num_blocks=1,
        num_queries=20,
        num_upscale_blocks=1,
        **LABELS,
    )
    size = {"shortest_edge": 96, "longest_edge": 96}
    return EomtForUniversalSegmentation(config), EomtImageProcessor(size=size, do_pad=True)


def rf_detr() -> tuple[Any, Any]:
    backbone = {"model_type": "rf_detr_dinov2", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    backbone |= {"image_size": 112, "num_windows": 2, "out_features": ["stage1", "stage2"]}
    config = RfDetrConfig(
        backbone_config=backbone,
        d_model=32,
        decoder_layers=2,
        decoder_ffn_dim=32,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2,
        num_queries=20,
        **LABELS,
    )
    return RfDetrForInstanceSegmentation(config), RfDetrImageProcessor(size={"height": 112, "width": 112})


FAMILIES = {"mask2former": mask2former, "maskformer": maskformer, "eomt": eomt, "rf_detr": rf_detr}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A saved model of each family, with random weights, their masks not all alike."""
    saved = {}
    for name, build in FAMILIES.items():
        torch.manual_seed(5)
        network, processor = build()
        saved[name] = tmp_path_factory.mktemp(name)
        network.save_pretrained(saved[name])
        processor.save_pretrained(saved[name])
    return saved


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    """Two images of a few bright spots."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (2, 6, 9, 3), np.uint8)
    return [np.repeat(np.repeat(image, 10, axis=0), 10, axis=1)[: SIZE[0], : SIZE[1]].copy() for image in coarse]


def library_s_own(folder: Path, family: str, images: list[NDArray[np.uint8]]) -> list[list[tuple[Any, float]]]:
    """Run the library from end to end; give the masks and scores of people, best first."""
    [model_class] = {type(FAMILIES[family]()[0])}
    network = model_class.from_pretrained(folder).eval()
    processor = type(FAMILIES[family]()[1]).from_pretrained(folder)
    inputs = processor(images=images, return_tensors="pt")
    with torch.inference_mode():
        raw = network(
            **{
                name: inputs[name]
                for name in ("pixel_values", "pixel_mask")
                if name in inputs and not (family == "eomt" and name == "pixel_mask")
            }
        )
    found = processor.post_process_instance_segmentation(
        raw, threshold=0.0, target_sizes=[SIZE] * len(images), return_binary_maps=True
    )
    return [
        sorted(
            (
                (encode(mask.numpy() > 0), segment["score"])
                for mask, segment in zip(one["segmentation"], one["segments_info"], strict=True)
                if segment["label_id"] == 0
            ),
            key=lambda pair: -pair[1],
        )
        for one in found
    ]


@pytest.mark.parametrize("family", ["mask2former", "maskformer", "rf_detr"])
def test_masks_and_scores_of_a_batch_are_the_library_s_own(
    family: str, folders: dict[str, Path], images: list[NDArray[np.uint8]]
) -> None:
    network = TransformersNetwork(NetworkOptions(str(folders[family]), min_score=0.0, class_id=4))
    found = network.detect(images)
    expected = library_s_own(folders[family], family, images)
    assert all(len(instances) >= 2 for instances in expected)
    for ours, library in zip(found, expected, strict=True):
        assert len(ours) == len(library)
        for instance, (mask, score) in zip(sorted(ours, key=lambda i: -i.score), library, strict=True):
            assert instance.score == pytest.approx(score, abs=2e-6)
            assert instance.mask == mask
            assert instance.class_id == 4


def test_eomt_finds_masks_of_the_frame_s_size(folders: dict[str, Path], images: list[NDArray[np.uint8]]) -> None:
    found = TransformersNetwork(
        NetworkOptions(str(folders["eomt"]), classes=tuple(NAMES.values()), min_score=0.0)
    ).detect(images)
    assert all(found)
    assert {tuple(instance.mask["size"]) for instances in found for instance in instances} == {SIZE}


def test_low_scores_and_other_classes_are_left_out(folders: dict[str, Path], images: list[NDArray[np.uint8]]) -> None:
    def detect(**options: Any) -> list[Any]:
        return TransformersNetwork(NetworkOptions(str(folders["mask2former"]), **options)).detect(images[:1])[0]

    everything = detect(min_score=0.0, classes=tuple(NAMES.values()))
    people = detect(min_score=0.0)
    assert 0 < len(people) < len(everything)
    middle = float(np.median([instance.score for instance in people]))
    assert detect(min_score=middle) == [instance for instance in people if instance.score >= middle]
    with pytest.raises(ValueError, match="knows no class 'pedestrian'; it has 3, the closest are 'person'"):
        detect(classes=("pedestrian",))


def test_the_input_size_is_the_one_asked_for(folders: dict[str, Path], images: list[NDArray[np.uint8]]) -> None:
    options = NetworkOptions(str(folders["mask2former"]), short_side_px=64, overrides=("size_divisor=16",))
    network = TransformersNetwork(options)
    seen = []
    network._network.register_forward_pre_hook(
        lambda _module, _args, given: seen.append(tuple(given["pixel_values"].shape)), with_kwargs=True
    )
    network.detect(images[:1])
    assert seen == [(1, 3, 64, 96)]  # 64 x 90.7, up to the next multiples of 16
    for fixed in ("rf_detr", "eomt"):
        with pytest.raises(ValueError, match=r"takes images of \d+ x \d+ px only: leave short_side_px"):
            TransformersNetwork(NetworkOptions(str(folders[fixed]), short_side_px=64))


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_another_checkpoint_takes_the_place_of_the_folder_s_weights(
    ending: str, folders: dict[str, Path], images: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    folder = folders["mask2former"]
    torch.manual_seed(8)
    state = {name: values.contiguous() for name, values in mask2former()[0].state_dict().items()}
    path = tmp_path / f"other.{ending}"
    save_file(state, path) if ending == "safetensors" else torch.save(state, path)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "preprocessor_config.json").write_bytes((folder / "preprocessor_config.json").read_bytes())
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    [found] = TransformersNetwork(NetworkOptions(str(folder), str(path), min_score=0.0)).detect(images[:1])
    [expected] = library_s_own(tmp_path, "mask2former", images[:1])
    assert sorted(instance.mask["counts"] for instance in found) == sorted(mask["counts"] for mask, _ in expected)
    [first] = TransformersNetwork(NetworkOptions(str(folder), min_score=0.0)).detect(images[:1])
    assert found != first


def test_weights_that_are_missing_or_of_other_shapes_are_refused_not_left_random(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = folders["mask2former"]
    state = mask2former()[0].state_dict()
    short = {name: values.contiguous() for name, values in state.items() if "class_predictor" not in name}
    save_file(short, tmp_path / "short.safetensors")
    with pytest.raises(ValueError, match=r"short.safetensors is of another architecture.*2 are missing, such as class"):
        TransformersNetwork(NetworkOptions(str(folder), str(tmp_path / "short.safetensors")))
    wide = {**state, "class_predictor.weight": torch.zeros(9, 32), "class_predictor.bias": torch.zeros(9)}
    torch.save(wide, tmp_path / "wide.bin")
    with pytest.raises(ValueError, match=r"wide.bin is of another architecture.*2 have another shape.*9.*not 4"):
        TransformersNetwork(NetworkOptions(str(folder), str(tmp_path / "wide.bin")))


def test_a_folder_without_weights_with_cut_ones_or_with_code_in_them_is_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folders["mask2former"] / name).read_bytes())
    with pytest.raises(ValueError, match="finds no usable model there"):
        TransformersNetwork(NetworkOptions(str(tmp_path)))
    whole = (folders["mask2former"] / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:1000])
    with pytest.raises(ValueError, match="finds no usable model there"):
        TransformersNetwork(NetworkOptions(str(tmp_path)))
    (tmp_path / "model.safetensors").unlink()
    torch.save({"weight": Touch(tmp_path / "ran")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="finds no usable model there"):
        TransformersNetwork(NetworkOptions(str(tmp_path)))
    assert not (tmp_path / "ran").exists()
    (tmp_path / "code.bin").write_bytes(pickle.dumps(Touch(tmp_path / "ran")))
    with pytest.raises(ValueError, match=r"code\.bin"):
        TransformersNetwork(NetworkOptions(str(folders["mask2former"]), str(tmp_path / "code.bin")))
    assert not (tmp_path / "ran").exists()


class Touch:
    """Whoever unpickles this makes a file: code in a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_model_without_masks_is_refused_in_one_sentence(tmp_path: Path) -> None:
    config = ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, image_size=16)
    ViTForImageClassification(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"is a vit, which makes no masks of instances .*take one of mask2former, "):
        TransformersNetwork(NetworkOptions(str(tmp_path)))


def test_a_model_that_is_nowhere_or_cannot_be_fetched_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # else it would try for half a minute
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for model in (DEFAULT_MODEL, str(tmp_path / "nothing")):
        with pytest.raises(ValueError, match=r"finds no usable model there .*give a folder that save_pretrained wrote"):
            TransformersNetwork(NetworkOptions(model))
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 3}), encoding="utf-8")
    with pytest.raises(ValueError, match="finds no usable model there"):
        TransformersNetwork(NetworkOptions(str(tmp_path)))


@pytest.mark.parametrize("override", ["do_resize", "no_such_field=3", "size_divisor=[", "size=3"])
def test_an_override_that_the_image_processor_has_not_is_refused(override: str, folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=r"override '.*': "):
        TransformersNetwork(NetworkOptions(str(folders["mask2former"]), overrides=(override,)))
