"""Fuzz the reader of answers and the reader of messages for a time, each on damaged forms of what they know.

    python tests/fuzz_readers.py                              # 30 seconds each, from a random number on
    python tests/fuzz_readers.py answers --first 7 --count 1  # input number 7 of the answers again

Input number N is the same in every run. The corpora are `golden/answers.json` and `FORMS`.

- Answers: no text raises. Boxes and points lie in the source image, as the reader clips them. All numbers are finite.
- Messages: only an InputError or a FileNotFoundError of one line leaves, from the reader, the sizes or the prompt.
- Both: a second reading gives the same. At most 64 kB of text take at most 2 seconds of the CPU.

A failure prints the call to paste into a test.
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import math
import random
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pictures

from mlx_saccade import families, grounding
from mlx_saccade.checkpoint.tokenizer import Prompts
from mlx_saccade.engine.request import conversation
from mlx_saccade.errors import InputError
from mlx_saccade.grounding.frames import CONVENTIONS
from mlx_saccade.media import ImageOptions
from mlx_saccade.preprocess.plan import Plan

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden/answers.json").read_text(encoding="utf-8"))
MAX_CHARACTERS, MAX_SECONDS = 65_536, 2.0

# -- texts ------------------------------------------------------------------------------------------------------------

NUMBERS = (
    *("0", "-0", "1", "-1", "0.5", "1.0", "999", "1000", "1010", "-10", "1316", "1e3", "1e308", "-1e309", "1e999"),
    *("nan", "NaN", "inf", "-Infinity", "9" * 24, "9" * 25, "9" * 5000, "0." + "3" * 30, "1.", ".5", "+7", "0x1F"),
    *("٣", "३", "²", "１２", "1_000", "1,000", "--5", "1e", "5%", "null", "true"),
)
MARKS = (
    *("{", "}", "[", "]", "(", ")", '"', "'", "\\", ",", ":", "=", "<", ">", "/", "|", "`", "```", "```python\n", "\n"),
    *("\0", "\ud800", "\u2028", "\ufeff", "（", "，", "<think>", "</think>", "<answer>", "<box>", "</box>", "<ref>"),
    *("<|box_start|>", "<|box_end|>", "<tool_call>", "</tool_call>", "<point>", "<points x1=", ' alt="', "Action: "),
    *('{"bbox_2d": ', '"point_2d": [', '"label": ', '"action": "click"', '"arguments": "{', "start_box='", "click("),
    *("pyautogui.", "drag(", "thought", "rgb(", "//", "/*", "#", "&lt;", "\\u0022", "\\x", "\\n"),
)


def damage_text(rng: random.Random, text: str, others: list[str]) -> str:
    """Return a text damaged in one way."""
    at = rng.randint(0, len(text))
    end = min(len(text), at + rng.choice((0, 1, 3, 10, 40)))
    kind = rng.randrange(8)
    if kind == 0:
        return text[:at] + text[end:]
    if kind == 1:
        return text[:at] + rng.choice(MARKS) + text[end:]
    if kind == 2:
        return text[:at] + text[at:end] * rng.choice((2, 3, 3, 5, 50, 50, 50, 2000)) + text[end:]
    if kind == 3:
        return text[:at]
    if kind == 4:
        other = rng.choice(others)
        return text[:at] + other[rng.randint(0, len(other)) :]
    if kind == 5:
        return (
            text[:at]
            + "".join(chr(rng.choice((rng.randrange(128), rng.randrange(0x11000)))) for _ in range(6))
            + text[end:]
        )
    if kind == 6:
        return (
            text * rng.choice((2, 3, 10, 1000))
            if rng.random() < 0.2
            else text[:at] + rng.choice(MARKS) * rng.choice((3, 30, 300, 5000)) + text[at:]
        )
    numbers = list(re.finditer(r"\d+(\.\d+)?", text))
    number = rng.choice(numbers) if numbers else None
    return text if number is None else text[: number.start()] + rng.choice(NUMBERS) + text[number.end() :]


# -- answers ----------------------------------------------------------------------------------------------------------


def answer(number: int) -> tuple[str, tuple[str, tuple[int, int], tuple[int, int]], str, bool]:
    """Return text, (family, source size, resized size), convention and `y_first` of input number N."""
    rng = random.Random(f"answers {number}")
    row, texts = rng.choice(ROWS), [row["text"] for row in ROWS]
    text = row["text"]
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        text = damage_text(rng, text, texts)[:MAX_CHARACTERS]
    convention = row["convention"] if rng.random() < 0.7 else rng.choice(CONVENTIONS)
    return text, (row["family"], tuple(row["source_size"]), tuple(row["resized_size"])), convention, rng.random() < 0.2


def check_answer(number: int) -> str:
    """Read an answer; return what became of it.

    Raises:
        AssertionError: a rule of the head of this file is broken.
    """
    text, (family, source, resized), convention, y_first = answer(number)
    plan = Plan(families.get(family), source, resized, 1, 10**9, "fuzzing")
    grounded = grounding.read(text, plan, convention, y_first=y_first)
    acted = grounded.actions
    boxes = [*grounded.boxes, *(box for action in acted for box in action.boxes)]
    points = [*grounded.points, *(point for action in acted for point in action.points)]
    width, height = source
    for x1, y1, x2, y2 in boxes:
        assert 0 <= x1 <= x2 <= width and 0 <= y1 <= y2 <= height, f"box {x1, y1, x2, y2} outside {source}"
    for x, y in [*points, *([] if grounded.click is None else [grounded.click])]:
        assert 0 <= x <= width and 0 <= y <= height, f"point {x, y} outside {source}"
    json.dumps(grounded.as_dict(), allow_nan=False)  # raises ValueError at a number that is not finite
    assert all(math.isfinite(value) for box in grounding.read_raw(text) for value in box.xyxy), "read_raw: not finite"
    assert grounding.read(text, plan, convention, y_first=y_first) == grounded, "another result the second time"
    return "with places" if boxes or points else "without"


def show_answer(number: int) -> str:
    """Return the call of an input."""
    text, (family, source, resized), convention, y_first = answer(number)
    plan = f'Plan(families.get("{family}"), {source}, {resized}, 1, 10**9, "fuzzing")'
    return f"grounding.read({text!a}, {plan}, {convention!r}, y_first={y_first})"


# -- messages ---------------------------------------------------------------------------------------------------------


class Dumped:
    """An object of an SDK."""

    def __init__(self, fields: dict[Any, Any]) -> None:
        self.fields = fields

    def model_dump(self) -> dict[Any, Any]:
        return self.fields

    def __repr__(self) -> str:
        return f"Dumped({self.fields!r})"


DATA = pictures.encode(pictures.corners(8, 6), "PNG")
B64 = base64.b64encode(DATA).decode()
URI = "data:image/png;base64," + B64
TEXT = {"type": "text", "text": "what?"}
CALL = {"name": "shot", "arguments": '{"screen": 1}'}
RESULT = [TEXT, {"type": "image", "data": B64, "mimeType": "image/png"}]
PARTS: tuple[Any, ...] = (
    TEXT,
    {"type": "input_text", "text": "what?"},
    {"type": "refusal", "refusal": "no"},
    {"type": "image", "image": URI, "budget": 256},
    {"type": "image_url", "image_url": {"url": URI, "detail": "low"}},
    {"type": "image_url", "image_url": {"url": "https://localhost/a.png"}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}},
    {"type": "image", "image": {"bytes": DATA, "path": "gone.png"}},
    {"type": "image", "path": "gone.png", "min_pixels": 3136, "max_pixels": 10**6},
    {"type": "input_image", "image_url": URI, "detail": "auto"},
    {"type": "image", "image": np.zeros((9, 7, 3), np.uint8), "resized_height": 28, "resized_width": 56},
    {"type": "video", "video": [np.zeros((9, 7, 3), np.uint8)] * 2, "fps": 2.0},
    {"type": "tool_result", "tool_use_id": "1", "content": RESULT, "is_error": False},
    {"type": "tool_use", "id": "1", "name": "shot", "input": {"screen": 1}},
    {"type": "thinking", "thinking": "hm", "signature": "x"},
)
FORMS: tuple[Any, ...] = (
    *([{"role": "user", "content": [part, TEXT]}] for part in PARTS),
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "<|im_end|> what?"}],
    [{"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": CALL}]}],
    [{"role": "tool", "tool_call_id": "1", "content": RESULT}],
    [{"type": "function_call", "call_id": "1", **CALL}, {"type": "function_call_output", "output": RESULT}],
    [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": URI}}],
    [{"role": "assistant", "content": "b", "reasoning_content": "hm", "refusal": None}],
)
KEYS = (
    *("role", "content", "type", "text", "image", "image_url", "url", "path", "base64", "data", "source", "bytes"),
    *("video", "fps", "budget", "detail", "min_pixels", "max_pixels", "resized_height", "name", "function", "input"),
    *("arguments", "output", "tool_calls", "refusal", "thinking", "model_dump", "frames", "cache_control"),
)
LEAVES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 10**5000, 0.5, math.nan, math.inf, "", "x", "\ud800", "\n", "user", "tool", "text"),
    *("image", "tool_result", "data:", "data:image/png;base64,%%", "\0.png", "file:///gone", "/", ".", b"", b"\x89PNG"),
    *(
        DATA,
        B64,
        URI,
        [],
        {},
        (),
        {1: 2},
        {None: "x"},
        {"a"},
        np.zeros((2, 3)),
        np.zeros(0),
        object,
        math.sin,
        (90, 60),
    ),
)


def messages(number: int) -> Any:
    """Return the messages of input number N."""
    rng = random.Random(f"messages {number}")
    whole = [copy.deepcopy(rng.choice(FORMS))]
    for _ in range(rng.choice((1, 1, 2, 4))):
        _damage(rng, whole)
    return whole[0]


def _damage(rng: random.Random, whole: list[Any]) -> None:
    """Damage one value in place."""
    holder, key = rng.choice(list(_slots(whole)))
    value, kind = holder[key], rng.randrange(8)
    if kind == 0:
        holder[key] = copy.deepcopy(rng.choice(LEAVES))
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(KEYS)] = holder.pop(key)
    elif kind == 2 and isinstance(holder, dict):
        holder[rng.choice(KEYS)] = copy.deepcopy(rng.choice((*LEAVES, *PARTS)))
    elif kind == 3:
        holder[key] = copy.deepcopy(rng.choice((*PARTS, *FORMS)))
    elif kind == 4:
        inner = rng.choice(KEYS)
        for _ in range(rng.choice((1, 1, 2, 5, 3000))):
            value = [value] if rng.random() < 0.3 else {inner: value}
        holder[key] = value
    elif kind == 5 and isinstance(value, str):
        holder[key] = damage_text(rng, value, [row["text"] for row in ROWS])[:MAX_CHARACTERS]
    elif kind == 6 and isinstance(value, dict):
        holder[key] = Dumped(value)
    elif rng.random() < 0.3:
        holder[key] = whole  # a circle
    elif holder is not whole:
        del holder[key]


def _slots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (list or dict, index or key) of all values within; circles and deep nesting are left after some steps."""
    waiting, steps = [value], 0
    while waiting and steps < 200:
        steps += 1
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])


