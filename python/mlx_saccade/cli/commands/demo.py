"""`mlx-saccade demo`: six things on the packaged 4K screenshot, found by the packaged checkpoint."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from mlx_saccade import files
from mlx_saccade.cli import output
from mlx_saccade.grounding import center_inside

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine

__all__ = ["add_arguments", "run"]

PICTURE = "saccade-demo.png"


@dataclass(frozen=True)
class Target:
    """One thing on the packaged screenshot: its known box is (x1, y1, x2, y2) in the screenshot's pixels."""

    description: str
    size: str
    box: tuple[int, int, int, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade demo`."""
    parser.add_argument("--out", default=PICTURE, metavar="FILE", help=f"where the picture goes (default {PICTURE})")


def read_targets() -> tuple[bytes, list[Target]]:
    """The packaged screenshot's file and the six things known to be on it."""
    folder = resources.files("mlx_saccade") / "assets" / "demo"
    listed = json.loads((folder / "targets.json").read_text(encoding="utf-8"))
    targets = [Target(entry["description"], entry["size"], tuple(entry["box"])) for entry in listed["targets"]]
    return (folder / listed["image"]).read_bytes(), targets


def is_hit(answer: Answer, target: Target) -> bool:
    """Whether the center of the first box lies inside the known box, edges included (ScreenSpot's measure)."""
    return bool(answer.boxes) and center_inside(answer.boxes[0], target.box)


def find_all(engine: Engine, screenshot: bytes, targets: list[Target]) -> list[Answer]:
    """One answer a target, with a progress bar on standard error where that is a terminal."""
    from rich.progress import track

    from mlx_saccade.cli.output import console

    screen = console(stderr=True)
    return [
        engine.locate(screenshot, target.description)
        for target in track(targets, "finding", console=screen, transient=True, disable=not screen.is_terminal)
    ]


def describe(target: Target, answer: Answer) -> dict[str, Any]:
    """One row of the table as JSON values."""
    return {
        "description": target.description,
        "size": target.size,
        "known_box": list(target.box),
        "correct": is_hit(answer, target),
        **answer.as_dict(),
    }


def print_table(targets: list[Target], answers: list[Answer]) -> None:
    """The table for people; times in milliseconds."""
    rows, stages = [], list(answers[0].timings)
    for target, answer in zip(targets, answers, strict=True):
        box = ", ".join(f"{edge:.0f}" for edge in answer.boxes[0].xyxy) if answer.boxes else "none"
        times = [f"{answer.timings[stage] * 1000:.0f}" for stage in stages]
        hit = "yes" if is_hit(answer, target) else "no"
        rows.append((target.description, target.size, box, str(answer.frames[0].tokens), *times, hit))
    names = ("description", "target", "box in source pixels", "tokens", *(f"{stage} ms" for stage in stages), "correct")
    sides = ("left", "left", "left", *["right"] * (1 + len(stages)), "left")
    output.table(list(zip(names, sides, strict=True)), rows)


def run(options: argparse.Namespace) -> int:
    """Find the six targets, print the table and write the picture."""
    from mlx_saccade import engine, media
    from mlx_saccade.cli.draw import draw_boxes, image_format

    files.check_writable(options.out)
    file_format = image_format(options.out)
    screenshot, targets = read_targets()
    answers = find_all(engine.load(), screenshot, targets)
    drawn = [(box.xyxy, box.label) for answer in answers for box in answer.boxes[:1]]
    frame = media.open_image(screenshot)
    files.write_atomically(options.out, draw_boxes(frame.pixels, drawn, file_format=file_format))
    correct = sum(is_hit(answer, target) for answer, target in zip(answers, targets, strict=True))
    if options.json:
        rows = [describe(target, answer) for target, answer in zip(targets, answers, strict=True)]
        output.print_json({"targets": rows, "correct": correct, "of": len(targets), "picture": options.out})
        return 0
    print_table(targets, answers)
    width, height = frame.source_size
    print(f"{correct} of {len(targets)} correct: predicted center inside the known box, on {width} x {height} pixels")
    print(f"boxes drawn in {options.out}")
    return 0
