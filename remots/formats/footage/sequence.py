"""``sequence.json``: where the frames of a sequence are, and which of them belong to it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from remots.errors import InputError
from remots.formats.files.atomic import atomic_output


@dataclass(frozen=True)
class Sequence:
    """The frames of one sequence.

    Attributes
    ----------
    sequence : str
        Its name.
    frames : str
        The folder of images, or the video file.
    kind : {"images", "video"}
        What `frames` is.
    height_px, width_px : int
        Size of every frame.
    fps : float
        Frames per second.
    first_frame, last_frame : int
        Numbers of the first and the last frame that belong to the sequence. Frames are numbered from 1 by their place
        in the whole folder or video, so a part of a video keeps its numbers.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    sequence: Annotated[str, Field(min_length=1)]
    frames: Annotated[str, Field(min_length=1)]
    kind: Literal["images", "video"]
    height_px: Annotated[int, Field(ge=1)]
    width_px: Annotated[int, Field(ge=1)]
    fps: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    first_frame: Annotated[int, Field(ge=1)]
    last_frame: Annotated[int, Field(ge=1)]

    @property
    def n_frames(self) -> int:
        """How many frames belong to the sequence."""
        return self.last_frame - self.first_frame + 1

    @property
    def frame_numbers(self) -> range:
        """The numbers of its frames, 1-based, in order."""
        return range(self.first_frame, self.last_frame + 1)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.first_frame > self.last_frame:
            raise ValueError(f"first_frame {self.first_frame} comes after last_frame {self.last_frame}")
        return self


_ADAPTER = TypeAdapter(Sequence)


def read_sequence(path: Path | str) -> Sequence:
    """Read a ``sequence.json``.

    Parameters
    ----------
    path : Path
        A file that `write_sequence` has written.

    Returns
    -------
    Sequence

    Raises
    ------
    InputError
        If the file is missing or is not a description of a sequence; names the wrong key.
    """
    try:
        return _ADAPTER.validate_json(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; make it with `remots probe`") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        problem = f"{key}: {first['msg']}" if key else first["msg"]
        raise InputError(f"{path}: not a sequence.json ({problem}); make it again with `remots probe`") from error


def write_sequence(path: Path | str, sequence: Sequence) -> None:
    """Write a ``sequence.json``, keys sorted; whole or not at all."""
    text = json.dumps(asdict(sequence), indent=2, sort_keys=True, ensure_ascii=False)
    with atomic_output(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
