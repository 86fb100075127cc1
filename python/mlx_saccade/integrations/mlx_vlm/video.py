"""Videos in mlx-vlm for the Qwen families: film files with true times, the families' sizes, and seconds.

mlx-vlm opens films with OpenCV, which loses frames and does not know the times of a variable rate. It gives Qwen2-VL
and Qwen2.5-VL the sizes of Qwen3-VL, and Qwen2.5-VL no seconds. Enabled, the path of a film is opened by
`mlx_saccade.media.open_video` and resized by the family's rule.

mlx-vlm computes positions from the grids of the videos, in several places. So for Qwen2-VL and Qwen2.5-VL the seconds
are remembered with the array of the grids that its preparation returns, and looked up where that array comes back.
Qwen3-VL and Qwen3.5 read the times as words, which mlx-vlm writes from the metadata of a video; their positions are
right as mlx-vlm computes them.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import families
from mlx_saccade.backend import mx
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor
from mlx_saccade.media import Video, open_image, open_video, sources
from mlx_saccade.preprocess import limits, positions
from mlx_saccade.preprocess.patchify import Backend, patchify
from mlx_saccade.preprocess.plan import Plan

__all__ = ["FAMILIES", "VideoProcessor", "attach", "open_videos", "prepare", "seconds_of"]

FAMILIES = ("qwen2-vl", "qwen2.5-vl", "qwen3-vl")
"""Families whose videos are prepared here; the others keep mlx-vlm's path."""

# mlx-vlm's names of what a checkpoint says of Qwen3-VL's videos, and ours, which are the same.
_OWN_DEFAULTS = ("min_pixels", "max_pixels", "fps", "min_frames", "max_frames")

_SAMPLING = {"nframes": "num_frames", "min_frames": "min_frames", "max_frames": "max_frames"}
_PART = {"video_start": "start", "video_end": "end", "start": "start", "end": "end", "num_frames": "num_frames"}
_DEFAULT_FPS = 2.0


class _Seconds:
    """Seconds between the steps of the grids of videos, by the array that holds the grids, as long as it lives.

    By identity: an equal array of another prompt may have other seconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[weakref.ref[Any], tuple[float, ...]]] = {}

    def remember(self, grids: Any, seconds: Sequence[float]) -> None:
        """Keep the seconds of each video of an array of grids."""
        key = id(grids)
        with self._lock:
            self._known[key] = weakref.ref(grids, lambda _: self._known.pop(key, None)), tuple(seconds)

    def of(self, grids: Any) -> tuple[float, ...] | None:
        """Return the seconds of an array of grids; None if it is not known."""
        reference, seconds = self._known.get(id(grids), (None, ()))
        return seconds if reference is not None and reference() is grids else None


_seconds = _Seconds()
seconds_of = _seconds.of


class _OpenedVideo(Video):
    """A video with the limits of its part; mlx-vlm asks for its length alone."""

    def __init__(self, video: Video, level: limits.PixelLimits) -> None:
        self.__dict__.update(video.__dict__)
        self.limits = level


class VideoProcessor:
    """A replacement for mlx-vlm's video processor, which passes unknown attributes on to it.

    Attributes:
        original: mlx-vlm's video processor.
        family: geometry and limits of the model's videos.
        resize_backend: library whose pixels are computed, as in `mlx_saccade.patchify`.
    """

    def __init__(self, original: Any, family: families.Family, resize_backend: Backend) -> None:
        """Wrap a video processor."""
        self.original, self.family, self.resize_backend = original, family, resize_backend

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Return the class of the original: `isinstance` of transformers and mlx-vlm asks for it."""
        return type(self.original)

    def __getattr__(self, name: str) -> Any:
        if name == "original":  # a copy without attributes yet would recurse forever
            raise AttributeError(name)
        return getattr(self.original, name)

    def plan(self, video: Video, *levels: limits.PixelLimits) -> Plan:
        """Return the plan of a video; `levels` as `mlx_saccade.preprocess.limits.choose`."""
        return limits.choose(video.size, self.family, levels, None, frames=len(video))

    def __call__(self, videos: Any, **arguments: Any) -> dict[str, NDArray[Any]]:
        """Prepare videos; those that `open_videos` did not open are prepared by mlx-vlm.

        Returns:
            pixel_values_videos, float32 [patches, 3 * temporal_patch_size * patch_size ** 2], and video_grid_thw,
            int64 [videos, 3].
        """
        if not isinstance(videos, list) or not any(isinstance(video, _OpenedVideo) for video in videos):
            whole: dict[str, NDArray[Any]] = self.original(videos=videos, **arguments)
            return whole
        parts = [self._one(video) for video in videos]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _one(self, video: Any) -> dict[str, NDArray[Any]]:
        if not isinstance(video, _OpenedVideo):
            theirs: dict[str, NDArray[Any]] = self.original(videos=[video])
            return {name: np.asarray(value) for name, value in theirs.items()}
        plan = self.plan(video, video.limits)
        grids = np.array([plan.grid_thw], dtype=np.int64)
        return {"pixel_values_videos": _patches(video, plan, self.resize_backend), "video_grid_thw": grids}


