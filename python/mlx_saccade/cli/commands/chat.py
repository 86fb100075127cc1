"""`mlx-saccade chat`: chat about images in the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import output
from mlx_saccade.cli.options import (
    add_answer_arguments,
    add_model_arguments,
    add_system_argument,
    answer_json,
    answer_options,
    load_engine,
    print_cost,
    print_places,
    print_rejected,
)
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine

__all__ = ["add_arguments", "run"]

HINT = "ask about the images; /quit or end of input exits, Ctrl-C stops an answer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade chat`."""
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image files or data URIs of the first message (default none)"
    )
    add_system_argument(parser)
    add_model_arguments(parser)
    add_answer_arguments(parser, max_tokens=512)


def run(options: argparse.Namespace) -> int:
    """Chat until the user exits; with `--json`, print one object a line and answer."""
    from mlx_saccade.engine import sampling

    # Report a wrong option or image at once, not with each question.
    sampling.read(answer_options(options), options.max_tokens)
    with Progress("loading the model"):
        engine = load_engine(options)
    messages: list[dict[str, Any]] = []
    if options.system is not None:
        messages.append({"role": "system", "content": options.system})
    images = [{"type": "image", "image": image} for image in options.images]
    engine.count_tokens(options.images, "?", budget=options.budget)
    if sys.stdin is not None and sys.stdin.isatty():
        import readline  # noqa: F401  (line editing)

        output.note(HINT)
    for line in _lines():
        message = {"role": "user", "content": [*images, {"type": "text", "text": line}]}
        try:
            reply = _answer(engine, options, [*messages, message])
        except InputError as error:
            output.note(str(error))
            continue
        messages += [message, {"role": "assistant", "content": reply}]
        images = []
    return 0


def _lines() -> Iterator[str]:
    """Yield the user's lines until /quit, the end of input, or Ctrl-C at the prompt."""
    while sys.stdin is not None:
        try:
            line = input("> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            if sys.stdin.isatty():
                print()
            return
        except UnicodeDecodeError:
            output.note("input: expected UTF-8 text; got other bytes. That line was left out")
            continue
        if line == "/quit":
            return
        if line.startswith("/"):
            output.note(f"input: expected a question or /quit; got {line.split()[0]}")
        elif line:
            yield line


def _answer(engine: Engine, options: argparse.Namespace, messages: list[dict[str, Any]]) -> str:
    """Print an answer as it comes and return its text; Ctrl-C ends it early."""
    text, answer = "", None
    try:
        with Progress("reading the question") as progress:
            generation = answer_options(options, progress)
            for chunk in engine.stream(messages, budget=options.budget, fit=options.fit, **generation):
                text, answer = text + chunk.text, chunk.answer
                if chunk.text and not options.json:
                    progress.stop()
                    print(chunk.text, end="", flush=True)
    except KeyboardInterrupt:
        pass
    if not options.json:
        print("" if answer is not None else " [stopped]")
        if answer is not None:
            print_places(answer)
    elif answer is not None:
        print(output.json_text(answer_json(answer)), flush=True)
        print_rejected(answer)
    if options.verbose and answer is not None:
        print_cost(answer)
    return text
