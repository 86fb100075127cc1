"""Compare the readers of answers: how many answers of `tests/golden/answers.json` each reads right, by form.

    python benchmarks/answer_readers.py        # a Markdown table; a reader that is not installed is shown as missing

    pip install --no-deps ui-tars jsonschema attrs referencing rpds-py jsonschema-specifications
    pip install --no-deps supervision pyDeprecate defusedxml
    pip install qwen-agent soundfile python-dateutil 'dashscope<1.24'

An answer is right if its places are: the boxes and points of the row, those of its actions included, each within 1.5
source pixels. Order, repetitions, labels, names of actions and other arguments are not compared. A box without extent
is a point, as in UI-TARS. A row without places is right if none is read; an exception counts as none.

Peers read numbers and leave the frame to the caller. They are given the row's frame: pixels of the resized image,
thousandths or fractions. What they return is scaled to the source and clipped to the image.

- ui-tars: `parse_action_to_structure_output`, with the model type of the family.
- qwen-agent and mlx-vlm read calls of tools. This script takes `coordinate` and `coordinate2` of the arguments, as
  Qwen's computer_use and mobile_use define them, as lists or as their JSON. mlx-vlm is given the parser of the call's
  format. It has no reader of boxes for the models of this table.
- supervision: `Detections.from_vlm` for Qwen2.5-VL, with the frame as its input size.

A form that a peer does not claim to read is shown as a dash and counts as not read in "all". No peer reads a place of
such a form right.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import logging
import math
import platform
import re
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from mlx_saccade import families, grounding
from mlx_saccade.preprocess.plan import Plan

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "tests/golden/answers.json").read_text(encoding="utf-8")
)
FORMS = tuple(dict.fromkeys(row["form"] for row in ROWS))
TOLERANCE = 1.5  # source pixels

Spot = tuple[float, ...]
"""A box or a point in source pixels."""
Reader = Callable[[dict[str, Any]], list[Spot]]


def frame(row: dict[str, Any]) -> tuple[float, float]:
    """Return width and height of the frame of a row's numbers."""
    own = {"qwen2.5-vl": "absolute"}.get(row["family"], "thousandths")
    convention = own if row["convention"] == "auto" else row["convention"]
    sides = {"absolute": row["resized_size"], "thousandths": (1000, 1000), "fractions": (1, 1)}[convention]
    return float(sides[0]), float(sides[1])


def scaled(numbers: Any, row: dict[str, Any], sides: tuple[float, float]) -> Spot:
    """Return numbers of a frame in source pixels, clipped to the image."""
    source = row["source_size"]
    return tuple(
        min(max(float(number) * source[i % 2] / sides[i % 2], 0.0), float(source[i % 2]))
        for i, number in enumerate(numbers)
    )


# -- readers: each function returns a reader, or raises ImportError ---------------------------------------------------


def mlx_saccade() -> Reader:
    def read(row: dict[str, Any]) -> list[Spot]:
        source, resized = tuple(row["source_size"]), tuple(row["resized_size"])
        plan = Plan(families.get(row["family"]), source, resized, 1, 10**9, "as the table says")
        grounded = grounding.read(row["text"], plan, row["convention"])
        inner = [spot for action in grounded.actions for spot in (*action.points, *action.boxes)]
        return [tuple(spot) for spot in (*grounded.boxes, *grounded.points, *inner)]

    return read


def ui_tars() -> Reader:
    from ui_tars.action_parser import parse_action_to_structure_output

    def read(row: dict[str, Any]) -> list[Spot]:
        width, height = row["resized_size"]
        sides = frame(row)
        model_type = "qwen25vl" if sides == (width, height) else "qwen2vl"
        actions = parse_action_to_structure_output(row["text"], int(sides[0]), height, width, model_type, min_pixels=1)
        inputs = [action["action_inputs"] for action in actions]
        boxes = [json.loads(one[key]) for one in inputs for key in ("start_box", "end_box") if key in one]
        return [scaled(box, row, (1, 1)) for box in boxes]  # it gives shares of the sides

    return read


def called(arguments: Any, row: dict[str, Any]) -> list[Spot]:
    """Return the places among the arguments of a call."""
    values = json.loads(arguments) if isinstance(arguments, str) else arguments
    places = [values[key] for key in ("coordinate", "coordinate2") if key in values]
    lists = [json.loads(place) if isinstance(place, str) else place for place in places]
    return [scaled(numbers, row, frame(row)) for numbers in lists]


