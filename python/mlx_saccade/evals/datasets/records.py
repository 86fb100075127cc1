"""A row of a file, the fields of a target in it, and a tally of what was noticed while reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlx_saccade.errors import quantity
from mlx_saccade.evals.datasets.boxes import BoxFormat, in_words

__all__ = ["Fault", "Layout", "Record", "Row", "Tally"]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table or an entry of a list.

    Attributes:
        file: name of its file, for messages.
        line: line of the file at which it begins, from 1.
        values: its values by name.
    """

    file: str
    line: int
    values: dict[str, Any]

    @property
    def where(self) -> str:
        """The place for messages."""
        return f"{self.file}: line {self.line}"


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of a target as a file states them, unchecked.

    Attributes:
        where: place in its file, for messages.
        image: name of the image.
        description: words to find it by.
        boxes: boxes in the convention of the file.
        id: its name in the file; None without one.
        image_size: [width, height] in pixels; None where the file does not say.
        ui_type: "text", "icon" or "".
        application: program on the screen, or "".
        group: group of programs, or kind of element, or "".
    """

    where: str
    image: Any
    description: Any
    boxes: tuple[Any, ...]
    id: Any = None
    image_size: Any = None
    ui_type: str = ""
    application: str = ""
    group: str = ""


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are read.

    Attributes:
        kind: name of the format, as `open_data` takes it.
        title: name of the format, for people.
        fields: fields that hold the box, such as "bbox".
        convention: order and unit of a box.
        record: returns the fields of a row.
        image_folders: folders beside the file in which images are looked for; "" is its own.
        has_order: the names of the fields say the order of the numbers, so that no other is worth suggesting.
    """

    kind: str
    title: str
    fields: str
    convention: BoxFormat
    record: Callable[[Row], Record]
    image_folders: tuple[str, ...]
    has_order: bool = False

    @property
    def box_words(self) -> str:
        """The fields of a box and what they are: "bbox x1, y1, x2, y2 in pixels"."""
        words = in_words(self.convention)
        if words.startswith(f"{self.fields} "):
            return words
        return f"{self.fields} as {words}" if "," in self.fields else f"{self.fields} {words}"


class Fault(NamedTuple):
    """Why no question can be made of a record: the kind of fault, and what was expected and given."""

    kind: str
    detail: str


@dataclass
class Tally:
    """Counts by kind, in the order in which the kinds came up, each with its first example."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, example: str) -> None:
        """Count one more of a kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.examples.setdefault(kind, example)

    @property
    def total(self) -> int:
        """Return the count of all kinds."""
        return sum(self.counts.values())

    def notes(self, verb: str) -> list[str]:
        """Return a note of each kind: "left out 2 targets with an empty box, the first at a.csv: line 3 (...)"."""
        return [
            f"{verb} {quantity(count, 'target')} with {kind}, the first at {self.examples[kind]}"
            for kind, count in self.counts.items()
        ]
