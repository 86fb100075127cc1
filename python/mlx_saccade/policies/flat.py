"""Look once at the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade.policies.trail import Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["flat"]


def flat(
    engine: Engine, frame: media.Frame, descriptions: Sequence[str], /, *, max_looks: int = 1, **options: Any
) -> list[Answer]:
    """Locate each description in the whole image with one look.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets.
        max_looks: at least 1; more are not taken.
        options: other arguments of `Engine.look`.

    Returns:
        The answers of `Engine.locate`, with their one look.
    """
    answers, crop = [], whole(frame.source_size)
    looks = engine.look(frame, [(crop, words) for words in descriptions], **options)
    for answer, words in zip(looks, descriptions, strict=True):
        trail = Trail(words, frame.source_size)
        trail.add(answer, crop, "no second look" if answer.found else "no box")
        answers.append(trail.answer(0))
    return answers
