"""The families of models: geometry, pixel limits and coordinate conventions of their checkpoints.

Source: `preprocessor_config.json` of the published checkpoints. Qwen2-VL and Qwen2.5-VL: min_pixels 3136, max_pixels
12845056; Qwen3-VL: shortest_edge 65536, longest_edge 16777216. Of videos: Qwen3-VL's video_preprocessor_config.json,
and for the others, which have no such file, the defaults of transformers 5.24.0 (video_processing_qwen2_vl.py).
Gemma 4: transformers 5.24.0 (image_processing_pil_gemma4.py, video_processing_gemma4.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlx_saccade.errors import InputError, brief

__all__ = ["Family", "VideoDefaults", "get", "names"]

Convention = Literal["absolute", "thousandths", "fractions"]
Sampling = Literal["shares", "ends"]

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class VideoDefaults:
    """The limits and the sampling of a family's videos.

    Attributes:
        min_pixels: lower limit in pixels, on each resized frame, or on frames x height x width if `whole` is True.
        max_pixels: upper limit in pixels, on the same.
        whole: True if the limits count all frames together.
        sampling: rule for which frames are taken: "shares" takes a number that fills whole patches, each at the start
            of its share of the film; "ends" takes any number, the first and the last frame among them.
        fps: frames taken per second; None if their number is fixed, or every frame is taken.
        num_frames: number of frames taken; None if it depends on the film.
        min_frames: least number of frames that `fps` gives.
        max_frames: largest number of frames that `fps` gives.
        cap_per_frame: bound each frame as `mlx_saccade.smart_resize_video` describes.
    """

    min_pixels: int
    max_pixels: int
    whole: bool
    sampling: Sampling
    fps: float | None
    num_frames: int | None = None
    min_frames: int = 4
    max_frames: int = 768
    cap_per_frame: bool = False


@dataclass(frozen=True)
class Family:
    """The properties that all checkpoints of a family share.

    Attributes:
        name: name, as `get` takes it.
        patch_size: side of a patch in pixels.
        merge_size: patches along one side of the square that becomes one token.
        temporal_patch_size: frames in a patch; a still image is repeated to fill it.
        window_size: side of an attention window in pixels; None if the tower has no windows.
        min_pixels: the checkpoints' lower limit on the resized image, in pixels.
        max_pixels: the checkpoints' upper limit on the resized image, in pixels.
        mean: means that normalization subtracts from red, green and blue in 0..1.
        std: standard deviations that it then divides by.
        convention: coordinates of answers: "absolute" pixels of the resized image, or "thousandths" or "fractions"
            (0..1) of its sides.
        video: limits and sampling of videos.
        budgets: the only budgets of an image, in tokens; empty (default) if any budget is possible.
        default_budget: budget where none is given, in tokens; None (default) is 1,280.
        y_first: True if answers write y before x; default False.
    """

    name: str
    patch_size: int
    merge_size: int
    temporal_patch_size: int
    window_size: int | None
    min_pixels: int
    max_pixels: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    convention: Convention
    video: VideoDefaults
    budgets: tuple[int, ...] = ()
    default_budget: int | None = None
    y_first: bool = False

    @property
    def factor(self) -> int:
        """Return the side in pixels of the square that one token covers; resized sides are multiples of it."""
        return self.patch_size * self.merge_size

    @property
    def min_tokens(self) -> int:
        """Return the checkpoints' lower limit, in tokens."""
        return -(-self.min_pixels // self.factor**2)

    @property
    def max_tokens(self) -> int:
        """Return the checkpoints' upper limit, in tokens."""
        return self.max_pixels // self.factor**2


_QWEN2_VIDEO = VideoDefaults(128 * 28**2, 768 * 28**2, whole=False, sampling="shares", fps=None)
_GEMMA_VIDEO = VideoDefaults(
    48**2, 70 * 48**2, whole=False, sampling="shares", fps=None, num_frames=32, min_frames=1, max_frames=10**6
)
_QWEN3_VIDEO = VideoDefaults(4096, 25165824, whole=True, sampling="ends", fps=2.0)

_FAMILIES = {
    family.name: family
    for family in (
        Family("qwen2-vl", 14, 2, 2, None, 3136, 12845056, _CLIP_MEAN, _CLIP_STD, "thousandths", _QWEN2_VIDEO),
        Family("qwen2.5-vl", 14, 2, 2, 112, 3136, 12845056, _CLIP_MEAN, _CLIP_STD, "absolute", _QWEN2_VIDEO),
        Family(
            "qwen3-vl", 16, 2, 2, None, 65536, 16777216, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "thousandths", _QWEN3_VIDEO
        ),
        Family(
            "gemma-4", 16, 3, 1, None, 48**2, 1120 * 48**2, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "thousandths",
            _GEMMA_VIDEO, budgets=(70, 140, 280, 560, 1120), default_budget=280, y_first=True,
        ),
    )
}  # fmt: skip


def names() -> tuple[str, ...]:
    """Return the names of the known families, oldest first."""
    return tuple(_FAMILIES)


def get(name: str | Family) -> Family:
    """Return the family with a name; a `Family` is returned unchanged.

    Raises:
        InputError: the family is unknown.
    """
    if isinstance(name, Family):
        return name
    if not isinstance(name, str) or name not in _FAMILIES:
        raise InputError(f"unknown family {brief(name)}; known: {', '.join(_FAMILIES)}")
    return _FAMILIES[name]
