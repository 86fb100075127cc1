"""Qwen2.5-VL: the tower's vectors stand where the prompt's image tokens are, and the language model reads on.

Follows `Qwen2_5_VLForConditionalGeneration` of transformers 5.23.0, with its argument names and layouts.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saccade import positions
from saccade.backend import mx, nn
from saccade.errors import InputError
from saccade.nets.config import Config
from saccade.nets.language import KVCache, LanguageModel
from saccade.nets.vision import Grid, VisionModel

__all__ = ["Model", "Prompt", "answer_length"]

# Prompt tokens that one pass of the language model takes; what a pass allocates grows with this times the prompt.
PREFILL_CHUNK = 512


@dataclass(frozen=True)
class Prompt:
    """A prompt with its images in place.

    Attributes:
        embeddings: [1, L, hidden].
        position_ids: int32 [3, L], (time, height, width).
        delta: what to add to a later token's index to have its position.
    """

    embeddings: mx.array
    position_ids: mx.array
    delta: int


class Model(nn.Module):
    """The whole network; `saccade.nets.load` makes one from a folder."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.visual = VisionModel(config.vision)
        self.model = LanguageModel(config.text)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.text.hidden_size, config.text.vocab_size, bias=False)

    def __call__(
        self,
        input_ids: Any,
        pixel_values: Any = None,
        image_grid_thw: Any = None,
        pixel_values_videos: Any = None,
        video_grid_thw: Any = None,
        second_per_grid_ts: Any = None,
        attention_mask: Any = None,
    ) -> mx.array:
        """Logits of every position.

        Args:
            input_ids: integers [L] or [1, L], each image as many image tokens as its grid has after merging. One
                sequence: a larger batch is refused.
            pixel_values: patches of all images, one after another: uint8 [patches, 588] as
                `saccade.patchify(..., layout="native")`, or float [patches, 1176] as transformers.
            image_grid_thw: [images, 3], (frames, rows, columns) in patches.
            pixel_values_videos: float [patches, 1176], as `pixel_values`.
            video_grid_thw: [videos, 3].
            second_per_grid_ts: seconds from one grid frame to the next, one a video; None: 1.0 each.
            attention_mask: ones of input_ids' shape or None; padding is refused.

        Returns:
            [1, L, vocabulary].

        Raises:
            InputError: shapes, dtypes, ids or counts that do not fit each other; the message names both.
        """
        prompt = self.prompt(
            input_ids,
            pixel_values,
            image_grid_thw,
            pixel_values_videos,
            video_grid_thw,
            second_per_grid_ts,
            attention_mask,
        )
        return self._head(mx.concatenate(list(self._read(prompt, self.model.make_cache())), axis=1))

    def image_features(self, pixel_values: Any, image_grid_thw: Any) -> mx.array:
        """The tower's output, [tokens, hidden], images one after another; arguments and errors as in a call."""
        grids = _grids(image_grid_thw, "image_grid_thw")
        patches = _array(pixel_values, "pixel_values")
        self.visual.check(patches, grids)
        return self.visual(patches, grids)

    def generate(self, input_ids: Any, max_new_tokens: int, **inputs: Any) -> list[int]:
        """Greedy continuation: at most `max_new_tokens` ids, up to and including an end token of the checkpoint.

        Images, videos and errors as in a call; `max_new_tokens` is at least 1.
        """
        max_new_tokens = answer_length(max_new_tokens, "max_new_tokens")
        return list(self.continue_from(self.prompt(input_ids, **inputs), max_new_tokens))

    def prompt(
        self,
        input_ids: Any,
        pixel_values: Any = None,
        image_grid_thw: Any = None,
        pixel_values_videos: Any = None,
        video_grid_thw: Any = None,
        second_per_grid_ts: Any = None,
        attention_mask: Any = None,
        *,
        image_features: mx.array | None = None,
    ) -> Prompt:
        """Embed a prompt; `image_features` is what the method gave, in place of `pixel_values`; else as in a call."""
        ids = _ids(input_ids, attention_mask, self.config.text.vocab_size)
        images, videos = _grids(image_grid_thw, "image_grid_thw"), _grids(video_grid_thw, "video_grid_thw")
        if image_features is None and pixel_values is not None:
            image_features = self.image_features(pixel_values, images)
        video_features = None
        if pixel_values_videos is not None:
            video_features = self.image_features(pixel_values_videos, videos)
        seconds = _seconds(second_per_grid_ts, len(videos))
        embeddings = self.model.embed_tokens(mx.array(ids))
        merge = self.config.vision.spatial_merge_size
        embeddings = _place(embeddings, ids == self.config.image_token_id, image_features, "image", merge)
        embeddings = _place(embeddings, ids == self.config.video_token_id, video_features, "video", merge)
        position_ids, delta = positions.mrope_positions(
            ids,
            image_grids=images,
            video_grids=videos,
            seconds_per_grid=seconds,
            image_token_id=self.config.image_token_id,
            video_token_id=self.config.video_token_id,
            vision_start_token_id=self.config.vision_start_token_id,
            merge_size=merge,
            tokens_per_second=self.config.vision.tokens_per_second,
        )
        return Prompt(embeddings[None], mx.array(position_ids), delta)

    def prefill(self, prompt: Prompt, cache: Sequence[KVCache]) -> mx.array:
        """Read a prompt into an empty cache: the logits [vocabulary] that follow its last token."""
        *_, last = self._read(prompt, cache)
        return self._head(last[0, -1])

    def decode(self, token: int, prompt: Prompt, cache: Sequence[KVCache]) -> mx.array:
        """Read one more token: the logits [vocabulary] that follow it."""
        position_ids = mx.full((3, 1), cache[0].offset + prompt.delta, dtype=mx.int32)
        embeddings = self.model.embed_tokens(mx.array([[token]]))
        return self._head(self.model(embeddings, position_ids, cache)[0, -1])

    def continue_from(self, prompt: Prompt, max_new_tokens: int) -> Iterator[int]:
        """Yield greedy tokens, each as soon as it is known, as `generate` does."""
        cache = self.model.make_cache()
        return self.follow(prompt, cache, self.prefill(prompt, cache), max_new_tokens)

    def follow(self, prompt: Prompt, cache: Sequence[KVCache], logits: mx.array, max_new_tokens: int) -> Iterator[int]:
        """Yield greedy tokens after a prompt that has been read.

        Args:
            prompt: as it was read.
            cache: holds the prompt; grows by the tokens yielded, but for the last.
            logits: [vocabulary], as `prefill` gave them.
            max_new_tokens: at least 1; an end token of the checkpoint is the last before that.
        """
        for count in range(max_new_tokens):
            token = int(np.asarray(mx.argmax(logits)))
            yield token
            if token in self.config.eos_token_ids or count + 1 == max_new_tokens:
                return
            logits = self.decode(token, prompt, cache)

    def _read(self, prompt: Prompt, cache: Sequence[KVCache]) -> Iterator[mx.array]:
        """Hidden states [1, <= PREFILL_CHUNK, hidden], chunk by chunk."""
        for start in range(0, prompt.embeddings.shape[1], PREFILL_CHUNK):
            part = slice(start, start + PREFILL_CHUNK)
            hidden = self.model(prompt.embeddings[:, part], prompt.position_ids[:, part], cache)
            # Evaluated here, or the graph of all chunks would be alive at once.
            mx.eval(hidden, [layer.state for layer in cache])
            yield hidden

    def _head(self, hidden: mx.array) -> mx.array:
        tied = self.config.tie_word_embeddings
        logits: mx.array = self.model.embed_tokens.as_linear(hidden) if tied else self.lm_head(hidden)
        return logits


