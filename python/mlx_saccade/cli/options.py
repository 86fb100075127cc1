"""What the commands that ask a model have in common: its options, loading it, and what an answer cost."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import output
from mlx_saccade.cli.progress import Progress
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine
    from mlx_saccade.media import ImageOptions

from mlx_saccade import validation

__all__ = [
    "SIZE",
    "add_answer_arguments",
    "add_budget_arguments",
    "add_cache_arguments",
    "add_checkpoint_arguments",
    "add_memory_argument",
    "add_model_arguments",
    "add_reading_arguments",
    "add_url_argument",
    "budgets_of",
    "cache_options",
    "how",
    "image_given",
    "image_or_size",
    "load",
    "parse_size",
    "print_cost",
    "reading",
    "with_point",
]

# More digits than any image has would only be slow to read.
SIZE = re.compile(r"(\d{1,9})x(\d{1,9})")


def add_budget_arguments(parser: argparse.ArgumentParser) -> None:
    """The option that every command which spends tokens understands."""
    parser.add_argument(
        "--budget",
        metavar="B",
        help="at most so many tokens (1280), pixels (1003520px), 'checkpoint', or a runtime's limits (ollama@0.13.3); "
        "default 1280 or the checkpoint's cap where that is lower",
    )


def add_checkpoint_arguments(
    parser: argparse.ArgumentParser, what: str = "a checkpoint folder or hub id (default: the packaged one)"
) -> None:
    """Which checkpoint; `what` is the help on it."""
    parser.add_argument("--model", metavar="PATH|ID", help=what)
    parser.add_argument("--revision", metavar="NAME", help="branch, tag or commit of a hub id")


def add_url_argument(parser: argparse.ArgumentParser) -> None:
    """The option without which no command uses the network for an image."""
    parser.add_argument("--allow-url", action="store_true", help="let an image be an http or https URL")


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every command that decodes an image."""
    parser.add_argument(
        "--color",
        choices=("convert", "ignore"),
        default="convert",
        help="convert embedded color profiles to sRGB (default), or ignore them as transformers does",
    )
    add_url_argument(parser)


def image_or_size(word: str) -> str | tuple[int, int]:
    """A size where the word reads as one (3840x2160), the path of an image otherwise."""
    match = SIZE.fullmatch(word)
    return (int(match[1]), int(match[2])) if match else word


def image_given(options: argparse.Namespace) -> Any:
    """The size or image that `options.image` names; with --allow-url its bytes, fetched once for all uses."""
    image = image_or_size(options.image)
    if options.allow_url and isinstance(image, str):
        from mlx_saccade import media

        return media.encoded(image, allow_url=True)
    return image


def parse_size(option: str, word: str) -> tuple[int, int]:
    """(width, height) from 3840x2160, given as `option`.

    Raises:
        InputError: `word` is not of that form.
    """
    match = SIZE.fullmatch(word)
    if match is None:
        raise InputError(f"{option} {word}: is no size; write WIDTHxHEIGHT, such as 3840x2160")
    return int(match[1]), int(match[2])


def budgets_of(text: str) -> tuple[int, ...]:
    """Budgets in tokens from "64,256"."""
    try:
        budgets = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"--budgets {text}: is no list of whole numbers; write 64,256,1024") from None
    if len(set(budgets)) != len(budgets):
        raise InputError(f"--budgets {text}: names a budget twice")
    return budgets


