"""Sets aside what a model wrote on the way to its answer: thinking parts, and what stands around an answer tag."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["THOUGHT_KEYS", "set_aside"]

THOUGHT_KEYS = frozenset([
    "thought", "thoughts", "thinking", "think", "reasoning", "reason", "rationale", "analysis", "explanation",
    "observation", "reflection",
])  # fmt: skip
"""Keys of an object whose text is thinking."""

_TAG = re.compile(
    r"<(/?)(?:[a-z]{1,20}[_:])?(?:think|thinking|thought|thoughts|reasoning|reflection)>|◁(/?)think▷", re.IGNORECASE
)
_THOUGHT = re.compile(r"^[ \t*]*(?:Thoughts?|Reflection|思考)[ \t*]*[:：]", re.IGNORECASE | re.MULTILINE)
_ACTION = re.compile(
    r"^[ \t*]*Actions?[ \t*]*:|<tool_call>|<function=|<action>|<answer>|^[ \t]*```|^[ \t]*[A-Za-z_.]{2,40}\(",
    re.IGNORECASE | re.MULTILINE,
)
_AFTER_THINKING = re.compile(r"<answer>", re.IGNORECASE)
_FINAL = re.compile(
    r"\bfinal answer\b[^\n\d\[({<]{0,20}[:：]|^[ \t#*]*answer[ \t*]*[:：]|\\boxed(?=\{)", re.IGNORECASE | re.MULTILINE
)
_TWO_NUMBERS = re.compile(r"[0-9][^0-9]{1,8}[0-9]")
_ANSWER = re.compile(r"<(/?)answer>", re.IGNORECASE)

Span = tuple[int, int]


def set_aside(text: str) -> tuple[str, list[str]]:
    """Blank what is no answer.

    Args:
        text: of the model.

    Returns:
        The text with spaces in place of it, as long as before, and what was set aside, in words.
    """
    notes = []
    spans, closed = _tagged(text)
    if spans:
        notes.append("the thinking part was set aside" if closed else "the text ends inside its thinking part")
    text = _blank(text, spans)
    thoughts, closed = _thoughts(text)
    if thoughts:
        notes.append("the thought before the action was set aside" if closed else "the text ends inside its thought")
    text = _blank(text, thoughts)
    around = _around_answers(text)
    if any(_ANSWER.sub("", text[start:end]).strip() for start, end in around):
        notes.append("only what is announced as the answer was read")
    return _blank(text, around), notes


def _blank(text: str, spans: list[Span]) -> str:
    parts, position = [], 0
    for start, end in spans:
        parts += [text[position:start], " " * (end - start)]
        position = end
    return "".join(parts) + text[position:] if spans else text


def _tagged(text: str) -> tuple[list[Span], bool]:
    """Return the spans in thinking tags; a template may have written the opening one before the text begins."""
    spans, opened, position = [], None, 0
    for tag in _TAG.finditer(text):
        if tag[1] or tag[2]:
            spans.append((position if opened is None else opened, tag.end()))
            opened, position = None, tag.end()
        elif opened is None:
            opened = tag.start()
    if opened is not None:  # cut off, or the model forgot to close it
        answer = _AFTER_THINKING.search(text, opened)
        spans.append((opened, len(text) if answer is None else answer.start()))
        return spans, answer is not None
    return spans, True


def _thoughts(text: str) -> tuple[list[Span], bool]:
    """Return the spans from each `Thought:` to the action after it."""
    spans: list[Span] = []
    position = 0
    while (thought := _THOUGHT.search(text, position)) is not None:
        action = _ACTION.search(text, thought.end())
        if action is None:
            return [*spans, (thought.start(), len(text))], False
        spans.append((thought.start(), action.start()))
        position = action.end()
    return spans, True


def _around_answers(text: str) -> list[Span]:
    """Return what stands outside the answer, where that is announced and may have a place."""
    answers = list(_answers(text))
    if not any(_TWO_NUMBERS.search(text, start, end) for start, end in answers):
        return []
    edges = [0, *(edge for answer in answers for edge in answer), len(text)]
    return list(zip(edges[0::2], edges[1::2], strict=True))


def _answers(text: str) -> Iterator[Span]:
    """Yield what stands in answer tags, else what follows the last words that announce the answer."""
    opened = None
    if not _ANSWER.search(text):
        final = [match.end() for match in _FINAL.finditer(text)]
        yield from [(final[-1], len(text))] if final else []
        return
    for tag in _ANSWER.finditer(text):
        if not tag[1]:
            opened = tag.end() if opened is None else opened
        elif opened is not None:
            yield opened, tag.start()
            opened = None
    if opened is not None:
        yield opened, len(text)
