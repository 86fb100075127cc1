"""Several sequences as one batch: whose images are whose, and padding on the left.

Padding stands on the left, so that all rows end, and go on, at the same place of the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlx_saccade.backend import mx
from mlx_saccade.errors import InputError

__all__ = ["AssignedMedia", "Prompt", "join", "share"]

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class Prompt:
    """Prompts with their images in place; B rows of L tokens.

    Attributes:
        embeddings: [B, L, hidden].
        position_ids: int32 [3, B, L], (time, height, width).
        deltas: of each row, what to add to a later token's index to have its position.
        padding: of each row, how many of its first tokens are none.
    """

    embeddings: mx.array
    position_ids: mx.array
    deltas: tuple[int, ...]
    padding: tuple[int, ...]

    def after(self, start: int) -> Prompt:
        """What is left to be read where a cache holds the first `start` tokens of every row already."""
        return replace(self, embeddings=self.embeddings[:, start:], position_ids=self.position_ids[:, :, start:])


@dataclass(frozen=True)
class AssignedMedia:
    """The images (or videos) of one row: their grids, and the tower's vectors [tokens, hidden], None without any."""

    grids: list[Grid]
    features: mx.array | None


def share(
    where: np.ndarray, features: mx.array | None, grids: Sequence[Grid], unit: int, kind: str
) -> list[AssignedMedia]:
    """Give each row of a batch its images: as many, from the first on, as fill its image tokens.

    Args:
        where: bool [B, L], the places of image tokens.
        features: of all images, one after another, [tokens, hidden].
        grids: (frames, rows, columns) in patches, one an image.
        unit: patches in a token.
        kind: "image" or "video", for messages.

    Raises:
        InputError: tokens and images that do not match; the message names both numbers.
    """
    counts = [frames * rows * columns // unit for frames, rows, columns in grids]
    wanted, given = [int(row.sum()) for row in where], 0 if features is None else len(features)
    if sum(wanted) != given:
        raise InputError(
            f"input_ids: {sum(wanted)} {kind} tokens in the prompt, but the {kind}s given make {given}; "
            f"each {kind} takes frames x rows x columns / {unit} of its grid"
        )
    shown, image, start = [], 0, 0
    for number, tokens in enumerate(wanted):
        until, taken = image, 0
        while taken < tokens and until < len(counts):
            taken += counts[until]
            until += 1
        if taken != tokens:
            raise InputError(
                f"input_ids: row {number} has {tokens} {kind} tokens, but the {kind}s in their order make {taken}; "
                f"give the {kind}s row by row"
            )
        rows = features[start : start + taken] if features is not None and taken else None
        shown.append(AssignedMedia(list(grids[image:until]), rows))
        image, start = until, start + taken
    return shown


def join(prompts: Sequence[Prompt]) -> Prompt:
    """One batch of several prompts of one row each, the shorter ones padded on the left."""
    if len(prompts) == 1:
        return prompts[0]
    longest = max(prompt.embeddings.shape[1] for prompt in prompts)
    padding = tuple(longest - prompt.embeddings.shape[1] for prompt in prompts)
    sides = [(0, 0), (0, 0)]
    embeddings = [
        mx.pad(prompt.embeddings, [(0, 0), (more, 0), (0, 0)]) for prompt, more in zip(prompts, padding, strict=True)
    ]
    places = [mx.pad(prompt.position_ids, [*sides, (more, 0)]) for prompt, more in zip(prompts, padding, strict=True)]
    return Prompt(
        mx.concatenate(embeddings),
        mx.concatenate(places, axis=1),
        tuple(prompt.deltas[0] - more for prompt, more in zip(prompts, padding, strict=True)),
        padding,
    )
