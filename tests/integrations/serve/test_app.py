"""The other routes, errors, the queue, and clients that are slow or leave."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgi import Client, Reply, request

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.serve import app as apps
from mlx_saccade.integrations.serve.app import Service, build
from mlx_saccade.integrations.serve.bodies import BodyLimits
from mlx_saccade.integrations.serve.guard import Access
from mlx_saccade.integrations.serve.queue import Queue
from mlx_saccade.integrations.tools import Tools

Serve = Callable[..., Service]
CHAT = "/v1/chat/completions"
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
# Hundreds of steps, each drawn from all tokens.
LONG = {**HELLO, "max_tokens": 150, "temperature": 9.0, "seed": 1}


def ask(service: Service, path: str, value: Any = None, **options: Any) -> Reply:
    return asyncio.run(request(build(service), path, value, **options))


def test_locate_ask_and_plan_answer_as_the_engine(serve: Serve, engine: saccade.Engine, url: str) -> None:
    service = serve()
    reply = ask(service, "/v1/locate", {"image": url, "description": ["the cyan window", "the red table"]})
    assert [answer["found"] for answer in reply.json["answers"]] == [True, True]
    asked = ask(service, "/v1/ask", {"image": url, "question": "What is this?", "max_tokens": 8}).json["answers"][0]
    assert asked["text"] == engine.ask(url, "What is this?", max_tokens=8).text
    planned = ask(service, "/v1/plan", {"size": [448, 336]}).json
    assert planned["tokens"] == engine.plan((448, 336)).tokens


@pytest.mark.parametrize("path", ["/v1/locate", "/v1/ask", "/v1/plan", CHAT])
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b"\xff\xfe\xfa", 400, "JSON"),
        (b"[1]", 400, "JSON object"),
        (b'{"budget": NaN}', 400, "NaN"),
        (b'{"budget": 1e400}', 400, ""),
        (b'{"budget": ' + b"9" * 5000 + b"}", 400, ""),
        (b"[" * 100_000, 400, "levels"),
        (b'{"\\ud800": 1}', 400, "ud800"),
        (b'{"wrong": 1}', 400, "wrong"),
        (b" " * 3000, 413, "at most 2,000 bytes"),
    ],
)
def test_bodies_that_cannot_be_read(serve: Serve, path: str, body: bytes, status: int, words: str) -> None:
    limits = BodyLimits(size=200_000 if body.startswith((b"[", b'{"budget')) else 2000)
    reply = ask(serve(limits=limits), path, body)
    assert reply.status == status
    assert words in reply.error["message"]


def test_a_body_is_cut_where_its_length_is_not_said_or_wrong(serve: Serve) -> None:
    service = serve(limits=BodyLimits(size=2000))
    client = Client([b" " * 1500] * 3)
    assert ask(service, CHAT, HELLO, client=client).status == 413
    assert ask(service, CHAT, HELLO, headers={"content-length": "2001"}).status == 413
    assert ask(service, CHAT, HELLO, headers={"content-length": "9" * 5000}).status == 413


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_a_415(serve: Serve, kind: str | None) -> None:
    headers = {"content-type": kind or ""}
    assert ask(serve(), CHAT, HELLO, headers=headers).status == 415
    assert ask(serve(), CHAT, HELLO, headers={"content-type": "Application/JSON; charset=utf-8"}).status == 200


def test_unknown_paths_and_methods(serve: Serve) -> None:
    service = serve()
    assert ask(service, "/v1/completions", HELLO).status == 404
    assert "/v1/locate" in ask(service, "/").error["message"]
    reply = ask(service, CHAT)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert reply.error["code"] == "method_not_allowed"
    assert ask(service, "/health", HELLO).status == 405


def test_a_key_is_asked_for(serve: Serve) -> None:
    service = serve(access=Access(api_key="secret ü"))
    for given in ("", "Bearer", "Bearer wrong", "Basic secret", "secret"):
        reply = ask(service, "/v1/models", headers={"authorization": given})
        assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
        assert reply.headers["www-authenticate"] == "Bearer"
        assert "secret" not in reply.error["message"]
    assert ask(service, CHAT, HELLO).status == 401
    assert ask(service, "/health").json["status"] == "ok"
    key = "Bearer secret ü".encode().decode("latin-1")
    assert ask(service, "/v1/models", headers={"authorization": key}).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8765", 200),
        ("LOCALHOST.", 200),
        ("127.0.0.1:1", 200),
        ("127.1.2.3", 200),
        ("[::1]:8765", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:8765", 403),
        ("evil.example@127.0.0.1", 403),
        ("127.0.0.1@evil.example", 403),
        ("0.0.0.0", 403),
        ("", 403),
    ],
)
def test_foreign_hosts_are_refused(serve: Serve, host: str, status: int) -> None:
    assert ask(serve(), "/health", headers={"host": host}).status == status
    assert ask(serve(access=Access(any_host=True)), "/health", headers={"host": host}).status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 200),
        ("http://127.0.0.1", 200),
        ("https://[::1]:1", 200),
        ("https://good.example", 200),
        ("https://good.example:444", 403),
        ("http://good.example", 403),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("http://localhost:3000.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_foreign_pages_are_refused(serve: Serve, origin: str, status: int) -> None:
    service = serve(access=Access(origins=("https://good.example",)))
    reply = ask(service, CHAT, HELLO, headers={"origin": origin})
    assert reply.status == status
    assert reply.headers.get("access-control-allow-origin") == (origin if status == 200 else None)
    preflight = {"origin": origin, "access-control-request-method": "POST"}
    preflight["access-control-request-headers"] = "content-type, authorization"
    assert ask(service, CHAT, method="OPTIONS", headers=preflight).status == status


def test_a_model_that_cannot_be_loaded_is_a_503_and_is_tried_again(engine: saccade.Engine, url: str) -> None:
    errors: list[Exception] = [FileNotFoundError("nowhere: no such folder"), InputError("config.json: broken")]

    def load() -> saccade.Engine:
        if errors:
            raise errors.pop(0)
        return engine

    service = Service(Tools(load), "tiny")
    assert ask(service, "/health").json["loaded"] is False
    for stream in (False, True):
        reply = ask(service, CHAT, {**HELLO, "stream": stream})
        assert (reply.status, reply.error["type"]) == (503, "server_error")
        assert "cannot be loaded" in reply.error["message"]
    assert ask(service, "/v1/plan", {"size": [64, 64]}).status == 200
    assert ask(service, "/health").json["loaded"] is True


@pytest.mark.parametrize("error", [LookupError("secret"), ValueError("secret"), OSError(28, "secret")])
@pytest.mark.parametrize("path", ["/v1/locate", CHAT])
def test_a_bug_is_a_500_without_a_traceback(
    serve: Serve,
    engine: saccade.Engine,
    path: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(type(engine), "chat", fail)
    service = serve()
    monkeypatch.setattr(service.tools, "locate", fail)
    reply = ask(service, path, HELLO)
    assert (reply.status, reply.error["code"]) == (500, "internal")
    assert "secret" not in reply.error["message"]
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory. Give a smaller budget or image"),
        (InputError("Engine: expected an open one"), "Engine: expected an open one"),
        (ValueError("secret"), "the server failed (ValueError); its standard error says more"),
    ],
)
def test_an_error_in_the_midst_of_a_stream_is_its_last_event(
    serve: Serve, engine: saccade.Engine, error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_later(*_: Any, **__: Any) -> Any:
        yield saccade.engine.Chunk("a")
        raise error

    monkeypatch.setattr(type(engine), "stream", fail_later)
    reply = ask(serve(), CHAT, {**HELLO, "stream": True})
    assert reply.status == 200 and reply.is_complete
    events = [json.loads(event[6:]) for event in reply.body.decode().split("\n\n")[:-1]]
    assert events[-1]["error"]["message"] == message


def untimed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without seconds, and with confidences as far as a prompt read at once or in parts agrees."""
    looks = [{**look, "seconds": None, "confidence": round(look["confidence"], 5)} for look in answer["looks"]]
    return {**answer, "timings": None, "confidence": round(answer["confidence"], 5), "looks": looks}


