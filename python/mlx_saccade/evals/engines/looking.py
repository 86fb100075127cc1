"""Let policies look through a runtime that is no engine of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from mlx_saccade import media, policies
from mlx_saccade.engine.policy import View, check_views
from mlx_saccade.errors import InputError
from mlx_saccade.evals.engines.replies import reply_of
from mlx_saccade.evals.rows import Budget, Reply

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine
    from mlx_saccade.media import Frame, Source

__all__ = ["Look", "ask_with_policy", "check_policy"]

Look = Callable[["Frame", str, Budget], "Answer"]
"""Locates a description in a whole image within a budget."""

_SAMPLING = ("ui-zoomer",)
"""Policies that need several answers to one look, drawn at random."""


def check_policy(policy: str, runtime: str) -> None:
    """Refuse a policy that looks through another runtime cannot serve.

    Raises:
        InputError: an unknown policy, a parameter outside its range, or a policy that samples answers.
    """
    policies.check(policy)
    name = policy.partition(":")[0]
    if name in _SAMPLING:
        raise InputError(
            f"policy: expected one that looks greedily for {runtime}; got {name}, which samples answers. Measure it "
            "with --engine saccade"
        )


def ask_with_policy(look: Look, image: Source, description: str, budget: Budget, policy: str) -> Reply:
    """Return what a policy answers; what fails for this question alone is `Reply.error`.

    Args:
        look: of the runtime.
        image: as `mlx_saccade.media.open_image` takes it.
        description: what to locate.
        budget: of each look.
        policy: name with parameters, which `check_policy` took.
    """
    try:
        frame = media.open_image(image)
        if policy == "flat":
            return reply_of(look(frame, description, budget))
        chosen, values = policies.parse(policy)
        answers = chosen(cast("Engine", _Looker(look)), frame, [description], **values, budget=budget)
        return reply_of(answers[0])
    except (InputError, OSError) as error:
        return Reply(error=str(error))


class _Looker:
    """The part of an engine that policies call."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def open(self, image: Source) -> Frame:
        """Return the frame of an image."""
        return media.open_image(image)

    def look(self, frame: Frame, views: Sequence[View], *, budget: Budget, **options: Any) -> list[Answer]:
        """Return an answer for each view, in pixels of the whole image."""
        if options:
            raise InputError(f"look: expected a budget alone; got {', '.join(options)}. Leave it out")
        return [self._look(frame.crop(crop), words, budget).moved(*crop[:2]) for crop, words in check_views(views)]