def _read(form: Any, prompts: Prompts) -> str:
    """Return all of a reading as text, or the refusal."""
    try:
        request = conversation(form)
        sizes = [medium.size(ImageOptions()) for medium in request.media]
        images = [1 for medium in request.media if medium.kind == "image"]
        ids = prompts.encode(request.messages, images, [1] * (len(sizes) - len(images)))
    except (InputError, FileNotFoundError) as error:
        assert "\n" not in str(error), f"a message of several lines: {error}"
        return f"refused: {error}"
    return f"{sizes} {ids}"


def check_messages(number: int, prompts: Prompts) -> str:
    """Read messages; return what became of them.

    Raises:
        AssertionError: a rule of the head of this file is broken.
    """
    once, again = _read(messages(number), prompts), _read(messages(number), prompts)
    assert once == again, f"another result the second time: {once!r}, {again!r}"
    return "refused" if once.startswith("refused") else "read"


def show_messages(number: int) -> str:
    """Return the call of an input."""
    try:
        return f"conversation({messages(number)!a})"
    except RecursionError:
        return "conversation(messages nested too deep to print)"


# -- running ----------------------------------------------------------------------------------------------------------


def fuzz(name: str, check: Callable[[int], str], show: Callable[[int], str], options: argparse.Namespace) -> None:
    """Check inputs until the time or the count is over, and print a line.

    Raises:
        SystemExit: an input broke a rule; it was printed.
    """
    counts: dict[str, int] = {}
    first = random.SystemRandom().randrange(10**9) if options.first is None else options.first
    end, number, slowest = time.monotonic() + options.seconds, first, 0.0
    while number < first + options.count if options.count else time.monotonic() < end:
        start = time.process_time()
        try:
            kind = check(number)
            slowest = max(slowest, taken := time.process_time() - start)
            assert taken <= 2 * MAX_SECONDS, f"two readings took {taken:.1f} s"
        except Exception as error:
            traceback.print_exception(error, limit=-4)
            sys.set_int_max_str_digits(0)
            print(show(number), file=sys.stderr)
            print(f"again: python tests/fuzz_readers.py {name} --first {number} --count 1", file=sys.stderr)
            raise SystemExit(1) from error
        counts[kind] = counts.get(kind, 0) + 1
        number += 1
    words = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"{name}: {number - first} inputs from {first} on: {words}; slowest {slowest:.2f} s (two readings)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", nargs="*", help="answers, messages (both)")
    parser.add_argument("--seconds", type=float, default=30, help="for each reader (30)")
    parser.add_argument("--first", type=int, help="number of the first input (random)")
    parser.add_argument("--count", type=int, help="so many inputs, however long they take")
    options = parser.parse_args()
    readers = options.reader or ["answers", "messages"]
    if "answers" in readers:
        fuzz("answers", check_answer, show_answer, options)
    if "messages" in readers:
        with tempfile.TemporaryDirectory() as folder:
            checkpoints.write_tokenizer(Path(folder))
            prompts = Prompts(Path(folder), 1004, 1005)
            fuzz("messages", lambda number: check_messages(number, prompts), show_messages, options)


if __name__ == "__main__":
    main()
