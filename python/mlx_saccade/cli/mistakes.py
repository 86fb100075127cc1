"""Say in one line what is wrong, and of which kind it is."""

from __future__ import annotations

import errno

from mlx_saccade.errors import InputError
from mlx_saccade.integrations import tools

__all__ = ["UsageError", "kind_of", "message_of"]

# Errors of the operating system that a new path alone does not cure.
_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Free space, or name another place"),
    errno.EROFS: "Name another place",
}


class UsageError(InputError):
    """A command line that cannot be parsed; the message has the program's name in front."""


def kind_of(error: BaseException) -> str:
    """Return the kind of an error, as docs/schemas/answer-1.json lists them."""
    if isinstance(error, UsageError):
        return "usage"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else tools.kind_of(error)


def message_of(error: BaseException) -> str:
    """Return one line for the user: our own error's message, or the path and reason of the operating system's."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, MemoryError):
        return "out of memory. Give a smaller --budget or image"
    if isinstance(error, OSError) and error.strerror:
        advice = _ADVICE.get(error.errno or 0, "Check the path" if error.filename else "")
        return f"{error.filename or 'output'}: {error.strerror}" + (f". {advice}" if advice else "")
    return " ".join(str(error).split())
