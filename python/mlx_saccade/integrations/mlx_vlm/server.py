"""mlx-vlm's server with budgets in its requests, and frames and boxes in its answers.

    app = Middleware(mlx_vlm.server.app)     # plain ASGI, for any server; enable() before the model is loaded

A request may have a `budget`, and each of its images one of its own (`budgets.PART_OPTIONS`). An answer about images
gets the header `x-saccade-frames` and a field `saccade` with the frames, boxes, points and `click` in source pixels. A
stream has the field in its last event, and that of a chat completion in one more chunk, without choices, before
`[DONE]`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import budgets, prepared, server_bodies
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.preprocess.limits import NO_LIMITS, PixelLimits

__all__ = ["HEADER", "Middleware", "attach"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEADER = b"x-saccade-frames"
_MAX_HEADER = 8192  # longer ones are refused by some clients; the field has the same
_PATHS = ("/chat/completions", "/responses", "/messages")
_DONE = b"data: [DONE]"


def attach(hooks: Hooks) -> None:
    """Put the middleware around the app that mlx-vlm's own command serves."""
    server = importlib.import_module("mlx_vlm.server")
    if hooks.replacement(server, "app") is None:
        hooks.replace(server, "app", Middleware(server.app))


class Middleware:
    """An ASGI application around another: `Middleware(mlx_vlm.server.app)`.

    It reads budgets and describes frames and boxes in chat completions, responses and messages. Other requests pass
    through untouched.
    """

    def __init__(self, app: App) -> None:
        """Wrap an application."""
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope.get("method") != "POST" or not scope["path"].endswith(_PATHS):
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:  # the client has gone
            return
        try:
            body, level, arguments = _rewrite(body)
        except InputError as error:
            await _refuse(send, str(error))
            return
        request = prepared.ServerRequest(arguments=arguments)
        answer = _Answer(send, request)
        with prepared.serving(request), budgets.request_limits(level):
            await self.app(_with_length(scope, body), _replay(body, receive), answer.send)


class _Answer:
    """The answer to one request on its way to the client."""

    def __init__(self, send: Send, request: prepared.ServerRequest) -> None:
        self._send, self._request = send, request
        self._start: Message | None = None
        self._body = b""
        self._forward: Callable[[Message], Awaitable[None]] = self._begin
        self._text = ""
        self._chunk: dict[str, Any] = {}

    async def send(self, message: Message) -> None:
        """Take one message of the application."""
        if message["type"] == "http.response.start":
            self._start = message  # held until it is known whether there are frames
        elif message["type"] == "http.response.body":
            await self._forward(message)
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        start = self._start
        if start is not None and start["status"] >= 500 and self._request.mistake is not None:
            self._forward = _drop
            await _refuse(self._send, self._request.mistake)
        elif start is None or start["status"] != 200:
            self._forward = self._send
            await self._send_start()
        elif _content_type(start).startswith(b"application/json"):
            self._forward = self._whole
        elif _content_type(start).startswith(b"text/event-stream"):
            self._forward = self._stream
            await self._send_start()
        else:
            self._forward = self._send
            await self._send_start()
        await self._forward(message)

    async def _send_start(self, body: bytes | None = None) -> None:
        """Send the held beginning, with the frames that are known; `body` is the whole body that follows."""
        start, self._start = self._start, None
        if start is None:
            return
        headers = list(start["headers"])
        if self._request.images:
            value = server_bodies.frames_header(self._request.images)
            if len(value) <= _MAX_HEADER:
                headers.append((HEADER, value))
        if body is not None:
            headers = [one for one in headers if one[0].lower() != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**start, "headers": headers})

    async def _whole(self, message: Message) -> None:
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = self._body
        answer = _json_object(body) if self._request.images else None
        if answer is not None:
            answer["saccade"] = server_bodies.description(server_bodies.answer_text(answer), self._request.images)
            body = json.dumps(answer, ensure_ascii=False).encode()
        await self._send_start(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _stream(self, message: Message) -> None:
        self._body += message.get("body", b"")
        *lines, self._body = self._body.split(b"\n")
        out = b"".join(self._line(line) + b"\n" for line in lines)
        if not message.get("more_body", False):
            out, self._body = out + self._body, b""
        await self._send({**message, "body": out})

    def _line(self, line: bytes) -> bytes:
        """Return a line of the stream, with the field in or before the last event."""
        if not line.startswith(b"data:") or not self._request.images:
            return line
        if line.rstrip() == _DONE:
            names = ("id", "object", "created", "model")
            own: dict[str, Any] = {name: self._chunk[name] for name in names if name in self._chunk}
            return _data({**own, "choices": [], "saccade": self._description()}) + b"\n\n" + line
        event = _json_object(line.removeprefix(b"data:"))
        if event is None:
            return line
        self._chunk = event
        self._text += server_bodies.delta_text(event)
        end = server_bodies.end_of_stream(event)
        if end is None:
            return line
        end["saccade"] = self._description()
        return _data(event)

    def _description(self) -> dict[str, Any]:
        return server_bodies.description(self._text, self._request.images)


def _data(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False).encode()


async def _read(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _rewrite(body: bytes) -> tuple[bytes, PixelLimits, dict[str, Any]]:
    """Return a request without our options, which its images carry from now on, and the limits of all of them."""
    request = _json_object(body)
    if request is None:  # mlx-vlm says what is wrong with it
        return body, NO_LIMITS, {}
    try:
        before = json.dumps(request)
        level, arguments = server_bodies.take_limits(request)
        after = json.dumps(request)
    except RecursionError:  # lists in lists in lists: no request of any client
        return body, NO_LIMITS, {}
    return (body if after == before else after.encode()), level, arguments


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _with_length(scope: MutableMapping[str, Any], body: bytes) -> MutableMapping[str, Any]:
    headers = [one for one in scope["headers"] if one[0].lower() not in (b"content-length", b"transfer-encoding")]
    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once, and then what the client does."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _drop(message: Message) -> None:
    """Send nothing: another answer has been sent."""


async def _refuse(send: Send, message: str) -> None:
    body = json.dumps({"detail": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _content_type(start: Message) -> bytes:
    values = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return bytes(values[0]).lower() if values else b""
