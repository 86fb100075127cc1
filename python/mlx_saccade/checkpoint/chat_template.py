"""Chat templates, run in a sandbox with bounds, because a template is a program from a checkpoint.

Jinja's sandbox keeps a template from the attributes and methods that reach the interpreter, but not from looping for
days or filling the memory. So the parsed template gets a call to `tick` in each loop and macro, which counts turns.
Operations that make a large value from a small one are measured first, and few filters and methods are offered.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mlx_saccade.errors import InputError

__all__ = ["ChatTemplate"]

# Bounds of one rendering, each far above the needs of a conversation of thousands of messages.
_SECONDS = 10.0
_TURNS = 500_000
_VALUE = 2**20
"""Maximum characters or items of one value, in addition to four times those of the messages."""
_OUTPUT = 2**26
"""Maximum characters written, including those in macros and set blocks."""
_SOURCE = 2**20
_BITS = 4096
_WIDEST = 999
"""Maximum width, precision and indent of a value that is written."""
_MOST_DIGITS = 15
_LONGEST_NUMBER = 320
"""Characters of the largest float, written with %f."""

_FILTERS = (
    *(
        "abs",
        "attr",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "first",
        "float",
        "format",
        "groupby",
    ),
    *("indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject"),
    *("rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "sum"),
    *("title", "trim", "unique"),
    *("upper", "urlencode", "wordcount"),
)
_METHODS = frozenset(
    {
        *("capitalize", "casefold", "count", "endswith", "find", "get", "index", "isalnum", "isalpha", "isdigit"),
        *("isspace", "items", "join", "keys", "lower", "lstrip", "partition", "removeprefix", "removesuffix"),
        *("replace", "rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip"),
        *("swapcase", "title", "upper", "values"),
    }
)
# One conversion of a % format: width and precision are the groups.
_CONVERSION = re.compile(r"%(?:\([^()]*\))?[#0\-+ ]*(\*|[0-9]*)(?:\.(\*|[0-9]*))?[hlL]?[a-zA-Z%]")
_PLAIN = (str, bytes, int, float, list, tuple, dict, set)


class ChatTemplate:
    """A compiled chat template."""

    def __init__(self, source: str, where: str) -> None:
        """Compile a template.

        Args:
            source: Jinja source, as in transformers.
            where: name of its file, for messages.

        Raises:
            InputError: the source is over 1 MiB or is not a valid template.
        """
        self.where = where
        self._environment = _Environment()
        if len(source) > _SOURCE:
            raise InputError(f"{where}: expected a chat template of up to {_SOURCE:,} characters; got {len(source):,}")
        try:
            with self._environment.bounds(_VALUE):  # compiling computes constants
                self._template = self._environment.from_string(source)
        except Exception as error:  # Jinja's own errors, RecursionError, and any error of constant folding
            raise InputError(f"{where}: the chat template is broken: {_line(error)}") from None

    def render(self, messages: Sequence[Mapping[str, Any]], **variables: Any) -> str:
        """Render a conversation, ending with the start of the assistant's turn.

        Raises:
            InputError: the template fails, refuses the messages, uses a forbidden attribute, or exceeds a bound.
        """
        room = _VALUE + 4 * _weigh(messages, float("inf"))
        try:
            with self._environment.bounds(room):
                return self._template.render(messages=list(messages), add_generation_prompt=True, **variables)
        except Exception as error:  # a template can raise any exception
            raise InputError(f"{self.where}: the chat template fails on these messages: {_line(error)}") from None


class _Generation(jinja2.ext.Extension):
    """The `{% generation %}` tag of transformers, which marks the trained part of a turn; its text is written as is."""

    tags = {"generation"}  # noqa: RUF012, an attribute of the base class

    def parse(self, parser: Parser) -> nodes.Node:
        """Return the statements up to `{% endgeneration %}` in a scope of their own, as transformers has it."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _Bounds(threading.local):
    """The counters and limits of this thread's rendering."""

    def __init__(self) -> None:
        self.room: float = _VALUE
        self.turns = 0
        self.written = 0
        self.until = float("inf")


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox that counts turns and measures values."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[jinja2.ext.loopcontrols, _Generation],
            finalize=self._write,
        )
        self._spent = _Bounds()
        self.filters = {name: self._bounded(name, self.filters[name]) for name in _FILTERS}
        self.filters["tojson"] = self._bounded("tojson", _to_json)
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _refuse
        self.globals["strftime_now"] = lambda form: datetime.now().strftime(form)

    def bounds(self, room: float) -> _Rendering:
        """Return a context that bounds a rendering of this thread; `room` is the maximum weight of a value."""
        return _Rendering(self._spent, room)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _meter(tree)
        tree.set_environment(self)
        return tree

    def tick(self, text: int = 0) -> None:
        """Count a turn of a loop or macro whose body writes `text` characters itself."""
        spent = self._spent
        spent.turns += 1
        self._count(text)
        if spent.turns > _TURNS or time.monotonic() > spent.until:
            raise SecurityError(f"it does not come to an end within {_TURNS:,} turns of its loops and {_SECONDS:.0f} s")

    def checked(self, value: Any) -> Any:
        """Return the value if its weight is within the bound."""
        if isinstance(value, str | bytes | list | tuple | dict | set):
            self._fits(_weigh(value, self._spent.room))
        return value

    def joined(self, *parts: Any) -> str:
        """Return the result of `~`."""
        texts = [str(self.checked(part)) for part in parts]
        self._fits(sum(map(len, texts)))
        return "".join(texts)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `+`, `*`, `**` and `%` if the result has a bounded size."""
        if operator == "*":
            self._check_product(left, right)
        elif operator == "**" and not (_bits(left) * max(abs(right), 1) <= _BITS):
            raise SecurityError(f"{left!r:.20} ** {right!r:.20} is too large")
        elif operator == "%" and isinstance(left, bytes):
            raise SecurityError("the % of bytes is not offered")
        elif operator == "%" and isinstance(left, str):
            self._check_format(left, right)
        return self.checked(super().call_binop(context, operator, left, right))

    def call(self, context: Any, function: Any, /, *arguments: Any, **named: Any) -> Any:
        """Call a function that the sandbox allows; plain values offer a few methods only."""
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if owner is self:  # inserted by _meter
            return function(*arguments)
        self.tick()
        if isinstance(owner, _PLAIN):
            if name not in _METHODS:
                raise SecurityError(f"the method {name!r} of {type(owner).__name__} is not offered")
            if isinstance(owner, str) and name == "replace" and len(arguments) >= 2:
                self._check_replacement(owner, *map(str, arguments[:2]))
            if isinstance(owner, str) and name == "join" and arguments:
                arguments = (self._pieces(owner, arguments[0]),)
        return self.checked(super().call(context, function, *arguments, **named))

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        """Refuse at once, where the sandbox would print nothing and continue."""
        raise SecurityError(f"it uses the attribute {attribute!r} of {type(obj).__name__}")

    def wrap_str_format(self, value: Any) -> None:
        """Refuse `format`, whose fields can have any width; the sandbox calls this for every attribute."""
        if isinstance(getattr(value, "__self__", None), str) and value.__name__ in ("format", "format_map"):
            raise SecurityError("the method 'format' of str is not offered")

    def _bounded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a filter so that its arguments and result are measured."""

        @functools.wraps(function)  # keeps the mark of filters that take the environment or the context first
        def bounded(*arguments: Any, **named: Any) -> Any:
            self.tick()
            for value in (*arguments, *named.values()):
                self.checked(value)
            if name in ("format", "indent", "join", "replace", "round"):
                arguments = self._measure(name, inspect.signature(function).bind(*arguments, **named), arguments)
            return self.checked(function(*arguments, **named))

        return bounded

    def _measure(self, name: str, bound: inspect.BoundArguments, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Measure a filter's result before it is made; return the positional arguments, an iterator's items listed."""
        given = bound.arguments
        if name == "format":
            self._check_format(str(given["value"]), given.get("kwargs") or given.get("args", ()))
        elif name == "indent":
            self._check_indent(str(given["s"]), given.get("width", 4))
        elif name == "replace":
            self._check_replacement(str(given["s"]), str(given["old"]), str(given["new"]))
        elif name == "round":
            digits = given.get("precision", 0)
            if not isinstance(digits, int) or abs(digits) > _MOST_DIGITS:
                raise SecurityError(f"round to {digits!r:.20} digits")
        elif name == "join":
            pieces = self._pieces(str(given.get("d", "")), given["value"])
            return tuple(pieces if value is given["value"] else value for value in arguments)
        return arguments

    def _check_format(self, text: str, values: Any) -> None:
        """Refuse a % format of unknown or great widths, and one whose result would be too large."""
        conversions = [match.groups(default="") for match in _CONVERSION.finditer(text)]
        widths = [part for match in conversions for part in match if part]
        if any(part == "*" or len(part) > 3 for part in widths):
            raise SecurityError(f"a % format wider than {_WIDEST} characters")
        longest = 10 * len(str(values)) + _LONGEST_NUMBER  # %a writes up to ten characters for one
        self._fits(len(text) + len(conversions) * longest + sum(map(int, widths)))

    def _check_indent(self, text: str, width: Any) -> None:
        if not isinstance(width, str) and not (isinstance(width, int) and width <= _WIDEST):
            raise SecurityError(f"indent by {width!r:.20}")
        size = len(width) if isinstance(width, str) else width
        self._fits(len(text) + (len(text.splitlines()) + 1) * size)

    def _check_product(self, left: Any, right: Any) -> None:
        for value, times in ((left, right), (right, left)):
            if isinstance(times, int) and isinstance(value, str | bytes | list | tuple):
                self._fits(_weigh(value, self._spent.room) * max(times, 0))
        if isinstance(left, int) and isinstance(right, int) and _bits(left) + _bits(right) > _BITS:
            raise SecurityError("a product is too large")

    def _check_replacement(self, text: str, old: str, new: str) -> None:
        self._fits(len(text) + (text.count(old) if old else len(text) + 1) * len(new))

    def _pieces(self, separator: str, parts: Any) -> list[Any]:
        pieces = list(parts)
        self._fits(len(pieces) * len(separator) + _weigh(pieces, self._spent.room))
        return pieces

    def _write(self, value: Any) -> Any:
        """Count the characters that a {{ }} writes."""
        self._count(len(str(self.checked(value))))
        return value

    def _count(self, characters: int) -> None:
        self._spent.written += characters
        if self._spent.written > _OUTPUT:
            raise SecurityError(f"it writes over {_OUTPUT:,} characters")

    def _fits(self, weight: float) -> None:
        if weight > self._spent.room:
            raise SecurityError(f"a value of over {int(self._spent.room):,} characters or items")


class _Rendering:
    """A context manager that resets the counters of a rendering."""

    def __init__(self, spent: _Bounds, room: float) -> None:
        self._spent, self._room = spent, room

    def __enter__(self) -> None:
        spent = self._spent
        spent.room, spent.turns, spent.written, spent.until = self._room, 0, 0, time.monotonic() + _SECONDS

    def __exit__(self, *error: object) -> None:
        self._spent.until = float("inf")


def _meter(tree: nodes.Node) -> None:
    """Insert a count into each loop and macro, and a measure around each expression that builds a value."""
    bodies = [cast("Any", node).body for node in tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock))]
    for body in bodies:
        text = sum(len(data.data) for part in body for data in _data(part))
        body.insert(0, nodes.ExprStmt(_internal("tick", [nodes.Const(text)]), lineno=1))
    _rebuild(tree)


def _data(node: nodes.Node) -> list[nodes.TemplateData]:
    own = [node] if isinstance(node, nodes.TemplateData) else []
    return own + list(node.find_all(nodes.TemplateData))


def _rebuild(node: nodes.Node) -> None:
    """Replace `~`, list displays and dict displays by measured ones, innermost first."""
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, nodes.Node):
                    _rebuild(item)
                    value[place] = _measured(item)
        elif isinstance(value, nodes.Node):
            _rebuild(value)
            setattr(node, name, _measured(value))


def _measured(node: nodes.Node) -> nodes.Node:
    if isinstance(node, nodes.Concat):
        return _internal("joined", node.nodes)
    if isinstance(node, nodes.List | nodes.Dict) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        return _internal("checked", [node])
    return node


def _internal(name: str, arguments: Sequence[nodes.Node]) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name), list(arguments), [], None, None, lineno=1)


def _weigh(value: Any, most: float) -> int:
    """Count the characters and items of a value, repeated ones each time; stop above `most`."""
    weight, waiting = 0, [value]
    while waiting and weight <= most:
        item = waiting.pop()
        if isinstance(item, str | bytes):
            weight += len(item)
        elif isinstance(item, Mapping):
            weight += len(item)
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set):
            weight += len(item)
            waiting += item
    return weight


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 64


def _to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    """Write JSON as transformers' templates do, without escapes for non-ASCII letters."""
    if indent is not None and not 0 <= indent <= 16:
        raise SecurityError(f"tojson with an indent of {indent}")
    return json.dumps(value, indent=indent, **{"ensure_ascii": False, **options})


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _line(error: Exception) -> str:
    """Return the type and first line of an error, or its type if it has no message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
