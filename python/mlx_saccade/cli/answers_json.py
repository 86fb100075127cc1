"""The JSON of answers and of errors, as docs/schemas/answer-1.json describes it.

With --json a command prints one document, {"schema": ..., "answers": [...]}; with --jsonl one answer a line, each with
its own schema. An error is an object of the same kind on standard output, so that a program that reads it can always
parse what it gets.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import output
from mlx_saccade.integrations.tools import ANSWERS, ERROR

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer

__all__ = [
    "ANSWER",
    "ANSWERS",
    "ERROR",
    "answered",
    "asked_for",
    "error",
    "image_name",
    "located",
    "print_document",
    "print_row",
]

ANSWER = "mlx-saccade/answer/1"

_OPTIONS = ("--json", "--jsonl")


def asked_for(words: Sequence[str]) -> bool:
    """Return True if the words of a command line ask for JSON; they need not be a valid command."""
    words = words[: words.index("--")] if "--" in words else words
    return any(option in words for option in _OPTIONS)


def located(image: Any, description: str, answer: Answer) -> dict[str, Any]:
    """Return the row of one description on one image."""
    return {"image": image_name(image), "description": description, **answer.as_dict()}


def answered(images: Iterable[Any], question: str, answer: Answer) -> dict[str, Any]:
    """Return the row of a question about images, in the order of the answer's `frames`."""
    return {"images": [image_name(image) for image in images], "question": question, **answer.as_dict()}


def image_name(image: Any) -> str | None:
    """Return an image as the user wrote it; a data URI without its data, and None for one without a name."""
    if not isinstance(image, str):
        return None
    return image.partition(",")[0] + ",..." if image.startswith("data:") else image


def print_document(
    rows: Sequence[dict[str, Any]], *, errors: Sequence[dict[str, Any]] | None = None, indent: int | None = 2
) -> None:
    """Print all answers as one JSON object, of several images with the errors of those that failed."""
    document = {"schema": ANSWERS, "answers": list(rows), **({} if errors is None else {"errors": list(errors)})}
    print(output.json_text(document, indent=indent), flush=True)


def print_row(row: dict[str, Any]) -> None:
    """Print one answer as one line."""
    print(output.json_text({"schema": ANSWER, **row}), flush=True)


def error(kind: str, message: str, source: str | None = None) -> dict[str, Any]:
    """Return an error.

    Args:
        kind: "usage", "input", "file", "memory" or "interrupted".
        message: one line, as standard error has it.
        source: the file, image or option that it is about; None leaves it out.
    """
    return {"schema": ERROR, "error": {"kind": kind, "message": message, **({"input": source} if source else {})}}


def print_error(options: argparse.Namespace, kind: str, message: str) -> None:
    """Print an error of one question of several as one line, if `options` ask for JSON."""
    if options.json or options.jsonl:
        print(output.json_text(error(kind, message)), flush=True)
