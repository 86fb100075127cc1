"""Parses the command line, runs one command, and turns a user's mistake into one line and exit code 2."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from mlx_saccade.errors import InputError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "find six things on the packaged 4K screenshot with the packaged checkpoint",
    "plan": "say what an image will become before any model is loaded",
    "locate": "find what descriptions name, as boxes in the image's own pixels",
    "ask": "ask a question about images",
    "chat": "talk about images on the terminal",
    "convert": "quantize a checkpoint, in the form that mlx-vlm reads too",
    "runtimes": "compare the default budgets of known runtimes on one image",
    "recommend": "say what to spend on a target of a known size, from a published table",
    "sizes": "show how sizes fill attention windows, and what becomes of small images",
    "scenes": "write generated screens with their known boxes",
    "sweep": "measure accuracy and latency against budget on generated screens",
    "tiny": "measure the packaged checkpoint on held-out generated screens",
    "dashboard": "draw what a sweep found as one self-contained page",
    "bench": "time the preparation of an image on this machine, beside Pillow",
    "doctor": "print what matters when something is wrong",
}

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, and whose commands take options anywhere among the other words.

    By itself argparse gives the words before the first option to all that may be left out: in
    `mlx-saccade ask shot.png --budget 256 "What is this?"` the file would be the question.
    """

    _mixing = False

    def parse_known_args(self, args: Any = (), namespace: Any = None) -> Any:
        """Of a command, take the options out first and then share the other words; with a "--", as argparse does."""
        if self._mixing or self._subparsers is not None or "--" in args:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # what follows calls this method again
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Print one line on standard error and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see '{self.prog} --help'\n")


def build_parser(command: str | None) -> Parser:
    """The parser of the whole command line, with the arguments of `command` alone filled in."""
    parser = Parser(
        prog="mlx-saccade", description="The right visual tokens, in the right place, for Qwen-VL models on MLX."
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == command:
            module = importlib.import_module(f"mlx_saccade.cli.commands.{name}")
            module.add_arguments(subparser)
            subparser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser


def dispatch(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; returns its exit code."""
    # Pillow tells of odd tags in files that it reads all the same; a user can do nothing about them.
    warnings.filterwarnings("ignore", module="PIL")
    command = next((word for word in arguments if not word.startswith("-")), None)
    parser = build_parser(command)
    options = parser.parse_args(arguments)
    if options.version:
        import mlx_saccade

        print(f"mlx-saccade {mlx_saccade.__version__}")
        return 0
    if options.command is None:
        parser.print_help()
        return 0
    code: int = importlib.import_module(f"mlx_saccade.cli.commands.{options.command}").run(options)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point.

    Args:
        arguments: the words after the program's name; None takes them from the process.

    Returns:
        0 when the command did its work, 1 when it ran and found something wrong, 2 for a mistake of the user's,
        130 after Ctrl-C.
    """
    print_any_text()
    try:
        code = dispatch(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        silence_output()  # the reader has gone (`mlx-saccade ... | head`), and has what it wanted
        return 0
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except (InputError, OSError, MemoryError) as error:
        complain(describe(error))
        silence_output()
        return 2


def print_any_text() -> None:
    """Print escapes for what standard output's encoding has not, as on standard error: a file may have any name."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")


def complain(line: str) -> None:
    """Say one line on standard error, where there is one."""
    if sys.stderr is not None:
        print(f"mlx-saccade: {line}", file=sys.stderr)


def silence_output() -> None:
    """Keep the interpreter from flushing what is left into a broken or full standard output at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def describe(error: Exception) -> str:
    """One line for a user: the message of our own errors, path and reason of the operating system's."""
    if isinstance(error, MemoryError):
        return "not enough memory; give a smaller --budget or image"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}; check the path" if error.filename else f"output: {error.strerror}"
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
