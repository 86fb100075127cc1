"""Names of contents: equal where, and only where, the thing named would come out equal.

A file's name for its path is never part of a key, so a file that is overwritten is another image and a copy is the same
one. Keys are SHA-256, because a collision would show one user's image to another's question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import PIL

from mlx_saccade import _core

if TYPE_CHECKING:
    from mlx_saccade.preprocess.plan import Plan

from importlib.metadata import version

from mlx.utils import tree_flatten

from mlx_saccade.backend import device, mx
from mlx_saccade.models.qwen2_5_vl import VisionModel

__all__ = ["Key", "content", "planned", "rows", "tower"]

Key = bytes
"""32 bytes."""

# A later Pillow may decode a file to other values; so may a later version of this package.
_DECODERS = (PIL.__version__, _core.version())


def _digest(kind: str, *parts: bytes | memoryview) -> Key:
    """SHA-256 over parts that cannot run into each other: each goes in with its length."""
    state = hashlib.sha256(kind.encode())
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def _array(values: npt.NDArray[Any]) -> tuple[bytes, memoryview]:
    packed = np.ascontiguousarray(values)
    return f"{packed.dtype.str} {packed.shape}".encode(), packed.reshape(-1).view(np.uint8).data


def planned(encoded: bytes, policy: Mapping[str, Any], plan: Plan, tower: Key) -> Key:
    """An image as it will be shown, named before it is decoded.

    The budget itself is not in it, only what it leads to: two budgets that give one size give one picture.

    Args:
        encoded: the whole file.
        policy: how it is decoded (color, background, orientation): what makes the same bytes look otherwise.
        plan: how it is resized and cut.
        tower: that will look at it.
    """
    family = plan.family
    sizes = (plan.source_size, plan.decoded_size, plan.resized_size)
    shown = (sizes, family.patch_size, family.merge_size, family.window_size)
    said = (sorted(policy.items()), shown, _DECODERS)
    return _digest("planned", tower, repr(said).encode(), encoded)


def content(patches: npt.NDArray[Any], grid_thw: Sequence[int], tower: Key, timing: float | None = None) -> Key:
    """The features of one image or video.

    Args:
        patches: what the tower reads, in either layout: every decision before it (decoding, budget, color,
            orientation, order of the passes) is in these values.
        grid_thw: (frames, rows, columns) in patches.
        tower: its own name (`fingerprint.tower`).
        timing: seconds from one grid frame to the next of a video; it moves no feature, but what the language model
            makes of them.
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
    """A prompt as rows that are equal up to where two prompts mean the same.

    Args:
        ids: token ids [L].
        position_ids: integers [3, L] (time, height, width).
        images: content keys, in the order of the prompt.
        lengths: tokens of each of them.
        image_tokens: ids that stand for images and videos.

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


# The name of a vision tower: what has to be equal for features computed elsewhere to be the ones it would compute.
def tower(visual: VisionModel) -> Key:
    """SHA-256 of a loaded tower as it stands in memory.

    Every parameter goes in with its key, precision, shape and bytes, so that an adapter, a quantization or another
    compute dtype is another tower; so do the mean and deviation folded into it, its configuration and
    the device and MLX version that round its results. Takes about a second for 1.3 GB.
    """
    state = hashlib.sha256(f"{device()} mlx {version('mlx')} {visual.config!r}".encode())
    arrays: dict[str, mx.array] = dict(tree_flatten(visual.parameters()))  # type: ignore[no-untyped-call]
    arrays |= {f"folded {number}": array for number, array in enumerate(visual.patch_embed.folded)}
    for name, array in sorted(arrays.items()):
        state.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        state.update(np.asarray(mx.contiguous(array).reshape(-1).view(mx.uint8)).data)
    return state.digest()