def test_clients_are_answered_in_their_order_and_as_alone(serve: Serve, url: str) -> None:
    names = ("the cyan window", "the red table", "the pink window", "the cyan dialog")
    service = serve()
    alone = [ask(service, "/v1/locate", {"image": url, "description": name}).json["answers"] for name in names]
    ended: list[int] = []

    async def one(app: Any, number: int) -> Any:
        reply = await request(app, "/v1/locate", {"image": url, "description": names[number % 4]})
        ended.append(number)
        return reply.json["answers"]

    async def together() -> list[Any]:
        app = build(service)
        return await asyncio.gather(*(one(app, number) for number in range(12)))

    for number, answers in enumerate(asyncio.run(together())):
        assert list(map(untimed, answers)) == list(map(untimed, alone[number % 4]))
    assert ended == sorted(ended)
    assert service.queue.count == 0


def test_a_full_queue_is_a_429_with_retry_after(serve: Serve) -> None:
    service = serve(queue=Queue(2))

    async def together() -> list[Reply]:
        app = build(service)
        return await asyncio.gather(*(request(app, CHAT, LONG) for _ in range(5)))

    replies = asyncio.run(together())
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 429, 429]
    refused = next(reply for reply in replies if reply.status == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.error["type"] == "rate_limit_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_its_request_and_frees_its_place(serve: Serve, stream: bool) -> None:
    service, body = serve(), {**LONG, "max_tokens": 20_000, "stream": stream}

    async def leave() -> None:
        app = build(service)
        waiting, running = (Client([json.dumps(body).encode()]) for _ in range(2))
        first = asyncio.create_task(request(app, CHAT, body, client=running))
        second = asyncio.create_task(request(app, CHAT, body, client=waiting))
        if stream:
            await running.began.wait()
        else:
            await asyncio.sleep(0.2)
        assert service.queue.count == 2
        waiting.leave()
        await asyncio.wait_for(second, 5)
        assert service.queue.count == 1
        running.leave()
        await asyncio.wait_for(first, 10)
        assert service.queue.count == 0
        assert not waiting.reply.status
        assert not running.reply.is_complete
        assert (await request(app, CHAT, HELLO)).status == 200

    asyncio.run(leave())


def test_a_client_that_leaves_in_the_midst_of_its_body_is_forgotten(serve: Serve) -> None:
    service = serve()
    client = Client([b'{"messages": ['], ends=False)
    client.leave()
    assert ask(service, CHAT, HELLO, client=client).status == 0
    assert service.queue.count == 0


def test_a_slow_body_is_a_408(serve: Serve) -> None:
    slow = BodyLimits(pause_seconds=0.05)
    reply = ask(serve(limits=slow), CHAT, HELLO, client=Client([b"{"], ends=False))
    assert (reply.status, reply.headers["connection"]) == (408, "close")
    steady = BodyLimits(total_seconds=0.1)

    class Dripping(Client):
        async def receive(self) -> dict[str, Any]:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b" ", "more_body": True}

    assert ask(serve(limits=steady), CHAT, HELLO, client=Dripping([])).status == 408


