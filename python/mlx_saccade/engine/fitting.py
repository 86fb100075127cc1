"""Prompts that are too long: the numbers of a refusal, or images that take fewer tokens."""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade.budget import Plan
from mlx_saccade.engine.options import Limits
from mlx_saccade.engine.request import Medium
from mlx_saccade.engine.sight import Sight
from mlx_saccade.errors import InputError

__all__ = ["capped", "fitted", "refusal"]


def refusal(prompt: int, media: Sequence[int], answer: int, most: int, *, fit: bool) -> InputError:
    """The error for what the language model cannot read to its end.

    Args:
        prompt: its tokens, images included.
        media: tokens of each image or video.
        answer: tokens it may have.
        most: that the model can read.
        fit: whether fewer tokens an image have been tried.
    """
    shares = ", ".join(str(tokens) for tokens in media) or "none"
    advice = "lower the budget, give fewer images or less text, or lower max_tokens"
    if media:
        advice = f"fit cannot make it fit; {advice}" if fit else f"{advice}, or pass fit=True"
    if answer >= most:
        left, advice = "which the answer alone takes", "lower max_tokens"
    else:
        left = f"{most - answer} for the prompt"
    return InputError(
        f"the prompt takes {prompt} tokens (images: {shares}) and the answer up to {answer}, together "
        f"{prompt + answer}; the model has {most} (max_position_embeddings), {left}: {advice}"
    )


def capped(sight: Sight, media: Sequence[Medium], asked: Limits, plans: Sequence[Plan], most: int) -> list[Plan] | None:
    """Plans of at most so many tokens each, those below it as they were; None where no plan of a shape is as small."""
    try:
        return [
            plan if plan.tokens <= most else sight.plan(medium, asked, most=most)
            for medium, plan in zip(media, plans, strict=True)
        ]
    except InputError:
        return None


def fitted(sight: Sight, media: Sequence[Medium], asked: Limits, plans: Sequence[Plan], room: int) -> list[Plan] | None:
    """Plans that take at most `room` tokens together: one cap for all, as high as it may be.

    Args:
        sight: makes the plans.
        media: images and videos.
        asked: the request's limits.
        plans: what the media would become.
        room: tokens that there are.

    Returns:
        One plan a medium, those below the cap as they were; None where no cap is low enough.
    """
    low, high = 0, max((plan.tokens for plan in plans), default=0)
    best = None
    while low < high:
        middle = (low + high + 1) // 2
        found = capped(sight, media, asked, plans, middle)
        if found is None or sum(plan.tokens for plan in found) > room:
            high = middle - 1
        else:
            low, best = middle, found
    return best