def _patches(video: Video, plan: Plan, backend: Backend) -> NDArray[np.float32]:
    """Return the reference patches of a video; a group of frames is in memory at once."""
    still, length = replace(plan, frames=1), plan.family.temporal_patch_size
    shape = (still.patches, 3, length, plan.family.patch_size**2)
    patches = np.empty((plan.frames, *shape), np.float32)
    for step, group in zip(patches, video.groups(length), strict=True):
        for place, frame in enumerate(group):
            pixels = patchify(open_image(frame), still, "reference", backend=backend)
            step[:, :, place] = pixels.reshape(shape)[:, :, place]
    return patches.reshape(plan.patches, -1)


def prepare(original: Callable[..., Any], processor: Any, arguments: dict[str, Any]) -> Any:
    """Call mlx-vlm's `prepare_inputs` with film files opened, and remember the seconds of the videos.

    Args:
        original: takes the arguments.
        processor: of the model.
        arguments: of the call, by name; those of videos are replaced.
    """
    opened = open_videos(processor, arguments.get("videos"), arguments)
    if opened is None:
        _refuse_parts(processor, arguments.get("videos"))
        return original(**arguments)
    videos, rates = opened
    known = arguments.get("video_metadata") or [None] * len(videos)
    described = [
        own if own and not isinstance(video, Video) else _metadata(video, fps, processor.video_processor.family)
        for own, video, fps in zip(known, videos, rates, strict=True)
    ]
    inputs = original(**{**arguments, "videos": videos, "video_metadata": described})
    grids = inputs.get("video_grid_thw") if hasattr(inputs, "get") else None
    if grids is not None:
        length = processor.video_processor.family.temporal_patch_size
        _seconds.remember(grids, [length / fps for fps in rates])
    return inputs


def _refuse_parts(processor: Any, videos: Any) -> None:
    """Refuse parts of messages where mlx-vlm prepares the videos, which would fail over their shape."""
    images = getattr(processor, "image_processor", None)
    if not isinstance(images, ImageProcessor):
        return
    parts = videos if isinstance(videos, list) else [videos]
    if any(isinstance(video, Mapping) for video in parts):
        mend = "Install PyAV (pip install 'mlx-saccade[video]')" if images.family.name in FAMILIES else "Give its path"
        raise InputError(f"video: expected a path or frames, for mlx-vlm to prepare; got a part of a message. {mend}")


