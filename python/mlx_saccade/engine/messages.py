"""Read messages as OpenAI, Anthropic, MCP, transformers and Qwen write them, into Qwen's form.

In Qwen's form a message is {"role": ..., "content": text or a list of parts}, and a part is one of
    {"type": "text", "text": ...}
    {"type": "image", "image": what `mlx_saccade.media.open_image` takes, ...}
    {"type": "video", "video": frames, "fps": 2.0, ...}
A key that changes nothing in the prompt is ignored. Any other key that is not in the tables below is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from mlx_saccade import media
from mlx_saccade.checkpoint.tokenizer import Message
from mlx_saccade.errors import InputError, brief

__all__ = ["Take", "read", "read_part"]

Part: TypeAlias = dict[str, Any]
Take: TypeAlias = Callable[[Part, str], None]
"""A function that takes each image and video part, in order, and its place, such as "message 0, part 1"."""

_ROLES = {
    **{role: role for role in ("system", "user", "assistant", "tool")},
    "developer": "system",
    "function": "tool",
}
# type of a part -> (kind in Qwen's form, keys of which one holds the value)
_PARTS = {
    "text": ("text", ("text",)),
    "input_text": ("text", ("text",)),
    "output_text": ("text", ("text",)),
    "refusal": ("text", ("refusal",)),
    "image": ("image", ("image", "image_url", "url", "path", "base64", "data", "source")),
    "image_url": ("image", ("image_url", "url")),
    "input_image": ("image", ("image_url",)),
    "computer_screenshot": ("image", ("image_url",)),
    "video": ("video", ("video", "url", "path")),
    "video_url": ("video", ("video_url",)),
}
_BASE64 = ("base64", "data")
_NESTED = ("url", "path", *_BASE64, "bytes", "source", "image", "image_url")
"""Keys of an object in the place of an image, such as {"url": ..., "detail": "low"}."""
_NESTED_DEPTH = 3
# What a key's value says in other forms, and no prompt shows.
_IGNORED = frozenset(
    (
        *("_meta", "annotations", "cache_control", "caller", "citations", "created", "created_at", "finish_reason"),
        *("format", "id", "index", "isError", "is_error", "logprobs", "meta", "metadata", "model", "mimeType"),
        *("mime_type", "media_type", "name", "object", "phase", "provider_specific_fields", "signature", "status"),
        *("stop_reason", "stop_sequence", "timestamp", "tool_call_id", "tool_use_id", "call_id", "type", "usage"),
        *("uuid", "structuredContent", "reasoning_details", "thinking_blocks"),
    )
)
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
# type of an item of OpenAI's Responses that has no role -> the key of its content
_OUTPUTS = {"function_call_output": "output", "computer_call_output": "output"}


def read(messages: Any, take: Take) -> Iterator[Message]:
    """Yield messages in Qwen's form, without the sources and options of images and videos.

    Args:
        messages: a list of messages; a message may be an object of an SDK, with `model_dump`.
        take: takes each image and video.

    Raises:
        InputError: messages of another form; the message names what is unknown or missing.
    """
    if not isinstance(messages, list | tuple) or not messages:
        raise InputError(f"messages: a list of at least one message is expected; got {brief(messages)}")
    for number, message in enumerate(messages):
        yield from _message(message, f"message {number}", take)


def read_part(part: Any, where: str, take: Take) -> Part:
    """Return a part in Qwen's form; of an image or video only its type.

    Raises:
        InputError: a type, key or value that is not understood.
    """
    rest = _fields(part, where, "{'type': 'text', 'text': ...} or an image")
    name = rest.pop("type", None)
    if name is None:
        name = next((one for one in ("text", "image", "video", "image_url", "video_url") if one in rest), None)
    if not isinstance(name, str) or name not in _PARTS:
        raise InputError(f"{where}: type is {brief(name)}; it is text, image or video. Known: {', '.join(_PARTS)}")
    kind, keys = _PARTS[name]
    key = _one_of(keys, rest, where)
    value = rest.pop(key)
    options = _without_ignored(rest)
    if kind == "text":
        if options:
            raise InputError(f"{where}: unknown option {brief(next(iter(options)))} beside text")
        return {"type": "text", "text": value}
    if kind == "image":
        value, more = _image(value, key, where)
        options = {**more, **options}
    elif key == "video_url" and isinstance(value, Mapping):
        value = value.get("url")
    take({"type": kind, kind: value, **options}, where)
    return {"type": kind}


def _message(message: Any, where: str, take: Take) -> list[Message]:
    fields = _fields(message, where, "{'role': ..., 'content': ...}")
    if "role" not in fields and isinstance(fields.get("type"), str):
        fields = _item(fields, where)
    role, content = fields.pop("role", None), fields.pop("content", None)
    if not isinstance(role, str) or role not in _ROLES:
        raise InputError(f"{where}: role is {brief(role)}; it is one of {', '.join(_ROLES)}")
    refusal = fields.pop("refusal", None)
    calls = [_call(call, where) for call in _calls(fields, where)]
    thoughts = [thought for thought in [fields.pop(key, None) for key in _THOUGHTS] if isinstance(thought, str)][:1]
    unknown = _without_ignored({key: value for key, value in fields.items() if not _is_empty(value)})
    if unknown:
        raise InputError(f"{where}: unknown key {brief(next(iter(unknown)))}; a message has role and content")
    if content is None and role == "assistant" and (calls or thoughts or refusal is not None):
        content = "" if refusal is None else refusal
    return _turns(_ROLES[role], content, calls, thoughts, where, take)


def _turns(role: str, content: Any, calls: list[Part], thoughts: list[str], where: str, take: Take) -> list[Message]:
    """Return a message, and before, between or behind its parts a message of the tool for each tool_result."""
    if isinstance(content, str):
        return [{"role": role, "content": content, **_beside(calls, thoughts)}]
    turns: list[Message] = []
    parts: list[Part] = []
    for place, part in _places(content, where):
        fields = _fields(part, place, "{'type': 'text', 'text': ...} or an image")
        kind = fields.get("type")
        kind = kind if isinstance(kind, str) else ""  # an array would compare element by element
        if kind == "tool_result":
            turns += [{"role": role, "content": parts}] if parts else []
            parts = []
            turns.append({"role": "tool", "content": _result(fields, place, take)})
        elif kind == "tool_use":
            calls.append(_call(fields, place))
        elif kind == "thinking":
            thoughts.append(_thought(fields, place))
        elif kind != "redacted_thinking":
            parts.append(read_part(fields, place, take))
    if parts or calls or thoughts or not turns:
        turns.append({"role": role, "content": parts, **_beside(calls, thoughts)})
    return turns


def _thought(fields: Mapping[str, Any], where: str) -> str:
    thought = fields.get("thinking", "")
    if not isinstance(thought, str):
        raise InputError(f"{where}: thinking: expected text; got {brief(thought)}")
    return thought


def _result(fields: Mapping[str, Any], where: str, take: Take) -> str | list[Part]:
    """Return the content of a tool's result."""
    unknown = _without_ignored({key: value for key, value in fields.items() if key != "content"})
    if unknown:
        raise InputError(f"{where}: unknown option {brief(next(iter(unknown)))} beside tool_result")
    content = fields.get("content", "")
    if isinstance(content, str):
        return content
    return [read_part(part, place, take) for place, part in _places(content, where)]


