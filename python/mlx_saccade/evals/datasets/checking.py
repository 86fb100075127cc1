"""Check the records of a data set before any question: images, sizes, boxes, descriptions and repetitions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.datasets.boxes import (
    BoxFormat,
    Numbers,
    cut,
    doubt_of,
    fault_of,
    four_numbers,
    in_words,
    plain,
    to_edges,
)
from mlx_saccade.evals.datasets.convention import refuse_other_convention
from mlx_saccade.evals.datasets.images import ImageFolders
from mlx_saccade.evals.datasets.records import Fault, Layout, Record, Tally
from mlx_saccade.evals.datasets.sizes import Advance, Missing, Size, read_sizes, size_of
from mlx_saccade.evals.targets import Edges, Target

__all__ = ["Checked", "check"]


@dataclass
class Checked:
    """What is left of the records.

    Attributes:
        targets: in the order of the records.
        files: the file of each image by its name; one that is missing and kept has none.
        faults: kinds of records that no question can be made of.
        oddities: kinds of records that were changed or are odd.
    """

    targets: list[Target] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    faults: Tally = field(default_factory=Tally)
    oddities: Tally = field(default_factory=Tally)

    def leave_out(self, record: Record, fault: Fault) -> None:
        """Count a record that no question can be made of."""
        self.faults.add(fault.kind, f"{record.where} ({fault.detail})")


def check(
    name: str,
    records: Sequence[Record],
    layout: Layout,
    folders: ImageFolders,
    *,
    missing: Missing,
    stated: bool,
    advance: Advance,
) -> Checked:
    """Return the targets that records make.

    Args:
        name: the data set, for messages.
        records: as a format reads them.
        layout: how they are read.
        folders: where the images are looked for.
        missing: what a missing or damaged image does.
        stated: the caller has named the convention of the boxes, which is then not doubted.
        advance: called after each image.

    Raises:
        InputError: images are missing, boxes are of another convention, or nothing is left.
    """
    checked = Checked()
    named: list[tuple[Record, list[Numbers]]] = []
    for record in records:
        boxes = _fields(record)
        if isinstance(boxes, Fault):
            checked.leave_out(record, boxes)
        else:
            named.append((record, boxes))
    sizes = read_sizes(
        name, [record for record, _ in named], folders, checked.files, checked.oddities, missing, advance
    )
    sized: list[tuple[Record, list[Numbers], Size]] = []
    for record, boxes in named:
        size = size_of(record, sizes, checked.files)
        if isinstance(size, Fault):
            checked.leave_out(record, size)
        else:
            sized.append((record, boxes, size))
    if not stated:
        refuse_other_convention(name, sized, layout)
    made: list[tuple[str, Target]] = []
    for record, boxes, size in sized:
        edges = _edges(record, boxes, layout.convention, size, checked.oddities, stated=stated)
        if isinstance(edges, Fault):
            checked.leave_out(record, edges)
        else:
            made.append((record.where, _target(record, edges, size)))
    _add_once(checked, made)
    if not checked.targets:
        reasons = "; ".join(checked.faults.notes("left out")) or "no entry"
        raise InputError(f"{name}: expected at least one target; got none: {reasons}. Mend the file")
    return checked


def _edges(
    record: Record, boxes: Sequence[Numbers], convention: BoxFormat, size: Size, oddities: Tally, *, stated: bool
) -> tuple[Edges, ...] | Fault:
    """Return the edges of a record's boxes, cut at those of its image."""
    several = []
    for numbers in boxes:
        edges = to_edges(numbers, convention, size)
        fault = fault_of(edges, size) if stated else doubt_of(edges, size)
        if fault:
            got = brief(list(map(plain, numbers)))
            return Fault(fault, f"expected {in_words(convention)} in {size[0]}x{size[1]}; got {got}")
        inside = cut(edges, size)
        if inside != edges:
            oddities.add("a box over the edge of its image, cut there", f"{record.where} ({list(map(plain, numbers))})")
        several.append(inside)
    return tuple(several)


def _fields(record: Record) -> list[Numbers] | Fault:
    """Return the numbers of a record's boxes, if its image and description are usable too."""
    image, description = record.image, record.description
    if not isinstance(image, str) or not image.strip():
        return Fault("no name of an image", f"expected a file name; got {brief(image)}")
    if not isinstance(description, str) or not description.strip():
        return Fault("an empty description", f"expected words; got {brief(description)}")
    try:
        validation.check_unicode(description, "description")
        validation.check_unicode(image, "image")
    except InputError as error:
        return Fault("text that is not valid Unicode", str(error))
    boxes = []
    for box in record.boxes:
        numbers = four_numbers(box)
        if numbers is None:
            return Fault("a box that is not four numbers", f"expected four numbers; got {brief(box)}")
        boxes.append(numbers)
    return boxes


def _target(record: Record, expected: tuple[Edges, ...], size: Size) -> Target:
    known = record.id
    given = str(known).strip() if isinstance(known, str | int) and not isinstance(known, bool) else ""
    return Target(
        id=given or f"{record.image}#{_content(record.image, record.description, expected)}",
        image=record.image,
        description=record.description,
        expected=expected,
        image_size=size,
        ui_type=record.ui_type,
        application=record.application,
        group=record.group,
    )


def _add_once(checked: Checked, made: Sequence[tuple[str, Target]]) -> None:
    """Add targets, each question once and each name once."""
    contents: dict[tuple[str, str, tuple[Edges, ...]], str] = {}
    questions: dict[tuple[str, str], str] = {}
    names: dict[str, str] = {}
    for where, target in made:
        image = str(checked.files.get(target.image, target.image))
        question = image, target.description.strip()
        first = contents.setdefault((*question, target.expected), where)
        if first != where:
            checked.faults.add("image, description and box as another", f"{where} (as {first})")
            continue
        first = names.setdefault(target.id, where)
        if first != where:
            name = f"{target.id}#{_content(target.image, target.description, target.expected)}"
            checked.oddities.add("a name that another has, renamed", f"{where} ({brief(target.id)}, as {first})")
            target = replace(target, id=name)
        first = questions.setdefault(question, where)
        if first != where:
            checked.oddities.add("image and description as another, and another box", f"{where} (as {first})")
        checked.targets.append(target)


def _content(*values: Any) -> str:
    """Return 8 hexadecimal digits by which rows without a name are told apart, wherever they are in their file."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:8]
