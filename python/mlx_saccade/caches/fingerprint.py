"""The name of a vision tower: what has to be equal for features computed elsewhere to be the ones it would compute."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

import numpy as np
from mlx.utils import tree_flatten

from mlx_saccade.backend import device, mx
from mlx_saccade.caches.keys import Key
from mlx_saccade.nets.vision import VisionModel

__all__ = ["tower"]


def tower(visual: VisionModel) -> Key:
    """SHA-256 of a loaded tower as it stands in memory.

    Every parameter goes in with its key, precision, shape and bytes, so that an adapter, a quantisation or another
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
