"""The entry point of `mlx-saccade`: it runs one command, and reports a user's mistake in one line with exit code 2."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import io
import itertools
import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Any, NoReturn

from mlx_saccade.cli import answers_json, images, output
from mlx_saccade.cli.mistakes import UsageError, kind_of, message_of
from mlx_saccade.errors import InputError

__all__ = ["COMMANDS", "GROUPS", "build_parser", "main", "spelled", "usage_words"]

GROUPS = {
    "start here": {
        "demo": "find six elements on the packaged 4K screenshot",
        "doctor": "print versions, device and kernels for a bug report",
    },
    "ask a model": {
        "locate": "find described elements on an image, as boxes in its own pixels",
        "ask": "ask a question about images",
        "chat": "chat about an image in the terminal",
        "convert": "quantize a checkpoint for mlx-saccade and mlx-vlm",
        "mcp": "serve locate, ask and plan to an agent over MCP",
        "serve": "answer HTTP requests, in the form of OpenAI's API too",
        "mlx-vlm": "run a command of mlx-vlm with our image preparation",
    },
    "choose a size and a budget": {
        "plan": "show resized size, tokens and windows of an image, without a model",
        "runtimes": "compare the default budgets of known runtimes on one image",
        "recommend": "recommend a budget for a target of known size",
        "sizes": "show which image sizes fill whole attention windows",
    },
    "measure": {
        "scenes": "write generated screens and their known boxes",
        "screens": "capture installed programs with their known boxes (Linux)",
        "sweep": "measure accuracy and latency by budget and policy",
        "elements": "make a set of elements from images, and review it by hand",
        "dashboard": "build a site of latency, accuracy, runtimes, history and peers",
        "tiny": "measure the packaged checkpoint on held-out generated screens",
        "bench": "time images and questions on this machine, and compare runs",
    },
}
COMMANDS = {name: summary for commands in GROUPS.values() for name, summary in commands.items()}

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors, whose commands take options anywhere among the other words.

    Plain argparse shares out the words before the first option at once: in
    `mlx-saccade ask shot.png --budget 256 "What is this?"` it would take the file for the question.
    """

    _mixing = False
    after = ""
    """What the help ends with, as it is."""
    actions: Mapping[str, Parser] = MappingProxyType({})
    """The parsers of a command's actions; the first is that of the command without an action."""

    def format_help(self) -> str:
        """Return the help, with the text of `after` at its end; of a command with actions, that of the first."""
        if self.actions:
            return next(iter(self.actions.values())).format_help()
        return super().format_help() + (f"\n{self.after}\n" if self.after else "")

    def print_help(self, file: Any = None) -> None:
        """Print the help; plain argparse is silent about an output that is full."""
        print(self.format_help(), end="", file=file, flush=True)

    def parse_known_args(self, args: Any = (), namespace: Any = None) -> Any:
        """Parse a command's options first and then its other words; with a "--", parse as argparse does."""
        if self.actions and (not args or args[0].startswith("-")):
            args = [next(iter(self.actions)), *args]
        args = images.join_negative_values(args)
        self._refuse_unknown_option(args)
        if self._mixing or self._subparsers is not None or "--" in args:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # the next line calls this method again
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def _refuse_unknown_option(self, words: Sequence[str]) -> None:
        """Name a misspelt option of a command before argparse names one that is missing."""
        for word in itertools.takewhile(lambda word: word != "--", () if self._subparsers is not None else words):
            name = word.partition("=")[0]
            if not name.startswith("--") or " " in word:  # argparse takes a word with a space for no option
                continue
            if not any(option.startswith(name) for option in self._option_string_actions):
                self.error(f"unknown option {name}{_nearest(name, self._option_string_actions)}")

    def error(self, message: str) -> NoReturn:
        """Raise the mistake, for `main` to report.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.prog}: {message}; see '{self.prog} --help'")


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return a question about the nearest known word, in brackets, or ""."""
    nearest = difflib.get_close_matches(word, known, 1)
    return f" (did you mean {nearest[0]}?)" if nearest else ""


def build_parser(command: str | None) -> Parser:
    """Return the parser of the command line, with the arguments of one command only."""
    parser = Parser(
        prog="mlx-saccade",
        usage="mlx-saccade COMMAND [options]",
        description="The right visual tokens, in the right place, for Qwen-VL models on MLX.",
    )
    parser.after = _list_of_commands()
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    # Without help of its own, COMMAND is not listed: `after` has the commands in groups.
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=Parser, prog="mlx-saccade", help=argparse.SUPPRESS
    )
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, add_help=False, description=summary[0].upper() + summary[1:] + ".")
        if name == command:
            module = _module(name)
            actions: Mapping[str, ModuleType] = getattr(module, "ACTIONS", {})
            if actions:
                _add_actions(subparser, name, actions)
            else:
                _add_arguments(subparser, name, module)
    return parser


