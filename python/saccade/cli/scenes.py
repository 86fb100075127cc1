"""`saccade scenes`: generated screens with their known boxes, as PNGs and ScreenSpot-Pro annotations."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

from saccade import files
from saccade.cli import output
from saccade.cli.plan import parse_size
from saccade.errors import InputError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `saccade scenes`."""
    parser.add_argument("--n", type=int, default=20, metavar="N", help="how many screens (default 20)")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files; made if it does not exist")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first screen (default 0); the rest count up")
    parser.add_argument("--size", default="3840x2160", metavar="WIDTHxHEIGHT", help="default 3840x2160")


def annotate(scene: Any, name: str, size: tuple[int, int]) -> list[dict[str, Any]]:
    """The elements of a scene in ScreenSpot-Pro's fields (`bbox` is [x1, y1, x2, y2] in pixels)."""
    return [
        {
            "id": f"{Path(name).stem}-{index}",
            "img_filename": name,
            "img_size": list(size),
            "bbox": list(element.box),
            "instruction": element.description,
            "application": "saccade-scenes",
            "platform": "generated",
            "ui_type": "icon",
            "group": element.kind,
        }
        for index, element in enumerate(scene.elements)
    ]


def run(options: argparse.Namespace) -> int:
    """Write the screens, and last the annotations of all of them."""
    from PIL import Image
    from rich.progress import track

    from saccade import scenes

    size = parse_size("--size", options.size)
    if options.n < 1:
        raise InputError(f"--n {options.n}: nothing to write; ask for at least 1")
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    annotations: list[dict[str, Any]] = []
    screen = output.console(stderr=True)
    seeds = range(options.seed, options.seed + options.n)
    for seed in track(seeds, "drawing", console=screen, transient=True, disable=not screen.is_terminal):
        scene = scenes.generate(seed, size)
        name = f"scene-{seed:06d}.png"
        stream = io.BytesIO()
        Image.fromarray(scene.image).save(stream, "PNG", compress_level=3)
        files.write_atomically(folder / name, stream.getvalue())
        annotations += annotate(scene, name, size)
    listed = folder / "annotations.json"
    files.write_atomically(listed, (json.dumps(annotations, indent=1) + "\n").encode())
    written = {"folder": str(folder), "screens": options.n, "targets": len(annotations), "annotations": str(listed)}
    if options.json:
        output.print_json(written)
    else:
        print(f"{options.n} screens with {len(annotations)} known boxes in {folder}; annotations in {listed}")
    return 0