def qwen_agent() -> Reader:
    from qwen_agent.llm.fncall_prompts.nous_fncall_prompt import NousFnCallPrompt
    from qwen_agent.llm.schema import ContentItem, Message

    def read(row: dict[str, Any]) -> list[Spot]:
        answer = Message(role="assistant", content=[ContentItem(text=row["text"])])
        messages = NousFnCallPrompt().postprocess_fncall_messages([answer])
        calls = [message.function_call for message in messages if message.function_call]
        return [spot for call in calls for spot in called(call.arguments, row)]

    return read


def mlx_vlm() -> Reader:
    with contextlib.suppress(ImportError):  # transformers works without torchvision, but not beside a broken one
        import torchvision_import  # noqa: F401
    from mlx_vlm.tools.extractor import process_tool_calls
    from mlx_vlm.tools.registry import load_tool_module

    def read(row: dict[str, Any]) -> list[Spot]:
        parser = load_tool_module("qwen3_coder" if "<function=" in row["text"] else "json_tools")
        calls = process_tool_calls(row["text"], parser, None).calls
        return [spot for call in calls for spot in called(call["function"]["arguments"], row)]

    return read


def supervision() -> Reader:
    from supervision import VLM, Detections

    def read(row: dict[str, Any]) -> list[Spot]:
        size = tuple(row["source_size"])
        sides = frame(row)
        integers = (int(sides[0]), int(sides[1]))
        detections = Detections.from_vlm(VLM.QWEN_2_5_VL, row["text"], input_wh=integers, resolution_wh=size)
        return [scaled(box, row, size) for box in detections.xyxy]

    return read


# Lists of objects with `bbox_2d` and `label`, in which form they may stand.
JSON_FORMS = frozenset([
    "JSON boxes", "near-JSON", "cut off", "a score", "labels", "thinking", "no places", "repetition", "another frame",
    "conventions",
])  # fmt: skip
# Column: distribution, reader, and the forms that its documentation or its code reads; None for all.
READERS: dict[str, tuple[Callable[[], Reader], frozenset[str] | None]] = {
    "mlx-saccade": (mlx_saccade, None),
    "supervision": (supervision, JSON_FORMS),
    "ui-tars": (ui_tars, frozenset(["UI-TARS"])),
    "qwen-agent": (qwen_agent, frozenset(["tool calls"])),
    "mlx-vlm": (mlx_vlm, frozenset(["tool calls"])),
}

# -- comparing --------------------------------------------------------------------------------------------------------


def expected(row: dict[str, Any]) -> list[Spot]:
    """Return the places of a row."""
    actions = [spot for action in row["actions"] for spot in (*action["points"], *action["boxes"])]
    spots = [*(box["xyxy"] for box in row["boxes"]), *(point["xy"] for point in row["points"]), *actions]
    return [tuple(spot) for spot in spots]


def same(left: list[Spot], right: list[Spot]) -> bool:
    """Return True if each place of one side is among the other's."""

    def point(spot: Spot) -> Spot:
        return spot[:2] if len(spot) == 4 and spot[:2] == spot[2:] else spot

    def among(spot: Spot, others: list[Spot]) -> bool:
        return any(len(spot) == len(other) and math.dist(spot, other) <= TOLERANCE for other in others)

    left, right = list(map(point, left)), list(map(point, right))
    return all(among(spot, right) for spot in left) and all(among(spot, left) for spot in right)


def is_right(read: Reader, row: dict[str, Any]) -> bool:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            spots = read(row)
        except Exception:
            spots = []
    return same(spots, expected(row))


def column(prepare: Callable[[], Reader], claimed: frozenset[str] | None) -> list[str]:
    """Return the cells of a reader: one per form, all, and those of the claimed forms."""
    try:
        read = prepare()
    except ImportError as error:
        print(f"{prepare.__name__}: {error}", file=sys.stderr)
        return ["missing"] * (len(FORMS) + 2)
    cells, right, total = [], 0, 0
    for form in FORMS:
        rows = [row for row in ROWS if row["form"] == form]
        if claimed is not None and form not in claimed:
            cells.append("-")
            continue
        count = sum(is_right(read, row) for row in rows)
        cells.append(f"{count}/{len(rows)}")
        right, total = right + count, total + len(rows)
    return [*cells, f"{right}/{len(ROWS)}", f"{right}/{total}"]


def version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} missing"


def main() -> None:
    logging.disable(logging.WARNING)
    columns = [column(*reader) for reader in READERS.values()]
    lines = [("form", *READERS), ("---",) * (len(READERS) + 1)]
    names = (*FORMS, "all", "of the forms it claims")
    lines += [(name, *cells) for name, cells in zip(names, zip(*columns, strict=True), strict=True)]
    print(*("| " + " | ".join(line) + " |" for line in lines), sep="\n")
    versions = ", ".join(map(version, READERS))
    print(f"\n{date.today()}, Python {platform.python_version()}, {re.sub('_', '-', versions)}")


if __name__ == "__main__":
    main()
