"""Read OpenAI's chat completions and lists of models as servers send them, which is not always as OpenAI does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlx_saccade.evals.engines.transport import ServerError, excerpt

__all__ = ["Completion", "ServedModel", "merged", "read", "read_models"]


@dataclass(frozen=True)
class Completion:
    """What a server answered.

    Attributes:
        text: the model's words; empty where it wrote none.
        finish: the server's word for why the answer ends; "stop" where it has none.
        prompt_tokens: tokens of the prompt; None where the server does not count them.
        answer_tokens: tokens written; None where the server does not count them.
        image_size: (width, height) at which the model read the image; None but from this package's servers.
    """

    text: str
    finish: str
    prompt_tokens: int | None
    answer_tokens: int | None
    image_size: tuple[int, int] | None


@dataclass(frozen=True)
class ServedModel:
    """A model of a server.

    Attributes:
        name: as requests have it.
        is_ours: True if `mlx-saccade serve` serves it, which says the size of each image.
    """

    name: str
    is_ours: bool


def read(body: bytes) -> Completion:
    """Return the answer in the body of a response with status 200.

    Raises:
        ServerError: no chat completion; the message has the reason and the beginning of the body.
    """
    answer = _object(body)
    _refuse_error(answer)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise _unexpected("choices", body)
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        raise _unexpected("choices[0].message", body)
    return merged(_text(message.get("content"), body), choice.get("finish_reason"), answer)


def merged(text: str, finish: Any, facts: Mapping[str, Any]) -> Completion:
    """Return the answer of a text with what a server says of it.

    Args:
        text: the model's words.
        finish: the server's word for why the answer ends, if it is a text.
        facts: fields "usage", "saccade" and "error", where there are any.

    Raises:
        ServerError: there is an error.
    """
    _refuse_error(facts)
    usage = facts.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    return Completion(
        text,
        finish if isinstance(finish, str) and finish else "stop",
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _image_size(facts.get("saccade")),
    )


def _refuse_error(facts: Mapping[str, Any]) -> None:
    if facts.get("error"):
        raise ServerError(f"expected an answer; got the error {excerpt(_error(facts['error']))}")


def read_models(body: bytes) -> tuple[ServedModel, ...]:
    """Return the models that a server lists.

    Raises:
        ServerError: no list of models.
    """
    models = _object(body).get("data")
    if not isinstance(models, list):
        raise _unexpected("data, a list of models", body)
    return tuple(
        ServedModel(one["id"], one.get("owned_by") == "mlx-saccade")
        for one in models
        if isinstance(one, Mapping) and isinstance(one.get("id"), str)
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _unexpected("a JSON object", body)
    return value


def _unexpected(expected: str, body: bytes) -> ServerError:
    return ServerError(f"expected {expected}; got {excerpt(body[: 1 << 12].decode(errors='replace'))}")


def _error(error: Any) -> str:
    if isinstance(error, Mapping):
        error = error.get("message", dict(error))
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)


def _text(content: Any, body: bytes) -> str:
    """Return a text, or the texts of a list of parts; null is an empty one, as mlx-vlm's server writes it."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text", "") if isinstance(part, Mapping) else None for part in content]
        if all(isinstance(part, str) for part in parts):
            return "".join(str(part) for part in parts)
    raise _unexpected("a text in choices[0].message.content", body)


def _count(value: Any) -> int | None:
    """Return a number of tokens; servers that do not count write none, null or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _image_size(own: Any) -> tuple[int, int] | None:
    """Return the size in the field `saccade`, which this package's servers add."""
    try:
        width, height = own["frames"][0]["processed_size"]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    is_size = isinstance(width, int) and isinstance(height, int) and min(width, height) > 0
    return (width, height) if is_size else None
