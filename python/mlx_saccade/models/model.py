"""The whole network: the tower's vectors stand where the prompt's image tokens are, and the language model reads on.

Follows `Qwen2_5_VLForConditionalGeneration` and `Qwen2VLForConditionalGeneration` of transformers 5.23.0, with their
argument names and layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

import numpy as np

from mlx_saccade import validation
from mlx_saccade.backend import mx, nn
from mlx_saccade.errors import InputError
from mlx_saccade.models import execution, generation
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import Config
from mlx_saccade.models.generation import Sampler, greedy
from mlx_saccade.models.inputs import AssignedMedia, Prompt, join, share
from mlx_saccade.models.qwen2 import LanguageModel
from mlx_saccade.models.qwen2_5_vl import Grid, VisionModel
from mlx_saccade.models.qwen2_vl import PlainVisionModel
from mlx_saccade.preprocess import positions

__all__ = ["Model", "Prompt"]

# Prompt tokens that one pass of the language model takes; what a pass allocates grows with this times the prompt.
PREFILL_CHUNK = 512


class Model(nn.Module):
    """The whole network; `mlx_saccade.models.load` makes one from a folder."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        tower = PlainVisionModel if config.family == "qwen2-vl" else VisionModel
        self.visual: VisionModel = tower(config.vision)
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
            input_ids: integers [L] or [B, L], each image as many image tokens as its grid has after merging.
            pixel_values: patches of all images, row after row of the batch: uint8 [patches, 588] as
                `mlx_saccade.patchify(..., layout="native")`, or float [patches, 1176] as transformers.
            image_grid_thw: [images, 3], (frames, rows, columns) in patches.
            pixel_values_videos: float [patches, 1176], as `pixel_values`.
            video_grid_thw: [videos, 3].
            second_per_grid_ts: seconds from one grid frame to the next, one a video; None: 1.0 each. Qwen2-VL does not
                count seconds, and takes none.
            attention_mask: of input_ids' shape: 0 for padding, which is on the left, else 1. None: no padding.

        Returns:
            [B, L, vocabulary]; what stands at padding means nothing.

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
        cache = self.model.make_cache(prompt.padding)
        return self._head(mx.concatenate(list(self._read(prompt, cache)), axis=1))

    def image_features(
        self, pixel_values: Any, image_grid_thw: Any, progress: Callable[[int, int], None] | None = None
    ) -> mx.array:
        """The tower's output, [tokens, hidden], images one after another; arguments and errors as in a call.

        `progress` is told (tokens done, tokens in all) on the way.
        """
        grids = _grids(image_grid_thw, "image_grid_thw")
        patches = _array(pixel_values, "pixel_values")
        self.visual.check(patches, grids)
        return self.visual(patches, grids, progress)

    def generate(self, input_ids: Any, max_new_tokens: int, **inputs: Any) -> list[int] | list[list[int]]:
        """Greedy continuation: at most `max_new_tokens` ids, up to and including an end token of the checkpoint.

        A list of ids for one sequence, a list of those for a batch. Images, videos and errors as in a call;
        `max_new_tokens` is at least 1.
        """
        max_new_tokens = validation.at_least(1, max_new_tokens, "max_new_tokens")
        prompt = self.prompt(input_ids, **inputs)
        cache = self.model.make_cache(prompt.padding)
        made: list[list[int]] = [[] for _ in prompt.deltas]
        for row, token in self.stream_rows(prompt, cache, self.prefill(prompt, cache), max_new_tokens):
            made[row].append(token)
        return made if len(made) > 1 else made[0]

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
        video_features: mx.array | None = None,
    ) -> Prompt:
        """Embed a prompt; as in a call, but features that `image_features` gave may take the place of pixels."""
        ids, keep = _ids(input_ids, attention_mask, self.config.text.vocab_size)
        images, videos = _grids(image_grid_thw, "image_grid_thw"), _grids(video_grid_thw, "video_grid_thw")
        seconds = _seconds(second_per_grid_ts, len(videos), self.config.family)
        if image_features is None and pixel_values is not None:
            image_features = self.image_features(pixel_values, images)
        if video_features is None and pixel_values_videos is not None:
            video_features = self.image_features(pixel_values_videos, videos)
        unit = self.config.vision.spatial_merge_size**2
        image_rows = share(ids == self.config.image_token_id, image_features, images, unit, "image")
        video_rows = share(ids == self.config.video_token_id, video_features, videos, unit, "video")
        prompts, shown = [], 0
        for row, mask, still, moving in zip(ids, keep, image_rows, video_rows, strict=True):
            until = shown + len(moving.grids)
            prompts.append(self._prompt(row[mask], still, moving, seconds[shown:until]))
            shown = until
        return join(prompts)

    def _prompt(
        self, ids: np.ndarray, images: AssignedMedia, videos: AssignedMedia, seconds: Sequence[float]
    ) -> Prompt:
        """One sequence without padding."""
        embeddings = self.model.embed_tokens(mx.array(ids))
        embeddings = _place(embeddings, ids == self.config.image_token_id, images.features)
        embeddings = _place(embeddings, ids == self.config.video_token_id, videos.features)
        position_ids, delta = self.position_ids(ids, images.grids, videos.grids, seconds)
        return Prompt(embeddings[None], mx.array(position_ids)[:, None], (delta,), (0,))

    def position_ids(
        self, ids: Any, image_grids: Sequence[Grid], video_grids: Sequence[Grid] = (), seconds: Sequence[float] = ()
    ) -> tuple[np.ndarray, int]:
        """Where the tokens of one prompt stand: `mlx_saccade.mrope_positions` with what the checkpoint says."""
        return positions.mrope_positions(
            ids,
            image_grids=image_grids,
            video_grids=video_grids,
            seconds_per_grid=seconds,
            image_token_id=self.config.image_token_id,
            video_token_id=self.config.video_token_id,
            vision_start_token_id=self.config.vision_start_token_id,
            merge_size=self.config.vision.spatial_merge_size,
            tokens_per_second=self.config.vision.tokens_per_second,
        )

    def prefill(
        self, prompt: Prompt, cache: Sequence[KVCache], progress: Callable[[int, int], None] | None = None
    ) -> mx.array:
        """Read a prompt into an empty cache: the logits [B, vocabulary] that follow its last token.

        Args:
            prompt: one or several.
            cache: from `make_cache(prompt.padding)`.
            progress: is told (tokens read, of how many) after each pass.

        Raises:
            InputError: logits that are no numbers; the message names the layer where they began.
        """
        length, done = prompt.embeddings.shape[1], 0
        for hidden in self._read(prompt, cache, last_only=True):
            last, done = hidden, min(done + PREFILL_CHUNK, length)
            if progress is not None:
                progress(done, length)
        logits = self._head(last[:, -1])
        execution.check_logits(logits, cache)
        return logits

    def decode(self, tokens: Sequence[int] | mx.array, deltas: Sequence[int], cache: Sequence[KVCache]) -> mx.array:
        """Read one more token a row: the logits [B, vocabulary] that follow; `deltas` are of these rows."""
        places = mx.array([cache[0].offset + delta for delta in deltas], dtype=mx.int32)
        position_ids = mx.broadcast_to(places[None, :, None], (3, len(deltas), 1))
        ids = tokens if isinstance(tokens, mx.array) else mx.array(list(tokens))
        return self._head(self.model(self.model.embed_tokens(ids[:, None]), position_ids, cache)[:, -1])

    def stream(
        self,
        prompt: Prompt,
        cache: Sequence[KVCache],
        logits: mx.array,
        max_new_tokens: int,
        choose: Sampler | None = None,
    ) -> Iterator[int]:
        """Yield the tokens after one sequence that has been read; as `stream_rows`."""
        chosen = None if choose is None else [choose]
        return (token for _, token in self.stream_rows(prompt, cache, logits, max_new_tokens, chosen))

    def stream_rows(
        self,
        prompt: Prompt,
        cache: Sequence[KVCache],
        logits: mx.array,
        max_new_tokens: int,
        choose: Sequence[Sampler] | None = None,
        done: Container[int] = (),
    ) -> Iterator[tuple[int, int]]:
        """Yield (row, token), each token as soon as it is known, the rows of a batch in turn.

        Args:
            prompt: as it was read.
            cache: holds the prompt; grows by the tokens yielded, the last of which it may hold or not, and loses the
                rows that have ended.
            logits: [B, vocabulary], as `prefill` gave them.
            max_new_tokens: of each row, at least 1; an end token of the checkpoint ends a row before that.
            choose: one a row; None: the likeliest token.
            done: rows that the caller wants no more of, which it may add to on the way.

        Raises:
            InputError: as `prefill`, where NaN makes token 0 the likeliest.
        """
        chosen = [greedy] * len(prompt.deltas) if choose is None else choose
        return generation.stream_rows(self, prompt, cache, logits, max_new_tokens, chosen, done)

    def _read(self, prompt: Prompt, cache: Sequence[KVCache], *, last_only: bool = False) -> Iterator[mx.array]:
        """Hidden states [B, <= PREFILL_CHUNK, hidden], chunk by chunk; or only that of each chunk's last token."""
        for start in range(0, prompt.embeddings.shape[1], PREFILL_CHUNK):
            part = slice(start, start + PREFILL_CHUNK)
            embeddings, position_ids = prompt.embeddings[:, part], prompt.position_ids[:, :, part]
            hidden = self.model(embeddings, position_ids, cache, last_only=last_only)
            # Evaluated here, or the graph of all chunks would be alive at once.
            mx.eval(hidden, [layer.state for layer in cache])
            yield hidden

    @property
    def head(self) -> nn.Module:
        """What holds the weights [vocabulary, hidden] of the last product: a layer of its own, or the embedding."""
        return self.model.embed_tokens if self.config.tie_word_embeddings else self.lm_head

    def _head(self, hidden: mx.array) -> mx.array:
        tied = self.config.tie_word_embeddings
        logits: mx.array = self.model.embed_tokens.as_linear(hidden) if tied else self.lm_head(hidden)
        return logits


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
        raise InputError(f"{name}: holds NaN or infinity; normalize finite pixels")
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