def answer_length(value: Any, name: str) -> int:
    """A whole number of at least 1, of any integer type but bool.

    Raises:
        InputError: anything else; the message calls it `name`.
    """
    try:
        length = 0 if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        length = 0
    if length < 1:
        raise InputError(f"{name} is {value!r}; give a whole number of at least 1")
    return length


def _numbers(value: Any, name: str) -> np.ndarray:
    """A NumPy array of numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of different lengths, objects that are no arrays
        raise InputError(f"{name}: is no array ({str(error).splitlines()[0]}); give numbers in even rows") from None
    if array.dtype.kind not in "buif":
        raise InputError(f"{name}: expected an array of numbers; got {array.dtype} ({type(value).__name__})")
    return array


def _array(value: Any, name: str) -> mx.array:
    """An array of uint8 or of finite floats."""
    array = value if isinstance(value, mx.array) else mx.array(np.ascontiguousarray(_numbers(value, name)))
    if array.dtype != mx.uint8 and not mx.issubdtype(array.dtype, mx.floating):
        raise InputError(f"{name}: dtype is {array.dtype}; give uint8 (native layout) or float32 (reference layout)")
    if array.dtype != mx.uint8 and not mx.isfinite(array).all():
        raise InputError(f"{name}: holds NaN or infinity; normalise finite pixels")
    return array


def _grids(value: Any, name: str) -> list[Grid]:
    if value is None:
        return []
    table = _numbers(value, name)
    if table.ndim == 2 and len(table) == 0:
        return []
    if table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind not in "iu":
        raise InputError(f"{name}: expected whole numbers [images, 3]; got {table.dtype} {table.shape}")
    return [(int(t), int(h), int(w)) for t, h, w in table]


def _ids(value: Any, attention_mask: Any, vocabulary: int) -> np.ndarray:
    """[L] or [1, L] -> int32 [L], checked against vocabulary and mask."""
    ids = _numbers(value, "input_ids")
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2) or ids.size == 0:
        raise InputError(f"input_ids: expected whole numbers [length] or [1, length]; got {ids.dtype} {ids.shape}")
    if ids.ndim == 2 and len(ids) != 1:
        raise InputError(f"input_ids: a batch of {len(ids)} is not supported yet; give one sequence at a time")
    if attention_mask is not None:
        mask = _numbers(attention_mask, "attention_mask")
        if mask.size != ids.size or not (mask == 1).all():
            raise InputError("attention_mask: padding is not supported yet; give the tokens alone")
    ids = ids.reshape(-1)
    if ids.min() < 0 or ids.max() >= vocabulary:
        raise InputError(f"input_ids: {ids.min()}..{ids.max()} is outside the vocabulary 0..{vocabulary - 1}")
    return ids.astype(np.int32)


def _seconds(value: Any, videos: int) -> list[float]:
    if value is None:
        return [1.0] * videos
    seconds = [float(item) for item in _numbers(value, "second_per_grid_ts").reshape(-1)]
    if len(seconds) != videos:
        raise InputError(f"second_per_grid_ts: {len(seconds)} values for {videos} videos; give one a video")
    return seconds


def _place(embeddings: mx.array, where: np.ndarray, features: mx.array | None, kind: str, merge_size: int) -> mx.array:
    """Put features [tokens, hidden] at the true places of `where` in embeddings [L, hidden]."""
    wanted, given = int(where.sum()), 0 if features is None else len(features)
    if wanted != given:
        raise InputError(
            f"input_ids: {wanted} {kind} tokens in the prompt, but the {kind}s given make {given}; "
            f"each {kind} takes frames x rows x columns / {merge_size**2} of its grid"
        )
    if features is None:
        return embeddings
    embeddings[mx.array(np.flatnonzero(where).astype(np.int32))] = features.astype(embeddings.dtype)
    return embeddings
