"""Free what an object holds while others still have the object, and refuse its use after that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError

__all__ = ["Closable"]


class Closable:
    """An object whose attributes can be freed."""

    _closed: frozenset[str] = frozenset()

    def _free(self) -> None:
        """Drop all attributes; from now on each of them raises `InputError`."""
        names = self._closed or frozenset(self.__dict__)
        self.__dict__.clear()
        self._closed = names

    if not TYPE_CHECKING:  # which would take every name for an attribute

        def __getattr__(self, name: str) -> Any:
            """Refuse an attribute that was freed."""
            kind = type(self).__name__
            if name in self._closed:
                raise InputError(f"{kind}: expected an open one; got one that was closed. Load or open it again")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
