"""Call an ASGI application in this process, as a client that may also send slowly or leave."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1:8765"


@dataclass
class Reply:
    """The parts of a response, as they come."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_complete: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which is in OpenAI's form and holds no traceback."""
        assert list(self.json) == ["error"]
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert "\n" not in error["message"] and "Traceback" not in error["message"]
        return error

    @property
    def events(self) -> list[Any]:
        """The events of a stream but for the last, "[DONE]"."""
        events = self.body.decode().split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


class Client:
    """One request: `parts` of a body are sent as they are taken, `leave` closes the connection."""

    def __init__(self, parts: list[bytes], *, ends: bool = True) -> None:
        self.reply = Reply()
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for number, part in enumerate(parts):
            more = not ends or number + 1 < len(parts)
            self._messages.put_nowait({"type": "http.request", "body": part, "more_body": more})
        self.began = asyncio.Event()

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> dict[str, Any]:
        return await self._messages.get()

    async def send(self, message: Any) -> None:
        reply = self.reply
        assert not reply.is_complete
        if message["type"] == "http.response.start":
            assert not reply.status
            reply.status = message["status"]
            reply.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        reply.body += message.get("body", b"")
        reply.is_complete = not message.get("more_body", False)
        self.began.set()


async def request(
    app: Any,
    path: str,
    value: Any = None,
    *,
    method: str | None = None,
    headers: dict[str, str] | None = None,
    client: Client | None = None,
) -> Reply:
    """Send a request; a value is the body's JSON, or its bytes."""
    body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
    client = client or Client([body])
    given = {"host": HOST, **({} if value is None else {"content-type": "application/json"}), **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method or ("GET" if value is None else "POST"),
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), text.encode("latin-1")) for name, text in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
        "state": {},
    }
    await app(scope, client.receive, client.send)
    return client.reply
