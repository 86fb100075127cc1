"""Say why a description was probably not found, and where an answer is doubtful."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mlx_saccade.engine import policy
from mlx_saccade.errors import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlx_saccade.engine.answer import Answer, FrameInfo

__all__ = ["hint", "is_same_name", "locating"]

# A box with a shorter side than this, in pixels of the model's image, is as small as the error of a good answer.
_SMALL_BOX = 4.0
_NOTHING = re.compile(r"(```(json)?)?\s*(\[\s*\]|\{\s*\}|none|null|nothing)?[\s.]*(```)?", re.IGNORECASE)
_ARTICLE = re.compile(r"^(the|an?)\s+")


def is_same_name(one: str, other: str) -> bool:
    """Return True if two names differ at most in case, spaces, an article or the marks around them."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return _ARTICLE.sub("", " ".join(name.casefold().split()).strip(" .,;:!?'\"`"))


def locating(answer: Answer, description: str) -> Answer:
    """Return the answer about a description, with notes on labels that differ from it and on tiny boxes."""
    labels = dict.fromkeys(box.label for box in answer.boxes if box.label)
    notes = [f"the model's label: {label}" for label in labels if not is_same_name(label, description)]
    if len(answer.frames) == 1:
        across, down = answer.frames[0].scale
        sides = [min(box.xywh[2] / across, box.xywh[3] / down) for box in answer.boxes]
        if any(side < _SMALL_BOX for side in sides):
            notes.append(f"a box is {min(sides):.2g} pixels wide or high on the model's image; its place is uncertain")
    return replace(answer, description=description, notes=(*answer.notes, *notes))


def hint(answer: Answer) -> str | None:
    """Return what is known of why a description has no place, in one line; None if it has one."""
    if answer.description is None or answer.click is not None:
        return None
    return " ".join(_reasons(answer))


def _reasons(answer: Answer) -> Iterator[str]:
    frame = answer.frames[0] if len(answer.frames) == 1 else None
    is_above_cap = frame is not None and _is_above_cap(frame)
    if frame is not None and is_above_cap:
        yield f"The image took {frame.tokens} tokens; the checkpoint's own cap allows {frame.tokens_at_cap}."
        yield "Try a smaller budget."
    if len(answer.looks) > 1:
        if any(look.box is not None for look in answer.looks):
            yield f"None of {len(answer.looks)} looks gave a place that is sure."
            yield "`looks` (--verbose) has their boxes and the reasons."
        else:
            yield f"None of {len(answer.looks)} looks gave a box."
        if "search" in policy.names():
            yield 'Policy "search" with more looks (--policy search --max-looks 20) may find it.'
        return
    if answer.rejected:
        first = answer.rejected[0]
        yield f"The model's numbers were rejected: {first.reason}. Another convention (--convention) may fit them."
        return
    if answer.finish == "length":
        advice = "" if is_above_cap else " Raise max_tokens (--max-tokens)."
        yield f"The answer was cut off after {quantity(answer.usage['answer'], 'token')}.{advice}"
        return
    if _NOTHING.fullmatch(answer.text.strip()):
        yield "The model answers that there is no such target."
    elif not any(character.isdigit() for character in answer.text):
        yield "The model answers in words, without coordinates. It may refuse, or may not be trained to give boxes."
    else:
        yield "The text has no coordinates that can be read."
    if frame is not None and not is_above_cap:
        yield from _size_reasons(frame)


def _read_size(frame: FrameInfo) -> tuple[int, int]:
    """Return (width, height) of what the model read, in source pixels."""
    width, height = frame.source_size if frame.region is None else frame.region[2:]
    return width, height


def _token_area(frame: FrameInfo) -> float:
    """Return the pixels of the model's image that a token covers."""
    width, height = frame.processed_size
    return width * height * frame.grid_thw[0] / frame.tokens


def _is_above_cap(frame: FrameInfo) -> bool:
    """Return True if a budget let an image take more tokens than the checkpoint's cap, which would shrink it."""
    width, height = _read_size(frame)
    return frame.tokens > frame.tokens_at_cap and width * height > frame.tokens_at_cap * _token_area(frame)


def _size_reasons(frame: FrameInfo) -> Iterator[str]:
    """Yield how far the image was shrunk, and what shows the model more of it."""
    source_w, source_h = _read_size(frame)
    (width, height), scale = frame.processed_size, max(frame.scale)
    token = math.sqrt(_token_area(frame))
    # Within half a token of its size an image is as large as any budget would show it.
    if scale <= 1 or max(source_w - width, source_h - height) <= token / 2:
        yield "The image was not shrunk. Try other words."
        return
    yield (
        f"It read {source_w} x {source_h} as {width} x {height}, one pixel for {scale:.2g} of yours. "
        f"A target under about {token * scale:.0f} px is smaller than a visual token and may be too small."
    )
    advice = ['policy "search" (--policy search)'] if "search" in policy.names() else []
    if frame.tokens_at_cap > frame.tokens:
        advice.append(f"a budget of up to {frame.tokens_at_cap} tokens")
    else:
        yield "A larger budget is above the checkpoint's cap."
    yield f"Try {', '.join(advice)}{' or ' if advice else ''}a crop of the image."
