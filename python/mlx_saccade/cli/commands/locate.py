"""`mlx-saccade locate`: find described elements on an image, as boxes in its own pixels."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

from mlx_saccade import files
from mlx_saccade.cli import answers_json, images, output
from mlx_saccade.cli.options import (
    add_answer_arguments,
    add_model_arguments,
    add_policy_arguments,
    answer_options,
    answer_places,
    image_options,
    load_engine,
    policy_options,
    print_cost,
    print_image_notes,
    print_rejected,
    screen_text,
)
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlx_saccade.engine import Answer
    from mlx_saccade.media import LazyImage

__all__ = ["EXAMPLES", "JSON_LINES", "add_arguments", "run"]

EXAMPLES = (
    'mlx-saccade locate screens/scene-000000.png "the blue triangle icon"',
    'mlx-saccade locate shot.png "the Save button" --model path/to/checkpoint',
)
JSON_LINES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade locate`."""
    parser.add_argument("image", metavar="IMAGE", help="image file or data URI, - for standard input")
    parser.add_argument(
        "descriptions", nargs="+", metavar="DESCRIPTION", help='what to find, such as "the red round button"'
    )
    add_model_arguments(parser)
    add_policy_arguments(parser)
    parser.add_argument("--point", action="store_true", help="print the one place to click")
    parser.add_argument("--save", metavar="FILE", help="write a copy of the image with the boxes drawn")
    parser.add_argument(
        "--constrained", action="store_true", help="force the model to write one box inside the image, or none"
    )
    parser.add_argument(
        "--candidates", default="1", metavar="K", help="print up to K boxes with scores, 1 to 16 (default 1)"
    )
    parser.add_argument(
        "--fail", action="store_true", help="exit with code 1 if a description is not found (default no)"
    )
    images.add_capture_arguments(parser.add_argument_group("place on the screen"))
    add_answer_arguments(parser, max_tokens=256)


def run(options: argparse.Namespace) -> int:
    """Print the boxes of each description; with --fail exit code 1 if one has no place to click, else 0."""
    import mlx_saccade.policies  # noqa: F401  (a hint names what is registered)
    from mlx_saccade import media

    file_format = None if options.save is None else _save_format(options)
    if options.page == "all":
        raise InputError("--page: expected one page; got all. Give its number, since a box belongs to one page")
    answers: list[Answer] = []
    capture = images.capture_options(options)
    image = media.LazyImage(images.source(options, options.image), image_options(options))
    if "region" in capture:
        image.crop(capture["region"])  # refuses a region outside before the model is loaded
    several = options.jsonl and len(options.descriptions) > 1
    # Used as a context, an image keeps its pixels, here for the next description or for the picture.
    with image if several or file_format is not None else contextlib.nullcontext():
        for answer in _locate(options, image, capture):
            if options.jsonl:
                answers_json.print_row(_row(options, len(answers), answer))
            answers.append(answer)
        if file_format is not None:
            _save(options, image, answers, file_format)
    print_image_notes(answers[0])
    if options.verbose:
        for answer in answers:
            print_cost(answer)
    if options.json:
        answers_json.print_document([_row(options, number, answer) for number, answer in enumerate(answers)])
    elif not options.jsonl:
        _print(options, answers)
    for answer in answers:
        print_rejected(answer)
    hints = [answer.hint for answer in answers if answer.hint is not None and not answer.rejected]
    for hint in dict.fromkeys(hints):
        output.note(f"hint: {hint}")
    return 1 if options.fail and any(answer.click is None for answer in answers) else 0


def _row(options: argparse.Namespace, number: int, answer: Answer) -> dict[str, Any]:
    return answers_json.located(options.image, options.descriptions[number], answer)


def _locate(options: argparse.Namespace, image: LazyImage, capture: dict[str, Any]) -> Iterator[Answer]:
    """Yield the answers: with --jsonl each as it comes, else all together, which encodes the image once."""
    together = [[one] for one in options.descriptions] if options.jsonl else [options.descriptions]
    policy, candidates = policy_options(options), _candidates(options)
    with Progress("loading the model") as progress:
        engine = load_engine(options)
        for descriptions in together:
            yield from engine.locate(
                image,
                descriptions,
                budget=options.budget,
                constrained=options.constrained,
                fit=options.fit,
                candidates=candidates,
                **policy,
                **capture,
                **answer_options(options, progress),
            )


def _candidates(options: argparse.Namespace) -> int:
    """Return the number of --candidates, or refuse it before anything is loaded."""
    from mlx_saccade.engine import branches

    text = options.candidates
    count = branches.check_count(
        int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else text, "--candidates"
    )
    if count > 1 and options.policy is not None:
        raise InputError(f"--candidates: expected 1 with --policy; got {count}. Leave one of them out")
    return count


def _print(options: argparse.Namespace, answers: list[Answer]) -> None:
    from mlx_saccade.engine import hints

    for description, answer in zip(options.descriptions, answers, strict=True):
        places = answer_places(answer)
        if options.point and answer.click is not None:
            click = answer.screen_click if answer.screen.changes else answer.click
            places = [(list(click or ()), places[0][1] if len(places) == 1 else "")]
        if not places:
            print(f"{description}: no box; the model wrote: {answer.text!r}")
        scores = [""] * len(places)
        if answer.candidates and not options.point:
            places = [(list(one.box), one.box.label) for one in answer.candidates]
            scores = [f" (score {one.score:.2f})" for one in answer.candidates]
        for (values, name), score in zip(places, scores, strict=True):
            in_units = options.point and answer.screen.changes
            numbers = screen_text(values) if in_units else ", ".join(f"{value:.0f}" for value in values)
            label = "" if not name or hints.is_same_name(name, description) else f" (the model's label: {name})"
            print(f"{description}: {numbers}{score}{label}")
        if answer.screen.changes and answer.screen_click is not None and not options.point:
            print(f"{description}: click {screen_text(answer.screen_click)} on the screen")
    (width, height), tokens = answers[0].frames[0].source_size, answers[0].frames[0].tokens
    looks = sum(len(answer.looks) for answer in answers)
    if looks:
        tokens = sum(answer.usage["image"] for answer in answers)
    what = "x, y to click" if options.point else "edges x1, y1, x2, y2"
    if options.point and answers[0].screen.changes:
        print(f"{what} on the screen: pixels / scale + origin")
    else:
        print(f"{what} in the pixels of the {width} x {height} source")
    spent = [f"{looks} looks"] if looks else []
    seconds = sum(sum(answer.timings.values()) for answer in answers)
    print(", ".join([*spent, f"{tokens} visual tokens", f"{seconds:.2f} s"]))


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
