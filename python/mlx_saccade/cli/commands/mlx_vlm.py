"""`mlx-saccade mlx-vlm`: run mlx-vlm's own commands in this process, with mlx-saccade's preparation of images."""

from __future__ import annotations

import argparse
import importlib.util
import runpy
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_backend_argument
from mlx_saccade.errors import InputError

__all__ = ["EXAMPLES", "HOOKED", "add_arguments", "run", "split_words"]

EXAMPLES = (
    "mlx-saccade mlx-vlm",
    "mlx-saccade mlx-vlm server --model path/to/checkpoint --budget 1280",
)

HOOKED = ("generate", "chat", "chat_ui", "server")
"""mlx-vlm's commands that show images to a model; the others run as they are."""

_OWN = ("--budget", "--backend")  # options of ours that may also follow mlx-vlm's command

INSTALL = "pip install 'mlx-saccade[mlx-vlm]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade mlx-vlm`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="mlx-vlm's command; without it print the versions")
    # `split_words` keeps these words from the parser; the argument is here for --help.
    parser.add_argument("words", nargs="*", metavar="ARGS", help="arguments of that command, unchanged")
    parser.add_argument(
        "--budget", metavar="BUDGET", help="maximum visual tokens per image, also among ARGS (default 1280)"
    )
    add_backend_argument(parser)
    parser.add_argument("--any-version", action="store_true", help="accept an untested mlx-vlm (default no)")


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words for `mlx-saccade`, and those for mlx-vlm's command.

    Args:
        words: of the command line, with "mlx-vlm" among them.

    Returns:
        The words up to mlx-vlm's command, with each --budget and --backend that follows; and what else follows.
    """
    end = list(words).index("mlx-vlm") + 1
    while end < len(words) and words[end].startswith("-"):
        end += 2 if words[end] in _OWN else 1
    own, rest = list(words[: end + 1]), list(words[end + 1 :])
    foreign: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in _OWN:
            own += [word, *rest[:1]]
            rest = rest[1:]
        elif word.partition("=")[0] in _OWN:
            own.append(word)
        else:
            foreign.append(word)
    return own, foreign


def run(options: argparse.Namespace) -> int:
    """Run mlx-vlm's command and return its exit code.

    Raises:
        InputError: mlx-vlm is not installed, or an argument cannot be used with the hooks.
    """
    if options.name is None:
        return _print_versions(options)
    if not _is_installed():
        raise InputError(f"mlx-vlm: expected an installed package; got none. {INSTALL}")
    _check(options)
    from mlx_saccade.integrations.mlx_vlm import switch

    show, warnings.showwarning = warnings.showwarning, _show_warning
    arguments, sys.argv = sys.argv, ["mlx_vlm", options.name, *options.foreign]
    try:
        if options.name in HOOKED:
            switch.enable(budget=options.budget, backend=options.backend, any_version=options.any_version)
        if options.name == "server":
            switch.enable_server()
        runpy.run_module("mlx_vlm", run_name="__main__")
        return 0
    except ValueError as error:
        if str(error).startswith("CLI requires a subcommand"):
            raise InputError(f"{options.name}: expected a command of mlx-vlm; got another. {error}") from None
        raise _ours(error) or error from None
    finally:
        switch.disable()
        sys.argv, warnings.showwarning = arguments, show


def _is_installed() -> bool:
    return "mlx_vlm" in sys.modules or importlib.util.find_spec("mlx_vlm") is not None


def _check(options: argparse.Namespace) -> None:
    """Refuse what would go past the hooks, or contradicts the budget."""
    if options.budget is not None and options.name not in HOOKED:
        raise InputError(f"--budget: expected one of {', '.join(HOOKED)}; got {options.name}. Leave it out")
    if options.backend != "pillow" and options.name not in HOOKED:
        raise InputError(f"--backend: expected one of {', '.join(HOOKED)}; got {options.name}. Leave it out")
    if options.name != "server":
        return
    for word in options.foreign:
        name = word.partition("=")[0]
        if len(name) > 4 and "--reload".startswith(name):
            raise InputError(
                f"{word}: expected a server in one process; a reloaded one would lose the hooks. Leave it out"
            )
        if options.budget is not None and name == "--max-pixels":
            raise InputError("--budget and --max-pixels limit the same; give one of them")


def _ours(error: BaseException) -> InputError | None:
    """Return a mistake that mlx-vlm wrapped into an error of its own; None if it is mlx-vlm's own error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, InputError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print our own warnings as notes, and others as Python does."""
    own = str(message)
    if own.startswith("mlx-saccade: "):
        output.note(own.removeprefix("mlx-saccade: "))
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)


def _print_versions(options: argparse.Namespace) -> int:
    from mlx_saccade.integrations.mlx_vlm import upstream

    installed = upstream.version() if _is_installed() else None
    oldest, newest = upstream.TESTED
    if options.json:
        output.print_json({"mlx_vlm": installed, "tested": [oldest, newest], "with_images": list(HOOKED)})
        return 0
    output.facts([
        ("mlx-vlm", installed or f"not installed: {INSTALL}"),
        ("tested versions", f"{oldest} to {newest}"),
        ("commands with our images", ", ".join(HOOKED)),
    ])  # fmt: skip
    return 0