TINY_NOTE = "the packaged checkpoint knows generated screens only; give --model for a real one"


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model is asked, and what it is shown."""
    add_checkpoint_arguments(parser)
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="say on standard error what was shown, what it took and which keys of config.json change nothing",
    )
    parser.add_argument(
        "--fit", action="store_true", help="show images with fewer tokens where the model cannot read as many"
    )
    add_cache_arguments(parser)
    add_reading_arguments(parser)
    add_memory_argument(
        parser, "refuse what would take more memory, such as 8GB, what is kept of earlier questions dropped first"
    )
    add_budget_arguments(parser)


def add_memory_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """The most memory; `what` is the help on what it bounds."""
    default = "(default: what MLX recommends for the GPU; on the CPU three quarters of what is left)"
    parser.add_argument("--memory-limit", metavar="SIZE", help=f"{what} {default}")


def add_answer_arguments(parser: argparse.ArgumentParser, *, max_tokens: int) -> None:
    """How the answer is made."""
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=max_tokens,
        metavar="N",
        help=f"cut the answer off there (default {max_tokens})",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="0 (default) for the likeliest words, higher for others",
    )
    parser.add_argument(
        "--top-p", type=float, default=1.0, metavar="P", help="draw from the likeliest words of share P"
    )
    parser.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest words")
    parser.add_argument("--min-p", type=float, default=0.0, metavar="P", help="no word below P times the likeliest one")
    parser.add_argument(
        "--repetition-penalty",
        type=float,
        default=1.0,
        metavar="R",
        help="above 1, words already there are less likely",
    )
    parser.add_argument("--seed", type=int, metavar="S", help="the same seed gives the same answer")
    parser.add_argument("--stop", action="append", metavar="TEXT", help="end the answer before TEXT; may be repeated")


def how(options: argparse.Namespace, progress: Progress | None = None) -> dict[str, Any]:
    """The options of `add_answer_arguments` as an engine takes them."""
    names = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "stop")
    return {**{name: getattr(options, name) for name in names}, "progress": progress}


def reading(options: argparse.Namespace) -> ImageOptions:
    """How `add_model_arguments` says that images are read."""
    from mlx_saccade import media
    from mlx_saccade.media import decode

    decode.listen()
    return media.ImageOptions(color=options.color, allow_url=options.allow_url)


def load(options: argparse.Namespace) -> Engine:
    """The engine that `add_model_arguments` names."""
    from mlx_saccade import engine

    kept = cache_options(options)
    if options.model is None:
        output.note(TINY_NOTE)
    kept["memory_limit"] = options.memory_limit
    loaded = engine.load(options.model, revision=options.revision, reading=reading(options), **kept)
    ignored = loaded.model.config.ignored
    if options.verbose and ignored:
        output.note(f"config.json says more that changes nothing: {', '.join(ignored)}")
    return loaded


def with_point(answer: Answer) -> dict[str, Any]:
    """An answer for JSON, with the point to click: the center of its first box in source pixels, or None."""
    point = list(answer.boxes[0].center) if answer.boxes else None
    return {**answer.as_dict(), "point": point}


def print_cost(answer: Answer) -> None:
    """Say on standard error what was shown and what it took."""
    lines = []
    for number, frame in enumerate(answer.frames, 1):
        (width, height), (wide, high) = frame.source_size, frame.processed_size
        of = "" if frame.grid_thw[0] == 1 else f", {frame.grid_thw[0]} times"
        lines.append((f"shown {number}", f"{width} x {height} as {wide} x {high}{of}: {frame.tokens} tokens"))
        lines.append(("budget", frame.budget))
        if frame.tokens < frame.wanted:
            lines.append(("cut down", f"from {frame.wanted} tokens, so that the prompt fits"))
    used = answer.usage
    lines.append(("tokens", f"{used['prompt']} read, {used['answer']} written; ended by {answer.finish}"))
    lines.append(("seconds", ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in answer.timings.items())))
    output.facts(lines, stderr=True)


# The arguments of what is kept between questions: `--cache-memory` and `--cache-dir`.
def add_cache_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; `cache_options` reads them."""
    parser.add_argument(
        "--cache-memory",
        metavar="SIZE",
        help="most memory for images and prompts that were read before, such as 512MB (the default); 0 keeps none",
    )
    parser.add_argument(
        "--cache-dir", metavar="DIR", help="keep what the model saw of images in this folder, for later runs"
    )


def cache_options(options: argparse.Namespace) -> dict[str, Any]:
    """What `mlx_saccade.load` is given.

    Raises:
        InputError: an amount of memory that is none.
    """
    given: dict[str, Any] = {}
    if options.cache_memory is not None:
        given["cache_memory"] = validation.parse_bytes(options.cache_memory, "--cache-memory")
    if options.cache_dir is not None:
        given["cache_dir"] = options.cache_dir
    return given
