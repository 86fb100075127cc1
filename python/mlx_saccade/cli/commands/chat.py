"""`mlx-saccade chat`: a talk about images on the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import options as asking
from mlx_saccade.cli import output
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine

__all__ = ["add_arguments", "run"]

HINT = "ask about the images; /quit or the end of input leaves, Ctrl-C stops an answer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade chat`."""
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image files or data URIs, shown before the first words"
    )
    parser.add_argument("--system", metavar="TEXT", help="a system message in place of the template's own")
    asking.add_model_arguments(parser)
    asking.add_answer_arguments(parser, max_tokens=512)


def run(options: argparse.Namespace) -> int:
    """Talk until the user leaves; with `--json`, one object a line and answer."""
    from mlx_saccade.engine import sampling

    # What is no value of an option, or no image, is said at once, and not each time something is asked.
    sampling.read(asking.how(options), options.max_tokens)
    with Progress("loading the model"):
        engine = asking.load(options)
    messages: list[dict[str, Any]] = []
    if options.system is not None:
        messages.append({"role": "system", "content": options.system})
    shown = [{"type": "image", "image": image} for image in options.images]
    engine.count_tokens(options.images, "?", budget=options.budget)
    if sys.stdin is not None and sys.stdin.isatty():
        import readline  # noqa: F401  (line editing)

        output.note(HINT)
    for words in _lines():
        turn = {"role": "user", "content": [*shown, {"type": "text", "text": words}]}
        try:
            said = _answer(engine, options, [*messages, turn])
        except InputError as error:
            output.note(str(error))
            continue
        messages += [turn, {"role": "assistant", "content": said}]
        shown = []
    return 0


def _lines() -> Iterator[str]:
    """What the user says, until they leave; Ctrl-C at the prompt leaves too."""
    while sys.stdin is not None:
        try:
            words = input("> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            if sys.stdin.isatty():
                print()
            return
        except UnicodeDecodeError:
            output.note("that line is not UTF-8 text; it was left out")
            continue
        if words == "/quit":
            return
        if words.startswith("/"):
            output.note(f"{words.split()[0]} is no command here; there is /quit")
        elif words:
            yield words


def _answer(engine: Engine, options: argparse.Namespace, messages: list[dict[str, Any]]) -> str:
    """Print an answer as it comes and return its text; Ctrl-C ends it where it is."""
    said, answer = "", None
    try:
        with Progress("looking") as progress:
            how = asking.how(options, progress)
            for piece in engine.stream(messages, budget=options.budget, fit=options.fit, **how):
                said, answer = said + piece.text, piece.answer
                if piece.text and not options.json:
                    progress.stop()
                    print(piece.text, end="", flush=True)
    except KeyboardInterrupt:
        pass
    if not options.json:
        print("" if answer is not None else " [stopped]")
    elif answer is not None:
        print(output.json_text(asking.with_point(answer)), flush=True)
    if options.verbose and answer is not None:
        asking.print_cost(answer)
    return said
