"""MMDetection's zoo: configs inside the installed package, published weights by the name of the config."""

import difflib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import mmdet
import torch
import yaml

from remots.detectors.network import ZOO

_N_NAMED = 3


def find_config(model: str) -> Path:
    """Find a config by the name that the zoo has for it, or by its path.

    Parameters
    ----------
    model : str
        Such as ``mask-rcnn_x101-64x4d_fpn_2x_coco``, with or without its folder (``mask_rcnn/``) and ``.py``; or the
        path of a config of one's own. A config is Python code: it runs when it is read.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If there is none, or there are several of this name in different folders; names the closest ones.
    """
    path = Path(model).expanduser()
    if path.suffix == ".py" and path.is_file():
        return path
    configs = _configs_by_stem()
    stem = path.name.removesuffix(".py")
    found = [config for config in configs.get(stem, []) if config.with_suffix("").match(model.removesuffix(".py"))]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(f"{config.parent.name}/{stem}" for config in found)
        raise ValueError(f"mmdet's zoo has several configs {model!r}: say {names}")
    close = difflib.get_close_matches(stem, configs, _N_NAMED, 0.0)
    raise ValueError(
        f"no mmdet config {model!r}: there is no such file, and the closest names in mmdet's zoo are {', '.join(close)}"
    )


def find_checkpoint(weights: str, config: Path) -> Path:
    """Find the checkpoint: the file named, or what the zoo has published for a config, fetched once.

    Parameters
    ----------
    weights : str
        A path, or ``"zoo"``.
    config : Path
        From `find_config`.

    Returns
    -------
    Path
        For ``"zoo"``, of a file in torch's cache of checkpoints, whose hash is that in its name.

    Raises
    ------
    ValueError
        If the zoo has no weights for the config, or they cannot be fetched; says which file to give.
    """
    if weights != ZOO:
        return Path(weights).expanduser()
    url = weights_url(config)
    if url is None:
        raise ValueError(f"mmdet's zoo has no weights for {config.name}: name a checkpoint with --weights FILE")
    name = Path(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), _hash_in(name))
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"the weights of {config.stem} cannot be fetched ({error}): download {url} where there is a network, and "
            "name the file with --weights FILE"
        ) from error
    return path


def weights_url(config: Path) -> str | None:
    """Look up where the zoo has published the weights of one of its configs.

    Parameters
    ----------
    config : Path
        A config of the zoo; for any other there are none.

    Returns
    -------
    str or None
    """
    root = _zoo_folder()
    if not config.resolve().is_relative_to((root / "configs").resolve()):
        return None
    for metafile in _metafiles(root):
        text = metafile.read_text(encoding="utf-8")
        if config.stem not in text:
            continue
        content = yaml.safe_load(text)
        for model in content.get("Models", []) if isinstance(content, dict) else content:
            if Path(model.get("Config", "")).parts[-2:] == config.parts[-2:] and model.get("Weights"):
                return str(model["Weights"])
    return None


def _hash_in(name: str) -> str | None:
    """Give the start of the SHA-256 that ends the name of a published file, as in ``…-39d6f70c.pth``."""
    ending = Path(name).stem.rpartition("-")[2]
    is_hash = len(ending) >= 8 and set(ending) <= set("0123456789abcdef")
    return ending if is_hash else None


def _zoo_folder() -> Path:
    """Give the folder of configs and model-index.yml: inside the package, or beside it in a checkout."""
    package = Path(mmdet.__path__[0])
    return package / ".mim" if (package / ".mim" / "configs").is_dir() else package.parent


def _metafiles(root: Path) -> Iterator[Path]:
    index = root / "model-index.yml"
    names = yaml.safe_load(index.read_text(encoding="utf-8"))["Import"] if index.is_file() else []
    return (root / name for name in names if (root / name).is_file())


def _configs_by_stem() -> dict[str, list[Path]]:
    """List the zoo; what starts with an underscore is only a part of configs."""
    configs = defaultdict(list)
    folder = _zoo_folder() / "configs"
    for path in sorted(folder.rglob("*.py")):
        if not any(part.startswith("_") for part in path.relative_to(folder).parts):
            configs[path.stem].append(path)
    return configs
