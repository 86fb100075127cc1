"""`mlx-saccade demo`: find six elements on the packaged 4K screenshot with the packaged checkpoint."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from mlx_saccade import files
from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import add_out_argument
from mlx_saccade.grounding import center_inside

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade demo",
    "mlx-saccade demo --out found.png",
)


@dataclass(frozen=True)
class Target:
    """An element of the packaged screenshot; its known box is (x1, y1, x2, y2) in the screenshot's pixels."""

    description: str
    size: str
    box: tuple[int, int, int, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade demo`."""
    add_out_argument(parser, "file for the picture", default="saccade-demo.png")


def read_targets() -> tuple[bytes, list[Target]]:
    """Return the packaged screenshot's file and its six targets."""
    folder = resources.files("mlx_saccade") / "assets" / "demo"
    content = json.loads((folder / "targets.json").read_text(encoding="utf-8"))
    targets = [Target(entry["description"], entry["size"], tuple(entry["box"])) for entry in content["targets"]]
    return (folder / content["image"]).read_bytes(), targets


def is_hit(answer: Answer, target: Target) -> bool:
    """Return True if the center of the first box is inside the known box, edges included (ScreenSpot's metric)."""
    return bool(answer.boxes) and center_inside(answer.boxes[0], target.box)


def find_all(engine: Engine, screenshot: bytes, targets: list[Target]) -> list[Answer]:
    """Return an answer for each target."""
    with progress.bar() as bar:
        return [
            engine.locate(screenshot, target.description, policy="flat")
            for target in bar.track(targets, description="locating")
        ]


def describe(target: Target, answer: Answer) -> dict[str, Any]:
    """Return one row of the table as JSON values."""
    return {
        "description": target.description,
        "size": target.size,
        "known_box": list(target.box),
        "correct": is_hit(answer, target),
        **answer.as_dict(),
    }


def print_table(targets: list[Target], answers: list[Answer]) -> None:
    """Print the table for people, and the times of each stage."""
    rows = []
    for target, answer in zip(targets, answers, strict=True):
        box = ", ".join(f"{edge:.0f}" for edge in answer.boxes[0].xyxy) if answer.boxes else "none"
        hit = "yes" if is_hit(answer, target) else "no"
        ms = f"{sum(answer.timings.values()) * 1000:.0f}"
        rows.append((target.description, target.size, box, hit, str(answer.frames[0].tokens), ms))
    sides = {"box in source pixels": "right", "tokens": "right", "ms": "right"}
    names = ("description", "target", "box in source pixels", "correct", "tokens", "ms")
    output.table([(name, sides.get(name, "left")) for name in names], rows)
    stages = (f"{stage} {sum(answer.timings[stage] for answer in answers) * 1000:.0f}" for stage in answers[0].timings)
    output.text(f"ms of all {len(answers)} questions, the first of which encodes the image: {', '.join(stages)}")


def run(options: argparse.Namespace) -> int:
    """Find the six targets, print the table and write the picture."""
    from mlx_saccade import engine, media
    from mlx_saccade.cli.draw import draw_boxes, image_format

    files.check_writable(options.out)
    file_format = image_format(options.out)
    screenshot, targets = read_targets()
    answers = find_all(engine.load(), screenshot, targets)
    boxes = [(box.xyxy, box.label) for answer in answers for box in answer.boxes[:1]]
    frame = media.open_image(screenshot)
    files.write_atomically(options.out, draw_boxes(frame.pixels, boxes, file_format=file_format))
    correct = sum(is_hit(answer, target) for answer, target in zip(answers, targets, strict=True))
    if options.json:
        rows = [describe(target, answer) for target, answer in zip(targets, answers, strict=True)]
        output.print_json({"targets": rows, "correct": correct, "of": len(targets), "picture": options.out})
        return 0
    print_table(targets, answers)
    width, height = frame.source_size
    size = f"{width} x {height} pixels"
    output.text(f"{correct} of {len(targets)} correct on {size}: center of the box inside the known box")
    output.text(f"boxes drawn in {options.out}")
    return 0
