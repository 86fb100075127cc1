"""OpenAI's chat completions: requests read for an engine, and answers in OpenAI's form.

A field that would change the answer and is not supported is refused, unless its value is the default. Fields that
change nothing are set aside with a note. Messages are those of `mlx_saccade.engine.messages`.
"""

from __future__ import annotations

import difflib
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer
    from mlx_saccade.integrations.image_arguments import ImageAccess

__all__ = ["ChatForm", "ChatRequest", "models", "open_media", "read"]

# Passed to the engine as they are, which checks them.
_OPTIONS = (
    *("temperature", "top_p", "seed", "stop"),
    *("top_k", "min_p", "repetition_penalty", "convention", "budget", "fit"),
)
_TOKENS = ("max_tokens", "max_completion_tokens")
_OWN = ("messages", "model", "stream", "stream_options", *_TOKENS, *_OPTIONS)
# Not supported, and the values with which they change nothing.
_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "prediction": (),
    "audio": (),
    "web_search_options": (),
    "moderation": (),
}
# They change where an answer is kept, counted or billed, and not the answer.
_NOTED = (
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"),
    *("prompt_cache_retention", "parallel_tool_calls"),
)
_FINISH = {"stop": "stop", "stop string": "stop", "length": "length"}


@dataclass(frozen=True)
class ChatRequest:
    """A request for a chat completion.

    Attributes:
        messages: not read yet.
        model: its name for the model; None without one.
        options: of `mlx_saccade.Engine.chat`.
        stream: True if the answer is wanted in chunks.
        include_usage: True if the chunks end with the token counts.
        notes: fields that were set aside, in words.
    """

    messages: Any
    model: str | None
    options: dict[str, Any]
    stream: bool
    include_usage: bool
    notes: tuple[str, ...]


def read(body: Mapping[str, Any]) -> ChatRequest:
    """Read the body of a request; a null is the same as a missing field.

    Raises:
        InputError: a field that is unknown, of another type, or would change the answer and is not supported.
    """
    fields = {name: value for name, value in body.items() if value is not None}
    for name, value in fields.items():
        if name in _DEFAULTS:
            _check_default(name, value)
        elif name not in _OWN and name not in _NOTED:
            raise _unknown(name)
    if "messages" not in fields:
        raise InputError("messages: expected a list of messages; got none")
    model = fields.get("model")
    if model is not None and not isinstance(model, str):
        raise InputError(f"model: expected a text; got {brief(model)}")
    options = {name: fields[name] for name in _OPTIONS if name in fields}
    for name in ("seed", "top_k", "budget"):
        if name in options:
            options[name] = _whole(options[name])
    stream = _flag(fields.get("stream", False), "stream")
    return ChatRequest(
        fields["messages"],
        model,
        {**options, **_max_tokens(fields)},
        stream,
        _include_usage(fields.get("stream_options", {})),
        tuple(
            f"{name}: set aside, it changes nothing in the answer"
            for name in fields
            if name in _NOTED or (name == "stream_options" and not stream)
        ),
    )


def _check_default(name: str, value: Any) -> None:
    # 0 equals False, which JSON tells apart.
    if not any(
        value == default and isinstance(value, bool) == isinstance(default, bool) for default in _DEFAULTS[name]
    ):
        known = " or ".join(map(repr, _DEFAULTS[name])) or "no such field"
        raise InputError(f"{name}: expected {known}, others are not supported; got {brief(value)}. Leave it out")


def _unknown(name: str) -> InputError:
    nearest = difflib.get_close_matches(name, _OWN, 1)
    advice = f"Did you mean {nearest[0]!r}? " if nearest else ""
    return InputError(f"{brief(name)}: expected a known field. {advice}Known: {', '.join(_OWN)}")


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{name}: expected true or false; got {brief(value)}")
    return value


