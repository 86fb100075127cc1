"""Listen on a socket and answer requests until a signal ends the server."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mlx_saccade.errors import InputError
from mlx_saccade.integrations.serve.guard import is_loopback
from mlx_saccade.integrations.serve.queue import Queue

__all__ = ["is_local", "listen", "serve", "url_of"]

# Longest wait for the head of a request on an open connection.
HEAD_SECONDS = 20.0
# What requests in progress get to end after a signal.
GRACE_SECONDS = 3.0
# Connections at a time; those beyond are answered with 503 by uvicorn itself.
CONNECTIONS = 256

# Everything goes to standard error; uvicorn's own choice for a request's line is standard output.
_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "mlx-saccade: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in (("uvicorn.error", "WARNING"), ("uvicorn.access", "INFO"))
    },
}


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one.

    Raises:
        InputError: the address is unknown, in use or not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{host}:{port}: cannot listen there ({reason}). Give another --host or --port") from None
    return bound


def url_of(bound: socket.socket) -> str:
    """Return the address of a bound socket as a URL."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_local(bound: socket.socket) -> bool:
    """Return True if only this machine reaches a bound socket."""
    return is_loopback(bound.getsockname()[0])


def serve(
    app: ASGIApp, queue: Queue, bound: socket.socket, *, ready: Callable[[], None], access_log: bool = False
) -> None:
    """Answer requests until SIGINT or SIGTERM, which give those in progress a few seconds to end.

    Args:
        app: the application.
        queue: its requests.
        bound: of `listen`; it is closed at the end.
        ready: called once requests are answered and signals are heard.
        access_log: print a line a request on standard error.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=_LOGGING,
        access_log=access_log,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=60,  # for the answer of a step of the model that is running
    )
    with _ending_signals():
        _Server(config, queue, ready).run([bound])


class _Server(uvicorn.Server):
    """A server that ends its requests before it waits for their connections."""

    def __init__(self, config: uvicorn.Config, queue: Queue, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._queue, self._ready = queue, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the requests in progress, and close all connections."""
        stopper = asyncio.create_task(self._stop())
        await super().shutdown(sockets)
        stopper.cancel()

    async def _stop(self) -> None:
        await asyncio.sleep(GRACE_SECONDS)
        self._queue.stop()


class _Protocol(H11Protocol):
    """A connection that is closed if the head of a request takes too long."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Read what has come; uvicorn's own timer has ended with its first byte."""
        super().data_received(data)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        super().connection_lost(exc)
        self._cancel_timer()

    def _wait_for_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._cancel_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()


@contextmanager
def _ending_signals() -> Iterator[None]:
    """Keep uvicorn from ending the process by the signal that has ended the server: it raises each once more."""
    if threading.current_thread() is not threading.main_thread():  # which gets no signals
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
