"""The entry point of `mlx-saccade`: it runs one command, and reports a user's mistake in one line with exit code 2."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from mlx_saccade.errors import InputError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "find six elements on the packaged 4K screenshot",
    "plan": "show resized size, tokens and windows of an image without loading a model",
    "locate": "find described elements on an image, as boxes in its own pixels",
    "ask": "ask a question about images",
    "chat": "chat about an image in the terminal",
    "convert": "quantize a checkpoint for mlx-saccade and mlx-vlm",
    "runtimes": "compare the default budgets of known runtimes on one image",
    "recommend": "recommend a budget for a target of known size",
    "sizes": "show which image sizes fill whole attention windows",
    "scenes": "write generated screens and their known boxes",
    "sweep": "measure accuracy and latency by budget on generated screens",
    "tiny": "measure the packaged checkpoint on held-out generated screens",
    "dashboard": "draw the results of a sweep as one HTML page",
    "bench": "time image preprocessing on this machine, compared with Pillow",
    "doctor": "print versions, device and kernels for a bug report",
}

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors, whose commands take options anywhere among the other words.

    Plain argparse shares out the words before the first option at once: in
    `mlx-saccade ask shot.png --budget 256 "What is this?"` it would take the file for the question.
    """

    _mixing = False

    def parse_known_args(self, args: Any = (), namespace: Any = None) -> Any:
        """Parse a command's options first and then its other words; with a "--", parse as argparse does."""
        if self._mixing or self._subparsers is not None or "--" in args:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # the next line calls this method again
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Print one line on standard error and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}; see '{self.prog} --help'\n")


def build_parser(command: str | None) -> Parser:
    """Return the parser of the command line, with the arguments of one command only."""
    parser = Parser(
        prog="mlx-saccade", description="The right visual tokens, in the right place, for Qwen-VL models on MLX."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == command:
            module = _module(name)
            module.add_arguments(subparser)
            subparser.add_argument(
                "--json", action="store_true", help="print one JSON object instead of text (default no)"
            )
    return parser


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"mlx_saccade.cli.commands.{command.replace('-', '_')}")


def dispatch(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    # Pillow warns of odd tags in files that it can read; a user can do nothing about them.
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
    code: int = _module(options.command).run(options)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: words after the program's name; None (default) takes them from the process.

    Returns:
        The exit code: 0 for success, 1 if the command found something wrong, 2 for a mistake in its use, 130 after
        Ctrl-C.
    """
    escape_unprintable()
    try:
        code = dispatch(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        silence_output()  # the reader has ended: `mlx-saccade ... | head`
        return 0
    except KeyboardInterrupt:
        print_error("interrupted")
        return INTERRUPTED
    except (InputError, OSError, MemoryError) as error:
        print_error(message_of(error))
        silence_output()
        return 2


def escape_unprintable() -> None:
    """Escape characters that standard output's encoding lacks, as standard error does: a file may have any name."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_error(line: str) -> None:
    """Print one line on standard error, if there is one."""
    if sys.stderr is not None:
        print(f"mlx-saccade: {line}", file=sys.stderr)


def silence_output() -> None:
    """Keep the interpreter from flushing the rest into a broken or full standard output at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def message_of(error: Exception) -> str:
    """Return one line for the user: our own error's message, or the path and reason of the operating system's."""
    if isinstance(error, MemoryError):
        return "out of memory. Give a smaller --budget or image"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}. Check the path" if error.filename else f"output: {error.strerror}"
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
