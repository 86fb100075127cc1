"""Describe the results of the tools by JSON Schemas, and say them in words for a model that reads text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mlx_saccade.errors import quantity

__all__ = ["ANSWERS", "PLAN", "REGIONS", "answers_text", "plan_text"]


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _list(items: dict[str, Any], count: int | None = None) -> dict[str, Any]:
    schema = {"type": "array", "items": items}
    return schema if count is None else {**schema, "minItems": count, "maxItems": count}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


_STRING, _NUMBER, _WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
_PAIR, _FOUR, _SIZE = _list(_NUMBER, 2), _list(_NUMBER, 4), _list(_WHOLE, 2)
_BOX = _object(["xyxy", "label"], xyxy=_FOUR, label=_STRING)
_CANDIDATE = _object(["xyxy", "label", "score"], xyxy=_FOUR, label=_STRING, score=_NUMBER)
_FRAME = _object(
    ["source_size", "processed_size", "tokens", "scale"],
    source_size=_SIZE,
    processed_size=_described(_SIZE, "Size at which the model read it."),
    tokens=_described(_WHOLE, "Visual tokens spent."),
    scale=_described(_PAIR, "Source pixels for one model pixel."),
)
_ANSWER = _object(
    ["found", "boxes", "points", "click", "screen_click", "confidence", "candidates", "text", "hint", "frames"],
    image=_described(_or_null(_STRING), "The image of locate, without its data."),
    description=_STRING,
    images=_list(_or_null(_STRING)),
    question=_STRING,
    found={"type": "boolean"},
    boxes=_described(_list(_BOX), "xyxy is x1, y1, x2, y2."),
    points=_list(_object(["xy", "label"], xy=_PAIR, label=_STRING)),
    actions=_list({"type": "object"}),
    click=_described(_or_null(_PAIR), "x, y to click."),
    screen_click=_described(_or_null(_PAIR), "click / scale + origin."),
    confidence=_described(_or_null(_NUMBER), "How decided the model is about the place, 0 to 1."),
    candidates=_list(_CANDIDATE),
    text=_described(_STRING, "The model's words, with coordinates of its own."),
    notes=_list(_STRING),
    hint=_described(_or_null(_STRING), "Why nothing was found, and what to try."),
    frames=_list(_FRAME),
    looks=_described(_list({"type": "object"}), "Of a policy, each look."),
    usage={"type": "object"},
    timings=_described({"type": "object"}, "Seconds of each stage."),
    finish=_STRING,
    rejected=_list({"type": "object"}),
)

ANSWERS = _described(
    _object(
        ["schema", "answers", "tokens", "seconds"],
        schema=_STRING,
        answers=_list(_ANSWER),
        tokens=_described(_WHOLE, "Visual tokens of all answers and looks."),
        seconds=_described(_NUMBER, "Time of the request, without the loading of the model."),
    ),
    "Places are in pixels of the image that was given: x to the right, y down, edges of boxes.",
)
PLAN = _object(
    ["schema", "family", "budget", "source_size", "resized_size", "tokens", "scale", "model_bytes"],
    schema=_STRING,
    image=_or_null(_STRING),
    family=_STRING,
    budget=_STRING,
    source_size=_SIZE,
    resized_size=_described(_SIZE, "Size at which the model would read it."),
    tokens=_WHOLE,
    grid_thw=_list(_WHOLE, 3),
    windows=_WHOLE,
    scale=_described(_PAIR, "Source pixels for one model pixel."),
    model_bytes=_described({"type": "object"}, "Predicted memory of a short question, in bytes."),
)
_REGION_NUMBER = _described(_NUMBER, "Times longest source side / 1280 it is a source pixel.")
REGIONS = _object(
    [],
    regions=_list(
        _object(
            ["label", "x1", "y1", "x2", "y2", "source_xyxy"],
            label=_STRING,
            x1=_REGION_NUMBER,
            y1=_NUMBER,
            x2=_NUMBER,
            y2=_NUMBER,
            source_xyxy=_described(_FOUR, "x1, y1, x2, y2 in pixels of the image."),
        )
    ),
    source_size=_SIZE,
    scale=_described(_NUMBER, "Source pixels for one unit of x1, y1, x2 and y2."),
    hint=_STRING,
    error=_described(_STRING, "Alone, if it failed."),
)


def answers_text(document: dict[str, Any]) -> str:
    """Return the answers of `locate` or `ask` in words, a place on each line."""
    lines = [line for answer in document["answers"] for line in _answer_lines(answer)]
    frames = document["answers"][0]["frames"]
    if frames:
        sizes = ", ".join(f"{_by(frame['source_size'])} read as {_by(frame['processed_size'])}" for frame in frames)
        looks = sum(len(answer.get("looks", ())) for answer in document["answers"])
        cost = f"{quantity(looks, 'look')}, " if looks else ""
        cost += f"{document['tokens']} visual tokens, {document['seconds']:.2f} s"
        lines.append(f"Pixels of the image: {sizes}; {cost}.")
    return "\n".join(lines)


def _answer_lines(answer: dict[str, Any]) -> Iterator[str]:
    name = answer.get("description")
    if name is None:
        yield answer["text"]
        name = "place"
    for place in (*answer["boxes"], *answer["points"]):
        kind, values = ("box", place["xyxy"]) if "xyxy" in place else ("point", place["xy"])
        yield f"{name}: {kind} {_numbers(values)}" + (
            f" ({place['label']})" if place["label"] not in ("", name) else ""
        )
    if answer["click"] is not None:
        parts = [f"click {_numbers(answer['click'])}"]
        if answer["screen_click"] != answer["click"]:
            parts.append(f"on the screen {_numbers(answer['screen_click'])}")
        if answer["confidence"] is not None:
            parts.append(f"confidence {answer['confidence']:.2f}")
        yield f"{name}: {', '.join(parts)}"
    elif "description" in answer:
        yield f"{name}: not found. {answer['hint'] or ''}".rstrip()
    for candidate in answer["candidates"][1:]:
        yield f"{name}: or box {_numbers(candidate['xyxy'])}, score {candidate['score']:.2f}"
    if answer["finish"] == "length":
        tokens = quantity(answer["usage"]["answer"], "token")
        yield f"note: the answer was cut off after {tokens}; max_tokens may be higher"
    for note in answer["notes"]:
        yield f"note: {note}"


def plan_text(document: dict[str, Any]) -> str:
    """Return a plan in words."""
    gib = document["model_bytes"]["peak"] / (1 << 30)
    return (
        f"{_by(document['source_size'])} would be read as {_by(document['resized_size'])}: {document['tokens']} visual "
        f"tokens, budget {document['budget']}; about {gib:.2f} GiB at its peak."
    )


def _by(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.0f}" for value in values) + ")"
