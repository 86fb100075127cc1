"""The files of `mlx-saccade scenes`: stamped screens, lists of their targets, and whether a folder's are its own."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade import files
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.scenes import Ambiguity, Element

__all__ = ["AMBIGUOUS", "ANNOTATIONS", "Job", "annotate", "annotate_pairs", "kept_screens", "write_list"]

ANNOTATIONS: Final = "annotations.json"
AMBIGUOUS: Final = "ambiguous.json"
SCREEN: Final = re.compile(r"scene-(\d{6,})\.png")
# Level 6 takes half the disk and a third more time.
COMPRESSION: Final = 1
# The last chunk of every whole PNG.
PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"


@dataclass(frozen=True)
class Job:
    """What all screens of one command have in common."""

    folder: Path
    size: tuple[int, int]
    ambiguous: bool
    scale: int = 1

    def path(self, seed: int) -> Path:
        """The file of one screen."""
        return self.folder / f"scene-{seed:06d}.png"

    def stamp(self, seed: int) -> str:
        """What is written into the file, so that a later run can tell whether it would draw the same."""
        from mlx_saccade.scenes import VERSION

        width, height = self.size
        size = f"{width}x{height} scale {self.scale}"
        return f"version {VERSION} seed {seed} size {size} ambiguous {self.ambiguous}"

    def found(self, seed: int) -> tuple[bool, bool]:
        """Of the screen's file: whether it is of these very arguments, and whether it is whole as well."""
        from PIL import Image

        try:
            with self.path(seed).open("rb") as stream:
                with Image.open(stream, formats=["PNG"]) as image:
                    same = image.size == self.size and image.info.get("saccade-scene") == self.stamp(seed)
                stream.seek(-len(PNG_END), os.SEEK_END)
                return same, same and stream.read() == PNG_END
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return False, False

    def draw(self, seed: int) -> None:
        """Write the screen's file."""
        from PIL import Image, PngImagePlugin

        from mlx_saccade import scenes

        notes = PngImagePlugin.PngInfo()
        notes.add_text("saccade-scene", self.stamp(seed))
        stream = io.BytesIO()
        scene = scenes.generate(seed, self.size, ambiguous=self.ambiguous, scale=self.scale)
        Image.fromarray(scene.image).save(stream, "PNG", compress_level=COMPRESSION, pnginfo=notes)
        files.write_atomically(self.path(seed), stream.getvalue())


def entry(job: Job, seed: int, name: str, description: str, box: Sequence[int], kind: str) -> dict[str, Any]:
    """One target in ScreenSpot-Pro's fields, and `scale`; `bbox` is [x1, y1, x2, y2] in pixels."""
    return {
        "img_filename": job.path(seed).name,
        "bbox": list(box),
        "instruction": description,
        "id": f"scene-{seed:06d}-{name}",
        "application": "saccade-scenes",
        "platform": "generated",
        "img_size": list(job.size),
        "scale": job.scale,
        "ui_type": "icon",  # the benchmark's other type is text to be read, of which there is none
        "group": kind,
    }


def annotate(job: Job, seed: int, elements: Sequence[Element]) -> list[dict[str, Any]]:
    """Every element of a screen as a target."""
    return [entry(job, seed, str(i), e.description, e.box, e.kind) for i, e in enumerate(elements)]


def annotate_pairs(
    job: Job, seed: int, elements: Sequence[Element], pairs: Sequence[Ambiguity]
) -> list[dict[str, Any]]:
    """Every ambiguous description of a screen; `bbox` is the first of the two in `bboxes`."""
    return [
        entry(job, seed, f"pair-{i}", pair.description, pair.boxes[0], elements[pair.elements[0]].kind)
        | {"bboxes": [list(box) for box in pair.boxes]}
        for i, pair in enumerate(pairs)
    ]


def kept_screens(job: Job, seeds: range) -> set[int]:
    """The screens that need not be drawn again.

    Raises:
        InputError: the folder is a file, or holds a file named as the command's own are that these arguments
            did not make.
    """
    if os.path.lexists(job.folder) and not job.folder.is_dir():
        raise InputError(f"--out {job.folder}: is a file and no folder; name another")
    whole: set[int] = set()
    for seed in _numbered(job):
        same, complete = job.found(seed) if seed in seeds else (False, False)
        if not same:
            raise _foreign(job.path(seed))
        if complete:
            whole.add(seed)
    for name in (ANNOTATIONS, AMBIGUOUS):
        path = job.folder / name
        if path.exists() and ((name == AMBIGUOUS and not job.ambiguous) or not _listed(job, path, seeds)):
            raise _foreign(path)
    return whole


def _foreign(path: Path) -> InputError:
    return InputError(
        f"--out {path.parent}: {path.name} is there and was not made with these arguments; name an empty folder"
    )


def _numbered(job: Job) -> list[int]:
    """The seeds of the folder's files that are named as screens are."""
    names = [match for path in job.folder.glob("scene-*.png") if (match := SCREEN.fullmatch(path.name))]
    return sorted(int(match[1]) for match in names if job.path(int(match[1])).name == match[0])


def _listed(job: Job, path: Path, seeds: range) -> bool:
    """Whether a list holds targets on these screens alone, as this command writes them."""
    try:
        content = path.read_bytes()
        entries = json.loads(content)
        return rendered(entries) == content and all(_written(job, one, seeds) for one in entries)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _written(job: Job, one: dict[str, Any], seeds: range) -> bool:
    model = entry(job, 0, "", "", (), "")
    match = SCREEN.fullmatch(one["img_filename"])
    same = all(one[field] == model[field] for field in ("application", "platform", "img_size", "scale", "ui_type"))
    return same and one.keys() - {"bboxes"} == model.keys() and match is not None and int(match[1]) in seeds


def rendered(entries: list[dict[str, Any]]) -> bytes:
    """A list as it stands in its file, one target a line."""
    lines = ",\n".join(json.dumps(one) for one in entries)
    return f"[\n{lines}\n]\n".encode()


def write_list(path: Path, entries: list[dict[str, Any]]) -> None:
    """Write annotations."""
    files.write_atomically(path, rendered(entries))