def _places(content: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a content, one part in place of a list included, each after its place for messages."""
    content = _plain(content)
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list | tuple):
        raise InputError(f"{where}: content is {brief(content)}; write text or a list of parts with a type")
    for number, part in enumerate(content):
        yield f"{where}, part {number}", part


def _item(fields: Part, where: str) -> Part:
    """Return an item of OpenAI's Responses that has no role as a message."""
    kind = fields["type"]
    if kind == "function_call":
        names = ("name", "arguments")
        rest = {key: value for key, value in fields.items() if key not in names}
        return {**rest, "role": "assistant", "tool_calls": [{key: fields.get(key) for key in names}]}
    if kind in _OUTPUTS:
        rest = {key: value for key, value in fields.items() if key != _OUTPUTS[kind]}
        return {**rest, "role": "tool", "content": fields.get(_OUTPUTS[kind], "")}
    raise InputError(f"{where}: has no role, and its type is {brief(kind)}; give a message with role and content")


def _calls(fields: Part, where: str) -> list[Any]:
    calls, older = fields.pop("tool_calls", None), fields.pop("function_call", None)
    if calls is None:
        return [] if older is None else [older]
    if not isinstance(calls, list | tuple):
        raise InputError(f"{where}: tool_calls: expected a list; got {brief(calls)}")
    return list(calls)


def _call(call: Any, where: str) -> Part:
    """Return a call of a tool as chat templates take it."""
    outer = _fields(call, f"{where}, tool_calls", "{'function': {'name': ..., 'arguments': ...}}")
    function = _fields(outer.get("function", outer), f"{where}, tool_calls", "{'name': ..., 'arguments': ...}")
    name, arguments = function.get("name"), function.get("arguments", function.get("input", {}))
    if not isinstance(name, str) or not isinstance(arguments, str | Mapping):
        raise InputError(f"{where}: tool_calls: expected a name and arguments; got {brief(call)}")
    if not isinstance(arguments, str):
        try:
            arguments = json.loads(json.dumps(arguments))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{where}: tool_calls: expected arguments of JSON values ({error})") from None
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _beside(calls: list[Part], thoughts: list[str]) -> Part:
    """Return the keys of a message beside its content that chat templates read."""
    keys: Part = {"tool_calls": calls} if calls else {}
    return {**keys, "reasoning_content": "\n".join(thoughts)} if any(thoughts) else keys


def _image(value: Any, key: str, where: str, depth: int = 0) -> tuple[Any, Part]:
    """Return what `open_image` takes, and the options beside it.

    Args:
        value: the value of the part's `key`: an image, base64, or an object with one of the keys of `_NESTED`.
        key: says how the value is read.
        where: for messages.
        depth: number of objects around this value.
    """
    if key in _BASE64:
        return _from_base64(value, where), {}
    value = _plain(value)
    if not isinstance(value, Mapping) or depth == _NESTED_DEPTH:
        return value, {}
    rest = _fields(value, where, "an object with a url")
    if "bytes" in rest:  # as Hugging Face's datasets have it, with the path of the file it was
        rest.pop("path", None)
    inner = _one_of(_NESTED, rest, f"{where}: {key}")
    source, more = _image(rest.pop(inner), inner, where, depth + 1)
    return source, {**more, **_without_ignored(rest)}


def _from_base64(value: Any, where: str) -> Any:
    if isinstance(value, str) and value[:5].lower() == "data:":
        return value
    try:
        return media.from_base64(value)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _one_of(keys: tuple[str, ...], fields: Mapping[str, Any], where: str) -> str:
    """Return the one of several keys that is there."""
    present = [key for key in keys if key in fields]
    if not present:
        other = next((f"; got {brief(key)}" for key in _without_ignored(fields)), "")
        raise InputError(f"{where}: has no {' or '.join(map(repr, keys))}, which its type asks for{other}")
    if len(present) > 1:
        raise InputError(f"{where}: {present[0]} and {present[1]} say the same; give one of them")
    return present[0]


def _without_ignored(fields: Mapping[str, Any]) -> Part:
    return {key: value for key, value in fields.items() if key not in _IGNORED}


def _fields(value: Any, where: str, form: str) -> Part:
    """Return the fields of an object that are not null."""
    value = _plain(value)
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {brief(value)} is none; write {form}")
    return {key: item for key, item in value.items() if item is not None}


def _plain(value: Any) -> Any:
    """Return an object of an SDK (pydantic) as a mapping, any other value as it is."""
    dump = None if isinstance(value, Mapping) else getattr(value, "model_dump", None)
    return dump() if callable(dump) and not isinstance(value, type) else value


def _is_empty(value: Any) -> bool:
    return isinstance(value, str | list | tuple | dict) and not value