def open_videos(processor: Any, videos: Any, arguments: Mapping[str, Any]) -> tuple[list[Any], list[float]] | None:
    """Open the film files among the videos of a call.

    Args:
        processor: of the model.
        videos: as mlx-vlm takes them: paths, frames, or a list of these; also parts of messages,
            {"type": "video", "video": path or frames, "fps": ..., "total": ...}.
        arguments: of the call; `fps`, `nframes`, `min_frames` and `max_frames` choose frames.

    Returns:
        The videos and the rate of the frames of each; None if all of them are for mlx-vlm alone.

    Raises:
        InputError, FileNotFoundError: as `mlx_saccade.media.open_video`.
    """
    component = getattr(processor, "video_processor", None)
    if not isinstance(component, VideoProcessor) or videos is None or importlib.util.find_spec("av") is None:
        return None
    several = videos if isinstance(videos, list) and videos and not _is_frame(videos[0]) else [videos]
    rates = arguments.get("fps")
    each = rates if isinstance(rates, list | tuple) else [rates] * len(several)
    if not several or len(each) != len(several):
        return None  # mlx-vlm says what is wrong
    opened = [_open(video, component.family, fps, arguments) for video, fps in zip(several, each, strict=True)]
    return opened, [
        video.fps if isinstance(video, Video) else _rate(fps, component.family)
        for video, fps in zip(opened, each, strict=True)
    ]


def _open(video: Any, family: families.Family, fps: float | None, arguments: Mapping[str, Any]) -> Any:
    part = dict(video) if isinstance(video, Mapping) else {}
    path = part.pop("video", video)
    part.pop("type", None)
    if not isinstance(path, str | os.PathLike):
        return _open_frames(path, part, fps) if isinstance(video, Mapping) else video
    if isinstance(path, str) and sources.named_file(path) is None:
        raise InputError(f"{sources.short(path)}: expected the path of a film; got a URL. Download it")
    options = {name: arguments[key] for key, name in _SAMPLING.items() if arguments.get(key) is not None}
    own = {**_SAMPLING, **_PART, "fps": "fps"}
    options |= {own[key]: part.pop(key) for key in list(part) if key in own and part[key] is not None}
    if "num_frames" not in options and fps is not None:
        options.setdefault("fps", fps)
    return _OpenedVideo(open_video(path, family=family, **options), limits.read(part, "video", also=tuple(own)))


def _open_frames(frames: Any, part: Mapping[str, Any], fps: float | None) -> _OpenedVideo:
    """Return the video of a part that holds frames, which mlx-vlm does not take."""
    rate = next((part[name] for name in ("fps", "sample_fps") if part.get(name) is not None), fps)
    rest = {name: value for name, value in part.items() if name not in ("fps", "sample_fps")}
    return _OpenedVideo(Video(frames, rate), limits.read(rest, "video", also=("fps", "sample_fps")))


def _is_frame(item: Any) -> bool:
    return hasattr(item, "convert") or (isinstance(item, np.ndarray) and item.ndim in (2, 3))


def _metadata(video: Any, fps: float, family: families.Family) -> dict[str, Any]:
    """Return what mlx-vlm wants to know of frames that it did not choose.

    For Qwen3-VL mlx-vlm divides each index by the rate and writes the quotient. Indices are whole frames of a constant
    rate, so a film's seconds are given as the indices of a film of one frame a second.
    """
    if family.video.whole and isinstance(video, Video):
        return {"total_num_frames": len(video) / fps, "fps": 1.0, "frames_indices": list(video.seconds)}
    return {"total_num_frames": len(video), "fps": fps, "frames_indices": list(range(len(video)))}


def _rate(fps: float | None, family: families.Family) -> float:
    return float(family.video.fps or _DEFAULT_FPS) if fps is None else float(fps)


def attach(model: Any, processor: Any, images: ImageProcessor, hooks: Hooks) -> None:
    """Hook the video processor and the positions of a model; models of other families stay as they are.

    Args:
        model: model from `mlx_vlm.load`.
        processor: its processor.
        images: the replacement of its image processor, whose cap a frame keeps, too.
        hooks: undoes the change.
    """
    original: Any = getattr(processor, "video_processor", None)
    language: Any = getattr(model, "language_model", None)
    if images.family.name not in FAMILIES or original is None or not hasattr(language, "get_rope_index"):
        return
    if isinstance(original, VideoProcessor):
        original.resize_backend = images.resize_backend
        return
    family = _checkpoint_family(images, original)
    hooks.replace(processor, "video_processor", VideoProcessor(original, family, images.resize_backend))
    if not family.video.whole:
        _hook_positions(model, language, family, hooks)


