"""Name policies: how many looks a question takes, and at which parts of the image.

The engine takes a policy as a function. `mlx_saccade.policies` enters its own in the table of names here, and the
engine's default.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    from mlx_saccade.engine.answer import Answer
    from mlx_saccade.engine.engine import Engine
    from mlx_saccade.media import Frame

__all__ = ["DEFAULT", "Crop", "Policy", "View", "check_views", "choose", "listing", "names", "parse", "register"]

DEFAULT = "auto"
"""The policy of `Engine.locate` where neither a budget nor a policy is given."""

Crop = tuple[int, int, int, int]
"""A part (x1, y1, x2, y2) of an image, in its pixels."""
View = tuple[Crop, str]
"""A crop in pixels of the whole image, and the description to locate in it."""


class Policy(Protocol):
    """A function that answers descriptions with one or more looks, through `Engine.look` or `Engine.sample_looks`.

    It runs on the engines' thread, as `Engine.locate` does, so that `cancel` and Ctrl-C end it at a step of any look.
    """

    def __call__(
        self, engine: Engine, frame: Frame, descriptions: Sequence[str], /, **options: Any
    ) -> Sequence[Answer]:
        """Return an answer for each description, in pixels of the frame.

        Args:
            engine: asks the model.
            frame: the whole image, or the region to look in; its pixels are decoded when they are first read.
            descriptions: of the targets, at least one.
            options: the policy's own parameters, which have defaults, and those of `Engine.look`.
        """


def check_views(views: Any) -> list[View]:
    """Return views with their crops as tuples of integers.

    Raises:
        InputError: not a list of pairs of a crop (x1, y1, x2, y2) in whole pixels and a description.
    """
    try:
        checked = [(tuple(map(validation.integer, crop)), words) for crop, words in views]
    except (TypeError, ValueError):
        raise InputError(f"views: expected ((x1, y1, x2, y2), description) pairs; got {brief(views)}") from None
    for crop, words in checked:
        if len(crop) != 4 or None in crop or not isinstance(words, str):
            raise InputError(f"views: expected ((x1, y1, x2, y2), description) pairs; got {brief((crop, words))}")
    return checked  # type: ignore[return-value]


_policies: dict[str, Policy] = {}


def _registered() -> dict[str, Policy]:
    """Return the table of names, with those of this package where nothing has loaded its policies yet."""
    if DEFAULT not in _policies:
        importlib.import_module("mlx_saccade.policies")
    return _policies


def register(name: str, policy: Policy) -> None:
    """Enter a policy in the table of names; its parameters are its keyword arguments with defaults."""
    _policies[name] = policy


def names() -> tuple[str, ...]:
    """Return the names that `Engine.locate` takes, in the order in which they were registered."""
    return tuple(_registered())


def parameters(policy: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters of a policy and their defaults."""
    arguments = inspect.signature(policy).parameters.values()
    return {one.name: one.default for one in arguments if one.kind is one.KEYWORD_ONLY and one.default is not one.empty}


def listing() -> str:
    """Return the registered names with their parameters, defaults and first lines of their docstrings, for people."""
    lines = []
    for name, policy in _registered().items():
        summary = (inspect.getdoc(policy) or "").partition("\n")[0]
        lines += [f"{name}:{','.join(f'{key}={value}' for key, value in parameters(policy).items())}", f"    {summary}"]
    return "\n".join(lines)


def parse(text: str) -> tuple[Policy, dict[str, Any]]:
    """Read a policy's name, and values for its parameters, from a text such as "search:max_looks=20".

    Args:
        text: NAME, or NAME:parameter=value,parameter=value.

    Returns:
        The policy, and the values by name.

    Raises:
        InputError: an unknown name or parameter, a value of another type, or a parameter given twice; the message lists
            what there is.
    """
    name, colon, rest = text.partition(":")
    if name not in _registered():
        raise InputError(f"policy: expected one of {', '.join(_policies)}; got {brief(name)}")
    policy = _policies[name]
    known, values = parameters(policy), dict[str, Any]()
    for item in rest.split(",") if colon else ():
        key, equals, value = item.partition("=")
        if key not in known or not equals:
            raise InputError(f"policy {name}: expected {_usage(known)}; got {brief(item)}")
        if key in values:
            raise InputError(f"policy {name}: expected {key} once; got it twice. Leave one out")
        values[key] = _value(value, known[key], f"policy {name}: {key}")
    return policy, values


def choose(policy: str | Policy, max_looks: int | None = None) -> tuple[Policy, dict[str, Any]]:
    """Return a policy and the values of its parameters.

    Args:
        policy: a registered name with parameters as `parse` takes it, or a function.
        max_looks: maximum looks at the image for each description; None: the policy's own default.

    Raises:
        InputError: as `parse`, no function, or `max_looks` is below 1 or given twice.
    """
    if isinstance(policy, str):
        chosen, values = parse(policy)
    elif callable(policy):
        chosen, values = policy, {}
    else:
        raise InputError(f"policy: expected a name ({', '.join(names())}) or a function; got {brief(policy)}")
    if max_looks is not None:
        if "max_looks" in values:
            raise InputError(f"max_looks: expected once; got it in policy={brief(policy)} too. Leave one out")
        values["max_looks"] = max_looks
    if "max_looks" in values:
        values["max_looks"] = validation.at_least(1, values["max_looks"], "max_looks")
    return chosen, values


def _usage(known: dict[str, Any]) -> str:
    return ", ".join(f"{name}={default}" for name, default in known.items()) or "no parameters"


def _value(text: str, default: Any, name: str) -> Any:
    """Read a value of the type of its default."""
    kind, words = (int, "a whole number") if isinstance(default, int) else (float, "a number")
    try:
        return kind(text) if len(text) <= 20 else kind("")
    except ValueError:
        raise InputError(f"{name}: expected {words}; got {brief(text)}") from None
