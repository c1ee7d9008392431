"""The camera: a pinhole above the pavement that stands still or pans, and its changing exposure."""

from dataclasses import dataclass

import numpy as np

CAMERA_HEIGHT_M = 3.0
HORIZON_SHARE = 0.15  # the horizon lies so far down the picture
FOCAL_SHARE = 1.62  # focal length over the height of the picture: people are 60 to 140 px of 360 high
PAN_SHARE = 0.7  # a panning camera sweeps so many widths of its picture
PAN_SECONDS = 16.0  # from one end to the other and back


@dataclass(frozen=True)
class Camera:
    """Where the world lies in the picture.

    The panorama is the whole street that the camera can see; the picture of a frame is cut from it at `offset_px`. A
    ground point is (x, z): metres to the right of the panorama's middle, and metres away from the camera.
    """

    height_px: int
    width_px: int
    fps: float
    pan: bool = False
    exposure_drift: float = 0.0

    @property
    def panorama_width_px(self) -> int:
        """Width of the panorama in px; its height is the picture's."""
        return self.width_px + (int(np.ceil(PAN_SHARE * self.width_px)) if self.pan else 0)

    @property
    def focal_px(self) -> float:
        """Focal length in px."""
        return FOCAL_SHARE * self.height_px

    @property
    def horizon_px(self) -> float:
        """Row of the horizon."""
        return HORIZON_SHARE * self.height_px

    def px_per_m(self, z: float) -> float:
        """Size of a metre at a distance of z metres, in px."""
        return self.focal_px / z

    def project(self, x: float, z: float) -> tuple[float, float]:
        """Column and row in the panorama, in px, of a ground point in metres."""
        scale = self.px_per_m(z)
        return self.panorama_width_px / 2 + x * scale, self.horizon_px + CAMERA_HEIGHT_M * scale

    def half_width_m(self, z: float) -> float:
        """Half the width of the panorama at a distance of z metres, in metres."""
        return self.panorama_width_px / 2 / self.px_per_m(z)

    def offset_px(self, frame: int) -> float:
        """Left edge of the picture of a frame (1-based) in the panorama, in px; sweeps smoothly to and fro."""
        if not self.pan:
            return 0.0
        turn = (frame - 1) / self.fps / PAN_SECONDS
        return float((self.panorama_width_px - self.width_px) * (0.5 - 0.5 * np.cos(2 * np.pi * turn)))

    def gains(self, frame: int) -> np.ndarray:
        """Factors on red, green and blue in a frame (1-based); the exposure and, less, the white balance drift."""
        seconds = (frame - 1) / self.fps
        exposure = self.exposure_drift * np.sin(2 * np.pi * seconds / 11)
        warmth = 0.35 * self.exposure_drift * np.sin(2 * np.pi * seconds / 17)
        gains: np.ndarray = 1 + exposure + warmth * np.array([1.0, 0.0, -1.0])
        return gains
