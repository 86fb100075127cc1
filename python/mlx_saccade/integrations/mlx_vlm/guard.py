"""The guard of mlx-vlm's prompt cache against answers about an earlier image of the same size.

`PromptCacheState` compares token ids. All tokens of all images are one id, so a second image of the same size matches
the first one's keys and values, and is never looked at. Enabled, a match ends before the first image or video whose
pixels differ. A turn that its caller abandons leaves a cache with other tokens than the state remembers; the state is
cut where the cache is.

mlx-vlm hands the pixels to its preparation and the ids to `PromptCacheState`. In between, in the same thread and before
anything else runs, it makes the cache of the call. So preparation leaves the media with the thread, the new cache takes
them, and `update` finds them there.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mlx_saccade.backend import mx
from mlx_saccade.cache import keys
from mlx_saccade.integrations.mlx_vlm import reuse
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.integrations.mlx_vlm.video import seconds_of

__all__ = ["PromptMedia", "attach", "media_of", "safe_prefix"]


class PromptMedia:
    """The images and videos of one prompt; their keys are computed when they are first compared.

    Attributes:
        input_ids: the array of the prompt's ids; None if it is not known.
        tokens: ids of image and video tokens.
    """

    def __init__(self, config: Any, pixel_values: Any, data: Mapping[str, Any], input_ids: Any = None) -> None:
        """Take what mlx-vlm's preparation returns.

        Args:
            config: configuration of the model, for the ids of image and video tokens.
            pixel_values: patches of all images, any layout; None without images.
            data: `image_grid_thw`, and of videos `pixel_values_videos` and `video_grid_thw`.
            input_ids: the prompt.
        """
        self.input_ids = input_ids
        self._pixels: tuple[Any, ...] | None = (pixel_values, data.get("pixel_values_videos"))
        self._grids = (data.get("image_grid_thw"), data.get("video_grid_thw"))
        self._seconds = (None, seconds_of(self._grids[1]))
        # A model without grids is of another kind; its prompts stay as mlx-vlm treats them.
        foreign = pixel_values is not None and all(grid is None for grid in self._grids)
        self.tokens = () if foreign else tuple(getattr(config, f"{kind}_token_id", None) for kind in ("image", "video"))
        self._keys: tuple[tuple[bytes, ...], ...] = ()

    def starts(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Return (place of the first token, 0 for an image or 1 for a video) of each medium in a prompt."""
        starts = []
        for place, token in enumerate(ids):
            if token in self.tokens and token is not None and (place == 0 or ids[place - 1] != token):
                starts.append((place, self.tokens.index(token)))
        return starts

    def keys(self) -> tuple[tuple[bytes, ...], ...]:
        """Return the keys of the images and those of the videos, each in the order of the prompt."""
        if self._pixels is not None:
            media = zip(self._pixels, self._grids, self._seconds, strict=True)
            self._keys = tuple(_keys(*medium) for medium in media)
            self._pixels = None  # a cached prompt does not keep its pixels
        return self._keys


def _keys(pixels: Any, grids: Any, seconds: Sequence[float] | None) -> tuple[bytes, ...]:
    """Return one key for each grid; none where the rows are not those of the grids, so that nothing is equal to it.

    The seconds of a video move the positions of its tokens, so they are part of its key.
    """
    if pixels is None or grids is None:
        return ()
    sizes = [tuple(int(extent) for extent in grid) for grid in np.asarray(grids).tolist()]
    ends = np.cumsum([frames * rows * columns for frames, rows, columns in sizes])
    if not len(ends) or ends[-1] != pixels.shape[0]:
        return ()
    raw = reuse.as_bytes(pixels) if isinstance(pixels, mx.array) else np.asarray(pixels)
    parts = np.split(raw, ends[:-1])
    layout = f"{pixels.dtype} {pixels.shape[1:]}".encode()
    times = [None] * len(sizes) if seconds is None else seconds
    return tuple(keys.content(part, grid, layout, time) for part, grid, time in zip(parts, sizes, times, strict=True))


