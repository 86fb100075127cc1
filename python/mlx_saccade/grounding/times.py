"""Read the times that an answer about a film names: moments and parts, in seconds or as a clock shows them.

Read are objects with a start and an end, or one time ({"start_time": "00:12.5", "end_time": "00:20"}), and in prose a
number with its unit (12.5 seconds, 3s), a clock (0:12, 01:02:03.5), and two of those with "to", "-" or "and" between.
A number without a unit is a time only as the first of two. The work is linear in the length of the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlx_saccade.grounding.thinking import set_aside

__all__ = ["TimeSpan", "on_film", "read_times"]

_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_CLOCK = r"(?:\d{1,3}:)?\d{1,4}:[0-5]\d(?:\.\d{1,9})?"
_UNIT = r"\s?(?:seconds|second|secs|sec|s)(?![A-Za-z0-9])"
_TIME = rf"(?:(?:{_CLOCK})(?:{_UNIT})?|{_NUMBER}{_UNIT})"
_BETWEEN = r"\s{0,3}>?\s{0,3}(?:-|–|—|~|to|until|till|through|and)\s{0,3}<?\s{0,3}"
_PROSE = re.compile(
    rf"(?<![\d.:A-Za-z])(?:(?P<start>{_TIME}|{_NUMBER}){_BETWEEN}(?P<end>{_TIME})|(?P<moment>{_TIME}))(?![\d:])"
)
_OBJECT = re.compile(r"\{[^{}]*\}")
_PAIR = re.compile(
    rf"""["']?([A-Za-z_]{{1,40}})["']?\s{{0,8}}:\s{{0,8}}("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|{_NUMBER})"""
)
_VALUE = re.compile(rf"<?\s?({_CLOCK}|{_NUMBER})(?:{_UNIT})?\s?>?")
_STARTS = ("start_time", "start", "begin", "begin_time", "from", "t_start", "start_sec", "start_seconds", "time_start")
_ENDS = ("end_time", "end", "finish", "stop", "to", "t_end", "end_sec", "end_seconds", "time_end")
_MOMENTS = ("time", "timestamp", "t", "seconds", "second", "at", "moment")
_LABELS = ("label", "description", "event", "caption", "action", "text", "title", "name", "content")


@dataclass(frozen=True)
class TimeSpan:
    """A part of a film, or a moment of it.

    Attributes:
        start: seconds from the film's first frame.
        end: the same; of a moment `start`.
        label: the model's words for it, "" without any.
    """

    start: float
    end: float
    label: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON."""
        return {"start": self.start, "end": self.end, "label": self.label}


def read_times(text: str) -> list[TimeSpan]:
    """Return the times that a text names, in the order of the text, each once, as the model counts seconds."""
    text, _ = set_aside(text)
    spans: dict[int, TimeSpan] = {}

    def take(match: re.Match[str]) -> str:
        """Read an object, and blank it if it names times."""
        span = _of_object(match[0])
        if span is None:
            return match[0]
        spans[match.start()] = span
        return " " * len(match[0])

    text = _OBJECT.sub(take, text)
    for match in _PROSE.finditer(text):
        first, last = (match["moment"],) * 2 if match["moment"] else (match["start"], match["end"])
        spans[match.start()] = TimeSpan(_seconds(first), _seconds(last))
    return list(dict.fromkeys(spans[place] for place in sorted(spans)))


def on_film(spans: list[TimeSpan], clock: Callable[[float], float], end: float) -> tuple[list[TimeSpan], list[str]]:
    """Return times in seconds of the film, and notes on those that it has not.

    Args:
        spans: as the model counts seconds.
        clock: turns these into seconds from the film's first frame.
        end: seconds at which the film ends; a time may be as much as a second later, and is then the end.
    """
    kept, notes = [], []
    for span in spans:
        start, stop = clock(span.start), clock(span.end)
        if start > stop or stop > end + 1:
            notes.append(f"the text names {span.start:g} to {span.end:g} s, which the film of {end:.1f} s has not")
            continue
        kept.append(TimeSpan(min(start, end), min(stop, end), span.label))
    return kept, notes


def _of_object(text: str) -> TimeSpan | None:
    """Return the span of an object without others in it; None if its keys name no time."""
    values = {key.lower(): value for key, value in _PAIR.findall(text)}
    start, end = (_first(values, names) for names in (_STARTS, _ENDS))
    if start is None or end is None:
        start = end = _first(values, _MOMENTS)
    if start is None or end is None:
        return None
    label = next((values[name][1:-1] for name in _LABELS if values.get(name, "")[:1] in ('"', "'")), "")
    return TimeSpan(start, end, " ".join(label.split()))


def _first(values: dict[str, str], names: tuple[str, ...]) -> float | None:
    for name in names:
        match = _VALUE.fullmatch(values.get(name, "").strip("\"' "))
        if match is not None:
            return _seconds(match[1])
    return None


def _seconds(words: str) -> float:
    """Return the seconds of a clock, or of a number with or without a unit."""
    clock = re.match(rf"{_CLOCK}|{_NUMBER}", words)
    assert clock is not None
    *larger, last = clock[0].split(":")
    return math.fsum([float(last), *(int(part) * 60**power for power, part in enumerate(reversed(larger), 1))])
