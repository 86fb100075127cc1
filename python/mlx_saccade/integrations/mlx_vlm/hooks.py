"""The one registry of attribute replacements: everything that `enable` changes in mlx-vlm goes through it.

    hooks = Hooks()
    hooks.replace(mlx_vlm.utils, "process_image", ours)     # a module's global
    hooks.replace(model.vision_tower, "__class__", Tower)   # the class of one object
    hooks.restore()                                         # every attribute as it was, the latest replacement first

Owners are held weakly where Python allows it, so a model that its user drops is freed.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Hooks", "Replacement"]

_ABSENT = object()


@dataclass(frozen=True, eq=False)
class Replacement:
    """One replaced attribute.

    Attributes:
        owner: returns the object that has the attribute; None if the object is gone.
        name: the attribute's name.
        original: the value that the owner's own namespace had; a private marker if it had none.
        value: the value in its place.
    """

    owner: Callable[[], Any]
    name: str
    original: Any
    value: Any

    @property
    def where(self) -> str:
        """Return "owner.name", for people."""
        owner = self.owner()
        called = getattr(owner, "__name__", None) or type(owner).__name__
        return f"{called}.{self.name}"

    @property
    def is_in_place(self) -> bool:
        """Return True if the owner is alive and its attribute is still the replacement."""
        owner = self.owner()
        return owner is not None and _own(owner, self.name) is self.value

    def undo(self) -> None:
        """Restore the attribute; do nothing if its owner is gone."""
        owner = self.owner()
        if owner is None:
            return
        if self.original is _ABSENT:
            delattr(owner, self.name)
        else:
            setattr(owner, self.name, self.original)


class Hooks:
    """A list of replaced attributes that can be undone exactly."""

    def __init__(self) -> None:
        self._replacements: list[Replacement] = []
        self._lock = threading.RLock()

    def replace(self, owner: Any, name: str, value: Any) -> Any:
        """Replace an attribute and return the value that it had.

        An attribute that is replaced already keeps its first original, so that replacing twice is undone by one
        `restore`.

        Args:
            owner: module, class or object.
            name: attribute, which `owner` or its class must have; "__class__" changes the class of an object.
            value: value in its place.

        Raises:
            AttributeError: there is no such attribute.
        """
        with self._lock:
            before = getattr(owner, name)
            self.add(owner, name, value)
            return before

    def add(self, owner: Any, name: str, value: Any) -> None:
        """Give an object an attribute, which neither it nor its class needs to have; otherwise as `replace`."""
        with self._lock:
            known = self.replacement(owner, name)
            original = _own(owner, name) if known is None else known.original
            setattr(owner, name, value)
            if known is not None:
                self._replacements.remove(known)
            self._replacements.append(Replacement(_reference(owner), name, original, value))

    def replacement(self, owner: Any, name: str) -> Replacement | None:
        """Return the replacement of an attribute; None if there is none."""
        for one in self._replacements:
            if one.name == name and one.owner() is owner:
                return one
        return None

    def restore(self, owner: Any = None) -> tuple[str, ...]:
        """Restore the attributes of an owner, or of all; the latest replacement first.

        Returns:
            "owner.name" of attributes that somebody else replaced in the meantime. They are left as they are, since
            restoring them would undo that other change.
        """
        with self._lock:
            mine = [one for one in self._replacements if owner is None or one.owner() is owner]
            foreign = []
            for one in reversed(mine):
                if one.is_in_place:
                    one.undo()
                elif one.owner() is not None:
                    foreign.append(one.where)
            self._replacements = [one for one in self._replacements if one not in mine]
            return tuple(foreign)

    def __len__(self) -> int:
        return len(self.replacements())

    def replacements(self) -> tuple[Replacement, ...]:
        """Return the replacements whose owners are alive, oldest first."""
        with self._lock:
            self._replacements = [one for one in self._replacements if one.owner() is not None]
            return tuple(self._replacements)


def _own(owner: Any, name: str) -> Any:
    """Return an attribute from the owner's own namespace, not its class's; a marker if it is not there."""
    if name == "__class__":
        return type(owner)
    try:
        return vars(owner).get(name, _ABSENT)
    except TypeError:  # an object with slots alone
        return getattr(owner, name, _ABSENT)


def _reference(owner: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(owner)
    except TypeError:
        return lambda: owner