def _add_actions(parser: Parser, name: str, modules: Mapping[str, ModuleType]) -> None:
    """Give each action of a command a parser of its own."""
    choices = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser, prog=f"mlx-saccade {name}")
    actions = {}
    for action, module in modules.items():
        actions[action] = choices.add_parser(action, add_help=False, description=f"{module.SUMMARY}.")
        words = f"{name} {action}" if actions.keys() - {action} else f"{name} [{action}]"
        _add_arguments(actions[action], words, module)
    parser.actions = actions


def _add_arguments(parser: Parser, words: str, module: ModuleType) -> None:
    """Add the arguments, usage and examples of a command or of one of its actions."""
    module.add_arguments(parser)
    _add_output_arguments(parser, lines=getattr(module, "JSON_LINES", False))
    parser.add_argument("-h", "--help", action="help", help="print this help and exit")
    parser.usage = f"mlx-saccade {words} {usage_words(parser)}[options]"
    parser.after = "\n".join(["examples:", *(f"  {line}" for line in module.EXAMPLES)])


def _add_output_arguments(parser: Parser, *, lines: bool) -> None:
    """Add the options that every command takes; `lines` True: its output can also be one JSON object a line."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON object instead of text (default no)")
    if lines:
        forms.add_argument("--jsonl", action="store_true", help="print each answer as a line of JSON (default no)")
    parser.add_argument("--quiet", action="store_true", help="print no notes and no progress (default no)")


def _list_of_commands() -> str:
    width = max(map(len, COMMANDS))
    lines = []
    for title, commands in GROUPS.items():
        lines += [f"{title}:", *(f"  {name:<{width}}  {summary}" for name, summary in commands.items()), ""]
    return "\n".join([*lines, "`mlx-saccade COMMAND --help` explains a command and has examples of it."])


def usage_words(parser: argparse.ArgumentParser) -> str:
    """Return what every call of a command has to have, as a user writes it, with a space after each."""
    required = [action for action in parser._actions if action.required or not action.option_strings]
    return "".join(f"{spelled(action)} " for action in sorted(required, key=lambda action: bool(action.option_strings)))


def spelled(action: argparse.Action) -> str:
    """Return an argument as a user writes it."""
    placeholder = action.metavar or action.dest.upper()
    if action.metavar is None and action.choices:
        placeholder = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        repeats = {"*": f"[{placeholder} ...]", "+": f"{placeholder} ...", "?": f"[{placeholder}]"}
        return repeats.get(str(action.nargs), str(placeholder))
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {placeholder}"


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"mlx_saccade.cli.commands.{command.replace('-', '_')}")


def _split(command: str | None, arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the words for us, and those for the program that a command runs."""
    split = getattr(_module(command), "split_words", None) if command in COMMANDS else None
    return (arguments, ()) if split is None else split(arguments)


def dispatch(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    # Pillow warns of odd tags in files that it can read; a user can do nothing about them.
    warnings.filterwarnings("ignore", module="PIL")
    command = next((word for word in arguments if not word.startswith("-")), None)
    parser = build_parser(command)
    if command is not None and command not in COMMANDS:
        known = _nearest(command, COMMANDS) or f" (known: {', '.join(COMMANDS)})"
        parser.error(f"unknown command {command!r}{known}")
    arguments, foreign = _split(command, arguments)
    options = parser.parse_args(arguments)
    options.foreign = foreign
    if options.version:
        import mlx_saccade

        print(f"mlx-saccade {mlx_saccade.__version__}")
        return 0
    if options.command is None:
        parser.print_help()
        return 0
    if options.quiet and getattr(options, "verbose", False):
        raise UsageError(f"mlx-saccade {command}: --quiet: not allowed with --verbose. Leave out one of them")
    output.set_quiet(options.quiet)
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
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = dispatch(words)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        silence_output()  # the reader has ended: `mlx-saccade ... | head`
        return 0
    except KeyboardInterrupt as error:
        report(error, words)
        return INTERRUPTED
    except (InputError, OSError, MemoryError) as error:
        report(error, words)
        silence_output()
        return 2
    finally:
        output.set_quiet(False)


def report(error: BaseException, words: Sequence[str]) -> None:
    """Print an error in one line on standard error; with --json or --jsonl also as JSON on standard output."""
    message = message_of(error)
    output.print_error(message, prefix="" if isinstance(error, UsageError) else "mlx-saccade: ")
    broken = isinstance(error, OSError) and error.strerror and not error.filename  # the output itself
    if broken or not answers_json.asked_for(words):
        return
    with contextlib.suppress(OSError):
        print(output.json_text(answers_json.error(kind_of(error), message, input_of(error, message, words))))


def input_of(error: BaseException, message: str, words: Sequence[str]) -> str | None:
    """Return the file of an error, or the word of the command line that its message begins with; None without one."""
    if isinstance(error, OSError) and error.filename:
        return str(error.filename)
    return next((word for word in words if word and message.startswith(f"{word}:")), None)


def escape_unprintable() -> None:
    """Escape characters that standard output's encoding lacks, as standard error does: a file may have any name."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")


def silence_output() -> None:
    """Keep the interpreter from flushing the rest into a broken or full standard output at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
