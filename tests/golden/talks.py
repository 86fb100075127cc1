"""Conversations made from seeds, NumPy alone, shared by the script that writes their golden values and the tests."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

SIZES = ((28, 28), (29, 29), (70, 126), (112, 112), (224, 148), (252, 308), (13, 257), (427, 240))
"""(width, height): single tokens, ties of rounding, whole and partial windows, long and thin."""

WORDS = (
    "What is it?",
    " and ",
    "\n\nLook: ",
    "caf\u00e9 \u6f22\u5b57 \U0001f642",
    "first",
    "then ",
    "  ",
    "compare",
    "0, 1",
)
COUNT, NEW_TOKENS = 20, 12
# Logits are kept for these vocabulary columns.
COLUMNS = slice(None, None, 8)


def image(size: tuple[int, int], seed: int) -> np.ndarray:
    """uint8 [height, width, 3], coarse patches of color with noise on them."""
    dice = np.random.RandomState(seed)
    width, height = size
    coarse = dice.randint(0, 200, (height // 16 + 1, width // 16 + 1, 3)).repeat(16, 0).repeat(16, 1)
    return (coarse[:height, :width] + dice.randint(0, 56, (height, width, 3))).astype(np.uint8)


def interleavings() -> list[list[dict[str, Any]]]:
    """Messages whose parts are texts, images {"size", "seed"} and videos {"size", "seed", "frames"}, in any order."""
    return [_interleaving(random.Random(number)) for number in range(COUNT)]


def _interleaving(dice: random.Random) -> list[dict[str, Any]]:
    roles = ["user", *dice.choice([[], ["assistant", "user"], ["assistant", "tool"]])]
    if dice.random() < 0.4:
        roles.insert(0, "system")
    messages: list[dict[str, Any]] = []
    for role in roles:
        if dice.random() < 0.25:
            messages.append({"role": role, "content": dice.choice(WORDS)})
            continue
        parts = [_part(dice) for _ in range(dice.randint(1, 5))]
        messages.append({"role": role, "content": parts})
    return messages


def _part(dice: random.Random) -> dict[str, Any]:
    kind = dice.choice(["text", "text", "image", "image", "video"])
    if kind == "text":
        return {"type": "text", "text": dice.choice(WORDS)}
    shown = {"type": kind, "size": dice.choice(SIZES[:6]), "seed": dice.randrange(100)}
    return {**shown, "frames": dice.randint(1, 5)} if kind == "video" else shown


def turns() -> list[list[dict[str, Any]]]:
    """Five turns with one to eight images at their start, middle and end, the first image twice where there are two."""
    return [_turns(random.Random(number), number) for number in range(1, 9)]


def _turns(dice: random.Random, images: int) -> list[dict[str, Any]]:
    roles = ["system", "user", "assistant", "user", "tool"]
    shown = [{"type": "image", "size": SIZES[(images + n) % len(SIZES)], "seed": n} for n in range(images)]
    if images > 1:
        shown[-1] = dict(shown[0])
    contents: list[list[dict[str, Any]]] = [[{"type": "text", "text": dice.choice(WORDS)}] for _ in roles]
    for part in shown:
        content = contents[dice.choice([0, 1, 3, 4])]
        content.insert(dice.choice([0, len(content) // 2, len(content)]), part)
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]


def parts(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The parts of a kind, in order."""
    listed = [part for message in messages if not isinstance(message["content"], str) for part in message["content"]]
    return [part for part in listed if part["type"] == kind]