def _whole(value: Any) -> Any:
    """Return a number such as 64.0 as an int, and any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _max_tokens(fields: Mapping[str, Any]) -> dict[str, Any]:
    values = [_whole(fields[name]) for name in _TOKENS if name in fields]
    if len(values) == 2 and values[0] != values[1]:
        raise InputError(f"max_tokens: expected the same as max_completion_tokens; got {brief(values[0])}. Give one")
    return {"max_tokens": values[0]} if values else {}


def _include_usage(options: Any) -> bool:
    if not isinstance(options, Mapping) or not set(options) <= {"include_usage", "include_obfuscation"}:
        raise InputError(f"stream_options: expected {{'include_usage': true}}; got {brief(options)}")
    return _flag(options.get("include_usage", False), "stream_options.include_usage")


def open_media(messages: Any, access: ImageAccess) -> list[Any]:
    """Return messages in Qwen's form, with the bytes of their images read as the server allows it.

    Raises:
        InputError: messages of another form, and what `ImageAccess.open` refuses.
        FileNotFoundError: no such file.
    """
    from mlx_saccade.engine import messages as message_forms

    media: list[dict[str, Any]] = []

    def take(part: dict[str, Any], where: str) -> None:
        kind = part["type"]
        if kind == "image":
            media.append({**part, "image": _opened(part["image"], access, where)})
        elif isinstance(part[kind], str) and (path := access.film(part[kind], where)) is not None:
            media.append({**part, kind: path})
        else:
            frames = part[kind] if isinstance(part[kind], list) else [part[kind]]
            media.append({**part, kind: [_opened(frame, access, where) for frame in frames]})

    plain = list(message_forms.read(messages, take))
    in_order = iter(media)
    return [
        message
        if isinstance(message["content"], str)
        else {
            **message,
            "content": [part if part["type"] == "text" else next(in_order) for part in message["content"]],
        }
        for message in plain
    ]


def _opened(source: Any, access: ImageAccess, where: str) -> Any:
    from mlx_saccade import media

    if isinstance(source, bytes):
        return access.open_bytes(media.Encoded(source, "base64"))
    if not isinstance(source, str):
        raise InputError(f"{where}: expected a data URL; got {brief(source)}")
    return access.open(source, name=where)


@dataclass(frozen=True)
class ChatForm:
    """The form of one answer: a chat completion, or the chunks of one.

    Attributes:
        model: name of the model.
        notes: of the request.
        name: of the completion.
        created: seconds since 1970.
    """

    model: str
    notes: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, answer: Answer) -> dict[str, Any]:
        """Return a whole answer."""
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[answer.finish]}
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": _usage(answer),
            "saccade": self._own(answer),
        }

    def first(self) -> dict[str, Any]:
        """Return the chunk before all text."""
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, text: str) -> dict[str, Any]:
        """Return a chunk of text."""
        return self._chunk({"content": text})

    def last(self, answer: Answer, *, include_usage: bool) -> Iterator[dict[str, Any]]:
        """Yield the chunks after all text: the places, the reason of the end and, if they are wanted, the counts.

        Each but the counts has a choice, since programs read `choices[0]` of every chunk that they did not ask for.
        """
        yield {**self._chunk({}), "saccade": self._own(answer)}
        yield self._chunk({}, _FINISH[answer.finish])
        if include_usage:
            yield {**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(answer)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.name, "object": kind, "created": self.created, "model": self.model}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _own(self, answer: Answer) -> dict[str, Any]:
        """Return the fields of the answer that OpenAI has none for, as docs/json.md describes them."""
        plain = answer.as_dict()
        del plain["text"]
        return {**plain, "notes": [*plain["notes"], *self.notes]}


def _usage(answer: Answer) -> dict[str, Any]:
    prompt, written = answer.usage["prompt"], answer.usage["answer"]
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def models(name: str, created: int) -> dict[str, Any]:
    """Return the list of the one model."""
    return {"object": "list", "data": [{"id": name, "object": "model", "created": created, "owned_by": "mlx-saccade"}]}