def test_a_client_that_does_not_read_holds_up_nobody(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "WRITE_SECONDS", 0.5)
    service = serve()

    class Stuck(Client):
        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] == "http.response.body":
                await asyncio.sleep(60)

    async def together() -> None:
        app = build(service)
        stuck = asyncio.create_task(
            request(app, CHAT, LONG, client=Stuck([json.dumps({**LONG, "stream": True}).encode()]))
        )
        assert (await asyncio.wait_for(request(app, CHAT, HELLO), 30)).status == 200
        await asyncio.wait_for(stuck, 10)
        assert service.queue.count == 0

    asyncio.run(together())


def test_the_end_of_the_server_is_a_503_to_those_in_progress(serve: Serve) -> None:
    service = serve()

    async def end() -> None:
        app = build(service)
        body = {**LONG, "max_tokens": 20_000}
        tasks = [asyncio.create_task(request(app, CHAT, body)) for _ in range(2)]
        await asyncio.sleep(0.3)
        service.queue.stop()
        start = time.monotonic()
        replies = [await task for task in tasks] + [await request(app, CHAT, HELLO)]
        assert [reply.status for reply in replies] == [503] * 3
        assert time.monotonic() - start < 10
        assert replies[0].headers["retry-after"] == "5"

    asyncio.run(end())
    assert threading.active_count() < 50
