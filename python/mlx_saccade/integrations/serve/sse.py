"""Send the chunks of an answer as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.types import Send

from mlx_saccade.integrations.serve.errors import ClientGoneError, body_of, dump, refusal_of

__all__ = ["send_events"]

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


async def send_events(events: AsyncIterator[Any], send: Send, *, seconds: float) -> None:
    """Send values as JSON, one an event, and "[DONE]" after the last.

    An exception of the iterator is sent as an event in OpenAI's form of errors, without "[DONE]".

    Args:
        events: the values.
        send: of the request.
        seconds: longest wait for a client that does not read.

    Raises:
        ClientGoneError: the client does not read, or has closed the connection.
        Exception: of the iterator, after it was sent.
    """

    async def write(data: bytes, *, more: bool = True) -> None:
        message = {"type": "http.response.body", "body": data, "more_body": more}
        try:
            await asyncio.wait_for(send(message), seconds)
        except (TimeoutError, asyncio.TimeoutError, OSError):
            raise ClientGoneError from None

    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    try:
        async for event in events:
            await write(_event(dump(event)))
    except ClientGoneError:
        raise
    except Exception as error:
        await write(_event(dump(body_of(refusal_of(error)))), more=False)
        raise
    await write(_event(b"[DONE]"), more=False)


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
