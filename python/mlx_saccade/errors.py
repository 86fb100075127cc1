"""The one exception of a user's mistake.

Everything that a caller can get wrong (a broken image, an impossible budget, a checkpoint of another architecture)
raises `InputError` with one line that names the input, what is wrong and what to do. The command line prints that line
and exits with 2; any other exception is a fault of saccade's own and keeps its traceback.
"""

from __future__ import annotations

__all__ = ["InputError", "brief"]


class InputError(ValueError):
    """A value from outside that cannot be used; the message is one line: which input, what is wrong, what to do."""


def brief(value: object, limit: int = 80) -> str:
    """A value as a message shows it: on one line, of a long text the beginning, what else is long by its kind alone."""
    if isinstance(value, str) and len(value) > limit:
        return f"{value[: limit // 2]!r}..."
    try:
        shown = repr(value)
    except ValueError:  # Python writes no integer of over 4,300 digits
        shown = ""
    kind = type(value).__name__
    return shown if 0 < len(shown) <= limit and "\n" not in shown else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
