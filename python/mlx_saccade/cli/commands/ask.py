"""`mlx-saccade ask`: images and a question in, the answer out as it comes."""

from __future__ import annotations

import argparse
import os

from mlx_saccade.cli import options as asking
from mlx_saccade.cli import output
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade ask`."""
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image files or data URIs, in order; none for words alone"
    )
    parser.add_argument("text", metavar="TEXT", help="the question")
    parser.add_argument("--system", metavar="TEXT", help="a system message in place of the template's own")
    asking.add_model_arguments(parser)
    asking.add_answer_arguments(parser, max_tokens=512)


def run(options: argparse.Namespace) -> int:
    """Ask one question."""
    if os.path.isfile(options.text):  # noqa: PTH113  (a Path's raises where the text is too long for a name)
        raise InputError(f"{options.text}: is a file, and no question comes after it; put one behind the images")
    answer = None
    with Progress("loading the model") as progress:
        pieces = asking.load(options).stream(
            options.images,
            options.text,
            budget=options.budget,
            system=options.system,
            fit=options.fit,
            **asking.how(options, progress),
        )
        for piece in pieces:
            answer = piece.answer
            if piece.text and not options.json:
                progress.stop()
                print(piece.text, end="", flush=True)
    assert answer is not None
    if options.json:
        output.print_json(asking.with_point(answer))
    else:
        print()
    if options.verbose:
        asking.print_cost(answer)
    return 0
