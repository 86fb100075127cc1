"""Arguments of a model: their checks, whose images are whose in a batch, and padding on the left.

Padding stands on the left, so that all rows end at the same place of the cache and go on there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlx_saccade.backend import mx
from mlx_saccade.errors import InputError
from mlx_saccade.models.config import Grid, VisionConfig

__all__ = [
    "AssignedMedia",
    "Prompt",
    "assign_media",
    "check_features",
    "check_patches",
    "left_pad",
    "place_features",
    "read_grids",
    "read_ids",
    "read_pixels",
    "read_seconds",
]


@dataclass(frozen=True)
class Prompt:
    """A batch of B prompts of L tokens, their images in place.

    Attributes:
        embeddings: [B, L, hidden].
        position_ids: int32 [3, B, L], (time, height, width).
        deltas: position minus index of the tokens after each row.
        padding: tokens of padding at the start of each row.
        deepstack: [levels, B, L, hidden], what the first layers add to their output, zero at text; None if nothing.
    """

    embeddings: mx.array
    position_ids: mx.array
    deltas: tuple[int, ...]
    padding: tuple[int, ...]
    deepstack: mx.array | None = None

    @property
    def length(self) -> int:
        """Tokens of a row, padding included."""
        return int(self.embeddings.shape[1])

    def part(self, start: int, stop: int | None = None) -> Prompt:
        """Return tokens `start` to `stop` of every row."""
        tokens = slice(start, stop)
        return replace(
            self,
            embeddings=self.embeddings[:, tokens],
            position_ids=self.position_ids[:, :, tokens],
            deepstack=None if self.deepstack is None else self.deepstack[:, :, tokens],
        )

    def after(self, start: int) -> Prompt:
        """Return the rest of the prompt, where a cache holds the first `start` tokens of every row."""
        return self.part(start)


@dataclass(frozen=True)
class AssignedMedia:
    """The images (or videos) of one row: their grids, and the features [tokens, width], None if there are none."""

    grids: list[Grid]
    features: mx.array | None


def assign_media(
    placeholders: np.ndarray, features: mx.array | None, grids: Sequence[Grid], unit: int, kind: str
) -> list[AssignedMedia]:
    """Give each row of a batch as many of the next images as fill its image tokens.

    Args:
        placeholders: bool [B, L], True at image tokens.
        features: features of all images, one after another, [tokens, width], deepstack levels included.
        grids: (frames, rows, columns) of each image, in patches.
        unit: patches in a token.
        kind: "image" or "video", for messages.

    Raises:
        InputError: tokens and images that do not match; the message names both numbers.
    """
    sizes = [frames * rows * columns // unit for frames, rows, columns in grids]
    row_tokens, total = [int(row.sum()) for row in placeholders], 0 if features is None else len(features)
    if sum(row_tokens) != total:
        raise InputError(
            f"input_ids: {sum(row_tokens)} {kind} tokens in the prompt, but the {kind}s make {total}. "
            f"Each {kind} takes frames x rows x columns / {unit} of its grid"
        )
    assigned, image, start = [], 0, 0
    for number, tokens in enumerate(row_tokens):
        end, count = image, 0
        while count < tokens and end < len(sizes):
            count += sizes[end]
            end += 1
        if count != tokens:
            raise InputError(
                f"input_ids: row {number} has {tokens} {kind} tokens, but the {kind}s in their order make {count}. "
                f"Give the {kind}s row by row"
            )
        row_features = features[start : start + count] if features is not None and count else None
        assigned.append(AssignedMedia(list(grids[image:end]), row_features))
        image, start = end, start + count
    return assigned


def place_features(embeddings: mx.array, features: mx.array, placeholders: np.ndarray) -> mx.array:
    """Put features [tokens, hidden] into embeddings [L, hidden] where `placeholders` [L] is True."""
    embeddings[mx.array(np.flatnonzero(placeholders).astype(np.int32))] = features.astype(embeddings.dtype)
    return embeddings


def left_pad(prompts: Sequence[Prompt]) -> Prompt:
    """Join prompts of one row each into a batch; shorter ones are padded on the left."""
    if len(prompts) == 1:
        return prompts[0]
    longest = max(prompt.length for prompt in prompts)
    padding = tuple(longest - prompt.length for prompt in prompts)
    none = (0, 0)
    embeddings = [
        mx.pad(prompt.embeddings, [none, (more, 0), none]) for prompt, more in zip(prompts, padding, strict=True)
    ]
    position_ids = [
        mx.pad(prompt.position_ids, [none, none, (more, 0)]) for prompt, more in zip(prompts, padding, strict=True)
    ]
    return Prompt(
        mx.concatenate(embeddings),
        mx.concatenate(position_ids, axis=1),
        tuple(prompt.deltas[0] - more for prompt, more in zip(prompts, padding, strict=True)),
        padding,
        _padded_levels(prompts, padding),
    )


def _padded_levels(prompts: Sequence[Prompt], padding: Sequence[int]) -> mx.array | None:
    """Return the deepstack rows of a batch, zero for a row without images; None if no row has any."""
    first = next((prompt.deepstack for prompt in prompts if prompt.deepstack is not None), None)
    if first is None:
        return None
    rows = []
    for prompt, more in zip(prompts, padding, strict=True):
        shape = (len(first), 1, prompt.length, first.shape[-1])
        levels = mx.zeros(shape, first.dtype) if prompt.deepstack is None else prompt.deepstack
        rows.append(mx.pad(levels, [(0, 0), (0, 0), (more, 0), (0, 0)]))
    return mx.concatenate(rows, axis=1)


# Checks of a call's arguments, in transformers' names.


def read_ids(value: Any, attention_mask: Any, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ids int32 [B, L], 0 at padding, and bool [B, L], True at tokens.

    Raises:
        InputError: ids or a mask of another shape or type, padding on the right, ids outside the vocabulary.
    """
    ids = _numbers(value, "input_ids")
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2) or ids.size == 0:
        raise InputError(f"input_ids: expected whole numbers [length] or [batch, length]; got {ids.dtype} {ids.shape}")
    ids = np.atleast_2d(ids)
    is_token = np.ones(ids.shape, bool)
    if attention_mask is not None:
        mask = np.atleast_2d(_numbers(attention_mask, "attention_mask"))
        is_token = mask == 1
        if mask.shape != ids.shape or not (is_token | (mask == 0)).all():
            raise InputError(f"attention_mask: expected 0 and 1 of shape {ids.shape}, as input_ids; got {mask.shape}")
        if not is_token[:, -1].all() or (np.diff(is_token.astype(np.int8)) < 0).any():
            raise InputError("attention_mask: expected padding on the left of each row only. Move it before the tokens")
    tokens = ids[is_token]
    if tokens.min() < 0 or tokens.max() >= vocabulary:
        raise InputError(f"input_ids: expected ids in 0..{vocabulary - 1}; got {tokens.min()}..{tokens.max()}")
    return np.where(is_token, ids, 0).astype(np.int32), is_token


