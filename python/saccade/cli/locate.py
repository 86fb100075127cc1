"""`saccade locate`: a description in, a box in the image's own pixels out."""

from __future__ import annotations

import argparse

from saccade import files
from saccade.cli import output
from saccade.cli.plan import add_budget_arguments

__all__ = ["add_arguments", "run"]

TINY_NOTE = "the packaged checkpoint knows generated screens only; give --model for a real one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `saccade locate`."""
    parser.add_argument("image", metavar="IMAGE", help="an image file or data URI")
    parser.add_argument("description", metavar="DESCRIPTION", help='what to find, such as "the red round button"')
    parser.add_argument("--model", metavar="PATH|ID", help="a checkpoint folder or hub id (default: the packaged one)")
    parser.add_argument("--save", metavar="FILE", help="write a copy of the image with the boxes drawn")
    add_budget_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Find one description on one image; exit code 0 with or without a box (`--json` says which)."""
    from saccade import engine, media

    if options.save is not None:
        from saccade.cli.draw import image_format, refuse_the_source

        refuse_the_source("--save", files.check_writable(options.save), options.image)
        file_format = image_format(options.save)
    if options.model is None:
        output.note(TINY_NOTE)
    answer = engine.load(options.model).locate(options.image, options.description, budget=options.budget)
    if options.save is not None:
        from saccade.cli.draw import draw_boxes

        frame = media.open_image(options.image)
        boxes = [(box.xyxy, box.label) for box in answer.boxes]
        files.write_atomically(options.save, draw_boxes(frame.pixels, boxes, file_format=file_format))
    if options.json:
        output.print_json(answer.as_dict())
        return 0
    if not answer.boxes:
        print(f"no box; the model said: {answer.text!r}")
    for box in answer.boxes:
        print(f"{box.label}: {', '.join(f'{edge:.0f}' for edge in box.xyxy)}")
    frame_used = answer.frames[0]
    width, height = frame_used.source_size
    print(f"edges x1, y1, x2, y2 in the pixels of the {width} x {height} source")
    print(f"{frame_used.tokens} visual tokens, {sum(answer.timings.values()):.2f} s")
    return 0
