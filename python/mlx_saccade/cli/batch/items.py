"""Read the images of a batch and what to find on each: from a folder, the command line, or JSON lines.

A line is an object such as {"image": "shot.png", "description": "the Save button"}. A line that cannot be used becomes
an item with a problem, so that one bad line stops nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from mlx_saccade.cli import answers_json, output
from mlx_saccade.cli.image_files import images_in
from mlx_saccade.cli.images import is_stdin
from mlx_saccade.errors import InputError, brief
from mlx_saccade.files import is_image_name

__all__ = ["Batch", "Item", "from_lines", "from_words", "open_batch"]

_MAX_LINE = 1 << 28  # bytes; an image may be written in its line as a data URI
_MOST_NAMES = 5
_EXAMPLE = '{"image": "shot.png", "description": "the Save button"}'
_FLAGS = ("constrained", "fit", "image_first")


@dataclass(frozen=True)
class Item:
    """An image of a batch.

    Attributes:
        image: path, URL or data URI; None where `problem` is about a line without one.
        descriptions: what to find; at least one without a problem.
        options: arguments of `Engine.locate` that this line has of its own.
        line: number of the line, from 1; None outside JSON lines.
        id: the line's own name for itself, which its answers repeat; None without one.
        problem: why the line cannot be used; None if it can.
    """

    image: str | None
    descriptions: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    line: int | None = None
    id: str | int | float | None = None
    problem: str | None = None

    @property
    def place(self) -> int | str | None:
        """What tells the item from the others: its line, or else the name of its image."""
        return answers_json.image_name(self.image) if self.line is None else self.line


@dataclass(frozen=True)
class Batch:
    """The items of a batch.

    Attributes:
        items: can be read once.
        total: how many there are; None where they come one by one.
    """

    items: Iterable[Item]
    total: int | None


def open_batch(word: str, descriptions: Sequence[str], known: Collection[str]) -> Batch:
    """Return the items of a folder, of a file of JSON lines, or of standard input.

    Args:
        word: the folder or file; "-" is standard input, whose lines are read one by one as they come.
        descriptions: what to find on each image; a line's own description takes their place.
        known: names of the options that a line may have.

    Raises:
        InputError: a folder without images or without descriptions, an image file, or no standard input.
        FileNotFoundError: no such file or folder.
        OSError: it cannot be read.
    """
    if word == "-":
        stream = getattr(sys.stdin, "buffer", None)
        if stream is None or stream.closed:
            raise InputError("--batch -: expected JSON lines on standard input; it is closed. Give a file or folder")
        return Batch(from_lines(_stream_lines(stream), descriptions, known), None)
    path = Path(word)
    if path.is_dir():
        return _from_folder(path, descriptions)
    if not path.exists():
        raise FileNotFoundError(f"--batch {word}: no such file or folder. Give a folder, a file of JSON lines, or -")
    if is_image_name(word):
        raise InputError(
            f"--batch {word}: expected a folder or a file of JSON lines; got an image. Leave out --batch, or use --find"
        )
    if not path.is_file():  # a pipe
        return Batch(from_lines(_stream_lines(path.open("rb")), descriptions, known), None)
    lines = path.read_bytes().split(b"\n")
    return Batch(from_lines(lines, descriptions, known), sum(1 for line in lines if line.strip()))


def from_words(images: Sequence[str], descriptions: Sequence[str]) -> Batch:
    """Return the images of a command line, with the same descriptions for each."""
    return Batch([Item(image, tuple(descriptions)) for image in images], len(images))


def from_lines(lines: Iterable[bytes], descriptions: Sequence[str], known: Collection[str]) -> Iterator[Item]:
    """Yield the item of each line that is not blank; arguments as `open_batch`."""
    for number, data in enumerate(lines, 1):
        if data.strip():
            yield _item(data, number, tuple(descriptions), known)


def _from_folder(folder: Path, descriptions: Sequence[str]) -> Batch:
    images, others = images_in(folder)
    skipped = ""
    if others:
        names = ", ".join(others[:_MOST_NAMES])
        more = f" and {len(others) - _MOST_NAMES} more" if len(others) > _MOST_NAMES else ""
        skipped = f"{names}{more}"
    if not images:
        got = f"none of {skipped}" if skipped else "an empty folder"
        raise InputError(f"--batch {folder}: expected images, such as PNG files; got {got}. Name another folder")
    if not descriptions:
        raise InputError(f'--batch {folder}: expected what to find; got no description. Add one, such as "the menu"')
    if skipped:
        output.note(f"{folder}: skipped {skipped}")
    return from_words(images, descriptions)


def _stream_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each line as soon as it has come."""
    while line := stream.readline(_MAX_LINE):
        if len(line) == _MAX_LINE:
            raise InputError(f"--batch: expected lines of less than {_MAX_LINE:,} bytes; got a longer one")
        yield line


def _item(data: bytes, number: int, descriptions: tuple[str, ...], known: Collection[str]) -> Item:
    """Return the item of a line."""
    name = image = None
    try:
        row = _parse(data)
        name, image = _id(row), row.get("image")
        image = image if isinstance(image, str) else None
        return _checked(row, number, descriptions, known)
    except InputError as error:
        return Item(image, line=number, id=name, problem=str(error))


def _parse(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("expected UTF-8 text; got other bytes. Save the file as UTF-8") from None
    try:
        row = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except InputError:
        raise
    except (ValueError, RecursionError):
        raise InputError(f"expected a JSON object such as {_EXAMPLE}; got {brief(text.strip())}") from None
    if not isinstance(row, dict):
        raise InputError(f"expected a JSON object such as {_EXAMPLE}; got {brief(row)}")
    return row


def _refuse_constant(word: str) -> None:
    raise InputError(f"expected JSON; got {word}, which JSON does not have")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InputError(f"expected each key once; got {brief(double)} twice. Leave one of them out")
    return dict(pairs)


def _id(row: dict[str, Any]) -> str | int | float | None:
    name = row.get("id")
    if isinstance(name, bool) or not isinstance(name, str | int | float | None):
        raise InputError(f"id: expected a string or a number; got {brief(name)}")
    return name


def _checked(row: dict[str, Any], number: int, descriptions: tuple[str, ...], known: Collection[str]) -> Item:
    """Return the item of a line's object.

    Raises:
        InputError: a key is unknown or missing, or its value is of another type.
    """
    options = {name: value for name, value in row.items() if name not in ("image", "description", "id")}
    for name in options:
        if name not in known:
            words = ", ".join(["image", "description", "id", *known])
            raise InputError(f"unknown key {brief(name)}; known: {words}")
    options = {name: value for name, value in options.items() if value is not None}
    for name in _FLAGS:
        if not isinstance(options.get(name, False), bool):
            raise InputError(f"{name}: expected true or false; got {brief(options[name])}")
    image = row.get("image")
    if not isinstance(image, str) or not image or is_stdin(image):
        got = "no image" if image is None else brief(image)
        raise InputError(f'image: expected the path of an image; got {got}. Write such as "image": "shot.png"')
    return Item(image, _descriptions(row.get("description"), descriptions), options, number, _id(row))


def _descriptions(own: Any, common: tuple[str, ...]) -> tuple[str, ...]:
    """Return the descriptions of a line, or those of the command line if it has none."""
    if own is None and common:
        return common
    texts = [own] if isinstance(own, str) else own
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        got = "no description" if own is None else brief(own)
        raise InputError(
            f'description: expected a text or a list of texts; got {got}. Write such as "description": "the menu"'
        )
    return tuple(texts)
