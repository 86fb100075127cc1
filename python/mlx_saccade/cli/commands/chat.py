"""`mlx-saccade chat`: chat about images and films in the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import answers_json, chat_lines, films, output
from mlx_saccade.cli.answer_text import print_cost, print_image_notes, print_places, print_rejected
from mlx_saccade.cli.images import is_stdin
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

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine

__all__ = ["EXAMPLES", "JSON_LINES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade chat shot.png --model path/to/checkpoint",
    "mlx-saccade chat clip.mp4 --fps 1 --model path/to/checkpoint",
)
JSON_LINES = True

HINT = "ask about the images; /help lists the commands, Ctrl-C stops an answer"
HELP = (
    "/image PATH adds an image or film to the next question; a path in a question, or a file dropped here, does too",
    "/help prints these lines",
    "/quit or end of input exits; Ctrl-C stops an answer",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade chat`."""
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="image files, films or data URIs of the first message (default none)"
    )
    add_model_arguments(parser)
    add_system_argument(parser)
    group = parser.add_argument_group("frames of films")
    films.add_film_arguments(group)
    films.add_video_prompt_argument(group)
    add_answer_arguments(parser, max_tokens=512)


def run(options: argparse.Namespace) -> int:
    """Chat until the user exits; with --json or --jsonl print one object, in one line, for each question."""
    from mlx_saccade.engine import sampling

    # Report a wrong option or image at once, not with each question.
    sampling.read(answer_options(options), options.max_tokens)
    with Progress("loading the model"):
        engine = load_engine(options)
    messages: list[dict[str, Any]] = []
    if options.system is not None:
        messages.append({"role": "system", "content": options.system})
    images = _image_parts(options, options.images)
    engine.count_tokens(images, "?", budget=options.budget)
    if sys.stdin is not None and sys.stdin.isatty():
        import readline  # noqa: F401  (line editing)

        output.note(HINT)
    for line in _lines(options):
        try:
            content = [*images, *_content(options, line)]
            if not any(part["type"] == "text" for part in content):
                if len(content) > len(images):
                    engine.count_tokens(content, "?", budget=options.budget)  # refuses a wrong image now
                    output.note(f"images for the next question: {len(content)}")
                images = content
                continue
            message = {"role": "user", "content": content}
            reply = _answer(engine, options, [*messages, message])
        except (InputError, FileNotFoundError) as error:
            _report(options, "file" if isinstance(error, OSError) else "input", " ".join(str(error).split()))
            continue
        messages += [message, {"role": "assistant", "content": reply}]
        images = []
    return 0


def _image_parts(options: argparse.Namespace, words: list[str]) -> list[dict[str, Any]]:
    """Return the parts of a message that show the images of several words.

    Raises:
        InputError, FileNotFoundError: standard input, or as `images_of` and `films.part`.
    """
    if any(map(is_stdin, words)):
        raise InputError("-: expected the path of an image, as standard input has the questions. Save the image first")
    return [films.part(options, image) for image in images_of(options, words)]


def _content(options: argparse.Namespace, line: str) -> list[dict[str, Any]]:
    """Return the parts of a line: images, and the text around them; of /help none.

    Raises:
        InputError, FileNotFoundError: with --page all, an image that cannot be read.
    """
    command, _, rest = line.partition(" ")
    if line == "/help":
        for text in HELP:
            output.print_error(text)
        return []
    if command == "/image":
        if not rest.strip():
            raise InputError("/image: expected a path; got none. Write /image PATH")
        return _image_parts(options, chat_lines.paths(rest.strip()))
    parts, notes = chat_lines.split(line)
    for note in notes:
        output.note(note)
    content: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, chat_lines.ImagePath):
            content += _image_parts(options, [part.path])
        else:
            content.append({"type": "text", "text": part})
    return content


def _lines(options: argparse.Namespace) -> Iterator[str]:
    """Yield the user's lines until /quit, the end of input, or Ctrl-C at the prompt."""
    while sys.stdin is not None:
        try:
            line = input("> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            if sys.stdin.isatty():
                print()
            return
        except UnicodeDecodeError:
            _report(options, "input", "input: expected UTF-8 text; got other bytes. That line was left out")
            continue
        if line == "/quit":
            return
        if line:
            yield line


def _report(options: argparse.Namespace, kind: str, message: str) -> None:
    """Print an error of one line of input, after which the chat continues."""
    output.print_error(message)
    answers_json.print_error(options, kind, message)


def _answer(engine: Engine, options: argparse.Namespace, messages: list[dict[str, Any]]) -> str:
    """Print an answer as it comes and return its text; Ctrl-C ends it early."""
    text, answer, as_json = "", None, options.json or options.jsonl
    try:
        with Progress("reading the question") as progress:
            generation = answer_options(options, progress)
            for chunk in engine.stream(messages, budget=options.budget, fit=options.fit, **generation):
                text, answer = text + chunk.text, chunk.answer
                if chunk.text and not as_json:
                    progress.stop()
                    print(chunk.text, end="", flush=True)
    except KeyboardInterrupt:
        pass
    if not as_json:
        print("" if answer is not None else " [stopped]")
        if answer is not None:
            print_places(answer)
    elif answer is not None:
        _print_json(options, messages, answer)
        print_rejected(answer)
    else:
        answers_json.print_error(options, "interrupted", "interrupted")
    if answer is not None and any(part["type"] != "text" for part in messages[-1]["content"]):
        print_image_notes(answer)
    if options.verbose and answer is not None:
        print_cost(answer)
    return text


def _print_json(options: argparse.Namespace, messages: list[dict[str, Any]], answer: Answer) -> None:
    """Print an answer in one line; its images are those of the whole conversation."""
    parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    images = [part[part["type"]] for part in parts if part["type"] != "text"]
    question = " ".join(part["text"] for part in messages[-1]["content"] if part["type"] == "text")
    row = answers_json.answered(images, question, answer)
    if options.jsonl:
        answers_json.print_row(row)
    else:
        answers_json.print_document([row], indent=None)
