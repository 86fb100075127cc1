"""Open a data set: find its files, recognize their format, check them, and draw a part."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.evals.datasets import screenspot_pro, screenspot_v2, table
from mlx_saccade.evals.datasets.boxes import BoxFormat, box_format
from mlx_saccade.evals.datasets.checking import Checked, check
from mlx_saccade.evals.datasets.file_set import FileDataSet
from mlx_saccade.evals.datasets.images import ImageFolders
from mlx_saccade.evals.datasets.reading import NotTargetsError, header_of, read_rows
from mlx_saccade.evals.datasets.records import Layout, Row
from mlx_saccade.evals.datasets.sampling import by_image, draw
from mlx_saccade.evals.datasets.sizes import Missing
from mlx_saccade.evals.targets import DataSet
from mlx_saccade.media.sources import short

__all__ = ["FORMATS", "open_data"]

FORMATS: Final = (screenspot_pro.KIND, screenspot_v2.KIND, table.KIND)
"""The formats of files, as `data_format` takes them."""
ReadList = tuple[Path, list[Row], Layout]
_PATTERNS: Final = ("annotations.json", "annotations/*.json", "*.json", "*.jsonl", "*.csv")
"""Files of a folder that are read; the first of these that any file matches."""


def open_data(
    source: str | os.PathLike[str],
    *,
    data_format: str | None = None,
    images: str | os.PathLike[str] | None = None,
    boxes: str | None = None,
    n: int | None = None,
    seed: int = 0,
    missing: Missing = "refuse",
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> DataSet:
    """Read targets from files, and check all of them and their images before any question.

    Entries that no question can be made of are left out, with a note of each kind. So are repeated ones.

    Args:
        source: a JSON list, JSON lines or CSV; or a folder with `annotations.json`, `annotations/*.json`, `*.json`,
            `*.jsonl` or `*.csv`, the first of these that it has.
        data_format: "screenspot-pro", "screenspot-v2" or "table"; None (default) recognizes it by the names of fields.
        images: folder of the images; None (default) looks beside the lists, where each benchmark puts them.
        boxes: "xyxy" or "xywh" in pixels, or with "-normalized" from 0 to 1; None (default) is the format's own: xyxy
            of ScreenSpot-Pro, xywh of ScreenSpot-v2, what the columns say of a table, and xyxy of its column "box".
        n: number of targets to draw, one of each size bin in turn; None (default) is all.
        seed: of the draw, from 0, default 0. A larger `n` of one seed holds the targets of a smaller one.
        missing: what a missing or unreadable image does: "refuse" (default) the data; "skip" its targets; or "keep"
            those whose entry states the image's size, to describe data without their images.
        advance: called with the number of images looked at, and of all, while their headers are read.

    Returns:
        The data set. Its first note says how the boxes were read.

    Raises:
        FileNotFoundError: no such file or folder.
        InputError: no targets, an unknown or ambiguous format, missing images, or boxes of another convention.
    """
    stated = None if boxes is None else box_format(boxes)
    _check_options(source, data_format, n, seed, missing)
    path = Path(source)
    name = short(str(path))
    lists, file_notes = _read_lists(path, data_format, stated)
    layout = _one_layout(name, [layout for _, _, layout in lists])
    folders = ImageFolders(_image_folders(path, [file for file, _, _ in lists], layout, images))
    records = [layout.record(row) for _, rows, _ in lists for row in rows]
    checked = check(name, records, layout, folders, missing=missing, stated=stated is not None, advance=advance)
    chosen = checked.targets if n is None else draw(checked.targets, n, seed)
    notes = [f"read as {layout.title}: {layout.box_words}", *file_notes, *_notes(checked)]
    if len(chosen) < len(checked.targets):
        notes.append(
            f"drew {len(chosen)} of {quantity(len(checked.targets), 'target')} with seed {seed}, "
            "one of each size in turn"
        )
    identity = _identity(path, lists, layout)
    return FileDataSet(
        name=path.resolve().name if "name" in identity else layout.kind,
        identity=identity,
        targets=by_image(chosen, checked.targets),
        notes=notes,
        files=checked.files,
    )


def _check_options(source: Any, data_format: Any, n: Any, seed: Any, missing: Any) -> None:
    if not isinstance(source, str | os.PathLike) or not os.fspath(source):
        raise InputError(f"data: expected the path of a file or folder; got {brief(source)}")
    if data_format is not None and data_format not in FORMATS:
        raise InputError(f"data_format: expected one of {', '.join(FORMATS)}; got {brief(data_format)}")
    if n is not None:
        validation.at_least(1, n, "n")
    validation.at_least(0, seed, "seed")
    if missing not in get_args(Missing):
        raise InputError(f"missing: expected refuse, skip or keep; got {brief(missing)}")


def _read_lists(path: Path, data_format: str | None, boxes: BoxFormat | None) -> tuple[list[ReadList], list[str]]:
    """Return the lists of a file or folder with their rows and layouts, and notes of what was read and skipped."""
    # Path.exists would raise for a name that is too long.
    if not os.path.exists(path):  # noqa: PTH110
        raise FileNotFoundError(f"{short(str(path))}: no such file or folder; check the path")
    if not path.is_dir():
        rows = read_rows(path)
        return [(path, rows, _layout(path, rows, data_format, boxes))], []
    lists, notes = [], []
    for file in _files(path):
        one = _read_if_targets(file, data_format, boxes)
        if isinstance(one, NotTargetsError):
            notes.append(f"skipped {one}")
        else:
            lists.append(one)
    if not lists:
        raise InputError(f"{short(str(path))}: expected a list of targets; got none: {notes[0]}")
    if len(lists) > 1:
        names = [file.name for file, _, _ in lists]
        between = "and" if len(names) == 2 else "to"
        notes.insert(0, f"{len(names)} lists: {names[0]} {between} {names[-1]}")
    if (path / "annotations.json").exists() and (path / "ambiguous.json").exists():
        notes.append("skipped ambiguous.json: name the file itself to ask for descriptions of two elements")
    return lists, notes


def _read_if_targets(file: Path, data_format: str | None, boxes: BoxFormat | None) -> ReadList | NotTargetsError:
    try:
        rows = read_rows(file)
        return file, rows, _layout(file, rows, data_format, boxes)
    except NotTargetsError as problem:
        return problem


def _files(folder: Path) -> list[Path]:
    for pattern in _PATTERNS:
        # Copies from macOS have a file "._a.json" beside each a.json.
        files = sorted(file for file in folder.glob(pattern) if not file.name.startswith(".") and file.is_file())
        if files:
            return files
    raise InputError(
        f"{short(str(folder))}: expected {', '.join(_PATTERNS)}; got a folder without. Name the file of the targets"
    )


def _layout(file: Path, rows: list[Row], data_format: str | None, boxes: BoxFormat | None) -> Layout:
    """Return how the rows of a file are read."""
    names = header_of(rows)
    if not rows:
        raise NotTargetsError(f"{short(str(file))}: expected targets; got an empty list. Name another file")
    kind = data_format or _kind(file, names)
    if kind == screenspot_pro.KIND:
        return _with_fields(file, names, screenspot_pro.layout(boxes))
    if kind == screenspot_v2.KIND:
        return _with_fields(file, names, screenspot_v2.layout(boxes))
    return table.layout(names, boxes, short(str(file)))


def _kind(file: Path, names: Collection[str]) -> str:
    if screenspot_pro.matches(names):
        return screenspot_pro.KIND
    if screenspot_v2.matches(names):
        return screenspot_v2.KIND
    if {"img_filename", "bbox"} <= set(names):
        raise InputError(
            f"{short(str(file))}: expected img_size or ui_type as in ScreenSpot-Pro, or data_type as in "
            "ScreenSpot-v2, to know the order of bbox; got neither. Say which with data_format= (--data-format)"
        )
    return table.KIND


def _with_fields(file: Path, names: Collection[str], layout: Layout) -> Layout:
    absent = [name for name in ("img_filename", "instruction", "bbox") if name not in names]
    if absent:
        columns = brief(", ".join(sorted(map(str, names))), 120)
        raise NotTargetsError(
            f"{short(str(file))}: expected {layout.title} with {', '.join(absent)}; got {columns}. Name another file"
        )
    return layout


def _one_layout(name: str, layouts: Sequence[Layout]) -> Layout:
    first = layouts[0]
    for other in layouts:
        if (other.kind, other.fields, other.convention) != (first.kind, first.fields, first.convention):
            raise InputError(
                f"{name}: expected lists of one format; got {first.title} ({first.fields}) and "
                f"{other.title} ({other.fields}). Name one of the files"
            )
    return first


def _image_folders(
    path: Path, files: Sequence[Path], layout: Layout, images: str | os.PathLike[str] | None
) -> list[Path]:
    if images is not None:
        folder = Path(images)
        if not os.fspath(images) or not os.path.isdir(folder):  # noqa: PTH112
            raise FileNotFoundError(f"{short(str(folder))}: no such folder for images. Check images= (--images)")
        return [folder, folder / "images"]
    beside = dict.fromkeys([path, *(file.parent for file in files)] if path.is_dir() else [path.parent])
    return [folder / name for folder in beside for name in layout.image_folders]


def _notes(checked: Checked) -> list[str]:
    return [*checked.faults.notes("left out"), *checked.oddities.notes("kept")]


def _identity(path: Path, lists: Sequence[ReadList], layout: Layout) -> dict[str, Any]:
    """Return what the targets are: the benchmark's name, or that of a file or folder of one's own."""
    identity = {"kind": layout.kind, "boxes": layout.convention}
    is_benchmark = layout.kind == screenspot_v2.KIND or (
        layout.kind == screenspot_pro.KIND and screenspot_pro.is_benchmark(row for _, rows, _ in lists for row in rows)
    )
    if not is_benchmark:
        # A folder of one list and the list itself are the same data.
        whole = (lists[0][0] if len(lists) == 1 else path).resolve()
        identity["name"] = whole.name if whole.is_dir() else f"{whole.parent.name}/{whole.name}"
    return identity
