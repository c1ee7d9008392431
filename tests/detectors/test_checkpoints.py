"""Checkpoints are read without running what they hold, and belong to the network or are refused."""

import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from remots.detectors.checkpoints import Comparison, check_fits, compare_weights, find_weights, read_checkpoint

WEIGHTS = OrderedDict({"conv1.weight": torch.arange(6.0).reshape(2, 3), "conv1.bias": torch.tensor([1.0, 2.0])})


class _Trap:
    """Leaves a mark when it is unpickled in the usual way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def save_pickle(content: object, path: Path, protocol: int = 4) -> Path:
    with path.open("wb") as file:
        pickle.dump(content, file, protocol=protocol)
    return path


def same(found: dict[str, Any]) -> bool:
    return list(found) == list(WEIGHTS) and all(np.array_equal(found[name], WEIGHTS[name]) for name in WEIGHTS)


@pytest.mark.parametrize("is_new", [True, False], ids=["zip", "before torch 1.6"])
def test_a_checkpoint_of_torch_comes_back_as_it_was_saved(tmp_path: Path, is_new: bool) -> None:
    content = {"model": WEIGHTS, "iteration": 7, "loss": np.float64(0.5), "history": np.arange(3)}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=is_new)
    found = read_checkpoint(tmp_path / "a.pth")
    assert same(found["model"])
    assert (found["iteration"], found["loss"], found["history"].tolist()) == (7, 0.5, [0, 1, 2])


def test_safetensors_come_back(tmp_path: Path) -> None:
    save_file(dict(WEIGHTS), tmp_path / "a.safetensors")
    assert same(OrderedDict((name, read_checkpoint(tmp_path / "a.safetensors")[name]) for name in WEIGHTS))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_arrays_such_as_those_of_the_zoo_comes_back(tmp_path: Path, protocol: int) -> None:
    arrays = OrderedDict((name, weight.numpy()) for name, weight in WEIGHTS.items())
    content = {
        "model": arrays,
        "__author__": "a test",
        "rate": np.float32(0.5),
        "columns": np.asfortranarray(np.eye(3)),
    }
    found = read_checkpoint(save_pickle(content, tmp_path / "a.pkl", protocol))
    assert same(found["model"])
    assert (found["__author__"], found["rate"], found["columns"].tolist()) == ("a test", 0.5, np.eye(3).tolist())


def test_a_pickle_of_python_2_and_numpy_1_is_read(tmp_path: Path) -> None:
    # {'w': an array of float32 [1, 2]}, as Python 2 wrote it: its strings are bytes, and numpy's folder is `core`.
    written = (
        b"\x80\x02}q\x00U\x01wcnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x08\x00\x00\x80?\x00\x00\x00@tbs."
    )
    (tmp_path / "a.pkl").write_bytes(written)
    assert read_checkpoint(tmp_path / "a.pkl")["w"].tolist() == [1.0, 2.0]


def test_records_of_a_training_by_mmengine_do_not_stand_in_the_way(tmp_path: Path) -> None:
    logging = pytest.importorskip("mmengine.logging", reason="needs mmengine")
    history = logging.HistoryBuffer()
    history.update(3.0)
    torch.save({"state_dict": WEIGHTS, "message_hub": {"loss": history}}, tmp_path / "a.pth")
    found = read_checkpoint(tmp_path / "a.pth")
    assert same(found["state_dict"])
    assert not isinstance(found["message_hub"]["loss"], logging.HistoryBuffer)


@pytest.mark.parametrize("kind", ["zip", "before torch 1.6", "pickle 0", "pickle 2", "pickle 4"])
def test_code_in_a_checkpoint_is_named_and_does_not_run(tmp_path: Path, kind: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / ("a.pkl" if "pickle" in kind else "a.pth")
    content = {"conv1.weight": np.ones(3) if "pickle" in kind else torch.ones(3), "trap": _Trap(mark)}
    if "pickle" in kind:
        save_pickle(content, path, int(kind[-1]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} holds (posix|nt)\.mkdir, .*; nothing of it was run"):
        read_checkpoint(path)
    assert not mark.exists()
    if "pickle" in kind:  # the trap does work
        pickle.loads(path.read_bytes())  # noqa: S301
        assert mark.exists()


def test_getattr_gives_nothing_away(tmp_path: Path) -> None:
    # mmengine's records need the name; that it reaches nothing is what makes it harmless.
    class Reach:
        def __reduce__(self) -> tuple[Any, ...]:
            return getattr, (torch.Tensor, "numpy")

    torch.save({"weight": torch.ones(1), "reach": Reach()}, tmp_path / "a.pth", pickle_protocol=2)
    assert read_checkpoint(tmp_path / "a.pth")["reach"] is None


def test_a_whole_module_is_refused_by_the_name_of_its_class(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"holds torch\.nn\.modules\.linear\.Linear, not only tensors"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
@pytest.mark.parametrize("name", ["new.pth", "old.pth", "a.pkl", "a.safetensors"])
def test_a_checkpoint_that_is_cut_off_is_named_with_its_size(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    big = {"weight": torch.rand(2000, 100)}
    if name == "a.pkl":
        save_pickle({"weight": big["weight"].numpy()}, path)
    elif name == "a.safetensors":
        save_file(big, path)
    else:
        torch.save(big, path, _use_new_zipfile_serialization=name == "new.pth")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} \({re.escape(size)}\) is cut off, or no checkpoint"):
        read_checkpoint(path)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<html>404</html>")
    (tmp_path / "empty.pth").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a", "b")
    save_pickle([1, 2], tmp_path / "list.pkl")
    for name, reason in [
        ("page.pth", "is no checkpoint: neither PyTorch's"),
        ("empty.pth", "is no checkpoint: neither PyTorch's"),
        ("other.zip", "is cut off, or no checkpoint"),
        ("list.pkl", "is no checkpoint: it holds a list"),
        ("none.pth", "no checkpoint can be read at"),
        (".", "no checkpoint can be read at"),
    ]:
        with pytest.raises(ValueError, match=reason) as caught:
            read_checkpoint(tmp_path / name)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state", None])
def test_weights_are_found_alone_or_beside_other_things(key: str | None) -> None:
    content = {"epoch": 3, **({key: {**WEIGHTS, "version": 1}} if key else WEIGHTS)}
    assert same(find_weights(content, "a.pth"))


def test_a_file_without_weights_says_what_it_holds() -> None:
    with pytest.raises(ValueError, match=r"a\.pth holds no weights, only epoch, optimizer"):
        find_weights({"epoch": 3, "optimizer": {}}, "a.pth")


def test_names_and_shapes_are_compared() -> None:
    network = {"a": torch.zeros(2), "b": torch.zeros(2, 3), "c": torch.zeros(1)}
    weights = {"b": np.zeros((4, 3)), "c": np.zeros(1), "d": np.zeros(5)}
    assert compare_weights(weights, network) == Comparison(["a"], ["d"], [("b", (4, 3), (2, 3))])


def test_weights_that_fit_are_accepted_with_parts_that_the_network_does_not_have() -> None:
    unused = ["anchors.0", "keypoint_head.conv1.weight", "fc1000_w"]
    check_fits(Comparison([], unused, []), ["stage1.0.weight", "stage1.1.weight"], "a.pth", "small.yaml")


def test_another_architecture_is_refused_with_counts_and_an_example_of_each() -> None:
    comparison = Comparison(["x.1", "x.2"], ["stage1.2.weight", "anchors"], [("head", (81, 4), (3, 4))])
    with pytest.raises(ValueError, match="is of another architecture than") as caught:
        check_fits(comparison, ["stage1.0.weight", "x.1", "x.2", "head"], "a.pth", "small.yaml")
    assert str(caught.value).startswith(
        "a.pth is of another architecture than small.yaml: of the 4 weights of the network 2 are missing, such as x.1; "
        "1 have another shape, such as head (81 x 4, not 3 x 4); 1 more are of layers that it has not, such as stage1.2"
    )


def test_a_deeper_network_is_refused_although_nothing_is_missing() -> None:
    shallow = [f"stage4.{block}.conv{n}.weight" for block in range(6) for n in (1, 2, 3)]
    deeper = [f"stage4.{block}.conv{n}.weight" for block in range(6, 23) for n in (1, 2, 3)]
    with pytest.raises(ValueError, match=r"51 more are of layers that it has not, such as stage4\.6\.conv1\.weight"):
        check_fits(Comparison([], deeper, []), shallow, "r101.pth", "r50.yaml")
