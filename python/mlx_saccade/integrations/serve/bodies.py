"""Read the JSON of a request within limits of size and time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from starlette.requests import Request

from mlx_saccade.errors import brief
from mlx_saccade.integrations.serve.errors import ClientGoneError, RefusedError

__all__ = ["BodyLimits", "read_json"]


@dataclass(frozen=True)
class BodyLimits:
    """Limits of a request's body.

    Attributes:
        size: in bytes.
        pause_seconds: longest wait for the client's next bytes.
        total_seconds: longest time for the whole.
    """

    size: int = 32_000_000
    pause_seconds: float = 20.0
    total_seconds: float = 120.0


async def read_json(request: Request, limits: BodyLimits) -> dict[str, Any]:
    """Return the object that a request's body is.

    Raises:
        RefusedError: 400 for what is no JSON object, 408 for a client that is too slow, 413 for a large body,
            415 for another type.
        ClientGoneError: the client leaves before the end.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        name = brief(kind) if kind else "none"
        raise RefusedError(415, f"Content-Type: expected application/json; got {name}. Send that header")
    data = await _read(request, limits)
    value = await asyncio.to_thread(_parse, data)  # tens of MB take long enough for others to notice
    if not isinstance(value, dict):
        raise RefusedError(400, f"body: expected a JSON object; got {brief(value)}")
    return value


async def _read(request: Request, limits: BodyLimits) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 15 or int(length) > limits.size):
        raise _too_large(limits)
    loop, parts, count = asyncio.get_running_loop(), [], 0
    deadline = loop.time() + limits.total_seconds
    while True:
        wait = min(limits.pause_seconds, deadline - loop.time())
        try:
            message = await asyncio.wait_for(request.receive(), max(wait, 0))
        except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
            raise RefusedError(408, "body: the client is too slow. Send it again", closes=True) from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        count += len(parts[-1])
        if count > limits.size:
            raise _too_large(limits)
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_large(limits: BodyLimits) -> RefusedError:
    return RefusedError(413, f"body: expected at most {limits.size:,} bytes; got more. Send a smaller image")


def _parse(data: bytes) -> Any:
    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is no JSON")

    try:
        return json.loads(data, parse_constant=refuse)
    except RecursionError:
        raise RefusedError(400, "body: expected JSON of fewer levels") from None
    except ValueError as error:
        raise RefusedError(400, f"body: expected JSON in UTF-8; got something else ({error})") from None
