"""Prompts that are too long: the numbers of a refusal, or images that take fewer tokens."""

from __future__ import annotations

from collections.abc import Sequence

from saccade.budget import Plan
from saccade.engine.options import Limits
from saccade.engine.request import Medium
from saccade.engine.sight import Sight
from saccade.errors import InputError

__all__ = ["fitted", "refusal"]


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
    return InputError(
        f"the prompt takes {prompt} tokens (images: {shares}) and the answer up to {answer}, together "
        f"{prompt + answer}; the model has {most} (max_position_embeddings), {most - answer} for the prompt: {advice}"
    )


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

    def capped(most: int) -> list[Plan] | None:
        try:
            made = [
                plan if plan.tokens <= most else sight.plan(medium, asked, most=most)
                for medium, plan in zip(media, plans, strict=True)
            ]
        except InputError:  # no plan of this shape is as small
            return None
        return made if sum(plan.tokens for plan in made) <= room else None

    low, high = 0, max((plan.tokens for plan in plans), default=0)
    best = None
    while low < high:
        middle = (low + high + 1) // 2
        found = capped(middle) if middle else None
        if found is None:
            high = middle - 1
        else:
            low, best = middle, found
    return best
