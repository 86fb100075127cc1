"""What the commands that ask a model have in common: its options, loading it, and what an answer cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import keeping, output
from mlx_saccade.cli.plan import add_budget_arguments, add_checkpoint_arguments, add_reading_arguments
from mlx_saccade.cli.progress import Progress

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine
    from mlx_saccade.media import Reading

__all__ = [
    "add_answer_arguments",
    "add_memory_argument",
    "add_model_arguments",
    "how",
    "load",
    "print_cost",
    "reading",
    "with_point",
]

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
    keeping.add_cache_arguments(parser)
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


def reading(options: argparse.Namespace) -> Reading:
    """How `add_model_arguments` says that images are read."""
    from mlx_saccade import media
    from mlx_saccade.media import complaints

    complaints.listen()
    return media.Reading(color=options.color, allow_url=options.allow_url)


def load(options: argparse.Namespace) -> Engine:
    """The engine that `add_model_arguments` names."""
    from mlx_saccade import engine

    kept = keeping.cache_options(options)
    if options.model is None:
        output.note(TINY_NOTE)
    kept["memory_limit"] = options.memory_limit
    loaded = engine.load(options.model, revision=options.revision, reading=reading(options), **kept)
    ignored = loaded.model.config.ignored
    if options.verbose and ignored:
        output.note(f"config.json says more that changes nothing: {', '.join(ignored)}")
    return loaded


def with_point(answer: Answer) -> dict[str, Any]:
    """An answer for JSON, with the point to click: the centre of its first box in source pixels, or None."""
    point = list(answer.boxes[0].centre) if answer.boxes else None
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
