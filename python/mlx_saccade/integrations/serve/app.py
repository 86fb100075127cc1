"""The routes of the server, and what each does."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from mlx_saccade.errors import InputError
from mlx_saccade.integrations import tools
from mlx_saccade.integrations.serve import openai
from mlx_saccade.integrations.serve.bodies import BodyLimits, read_json
from mlx_saccade.integrations.serve.errors import ClientGoneError, RefusedError, refusal_of, respond, respond_with
from mlx_saccade.integrations.serve.guard import LOOPBACK_ORIGIN, Access, ApiKeyCheck, OriginCheck
from mlx_saccade.integrations.serve.queue import Job, Queue
from mlx_saccade.integrations.serve.sse import send_events

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Chunk, Engine
    from mlx_saccade.integrations.tools import Tools

__all__ = ["Service", "build"]

_log = logging.getLogger("mlx_saccade.serve")

# Longest wait for a client that does not read its answer.
WRITE_SECONDS = 30.0


@dataclass
class Service:
    """One model, and how it is served.

    Attributes:
        tools: over the engine.
        model: its name; requests may leave it out or give it, and no other.
        access: who may use it.
        limits: of bodies.
        queue: of requests.
        created: seconds since 1970.
    """

    tools: Tools
    model: str
    access: Access = field(default_factory=Access)
    limits: BodyLimits = field(default_factory=BodyLimits)
    queue: Queue = field(default_factory=Queue)
    created: int = field(default_factory=lambda: int(time.time()))

    def engine(self) -> Engine:
        """Return the engine, loaded if it is not yet.

        Raises:
            RefusedError: 503, it cannot be loaded.
        """
        try:
            return self.tools.engine()
        except (InputError, OSError) as error:
            raise RefusedError(503, f"the model cannot be loaded: {tools.message_of(error)}") from None

    async def health(self, _: Request, send: _Respond) -> None:
        """Say that the server is there, and how busy it is."""
        state = {"status": "ok", "model": self.model, "loaded": self.tools.is_loaded, "requests": self.queue.count}
        await send(respond(state))

    async def models(self, request: Request, send: _Respond) -> None:
        """List the model, or describe it."""
        listed = openai.models(self.model, self.created)
        name = request.path_params.get("name")
        if name is not None:
            self._check_model(name)
        await send(respond(listed if name is None else listed["data"][0]))

    async def plan(self, request: Request, send: _Respond) -> None:
        """Answer /v1/plan, without waiting for others."""
        with self.queue.place():
            body = await read_json(request, self.limits)
            await asyncio.to_thread(self.engine)
            await send(respond(await asyncio.to_thread(self.tools.plan, body)))

    async def locate(self, request: Request, send: _Respond) -> None:
        """Answer /v1/locate."""
        await self._use(self.tools.locate, request, send)

    async def ask(self, request: Request, send: _Respond) -> None:
        """Answer /v1/ask."""
        await self._use(self.tools.ask, request, send)

    async def _use(self, tool: Callable[..., dict[str, Any]], request: Request, send: _Respond) -> None:
        with self.queue.place():
            body = await read_json(request, self.limits)

            def work(cancel: threading.Event) -> dict[str, Any]:
                self.engine()
                return tool(body, cancel=cancel)

            await send(respond(await self.queue.submit(work, request.receive).result()))

    async def chat(self, request: Request, send: _Respond) -> None:
        """Answer /v1/chat/completions, whole or in chunks."""
        with self.queue.place():
            body = await read_json(request, self.limits)
            try:
                chat = openai.read(body)
                self._check_model(chat.model)
                form = openai.ChatForm(self.model, chat.notes)
                if chat.stream:
                    await self._stream(chat, form, request, send)
                else:
                    job = self.queue.submit(lambda cancel: self._answer(chat, cancel), request.receive)
                    await send(respond(form.completion(await job.result())))
            except (InputError, FileNotFoundError) as error:
                if send.has_begun:
                    raise
                await send(respond_with(refusal_of(error), body))

    def _answer(self, chat: openai.ChatRequest, cancel: threading.Event) -> Answer:
        engine, messages = self.engine(), openai.open_media(chat.messages, self.tools.access)
        return engine.chat(messages, cancel=cancel, **chat.options)

    async def _stream(self, chat: openai.ChatRequest, form: openai.ChatForm, request: Request, send: _Respond) -> None:
        """Send the chunks of an answer; a mistake is answered with its status if no chunk was sent yet."""
        loop, chunks = asyncio.get_running_loop(), asyncio.Queue[Any]()

        def work(cancel: threading.Event) -> None:
            engine, messages = self.engine(), openai.open_media(chat.messages, self.tools.access)
            stream = engine.stream(messages, cancel=cancel, **chat.options)
            try:
                for chunk in stream:
                    loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            finally:
                stream.close()

        job = self.queue.submit(work, request.receive)
        job.task.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            first = await chunks.get()
            if first is None:
                await job.result()
            await send_events(
                _events(first, chunks, job, form, include_usage=chat.include_usage), send.send, seconds=WRITE_SECONDS
            )
        finally:
            job.drop()

    def _check_model(self, name: str | None) -> None:
        if name is not None and name != self.model:
            raise RefusedError(404, f"model: expected {self.model!r}; got {name!r}", code="model_not_found")


async def _events(
    chunk: Chunk | None,
    chunks: asyncio.Queue[Chunk | None],
    job: Job[None],
    form: openai.ChatForm,
    *,
    include_usage: bool,
) -> AsyncIterator[dict[str, Any]]:
    """Yield the chunks of OpenAI's form."""
    yield form.first()
    while chunk is not None:
        if chunk.text:
            yield form.text(chunk.text)
        if chunk.answer is not None:
            for event in form.last(chunk.answer, include_usage=include_usage):
                yield event
        chunk = await chunks.get()
    await job.result()