def _checkpoint_family(images: ImageProcessor, original: Any) -> families.Family:
    """Return the family with the limits and the sampling of a checkpoint's videos.

    Qwen3-VL has those of its own, which mlx-vlm's video processor holds. The others have an image's cap.
    """
    family, cap = images.family, images.checkpoint_pixels
    changes: dict[str, Any] = {}
    if family.video.whole:
        own = {name: getattr(original, name, None) for name in _OWN_DEFAULTS}
        changes = {name: value for name, value in own.items() if value is not None}
    elif cap[1] < family.video.max_pixels:
        changes = {"min_pixels": cap[0], "max_pixels": cap[1]}
    return replace(family, video=replace(family.video, **changes))


def _hook_positions(model: Any, language: Any, family: families.Family, hooks: Hooks) -> None:
    reference, theirs = weakref.ref(language), type(language).get_rope_index
    rule = _Rule(model.config, family)

    @functools.wraps(theirs)
    def get_rope_index(
        input_ids: Any, image_grid_thw: Any = None, video_grid_thw: Any = None, attention_mask: Any = None
    ) -> Any:
        seconds = _seconds.of(video_grid_thw)
        if seconds is None:
            return theirs(reference(), input_ids, image_grid_thw, video_grid_thw, attention_mask)
        return rule.positions(input_ids, image_grid_thw, video_grid_thw, attention_mask, seconds)

    hooks.replace(language, "get_rope_index", get_rope_index)


class _Rule:
    """The positions of one model's prompts, by the rule of transformers."""

    def __init__(self, config: Any, family: families.Family) -> None:
        vision = config.vision_config
        self._is_timed = family.name == "qwen2.5-vl"
        self._names = {
            "image_token_id": config.image_token_id,
            "video_token_id": config.video_token_id,
            "vision_start_token_id": config.vision_start_token_id,
            "merge_size": vision.spatial_merge_size,
            "tokens_per_second": getattr(vision, "tokens_per_second", 2),
        }

    def positions(self, input_ids: Any, images: Any, videos: Any, mask: Any, seconds: Sequence[float]) -> Any:
        """Return position ids [3, batch, length] and rope deltas [batch, 1], as `get_rope_index` does."""
        rows = np.asarray(input_ids)
        kept = np.ones(rows.shape, bool) if mask is None else np.asarray(mask) == 1
        image_grids, video_grids = (
            [] if grids is None else [tuple(int(side) for side in grid) for grid in np.asarray(grids).tolist()]
            for grids in (images, videos)
        )
        table, deltas = np.ones((3, *rows.shape), np.int64), []
        times = list(seconds) if self._is_timed else []
        for number, (row, mask_row) in enumerate(zip(rows, kept, strict=True)):
            ids = row[mask_row]
            own = [_take(ids, self._names[f"{kind}_token_id"], grids, self._names)
                   for kind, grids in (("image", image_grids), ("video", video_grids))]  # fmt: skip
            found, delta = positions.mrope_positions(
                ids,
                image_grids=own[0],
                video_grids=own[1],
                seconds_per_grid=[times.pop(0) for _ in own[1]] if self._is_timed else (),
                **self._names,
            )
            table[:, number, mask_row] = found
            deltas.append([delta])
        return mx.array(table).astype(input_ids.dtype), mx.array(deltas).astype(input_ids.dtype)


def _take(ids: NDArray[Any], token: int, grids: list[tuple[int, ...]], names: Mapping[str, int]) -> list[Any]:
    """Take as many grids as a row has visual tokens for, from the first of those that are left."""
    left, own = int((ids == token).sum()), []
    while left > 0:
        if not grids:
            raise InputError("prompt: expected a grid for each video and image; got fewer. Give them together")
        own.append(grids.pop(0))
        left -= int(np.prod(own[-1])) // names["merge_size"] ** 2
    return own
