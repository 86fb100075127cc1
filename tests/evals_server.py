"""A server of chat completions on the loopback that follows a script, and keeps what it was sent."""

from __future__ import annotations

import base64
import io
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Rule = Callable[["Handler"], None]


@dataclass
class Script:
    """What the server does, and what came.

    Attributes:
        rules: of the next questions, one each; the last stays.
        models: names of its models.
        bodies: that were posted.
        headers: of all requests, names in lower case.
        paths: of all requests.
        ends: set at the end of the test, for rules that wait.
    """

    rules: list[Rule]
    models: tuple[str, ...] = ("qwen2.5-vl-test",)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def posts(self) -> int:
        return len(self.bodies)

    def images(self) -> list[npt.NDArray[np.uint8]]:
        """Return the pixels of each image that was posted."""
        urls = [body["messages"][0]["content"][0]["image_url"]["url"] for body in self.bodies]
        assert all(url.startswith("data:image/png;base64,") for url in urls)
        pictures = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]
        assert all(picture.format == "PNG" and picture.mode == "RGB" for picture in pictures)
        return [np.asarray(picture) for picture in pictures]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    script: Script

    def do_GET(self) -> None:
        self._note()
        path = self.path.partition("://")[2].partition("/")[2] if "://" in self.path else self.path.lstrip("/")
        if path != "v1/models":
            self.answer({"error": {"message": "no such path"}}, 404)
            return
        self.answer({"object": "list", "data": [{"id": name, "object": "model"} for name in self.script.models]})

    def do_POST(self) -> None:
        self._note()
        self.script.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        rules = self.script.rules
        (rules.pop(0) if len(rules) > 1 else rules[0])(self)

    def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        """Send a JSON value, or bytes as they are."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def _note(self) -> None:
        self.script.paths.append(self.path)
        self.script.headers.append({name.lower(): value for name, value in self.headers.items()})

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Print nothing: clients leave."""


@contextmanager
def serving(
    *rules: Rule,
    models: tuple[str, ...] = ("qwen2.5-vl-test",),
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[Script]:
    """Run a server for the block, by TLS if there is a certificate with its key."""
    script = Script(list(rules), models)
    server = _Server(("127.0.0.1", 0), type("Scripted", (Handler,), {"script": script}))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    script.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        script.ends.set()
        server.shutdown()
        server.server_close()
        thread.join()


def says(text: str, **others: Any) -> Rule:
    """Return a rule that answers with a text; others are further fields of the completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return lambda handler: handler.answer({"object": "chat.completion", "choices": [choice], **others})


def sends(value: Any, status: int = 200, **headers: str) -> Rule:
    """Return a rule that answers with a JSON value, or with bytes as they are."""
    return lambda handler: handler.answer(value, status, **headers)


def stalls(handler: Handler) -> None:
    """Send nothing until the test ends."""
    handler.script.ends.wait(60)
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """Send a byte of the body now and then, so that no single read is late."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    with suppress(OSError):
        while not handler.script.ends.wait(0.02):
            handler.wfile.write(b" ")
    handler.close_connection = True


def cuts(handler: Handler) -> None:
    """Send half of what was announced, and close."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hangs_up(handler: Handler) -> None:
    """Close without an answer."""
    handler.close_connection = True


def chunks(text: str, *, whole: bool) -> Rule:
    """Return a rule that answers with a text in chunks; without the last one if it is not to be whole."""
    body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()

    def rule(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(body), 20):
            piece = body[start : start + 20]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if whole:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return rule


def streams(*events: Any, end: bytes = b"data: [DONE]\n\n", kind: str = "text/event-stream") -> Rule:
    """Return a rule that sends events, each on its own, with comments between them, and then an end."""

    def rule(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", f"{kind}; charset=utf-8")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for event in events:
            handler.wfile.write(b": ping\n\n" + b"data: " + json.dumps(event).encode() + b"\r\n\r\n")
        handler.wfile.write(end)
        handler.close_connection = True

    return rule


def deltas(*texts: str | None, finish: str | None = "stop") -> list[dict[str, Any]]:
    """Return the events of an answer in pieces, as OpenAI writes them."""
    first = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    pieces = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    return [first, *pieces, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}]
