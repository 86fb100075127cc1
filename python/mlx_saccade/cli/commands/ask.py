"""`mlx-saccade ask`: answer a question about images and films, printing the text as it comes."""

from __future__ import annotations

import argparse
import os

from mlx_saccade.cli import answers_json, films, images
from mlx_saccade.cli.answer_text import print_cost, print_image_notes, print_places, print_rejected
from mlx_saccade.cli.options import (
    add_answer_arguments,
    add_model_arguments,
    add_system_argument,
    answer_options,
    images_of,
    load_engine,
)
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError

__all__ = ["EXAMPLES", "JSON_LINES", "add_arguments", "run"]

EXAMPLES = (
    'mlx-saccade ask screens/scene-000000.png "what is at (300, 200)?"',
    'mlx-saccade ask shot.png "Which tab is open?" --model path/to/checkpoint',
    'mlx-saccade ask clip.mp4 "What happens?" --fps 1 --model path/to/checkpoint',
)
JSON_LINES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade ask`."""
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image files, films, data URIs, - for standard input (default none)"
    )
    parser.add_argument("text", metavar="TEXT", help="the question")
    add_model_arguments(parser)
    add_system_argument(parser)
    images.add_capture_arguments(parser.add_argument_group("place of one image on the screen"))
    group = parser.add_argument_group("frames of films")
    films.add_film_arguments(group)
    films.add_video_prompt_argument(group)
    add_answer_arguments(parser, max_tokens=512)


def run(options: argparse.Namespace) -> int:
    """Ask one question."""
    if os.path.isfile(options.text):  # noqa: PTH113  (a Path's raises if the text is too long for a name)
        raise InputError(f"TEXT: expected a question after the images; got the file {options.text}. Add a question")
    answer = None
    capture, pictures = images.capture_options(options), films.parts(options, images_of(options, options.images))
    with Progress("loading the model") as progress:
        chunks = load_engine(options).stream(
            pictures,
            options.text,
            budget=options.budget,
            system=options.system,
            fit=options.fit,
            **capture,
            **answer_options(options, progress),
        )
        for chunk in chunks:
            answer = chunk.answer
            if chunk.text and not (options.json or options.jsonl):
                progress.stop()
                print(chunk.text, end="", flush=True)
    assert answer is not None
    if options.json or options.jsonl:
        row = answers_json.answered(options.images, options.text, answer)
        if options.jsonl:
            answers_json.print_row(row)
        else:
            answers_json.print_document([row])
        print_rejected(answer)
    else:
        print()
        print_places(answer)
    print_image_notes(answer)
    if options.verbose:
        print_cost(answer)
    return 0