def _ids(value: Any, attention_mask: Any, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """int32 [B, L] and bool [B, L], checked against vocabulary and mask."""
    ids = _numbers(value, "input_ids")
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2) or ids.size == 0:
        raise InputError(f"input_ids: expected whole numbers [length] or [batch, length]; got {ids.dtype} {ids.shape}")
    ids = np.atleast_2d(ids)
    keep = np.ones(ids.shape, bool)
    if attention_mask is not None:
        mask = np.atleast_2d(_numbers(attention_mask, "attention_mask"))
        keep = mask == 1
        if mask.shape != ids.shape or not (keep | (mask == 0)).all():
            raise InputError(f"attention_mask: expected 0 and 1 of shape {ids.shape}, as input_ids; got {mask.shape}")
        if not keep[:, -1].all() or (np.diff(keep.astype(np.int8)) < 0).any():
            raise InputError("attention_mask: padding has to be on the left of each row, before its first token")
    told = ids[keep]
    if told.min() < 0 or told.max() >= vocabulary:
        raise InputError(f"input_ids: {told.min()}..{told.max()} is outside the vocabulary 0..{vocabulary - 1}")
    return np.where(keep, ids, 0).astype(np.int32), keep


def _seconds(value: Any, videos: int, family: str) -> list[float]:
    """One a video; empty for Qwen2-VL, whose frames are one position apart."""
    if family == "qwen2-vl":
        if value is not None:
            raise InputError("second_per_grid_ts: Qwen2-VL's video frames have no time in seconds; leave it out")
        return []
    if value is None:
        return [1.0] * videos
    seconds = [float(item) for item in _numbers(value, "second_per_grid_ts").reshape(-1)]
    if len(seconds) != videos:
        raise InputError(f"second_per_grid_ts: {len(seconds)} values for {videos} videos; give one a video")
    return seconds


def _place(embeddings: mx.array, where: np.ndarray, features: mx.array | None) -> mx.array:
    """Put features [tokens, hidden] at the true places of `where` in embeddings [L, hidden]."""
    if features is None or not len(features):
        return embeddings
    embeddings[mx.array(np.flatnonzero(where).astype(np.int32))] = features.astype(embeddings.dtype)
    return embeddings
