"""The exceptions for a user's mistake and for a call that was cancelled.

A broken image, an impossible budget or a checkpoint of another architecture raises `InputError`. Its message is one
line: which input, what was expected, what was given, what to do. The command line prints that line and exits with 2.
Any other exception is a bug in this package and keeps its traceback.
"""

from __future__ import annotations

__all__ = ["CancelledError", "InputError", "brief", "kind_of", "quantity"]


class InputError(ValueError):
    """An input that cannot be used; the message is one line that says which, what is wrong and what to do."""


class CancelledError(Exception):
    """A call that its caller has stopped, by the option `cancel` or by closing a stream from another thread."""

    def __init__(self, message: str = "the call was cancelled") -> None:
        """Take the reason."""
        super().__init__(message)


def brief(value: object, limit: int = 80) -> str:
    """Return a value as messages show it: one line, at most `limit` characters.

    A longer string is cut; any other long value is named by its type.
    """
    if isinstance(value, str) and len(value) > limit:
        return f"{value[: limit // 2]!r}..."
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # integers of over 4,300 digits, lists a thousand deep
        text = ""
    return text if 0 < len(text) <= limit and "\n" not in text else kind_of(value)


def quantity(count: int, noun: str) -> str:
    """Return a number with its noun: "1 token", "2 tokens"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def kind_of(value: object) -> str:
    """Return the type of a value with its article, as messages name it: "an int", "a list"; "None" for None."""
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