def safe_prefix(ids: Sequence[int], matched: int, now: PromptMedia | None, before: PromptMedia | None) -> int:
    """Return the part of a match of token ids that is about the same images.

    Args:
        ids: token ids of the new prompt.
        matched: leading ids that are equal to those of the cached prompt.
        now: media of the new prompt; None if unknown.
        before: media of the cached prompt; None if unknown.

    Returns:
        `matched`, or the place of the first image or video that is another one or unknown. Without `now` it cannot be
        known which ids are media, so 0.
    """
    if now is None:
        return 0
    media = [medium for medium in now.starts(ids) if medium[0] < matched]
    if not media:
        return matched
    if before is None:
        return media[0][0]
    counts = [0, 0]
    for place, kind in media:
        number = counts[kind]
        counts[kind] += 1
        new, old = now.keys()[kind], before.keys()[kind]
        if number >= min(len(new), len(old)) or new[number] != old[number]:
            return place
    return matched


class _TrackedCache(list[Any]):
    """mlx-vlm's list of layer caches, with the media of the prompt that it was made for."""

    media: PromptMedia | None = None


def media_of(layers: Any, input_ids: Any) -> PromptMedia | None:
    """Return the media of a prompt that a list of layer caches was made for; None if they are unknown.

    Args:
        layers: the list.
        input_ids: the very array that mlx-vlm's preparation returned. A list that its caller made belongs to none.
    """
    media = layers.media if type(layers) is _TrackedCache else None
    return media if media is not None and media.input_ids is input_ids else None


_thread = threading.local()


def attach(hooks: Hooks) -> None:
    """Hook mlx-vlm's prompt cache; a second call changes nothing.

    Where mlx-vlm is not imported there is no prompt cache yet, and nothing is hooked.
    """
    if "mlx_vlm" not in sys.modules:
        return
    common = importlib.import_module("mlx_vlm.generate.common")
    dispatch = importlib.import_module("mlx_vlm.generate.dispatch")
    caches = importlib.import_module("mlx_vlm.models.cache")
    hook(hooks, common.PromptCacheState, dispatch, caches)


def hook(hooks: Hooks, state: type, dispatch: Any, caches: Any) -> None:
    """Hook the three places of mlx-vlm through which a prompt with its cache goes.

    Args:
        hooks: undoes the change.
        state: `PromptCacheState`.
        dispatch: has `_prepare_generation_inputs`, from which every call takes its inputs.
        caches: has `make_prompt_cache`.
    """
    if hooks.replacement(state, "update") is not None:
        return
    if hasattr(dispatch, "_prepare_generation_inputs"):  # without it no prompt is continued, which is safe
        _replace(hooks, dispatch, "_prepare_generation_inputs", _preparing)
    _replace(hooks, caches, "make_prompt_cache", _making)
    _replace(hooks, state, "find_prefix_length", _finding)
    _replace(hooks, state, "update", _updating)


def _replace(hooks: Hooks, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    hooks.replace(owner, name, wrap(getattr(owner, name)))


def _preparing(original: Callable[..., Any]) -> Callable[..., Any]:
    def prepare(model: Any, *arguments: Any, **options: Any) -> Any:
        _thread.media = None
        inputs = original(model, *arguments, **options)
        input_ids, pixel_values, _, data = inputs
        _thread.media = PromptMedia(getattr(model, "config", None), pixel_values, data, input_ids)
        return inputs

    return prepare


def _making(original: Callable[..., Any]) -> Callable[..., Any]:
    def make_prompt_cache(*arguments: Any, **options: Any) -> Any:
        layers = original(*arguments, **options)
        media, _thread.media = getattr(_thread, "media", None), None
        if media is None or type(layers) is not list:
            return layers
        tracked = _TrackedCache(layers)
        tracked.media = media
        return tracked

    return make_prompt_cache


def _finding(original: Callable[..., int]) -> Callable[..., int]:
    def find_prefix_length(self: Any, new_ids: list[int]) -> int:
        self._media_of_this_call = getattr(_thread, "media", None)
        matched = original(self, new_ids)
        safe = safe_prefix(new_ids, matched, self._media_of_this_call, getattr(self, "_media_of_cache", None))
        # The cache is cut to this length and continued. If the turn is abandoned, no more of it is known.
        self.token_ids = list(self.token_ids or ())[:safe]
        return safe

    return find_prefix_length


def _updating(original: Callable[..., None]) -> Callable[..., None]:
    def update(self: Any, token_ids: list[int], kv_cache: list[Any]) -> None:
        # A cache that is continued was made for an earlier prompt; `find_prefix_length` saw the media of this one.
        media = self._media_of_this_call if kv_cache is self.cache else getattr(kv_cache, "media", None)
        if media is not None:
            media.keys()
        self._media_of_cache = media
        original(self, token_ids, kv_cache)

    return update