def read_grids(value: Any, name: str) -> list[Grid]:
    """Return (frames, rows, columns) of each image; none for None.

    Raises:
        InputError: anything but whole numbers [images, 3].
    """
    if value is None:
        return []
    table = _numbers(value, name)
    if table.ndim == 2 and len(table) == 0:
        return []
    if table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind not in "iu":
        raise InputError(f"{name}: expected whole numbers [images, 3]; got {table.dtype} {table.shape}")
    return [(int(t), int(h), int(w)) for t, h, w in table]


def read_pixels(value: Any, name: str) -> mx.array:
    """Return an array of uint8 or of finite floats.

    Raises:
        InputError: anything else.
    """
    array = value if isinstance(value, mx.array) else mx.array(np.ascontiguousarray(_numbers(value, name)))
    if array.dtype != mx.uint8 and not mx.issubdtype(array.dtype, mx.floating):
        raise InputError(f"{name}: expected uint8 (native layout) or float32 (reference layout); got {array.dtype}")
    if array.dtype != mx.uint8 and not mx.isfinite(array).all():
        raise InputError(f"{name}: expected finite values; got NaN or infinity. Normalize finite pixels")
    return array


def read_seconds(value: Any, videos: int, default: float | None, family: str) -> list[float]:
    """Return the seconds between grid frames of each video; none if the family has no time in seconds.

    Args:
        value: seconds from the caller, or None.
        videos: number of videos.
        default: seconds of each video if the caller gives none; None if the family has no time in seconds.
        family: name of the family, for messages.

    Raises:
        InputError: seconds for a family without, or another number of them.
    """
    if default is None:
        if value is not None:
            raise InputError(f"second_per_grid_ts: expected None, as {family} has no time in seconds; got {value!r}")
        return []
    if value is None:
        return [default] * videos
    seconds = [float(item) for item in _numbers(value, "second_per_grid_ts").reshape(-1)]
    if len(seconds) != videos:
        raise InputError(f"second_per_grid_ts: expected one value for each video; got {len(seconds)} for {videos}")
    return seconds


def check_features(features: mx.array | None, config: VisionConfig, name: str) -> None:
    """Refuse features of another width than the tower's, such as those without their deepstack levels.

    Raises:
        InputError: another shape; the message names both.
    """
    if features is not None and (features.ndim != 2 or features.shape[1] != config.feature_width):
        levels = f", {config.levels} deepstack levels included" if config.levels else ""
        raise InputError(
            f"{name}: expected [tokens, {config.feature_width}]{levels}; got {features.shape}. Give what encode returns"
        )


def check_patches(patches: mx.array, grids: Sequence[Grid], config: VisionConfig) -> None:
    """Refuse patches that do not fit the grids.

    Raises:
        InputError: another type, width or count; a grid that the merge size does not divide; a video in the native
            layout.
    """
    merge = config.spatial_merge_size
    if not grids:
        raise InputError("image_grid_thw: expected a grid for the patches; got none. Give frames, rows and columns")
    for frames, rows, columns in grids:
        if min(frames, rows, columns) < 1 or rows % merge or columns % merge:
            raise InputError(
                f"image_grid_thw: expected rows and columns in multiples of {merge}; got {(frames, rows, columns)}"
            )
    native = patches.dtype == mx.uint8
    width = config.still_width if native else config.patch_width
    count = sum(frames * rows * columns for frames, rows, columns in grids)
    if patches.shape != (count, width):
        kind = "native (uint8)" if native else "reference (float)"
        raise InputError(
            f"pixel_values: expected {(count, width)} in the {kind} layout for grids {list(grids)}; "
            f"got {tuple(patches.shape)}. Make patches and grid with mlx_saccade.patchify from one plan"
        )
    if native and any(frames != 1 for frames, _, _ in grids):
        raise InputError(
            "pixel_values: expected one frame for each image in the native layout; got several. "
            "Give a video in the reference layout"
        )


def _numbers(value: Any, name: str) -> np.ndarray:
    """Return a NumPy array of numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of different lengths, or objects that are not arrays
        raise InputError(f"{name}: expected numbers in even rows; got {str(error).splitlines()[0]}") from None
    if array.dtype.kind not in "buif":
        raise InputError(f"{name}: expected an array of numbers; got {array.dtype} ({type(value).__name__})")
    return array
