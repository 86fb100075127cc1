"""Make the reply of a run from an answer, and an answer from a text that another runtime wrote."""

from __future__ import annotations

from collections.abc import Mapping

from mlx_saccade import grounding
from mlx_saccade.engine import Answer
from mlx_saccade.engine.answer import FrameInfo
from mlx_saccade.evals.rows import Reply
from mlx_saccade.preprocess.plan import Plan

__all__ = ["answer_of", "reply_of"]


def answer_of(
    text: str,
    plan: Plan,
    *,
    convention: str,
    finish: str,
    timings: Mapping[str, float],
    prompt_tokens: int | None,
    answer_tokens: int | None,
    is_size_known: bool = True,
) -> Answer:
    """Return an answer, with its places in source pixels.

    Args:
        text: the model's words.
        plan: of the image.
        convention: of the numbers, as `mlx_saccade.grounding.read`.
        finish: why the answer ends.
        timings: seconds by stage.
        prompt_tokens: tokens of the prompt; None where they are not known.
        answer_tokens: tokens written; None where they are not known.
        is_size_known: False where the plan has the source size alone, so that neither frames nor tokens are given.
    """
    grounded = grounding.read(text, plan, convention)
    counts = {
        "prompt": prompt_tokens, "image": plan.tokens if is_size_known else None, "video": 0, "answer": answer_tokens
    }  # fmt: skip
    return Answer(
        boxes=grounded.boxes, text=text, frames=(FrameInfo.of(plan, convention=convention),) if is_size_known else (),
        usage={name: count for name, count in counts.items() if count is not None}, timings=dict(timings),
        finish=finish, points=grounded.points, actions=grounded.actions, rejected=grounded.rejected,
        notes=grounded.notes,
    )  # fmt: skip


def reply_of(answer: Answer, peak_bytes: int | None = None) -> Reply:
    """Return the reply of a run.

    Args:
        answer: of an engine, a server or a policy.
        peak_bytes: most memory while it was answered; None (default): not known.
    """
    return Reply(
        boxes=tuple(box.xyxy for box in answer.boxes),
        points=tuple(point.xy for point in answer.points),
        click=answer.click,
        text=answer.text,
        finish=answer.finish,
        rejected=tuple(f"{one.text}: {one.reason}" for one in answer.rejected),
        image_sent_size=answer.frames[0].processed_size if answer.frames else None,
        tokens=answer.usage.get("image"),
        prompt_tokens=answer.usage.get("prompt"),
        answer_tokens=answer.usage.get("answer"),
        confidence=answer.confidence,
        seconds=dict(answer.timings),
        looks=tuple(look.as_dict() for look in answer.looks) if len(answer.looks) > 1 else (),
        peak_bytes=peak_bytes,
    )
