"""Keys and values of earlier prompts: a second question about one screen runs the language model on its own words.

mlx-vlm reads a whole prompt again for each question, unless its caller keeps a `PromptCacheState`. Here the keys and
values of each prompt are copied into `reuse.store`. The next prompt takes its longest beginning from there. Two prompts
are equal as far as these are: token ids, contents of the images (`guard.PromptMedia`), position ids as the model
computes them, and the model's weights.

The hook is `generate_step`, as `stream_generate` calls it, so it does not matter when a caller imported the latter. It
gets what mlx-vlm's own prompt cache would hand over: a filled cache, the rest of the ids, and the position ids and rope
deltas of the whole prompt. The rest has to be text, since mlx-vlm embeds images for a whole prompt alone.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlx_saccade import cache
from mlx_saccade.backend import mx
from mlx_saccade.cache import keys
from mlx_saccade.cache.prefixes import Rows
from mlx_saccade.integrations.mlx_vlm import reuse
from mlx_saccade.integrations.mlx_vlm.guard import PromptMedia, media_of
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks

__all__ = ["attach", "hook", "prompt_rows", "use"]

_WEIGHTS = "_mlx_saccade_weights"

# With these the keys and values, or what a call does with its prompt, depend on more than the rows.
_FOREIGN = (
    "inputs_embeds", "cached_image_features", "position_ids", "rope_deltas", "decoder_input_ids", "draft_model",
    "max_kv_size", "kv_bits", "kv_key_bits", "kv_value_bits",
)  # fmt: skip

_lock = threading.Lock()


def use(model: Any, hooks: Hooks) -> None:
    """Let a model reuse the beginnings of its prompts; `hooks.restore(model)` ends it."""
    if not hasattr(model, _WEIGHTS):
        hooks.add(model, _WEIGHTS, reuse.WeightsKey())


def attach(hooks: Hooks) -> None:
    """Hook mlx-vlm's generation; a second call changes nothing. Models without `use` run as before."""
    if "mlx_vlm" not in sys.modules:
        return
    dispatch = importlib.import_module("mlx_vlm.generate.dispatch")
    if hasattr(dispatch, "generate_step"):  # without it nothing is reused, which is safe
        hook(hooks, dispatch, importlib.import_module("mlx_vlm.models.cache").KVCache)


def hook(hooks: Hooks, dispatch: Any, plain: Any) -> None:
    """Hook `generate_step` in the module that calls it.

    Args:
        hooks: undoes the change.
        dispatch: the module.
        plain: the class of a layer's cache that has every key and value, in order.
    """
    if hooks.replacement(dispatch, "generate_step") is not None:
        return
    original = dispatch.generate_step

    @functools.wraps(original)
    def generate_step(*arguments: Any, **options: Any) -> Iterator[Any]:
        turn = _turn(arguments, options, plain)
        return original(*arguments, **options) if turn is None else turn.run(original)

    hooks.replace(dispatch, "generate_step", generate_step)


def _turn(arguments: Sequence[Any], options: Mapping[str, Any], plain: Any) -> _Turn | None:
    """Return a call whose prompt may have a known beginning; None for one that mlx-vlm runs alone."""
    if len(arguments) != 4 or not reuse.store.on:
        return None
    ids, model, _, mask = arguments
    layers = options.get("prompt_cache")
    media, weights = media_of(layers, ids), getattr(model, _WEIGHTS, None)
    if weights is None or media is None or not media.tokens or not layers:
        return None
    if any(type(layer) is not plain or layer.offset for layer in layers):
        return None
    if any(options.get(name) is not None for name in _FOREIGN) or options.get("prefill_step_size", 1) is None:
        return None
    language = getattr(model, "language_model", None)
    padded = mask is not None and not bool(mx.all(mask == 1))
    if ids.shape[0] != 1 or padded or not callable(getattr(language, "get_rope_index", None)):
        return None
    return _Turn(arguments, dict(options), media, weights)