class _Respond:
    """The way to the client of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.has_begun = False

    async def __call__(self, response: Response) -> None:
        """Send a whole response."""
        await response(self._scope, self._receive, self.send)

    async def send(self, message: Any) -> None:
        """Send a part of a response, as ASGI has it."""
        self.has_begun = True
        await self._send(message)


class _Endpoint:
    """A method of the service as an ASGI application: what it raises becomes the answer."""

    def __init__(self, handle: Callable[[Request, _Respond], Awaitable[None]]) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        respond_to = _Respond(scope, receive, send)
        try:
            await self._handle(Request(scope, receive), respond_to)
        except ClientGoneError:
            pass
        except Exception as error:
            refusal = refusal_of(error)
            if refusal.status == 500:
                _log.error("%s %s", scope["method"], scope["path"], exc_info=error)
            if not respond_to.has_begun:
                await respond_to(respond_with(refusal))


async def _http_error(_: Request, error: Exception) -> Response:
    """Answer a path or method that does not exist."""
    assert isinstance(error, HTTPException)
    known = "Known: /v1/chat/completions, /v1/models, /v1/locate, /v1/ask, /v1/plan, /health"
    words = {
        404: f"path: expected one that exists; got another. {known}",
        405: "method: expected another for this path",
    }
    response = respond_with(RefusedError(error.status_code, words.get(error.status_code, error.detail)))
    response.headers.update(error.headers or {})
    return response


def build(service: Service) -> Starlette:
    """Return the ASGI application of a service."""
    routes = [
        Route("/health", _Endpoint(service.health), methods=["GET"]),
        Route("/v1/models", _Endpoint(service.models), methods=["GET"]),
        Route("/v1/models/{name:path}", _Endpoint(service.models), methods=["GET"]),
        Route("/v1/chat/completions", _Endpoint(service.chat), methods=["POST"]),
        Route("/v1/locate", _Endpoint(service.locate), methods=["POST"]),
        Route("/v1/ask", _Endpoint(service.ask), methods=["POST"]),
        Route("/v1/plan", _Endpoint(service.plan), methods=["POST"]),
    ]
    layers = [
        Middleware(OriginCheck, access=service.access),
        # A page that may send requests may also read the answers.
        Middleware(
            CORSMiddleware,
            allow_origins=service.access.origins,
            allow_origin_regex=LOOPBACK_ORIGIN,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        ),
        Middleware(ApiKeyCheck, access=service.access),
    ]
    return Starlette(routes=routes, middleware=layers, exception_handlers={HTTPException: _http_error})
