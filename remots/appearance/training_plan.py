"""How to train: every choice of the training scheme, and the learning rate that follows from it."""

import math
from dataclasses import dataclass
from typing import Literal

from remots.appearance.augmentation import STRONG, WEAK, Strength

BatchNorm = Literal["auto", "frozen", "video", "batch"]
Neck = Literal["none", "behind_triplet", "before_triplet"]

_FIRST_RATE = 0.01  # of the peak
_MILESTONES = (40 / 120, 70 / 120)  # epochs at which Luo et al. divide the learning rate by 10
_PADDED_AT = (256, 128)  # Luo et al. pad by 10 px at this size


@dataclass(frozen=True)
class TrainingPlan:
    """How to train; what each setting means is said in ``config/README.md``, section ``train``."""

    steps: int
    learning_rate: float = 3.5e-4
    warmup_fraction: float = 0.1
    decay: Literal["steps", "cosine"] = "steps"
    weight_decay: float = 5e-4
    triplet: Literal["margin", "soft"] = "margin"
    margin: float = 0.3
    normalise: bool = True
    batch_norm: BatchNorm = "auto"
    neck: Neck = "none"
    identity_weight: float = 0.0
    label_smoothing: float = 0.1
    centre_weight: float = 0.0
    flip_chance: float = WEAK.flip_chance
    shift_px: float = 10.0
    erase_chance: float = WEAK.erase_chance
    strong_turn_degrees: float = STRONG.max_turn_degrees
    strong_zoom: float = STRONG.max_zoom
    strong_recolouring: float = STRONG.max_recolouring
    strong_blur_chance: float = STRONG.blur_chance
    strong_erase_chance: float = STRONG.erase_chance
    strong_occlude_chance: float = STRONG.occlude_chance
    evaluate_every: int = 20
    patience: int = 0
    precision: str = "auto"
    checkpoint_seconds: float = 60.0
    seed: int = 0

    @property
    def weak(self) -> Strength:
        """How far every crop is altered."""
        height, width = _PADDED_AT
        return Strength(
            flip_chance=self.flip_chance,
            max_shift=(self.shift_px / height, self.shift_px / width),
            erase_chance=self.erase_chance,
        )

    @property
    def strong(self) -> Strength:
        """How far a copy is altered that must be told from its original."""
        return Strength(
            flip_chance=self.flip_chance,
            max_shift=self.weak.max_shift,
            erase_chance=self.strong_erase_chance,
            max_turn_degrees=self.strong_turn_degrees,
            max_zoom=self.strong_zoom,
            max_recolouring=self.strong_recolouring,
            grey_chance=STRONG.grey_chance if self.strong_recolouring else 0.0,
            blur_chance=self.strong_blur_chance,
            max_blur=STRONG.max_blur,
            occlude_chance=self.strong_occlude_chance,
        )


def learning_rate(step: int, plan: TrainingPlan) -> float:
    """Give the learning rate of a step.

    Parameters
    ----------
    step : int
        From 0.
    plan : TrainingPlan
        Its peak, warm-up and decay.

    Returns
    -------
    float
        Rises in a line from a hundredth of the peak; then falls to a tenth at 40 and again at 70 of 120 parts of the
        training (``"steps"``), or along half a cosine to 0 (``"cosine"``).

    Notes
    -----
    Source: Luo et al. 2019, warm-up over 10 of 120 epochs, for ``"steps"``.
    """
    n_warmup = plan.warmup_fraction * plan.steps
    warmth = min((step + 1) / n_warmup, 1.0) if n_warmup else 1.0
    rate = plan.learning_rate * (_FIRST_RATE + (1 - _FIRST_RATE) * warmth)
    if plan.decay == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return rate * 0.1 ** sum(step >= milestone * plan.steps for milestone in _MILESTONES)