class _Turn:
    """One call of `generate_step`."""

    def __init__(
        self, arguments: Sequence[Any], options: dict[str, Any], media: PromptMedia, weights: reuse.WeightsKey
    ) -> None:
        self._ids, self._model, self._pixels, self._mask = arguments
        self._options, self._media, self._weights = options, media, weights
        self._layers: list[Any] = options["prompt_cache"]

    def run(self, original: Callable[..., Iterator[Any]]) -> Iterator[Any]:
        """Yield what mlx-vlm yields, and keep the prompt once the caller asks for the second token."""
        ids: list[int] = self._ids[0].tolist()
        grids = [self._options.get(f"{kind}_grid_thw") for kind in ("image", "video")]
        positions, deltas = self._model.language_model.get_rope_index(self._ids, *grids, self._mask)
        with _lock:
            weights = self._weights.of(self._model)
        rows = prompt_rows(ids, positions, self._media, weights)
        known = 0 if rows is None else self._fill(rows, _end_of_media(ids, self._media))
        reuse.store.count(prefill_tokens=len(ids) - known, reused_tokens=known,
                          **{"prefix_hits" if known else "prefix_misses": 1})  # fmt: skip
        if known:
            self._options |= {"position_ids": positions, "rope_deltas": deltas}
            self._options.pop("pixel_values_videos", None)
        pixels = None if known else self._pixels
        steps = iter(original(self._ids[:, known:], self._model, pixels, self._mask, **self._options))
        yield from itertools.islice(steps, 1)
        if rows is not None and hasattr(self._model, _WEIGHTS):  # it may have been disabled since
            self._keep(rows)
        yield from steps

    def _fill(self, rows: Rows, end: int) -> int:
        """Fill the layers with a known beginning of the prompt, and return its length in tokens.

        mlx-vlm needs one token to go on with, and no image after the beginning.
        """
        known, state = reuse.store.prompts.longest(rows[:-1])
        if state is None or known < end:
            return 0
        for layer, (key, value) in zip(self._layers, state, strict=True):
            layer.state = (key[None], value[None])
        return known

    def _keep(self, rows: Rows) -> None:
        if all(layer.offset >= len(rows) for layer in self._layers):
            reuse.store.prompts.insert(rows, self._export)

    def _export(self, start: int, stop: int) -> mx.array:
        parts = [[layer.keys, layer.values] for layer in self._layers]
        return mx.stack([mx.stack([part[0, :, start:stop] for part in pair]) for pair in parts])


def prompt_rows(ids: Sequence[int], positions: Any, media: PromptMedia, weights: cache.Key) -> Rows | None:
    """Return a prompt as rows (`cache.keys.rows`) that are equal under equal weights alone.

    Args:
        ids: token ids [L].
        positions: integers [3, 1, L], or [1, L] for text.
        media: images and videos of the prompt.
        weights: key of the model's weights.

    Returns:
        The rows; None where the runs of media tokens are not one for each image and video.
    """
    kinds, contents = [kind for _, kind in media.starts(ids)], media.keys()
    if [kinds.count(kind) for kind in range(len(contents))] != [len(names) for names in contents]:
        return None
    names = [iter(own) for own in contents]
    images, lengths = [next(names[kind]) for kind in kinds], []
    for place, kind in media.starts(ids):
        run = next((i for i in range(place, len(ids)) if ids[i] != media.tokens[kind]), len(ids))
        lengths.append(run - place)
    table = np.broadcast_to(np.asarray(positions).reshape(-1, len(ids)), (3, len(ids)))
    rows = keys.rows(ids, table, images, lengths, [token for token in media.tokens if token is not None])
    rows[:, 1:5] ^= np.frombuffer(weights, np.int64)
    return rows


def _end_of_media(ids: Sequence[int], media: PromptMedia) -> int:
    """Return the place after the last token of an image or video, 0 without one."""
    return next((place + 1 for place in reversed(range(len(ids))) if ids[place] in media.tokens), 0)
