"""The files of `mlx-saccade scenes`: stamped screens, and lists of their targets in ScreenSpot-Pro's fields."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade import files
from mlx_saccade.errors import InputError
from mlx_saccade.evals.packaged_range import in_range, plan_of

if TYPE_CHECKING:
    from mlx_saccade.preprocess.plan import Plan
    from mlx_saccade.scenes import Ambiguity, Element

__all__ = [
    "AMBIGUOUS",
    "ANNOTATIONS",
    "Job",
    "annotate",
    "annotate_pairs",
    "entry",
    "finished_screens",
    "render_list",
    "write_list",
]

ANNOTATIONS: Final = "annotations.json"
AMBIGUOUS: Final = "ambiguous.json"
SCREEN: Final = re.compile(r"scene-(\d{6,})\.png")
# Level 6 would take half the disk, but more time.
COMPRESSION: Final = 1
# The last chunk of every complete PNG.
PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"


@dataclass(frozen=True)
class Job:
    """The arguments that all screens of one command share.

    Attributes:
        folder: where the files are.
        size: (width, height) of the screens in pixels.
        ambiguous: many elements look like another.
        scale: pixels per point, 1 or 2; default 1.
        smallest: least side of an element in pixels; None (default) is that of `scenes.generate`.
    """

    folder: Path
    size: tuple[int, int]
    ambiguous: bool
    scale: int = 1
    smallest: int | None = None

    @cached_property
    def plan(self) -> Plan:
        """Return the plan of a screen at the packaged checkpoint's budget."""
        return plan_of(self.size)

    def path(self, seed: int) -> Path:
        """Return the path of a screen's file."""
        return self.folder / f"scene-{seed:06d}.png"

    def stamp(self, seed: int) -> str:
        """Return the text in a screen's file by which a later run recognizes its own."""
        from mlx_saccade.scenes import VERSION

        width, height = self.size
        size = f"{width}x{height} scale {self.scale}"
        return f"version {VERSION} seed {seed} size {size} ambiguous {self.ambiguous} smallest {self.smallest}"

    def check(self, seed: int) -> tuple[bool, bool]:
        """Return two flags: a screen's file was made with these arguments, and it is complete as well."""
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
        """Draw a screen and write its file."""
        from PIL import Image, PngImagePlugin

        from mlx_saccade import scenes

        info = PngImagePlugin.PngInfo()
        info.add_text("saccade-scene", self.stamp(seed))
        stream = io.BytesIO()
        scene = scenes.generate(seed, self.size, smallest=self.smallest, ambiguous=self.ambiguous, scale=self.scale)
        Image.fromarray(scene.image).save(stream, "PNG", compress_level=COMPRESSION, pnginfo=info)
        files.write_atomically(self.path(seed), stream.getvalue())


def entry(job: Job, seed: int, name: str, description: str, box: Sequence[int], kind: str) -> dict[str, Any]:
    """Return a target in ScreenSpot-Pro's fields and two more, `scale` and `in_range`; `bbox` is in pixels."""
    return {
        "img_filename": job.path(seed).name,
        "bbox": list(box),
        "instruction": description,
        "id": f"scene-{seed:06d}-{name}",
        "application": "saccade-scenes",
        "platform": "generated",
        "img_size": list(job.size),
        "scale": job.scale,
        "ui_type": "icon",  # the benchmark's other type, text, does not occur
        "group": kind,
        "in_range": in_range(box, job.plan),
    }


def annotate(job: Job, seed: int, elements: Sequence[Element]) -> list[dict[str, Any]]:
    """Return every element of a screen as a target."""
    return [entry(job, seed, str(i), e.description, e.box, e.kind) for i, e in enumerate(elements)]


def annotate_pairs(
    job: Job, seed: int, elements: Sequence[Element], pairs: Sequence[Ambiguity]
) -> list[dict[str, Any]]:
    """Return every ambiguous description of a screen as a target; `bbox` is the first of the two `bboxes`."""
    return [
        entry(job, seed, f"pair-{i}", pair.description, pair.boxes[0], elements[pair.elements[0]].kind)
        | {"bboxes": [list(box) for box in pair.boxes]}
        for i, pair in enumerate(pairs)
    ]


def finished_screens(job: Job, seeds: range) -> set[int]:
    """Return the seeds whose files are complete and need not be drawn again.

    Raises:
        InputError: the folder is a file, or holds a screen or list that was not made with these arguments.
    """
    if os.path.lexists(job.folder) and not job.folder.is_dir():
        raise InputError(f"--out {job.folder}: expected a folder; got a file. Name another folder")
    finished: set[int] = set()
    for seed in _numbered(job):
        same, complete = job.check(seed) if seed in seeds else (False, False)
        if not same:
            raise _foreign(job.path(seed))
        if complete:
            finished.add(seed)
    for name in (ANNOTATIONS, AMBIGUOUS):
        path = job.folder / name
        if path.exists() and ((name == AMBIGUOUS and not job.ambiguous) or not _is_own_list(job, path, seeds)):
            raise _foreign(path)
    return finished


def _foreign(path: Path) -> InputError:
    return InputError(
        f"--out {path.parent}: expected files made with these arguments; got {path.name} of others. "
        "Name an empty folder"
    )


def _numbered(job: Job) -> list[int]:
    """Return the seeds of all files in the folder that have a screen's name."""
    names = [match for path in job.folder.glob("scene-*.png") if (match := SCREEN.fullmatch(path.name))]
    return sorted(int(match[1]) for match in names if job.path(int(match[1])).name == match[0])


def _is_own_list(job: Job, path: Path, seeds: range) -> bool:
    """Return True if a list holds only targets on these screens, as this command writes them."""
    try:
        content = path.read_bytes()
        entries = json.loads(content)
        return render_list(entries) == content and all(_is_own_target(job, one, seeds) for one in entries)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _is_own_target(job: Job, target: dict[str, Any], seeds: range) -> bool:
    example = entry(job, 0, "", "", (0, 0, 0, 0), "")
    match = SCREEN.fullmatch(target["img_filename"])
    fields = ("application", "platform", "img_size", "scale", "ui_type")
    same = all(target[field] == example[field] for field in fields)
    return same and target.keys() - {"bboxes"} == example.keys() and match is not None and int(match[1]) in seeds


def render_list(entries: list[dict[str, Any]]) -> bytes:
    """Return the content of a list's file, one target a line."""
    lines = ",\n".join(json.dumps(one) for one in entries)
    return f"[\n{lines}\n]\n".encode()


def write_list(path: Path, entries: list[dict[str, Any]]) -> None:
    """Write the file of a list."""
    files.write_atomically(path, render_list(entries))
