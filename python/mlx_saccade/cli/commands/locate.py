"""`mlx-saccade locate`: find described elements on an image, as boxes in its own pixels."""

from __future__ import annotations

import argparse
import contextlib
import functools
from typing import TYPE_CHECKING, Any

from mlx_saccade import files
from mlx_saccade.cli import answers_json, films, images, locate_words, output
from mlx_saccade.cli.answer_text import places_of, print_cost, print_image_notes, print_rejected, screen_text
from mlx_saccade.cli.options import (
    add_answer_arguments,
    add_model_arguments,
    add_policy_arguments,
    answer_options,
    image_options,
    load_engine,
    policy_options,
)
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlx_saccade.cli.batch.items import Item
    from mlx_saccade.engine import Answer
    from mlx_saccade.media import LazyImage

__all__ = ["EXAMPLES", "JSON_LINES", "add_arguments", "run"]

EXAMPLES = (
    'mlx-saccade locate screens/scene-000000.png "the blue triangle icon"',
    'mlx-saccade locate shot.png "the Save button" --model path/to/checkpoint',
    'mlx-saccade locate clip.mp4 "the Save button" --at 12.5 --model path/to/model',
    'mlx-saccade locate shot.png other.png --find "the menu"',
    'mlx-saccade locate --batch screens "the blue triangle icon" --out found.jsonl',
)
JSON_LINES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade locate`."""
    parser.add_argument(
        "image", nargs="?", metavar="IMAGE", help="image file, film with --at, data URI, or -; with --find several"
    )
    parser.add_argument(
        "descriptions", nargs="*", metavar="DESCRIPTION", help='what to find, such as "the red round button"'
    )
    add_model_arguments(parser)
    add_policy_arguments(parser)
    films.add_at_argument(parser)
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
    many = parser.add_argument_group("many images")
    many.add_argument(
        "--find", action="append", metavar="DESCRIPTION", help="what to find; all other words are images; repeatable"
    )
    many.add_argument(
        "--batch", metavar="FOLDER|FILE|-", help="folder of images, or JSON lines in a file or standard input"
    )
    many.add_argument("--out", metavar="FILE", help="append the rows to FILE, and resume there (default print them)")
    images.add_capture_arguments(parser.add_argument_group("place on the screen"))
    add_answer_arguments(parser, max_tokens=256)


def run(options: argparse.Namespace) -> int:
    """Print the boxes of each description; exit code as `batch.run.locate_batch`, or 1 with --fail without a place."""
    import mlx_saccade.policies  # noqa: F401  (a hint names what is registered)

    if options.page == "all":
        raise InputError("--page: expected one page; got all. Give its number, since a box belongs to one page")
    words, descriptions = locate_words.split_words(options)
    if options.batch is None and options.out is None and len(words) == 1:
        options.image, options.descriptions = words[0], descriptions
        return _run_one(options)
    return _run_many(options, words, descriptions)


def _run_many(options: argparse.Namespace, words: list[str], descriptions: list[str]) -> int:
    """Locate on several images, or on those of a batch."""
    from mlx_saccade.cli.batch import items
    from mlx_saccade.cli.batch.run import locate_batch, option_names

    locate_words.check_many(options, words, descriptions)
    settings = _settings(options)
    if options.batch is None:
        batch = items.from_words(words, descriptions)
    else:
        batch = items.open_batch(options.batch, descriptions, option_names())
    if not options.find:
        locate_words.note_single_words(descriptions)
    as_text = options.batch is None and options.out is None and not options.json and not options.jsonl
    options.jsonl = not as_text and not options.json  # what prints rows prints no note on the packaged checkpoint
    return locate_batch(options, batch, settings, functools.partial(_show, options, set()) if as_text else None)


def _show(options: argparse.Namespace, hints: set[str], item: Item, answers: Sequence[Answer]) -> None:
    """Print the answers on one of several images; `hints` has those that were printed before."""
    for description, answer in zip(item.descriptions, answers, strict=True):
        _print_places(options, description, answer, before=f"{item.image}: ")
        print_image_notes(answer)
        print_rejected(answer)
        if answer.hint is not None and not answer.rejected and answer.hint not in hints:
            hints.add(answer.hint)
            output.note(f"hint: {answer.hint}")


def _run_one(options: argparse.Namespace) -> int:
    from mlx_saccade import media

    file_format = None if options.save is None else _save_format(options)
    answers: list[Answer] = []
    settings = _settings(options)
    source = images.source(options, options.image)
    frame = films.frame_at(options, source, options.image)
    image = media.LazyImage(source if frame is None else frame, image_options(options))
    if "region" in settings:
        image.crop(settings["region"])  # refuses a region outside before the model is loaded
    if not options.find:
        locate_words.note_single_words(options.descriptions)
    several = options.jsonl and len(options.descriptions) > 1
    # Used as a context, an image keeps its pixels, here for the next description or for the picture.
    with image if several or file_format is not None else contextlib.nullcontext():
        for answer in _locate(options, image, settings):
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
    _print_hints(options.descriptions, answers)
    return 1 if options.fail and any(answer.click is None for answer in answers) else 0


def _print_hints(descriptions: Sequence[str], answers: Sequence[Answer]) -> None:
    """Print each hint once, with the descriptions that it is about if it is not about all."""
    about: dict[str, list[str]] = {}
    for description, answer in zip(descriptions, answers, strict=True):
        if answer.hint is not None and not answer.rejected:
            about.setdefault(answer.hint, []).append(output.shorten(description))
    for hint, names in about.items():
        output.note(f"hint: {hint}" if len(names) == len(answers) else f"hint: {', '.join(names)}: {hint}")


def _row(options: argparse.Namespace, number: int, answer: Answer) -> dict[str, Any]:
    return answers_json.located(options.image, options.descriptions[number], answer)


def _locate(options: argparse.Namespace, image: LazyImage, settings: dict[str, Any]) -> Iterator[Answer]:
    """Yield the answers: with --jsonl each as it comes, else all together, which encodes the image once."""
    together = [[one] for one in options.descriptions] if options.jsonl else [options.descriptions]
    with Progress("loading the model") as progress:
        engine = load_engine(options)
        for descriptions in together:
            yield from engine.locate(image, descriptions, **{**settings, "progress": progress})


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that `Engine.locate` takes, without progress."""
    return {
        "budget": options.budget,
        "constrained": options.constrained,
        "fit": options.fit,
        "candidates": _candidates(options),
        **policy_options(options),
        **images.capture_options(options),
        **answer_options(options),
    }


def _candidates(options: argparse.Namespace) -> int:
    """Return the number of --candidates, or refuse it before anything is loaded."""
    from mlx_saccade.engine import branches

    text = options.candidates
    count = branches.check_count(
        int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else text, "--candidates"
    )
    for option, value in (("--policy", options.policy), ("--max-looks", options.max_looks)):
        if count > 1 and value is not None:
            raise InputError(f"--candidates: expected 1 with {option}; got {count}. Leave one of them out")
    return count


def _print(options: argparse.Namespace, answers: list[Answer]) -> None:
    for description, answer in zip(options.descriptions, answers, strict=True):
        _print_places(options, description, answer)
    (width, height), tokens = answers[0].frames[0].source_size, answers[0].frames[0].tokens
    looks = sum(len(answer.looks) for answer in answers)
    if looks:
        tokens = sum(answer.usage["image"] for answer in answers)
    what = "x, y to click" if options.point else "edges x1, y1, x2, y2"
    if all(answer.click is None for answer in answers):
        print(f"the source is {width} x {height}")
    elif options.point and answers[0].screen.changes:
        print(f"{what} on the screen: pixels / scale + origin")
    else:
        print(f"{what} in the pixels of the {width} x {height} source")
    spent = [quantity(looks, "look")] if looks else []
    seconds = sum(sum(answer.timings.values()) for answer in answers)
    print(", ".join([*spent, quantity(tokens, "visual token"), f"{seconds:.2f} s"]))


def _print_places(options: argparse.Namespace, description: str, answer: Answer, before: str = "") -> None:
    """Print the places of an answer, one a line, with the text of `before` in front."""
    from mlx_saccade.engine import hints

    places, in_units = places_of(answer), options.point and answer.screen.changes
    before += output.shorten(description)
    if options.point and answer.click is not None:
        click = answer.screen_click if in_units else answer.click
        places = [(list(click or ()), places[0][1] if len(places) == 1 else "")]
    if not places:
        print(f"{before}: no box; the model wrote: {answer.text!r}")
    scores = [""] * len(places)
    if answer.candidates and not options.point:
        places = [(list(one.box), one.box.label) for one in answer.candidates]
        scores = [f" (score {one.score:.2f})" for one in answer.candidates]
    for (values, name), score in zip(places, scores, strict=True):
        numbers = screen_text(values) if in_units else ", ".join(f"{value:.0f}" for value in values)
        label = "" if not name or hints.is_same_name(name, description) else f" (the model's label: {name})"
        print(f"{before}: {numbers}{score}{label}")
    if answer.screen.changes and answer.screen_click is not None and not options.point:
        print(f"{before}: click {screen_text(answer.screen_click)} on the screen")


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
