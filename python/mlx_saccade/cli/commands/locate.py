"""`mlx-saccade locate`: find described elements on an image, as boxes in its own pixels."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlx_saccade import files
from mlx_saccade.cli import output
from mlx_saccade.cli.options import (
    add_answer_arguments,
    add_model_arguments,
    answer_json,
    answer_options,
    answer_places,
    image_options,
    load_engine,
    print_cost,
    print_image_notes,
    print_rejected,
)
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer
    from mlx_saccade.media import LazyImage

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade locate`."""
    parser.add_argument("image", metavar="IMAGE", help="image file or data URI")
    parser.add_argument(
        "descriptions", nargs="+", metavar="DESCRIPTION", help='what to find, such as "the red round button"'
    )
    parser.add_argument("--point", action="store_true", help="print the one place to click")
    parser.add_argument("--save", metavar="FILE", help="write a copy of the image with the boxes drawn")
    parser.add_argument(
        "--constrained", action="store_true", help="force the model to write one box inside the image, or none"
    )
    add_model_arguments(parser)
    add_answer_arguments(parser, max_tokens=256)


def run(options: argparse.Namespace) -> int:
    """Print the boxes of each description; exit code 0 even without a box."""
    from mlx_saccade import media

    file_format = None if options.save is None else _save_format(options)
    if options.page == "all":
        raise InputError("--page: expected one page; got all. Give its number, since a box belongs to one page")
    image = media.LazyImage(options.image, image_options(options))
    if file_format is None:
        answers = _locate(options, image)
    else:
        with image:  # keeps the pixels that the model reads, to draw on them
            answers = _locate(options, image)
            _save(options, image, answers, file_format)
    print_image_notes(answers[0])
    if options.verbose:
        for answer in answers:
            print_cost(answer)
    if options.json:
        pairs = zip(options.descriptions, answers, strict=True)
        rows = [{"description": description, **answer_json(answer)} for description, answer in pairs]
        output.print_json(rows[0] if len(rows) == 1 else {"answers": rows})
        for answer in answers:
            print_rejected(answer)
    else:
        _print(options, answers)
    return 0


def _locate(options: argparse.Namespace, image: LazyImage) -> list[Answer]:
    with Progress("loading the model") as progress:
        answers: list[Answer] = load_engine(options).locate(
            image,
            options.descriptions,
            budget=options.budget,
            constrained=options.constrained,
            fit=options.fit,
            **answer_options(options, progress),
        )
    return answers


def _print(options: argparse.Namespace, answers: list[Answer]) -> None:
    for description, answer in zip(options.descriptions, answers, strict=True):
        places = answer_places(answer)
        if options.point and answer.click is not None:
            places = [(list(answer.click), places[0][1] if len(places) == 1 else "")]
        if not places:
            print(f"{description}: no box; the model wrote: {answer.text!r}")
        for values, name in places:
            numbers = ", ".join(f"{value:.0f}" for value in values)
            label = "" if name in ("", description) else f" (the model's label: {name})"
            print(f"{description}: {numbers}{label}")
        print_rejected(answer)
    (width, height), tokens = answers[0].frames[0].source_size, answers[0].frames[0].tokens
    what = "x, y to click" if options.point else "edges x1, y1, x2, y2"
    print(f"{what} in the pixels of the {width} x {height} source")
    print(f"{tokens} visual tokens, {sum(sum(answer.timings.values()) for answer in answers):.2f} s")


def _save_format(options: argparse.Namespace) -> str:
    """Return the format of --save, or refuse it before anything is loaded."""
    from mlx_saccade.cli.draw import image_format, refuse_the_source

    refuse_the_source("--save", files.check_writable(options.save), options.image)
    return image_format(options.save)


def _save(options: argparse.Namespace, image: LazyImage, answers: list[Answer], file_format: str) -> None:
    from mlx_saccade.cli.draw import draw_boxes

    frame = image.frame()
    boxes = [(box.xyxy, box.label) for answer in answers for box in answer.boxes]
    files.write_atomically(options.save, draw_boxes(frame.pixels, boxes, file_format=file_format))
