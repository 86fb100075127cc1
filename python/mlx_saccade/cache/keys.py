"""Compute cache keys of contents: two keys are equal if and only if the contents are.

A path is never part of a key, so an overwritten file is another image and a copy is the same one. Keys are SHA-256,
because a collision would answer one user's question with another user's image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import PIL
from mlx.utils import tree_flatten

from mlx_saccade import _core
from mlx_saccade.backend import device, mx

if TYPE_CHECKING:
    from mlx_saccade.models.families import VisionModel
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["Key", "content", "planned", "rows", "tower"]

Key = bytes
"""32 bytes."""

# A later Pillow may decode a file to other values; so may a later version of this package.
_DECODERS = (PIL.__version__, _core.version())


def tower(visual: VisionModel) -> Key:
    """Return the key of a loaded tower: features computed elsewhere under the same key are equal.

    Every parameter goes in with its name, precision, shape and bytes, so an adapter, a quantization or another compute
    dtype is another tower. So do the folded mean and deviation, the configuration, the device and the MLX version.
    """
    state = hashlib.sha256(f"{device()} mlx {version('mlx')} {visual.config!r}".encode())
    arrays: dict[str, mx.array] = dict(tree_flatten(visual.parameters()))
    arrays |= {f"folded {number}": array for number, array in enumerate(visual.patch_embed.folded)}
    for name, array in sorted(arrays.items()):
        state.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        state.update(np.asarray(mx.contiguous(array).reshape(-1).view(mx.uint8)).data)
    return state.digest()


def planned(encoded: bytes, pixel_options: Mapping[str, Any], plan: Plan, tower: Key) -> Key:
    """Return the key of an image under a plan, before it is decoded.

    The plan's sizes go in, not the budget: two budgets that give one size give one image.

    Args:
        encoded: the whole file.
        pixel_options: the options that change the pixels (color, background, orientation, region).
        plan: how it is resized and patchified.
        tower: key of the tower that will encode it.
    """
    family = plan.family
    sizes = (plan.source_size, plan.decoded_size, plan.resized_size)
    geometry = (sizes, family.patch_size, family.merge_size, family.window_size)
    options = (sorted(pixel_options.items()), geometry, _DECODERS)
    return _digest("planned", tower, repr(options).encode(), encoded)


def content(patches: npt.NDArray[Any], grid_thw: Sequence[int], tower: Key, timing: float | None = None) -> Key:
    """Return the key of the features of one image or video.

    Args:
        patches: the tower's input, in either layout; every earlier decision (decoding, budget, color, orientation,
            order of the passes) is in these values.
        grid_thw: (frames, rows, columns) in patches.
        tower: its own key (`tower`).
        timing: seconds from one grid frame to the next of a video; it changes no feature, only their positions in the
            prompt.
    """
    grid = tuple(int(extent) for extent in grid_thw)
    return _digest("content", tower, repr((grid, timing)).encode(), *_array(patches))


def rows(
    ids: Sequence[int] | npt.NDArray[Any],
    position_ids: npt.NDArray[Any],
    images: Sequence[Key],
    lengths: Sequence[int],
    image_tokens: Sequence[int],
) -> npt.NDArray[np.int64]:
    """Return a prompt as rows; two prompts mean the same as far as their rows are equal.

    Args:
        ids: token ids [L].
        position_ids: integers [3, L] (time, height, width).
        images: content keys, in the order of the prompt.
        lengths: tokens of each of them.
        image_tokens: token ids of images and videos.

    Returns:
        int64 [L, 8]: the id, the content key in four (0 for text), the position in three.

    Raises:
        ValueError: `lengths` do not add up to the image tokens of the prompt.
    """
    tokens = np.asarray(ids, np.int64)
    table = np.zeros((len(tokens), 8), np.int64)
    table[:, 0] = tokens
    table[:, 5:] = np.asarray(position_ids, np.int64).T
    places = np.flatnonzero(np.isin(tokens, image_tokens))
    if len(places) != sum(lengths) or len(images) != len(lengths):
        raise ValueError(f"{len(images)} images of {sum(lengths)} tokens for {len(places)} image tokens in the prompt")
    if images:
        names = np.frombuffer(b"".join(images), np.int64).reshape(len(images), 4)
        table[places, 1:5] = np.repeat(names, lengths, axis=0)
    return table


def _digest(kind: str, *parts: bytes | memoryview) -> Key:
    """Return SHA-256 over parts, each with its length, so that no two lists of parts are the same bytes."""
    state = hashlib.sha256(kind.encode())
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def _array(values: npt.NDArray[Any]) -> tuple[bytes, memoryview]:
    packed = np.ascontiguousarray(values)
    return f"{packed.dtype.str} {packed.shape}".encode(), packed.reshape(-1).view(np.uint8).data
