"""Parses the command line, runs one command, and turns a user's mistake into one line and exit code 2."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from saccade.errors import InputError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "find six things on the packaged 4K screenshot with the packaged checkpoint",
    "plan": "say what an image will become before any model is loaded",
    "locate": "find what a description names, as a box in the image's own pixels",
    "runtimes": "compare the default budgets of known runtimes on one image",
    "recommend": "say what to spend on a target of a known size, from a published table",
    "sizes": "show how sizes fill attention windows, and what becomes of small images",
    "scenes": "write generated screens with their known boxes",
    "sweep": "measure accuracy and latency against budget on generated screens",
    "dashboard": "draw what a sweep found as one self-contained page",
    "bench": "time the preparation of an image on this machine, beside Pillow",
    "doctor": "print what matters when something is wrong",
}

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line on standard error and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see '{self.prog} --help'\n")


def build_parser(command: str | None) -> Parser:
    """The parser of the whole command line, with the arguments of `command` alone filled in."""
    parser = Parser(
        prog="saccade", description="The right visual tokens, in the right place, for Qwen-VL models on MLX."
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == command:
            module = importlib.import_module(f"saccade.cli.{name}")
            module.add_arguments(subparser)
            subparser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser


def dispatch(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; returns its exit code."""
    command = next((word for word in arguments if not word.startswith("-")), None)
    parser = build_parser(command)
    options = parser.parse_args(arguments)
    if options.version:
        import saccade

        print(f"saccade {saccade.__version__}")
        return 0
    if options.command is None:
        parser.print_help()
        return 0
    code: int = importlib.import_module(f"saccade.cli.{options.command}").run(options)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point.

    Args:
        arguments: the words after the program's name; None takes them from the process.

    Returns:
        0 when the command did its work, 1 when it ran and found something wrong, 2 for a mistake of the user's,
        130 after Ctrl-C.
    """
    try:
        code = dispatch(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return code
    except (InputError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        print(f"saccade: {describe(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("saccade: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`saccade ... | head`); keep the interpreter from flushing into it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def describe(error: Exception) -> str:
    """One line for a user: the message of our own errors, path and reason of the operating system's."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}; check the path"
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
