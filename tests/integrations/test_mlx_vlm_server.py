"""The middleware around mlx-vlm's server, with applications of its shape (tests/long runs the real one)."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.integrations import mlx_vlm as fast
from mlx_saccade.integrations.mlx_vlm import server_bodies, upstream
from mlx_saccade.integrations.mlx_vlm.server import Middleware

PIXELS = np.random.RandomState(0).randint(0, 256, (300, 500, 3), dtype=np.uint8)
TEXT = '[{"bbox_2d": [28, 28, 56, 84], "label": "it"}]'
PATH = "/v1/chat/completions"


def png(pixels: Any = PIXELS) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def image_part(url: str | None = None, **options: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url or png()}, **options}


def request(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*parts, {"type": "text", "text": "Where?"}]}], **fields}


class Server:
    """mlx-vlm's server in little: it prepares the images of a request once or twice, and answers with a fixed text."""

    def __init__(self, processor: Any, utils: Any, *, times: int = 1) -> None:
        self.processor, self.utils, self.times = processor, utils, times
        self.bodies: list[Any] = []
        self.inputs: list[Any] = []
        self.events: list[Any] = [
            {"id": "7", "object": "chat.completion.chunk", "model": "m", "choices": [{"delta": {"content": part}}]}
            for part in (TEXT[:9], TEXT[9:])
        ]
        self.done = "data: [DONE]\n\n"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        raw = message["body"]
        while message.get("more_body"):
            message = await receive()
            raw += message["body"]
        assert int(dict(scope["headers"])[b"content-length"]) == len(raw)
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            await self._respond(send, 422, {"detail": "no JSON"})
            return
        self.bodies.append(body)
        urls = [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
        own = {name: body[name] for name in ("max_pixels",) if name in body}
        try:
            for _ in range(self.times):
                self.inputs.append(await asyncio.to_thread(self._prepare, urls, own))
        except Exception as error:
            await self._respond(send, 500, {"detail": f"unexpected: {error}"})
            return
        if body.get("stream"):
            await self._stream(send)
        else:
            await self._respond(send, 200, {"choices": [{"message": {"content": TEXT}}]})

    def _prepare(self, urls: list[str], own: dict[str, Any]) -> Any:
        return self.utils.prepare_inputs(self.processor, images=list(urls) or None, prompts="x", **own)

    async def _respond(self, send: Any, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:7], "more_body": True})
        await send({"type": "http.response.body", "body": body[7:]})

    async def _stream(self, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in self.events) + self.done
        for start in range(0, len(text), 11):  # cut anywhere
            await send({"type": "http.response.body", "body": text[start : start + 11].encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class Answer:
    """What a client gets."""

    def __init__(self, messages: list[Any]) -> None:
        self.status = messages[0]["status"]
        self.headers = dict(messages[0]["headers"])
        self.body = b"".join(message.get("body", b"") for message in messages[1:])
        assert not messages[-1].get("more_body", False)
        assert [message["type"] for message in messages[1:]] == ["http.response.body"] * (len(messages) - 1)

    @property
    def json(self) -> Any:
        assert int(self.headers[b"content-length"]) == len(self.body)
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        lines = [line.removeprefix("data: ") for line in self.body.decode().split("\n") if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]


def post(app: Any, body: Any, path: str = PATH, cut: int = 3) -> Answer:
    """Send a request, in two messages, and return the answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    parts = [
        {"type": "http.request", "body": raw[:cut], "more_body": True},
        {"type": "http.request", "body": raw[cut:], "more_body": False},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", str(len(raw)).encode())]
    asyncio.run(app({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send))
    return Answer(sent)


@pytest.fixture
def server(upstream: Any, model: Any, processor: Any) -> Server:
    """Return a server whose model is enabled at 64 tokens."""
    fast.enable(model, processor, budget=64)
    return Server(processor, upstream.utils)


def tokens(budget: Any, size: tuple[int, int] = (500, 300)) -> int:
    return saccade.plan(size, budget=budget).tokens


def test_an_answer_gets_frames_and_boxes(server: Server) -> None:
    answer = post(Middleware(server), request(image_part()))
    plan = saccade.plan((500, 300), budget=64)
    own = answer.json.pop("saccade")
    assert answer.json["choices"][0]["message"]["content"] == TEXT
    assert own["frames"][0]["source_size"] == [500, 300]
    assert own["frames"][0]["tokens"] == plan.tokens
    assert own["boxes"] == [{"xyxy": pytest.approx(plan.to_source((28, 28, 56, 84))), "label": "it"}]
    assert own["click"] == pytest.approx(plan.to_source((42, 56)))
    frame = json.loads(answer.headers[b"x-saccade-frames"])[0]
    assert frame == {name: own["frames"][0][name] for name in ("source_size", "processed_size", "tokens", "scale")}


def test_a_stream_gets_one_more_chunk_before_its_end(server: Server) -> None:
    plain = post(server, request(image_part(), stream=True))
    answer = post(Middleware(server), request(image_part(), stream=True))
    *events, own = answer.events
    assert events == plain.events
    assert (own["id"], own["object"], own["model"], own["choices"]) == ("7", "chat.completion.chunk", "m", [])
    assert own["saccade"]["boxes"][0]["label"] == "it"
    assert json.loads(answer.headers[b"x-saccade-frames"])[0]["tokens"] == tokens(64)


@pytest.mark.parametrize(
    ("events", "name"),
    [
        (
            [
                {"type": "response.output_text.delta", "delta": TEXT[:9]},
                {"type": "response.output_text.delta", "delta": TEXT[9:]},
                {"type": "response.completed", "response": {"id": "7"}},
            ],
            "response",
        ),
        (
            [
                {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT}},
                {"type": "message_stop"},
            ],
            None,
        ),
    ],
)
def test_other_streams_have_it_in_their_last_event(server: Server, events: list[Any], name: str | None) -> None:
    server.events, server.done = events, ""
    body = post(Middleware(server), request(image_part(), stream=True)).body.decode()
    *others, last = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data:")]
    assert others == events[:-1]
    assert (last[name] if name else last).pop("saccade")["boxes"][0]["label"] == "it"
    assert last == events[-1]


@pytest.mark.parametrize(
    ("body", "budget"),
    [
        (request(image_part()), 64),
        (request(image_part(), budget=16), 16),
        (request(image_part(budget=100), budget=16), 100),
        (request(image_part(), max_pixels=20 * 784), 20),
        (request(image_part(max_pixels=30 * 784), max_pixels=20 * 784), 30),
        (request({"type": "image_url", "image_url": {"url": png(), "detail": "low"}}), 256),
        (request({"type": "image_url", "image_url": {"url": png(), "detail": "auto"}}), 64),
    ],
)
def test_the_most_specific_budget_wins(server: Server, body: Any, budget: int) -> None:
    own = post(Middleware(server), body).json["saccade"]
    assert own["frames"][0]["tokens"] == tokens(budget)
    seen = server.bodies[0]
    assert "budget" not in seen
    assert "budget" not in seen["messages"][0]["content"][0]


def test_images_of_different_sizes_are_described_in_order(server: Server) -> None:
    answer = post(Middleware(server), request(image_part(budget=20), image_part(png(PIXELS[:60]), budget=30)))
    own = answer.json["saccade"]
    assert [frame["source_size"] for frame in own["frames"]] == [[500, 300], [500, 60]]
    assert "boxes" not in own


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (request(image_part(max_tokens=0)), "image 1: max_tokens"),
        (request(image_part(), image_part(budget=5, max_pixels=9)), "image 2: budget and max_pixels"),
        (request(image_part(), budget=16, max_pixels=50000), "request: budget and max_pixels"),
        (request(image_part(budget="many")), "budget: expected"),
        (request(image_part(budget="500px")), "does not fit into 500 pixels"),
        (request(image_part("data:image/png;base64,AAAA")), "is not an image"),
        (request(image_part("gone.png")), "no such file"),
    ],
)
def test_a_clients_mistake_is_a_400_that_says_why(server: Server, body: Any, words: str) -> None:
    for _ in range(2):
        answer = post(Middleware(server), body)
        assert answer.status == 400
        assert words in answer.json["detail"]
    assert post(Middleware(server), request(image_part())).status == 200


def test_each_image_is_prepared_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.times = 2
    count = []
    prepare = fast.ImageProcessor._prepare
    monkeypatch.setattr(fast.ImageProcessor, "_prepare", lambda self, *rest: [count.append(1), prepare(self, *rest)][1])
    post(Middleware(server), request(image_part(), image_part(budget=9)))
    assert len(count) == 1
    assert np.array_equal(server.inputs[0]["pixel_values"], server.inputs[1]["pixel_values"])
    post(Middleware(server), request(image_part(), image_part(budget=9)))
    assert len(count) == 2


def test_requests_at_the_same_time_keep_apart(server: Server) -> None:
    app = Middleware(server)
    sides = (60, 100, 150, 200, 250)

    async def ask(side: int) -> Any:
        raw = json.dumps(request(image_part(png(PIXELS[:side]), budget=side // 5))).encode()
        parts, sent = [{"type": "http.request", "body": raw}], []

        async def receive() -> Any:
            await asyncio.sleep(0)
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            await asyncio.sleep(0)
            sent.append(message)

        await app({"type": "http", "method": "POST", "path": PATH, "headers": []}, receive, send)
        return Answer(sent).json["saccade"]["frames"]

    async def all_of_them() -> Any:
        return await asyncio.gather(*(ask(side) for side in sides))

    frames = asyncio.run(all_of_them())
    assert [frame[0]["source_size"][1] for frame in frames] == list(sides)
    assert [frame[0]["tokens"] for frame in frames] == [tokens(side // 5, (500, side)) for side in sides]


def test_what_is_not_about_images_passes_through(server: Server) -> None:
    plain, wrapped = post(server, request()), post(Middleware(server), request())
    assert (plain.body, plain.headers) == (wrapped.body, wrapped.headers)
    assert post(Middleware(server), b"{no json").status == 422
    assert post(Middleware(server), b'{"a":' * 100_000).status == 422
    deep = b'{"messages": [{"content": []}], "a":' + b"[" * 700 + b"]" * 700 + b"}"
    assert post(Middleware(server), deep).status == 200
    other = post(Middleware(server), request(image_part()), path="/v1/embeddings")
    assert "saccade" not in other.json


def test_a_client_that_leaves_early_ends_its_request_alone(server: Server) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": []}
    asyncio.run(Middleware(server)(scope, receive, send))
    assert server.bodies == []


def test_anthropics_and_openais_newer_forms_carry_limits() -> None:
    data = png().partition(",")[2]
    source = {"type": "base64", "media_type": "image/png", "data": data}
    body = {
        "input": [{"type": "input_image", "image_url": "shot.png", "budget": 9}],
        "messages": [{"content": [{"type": "image", "source": dict(source), "budget": 9}]}],
        "more": [{"type": "image", "source": {"type": "url", "url": "https://host/a.png"}, "budget": 9}],
    }
    server_bodies.take_limits(body)
    anthropic = body["messages"][0]["content"][0]["source"]  # type: ignore[index]
    urls = [
        body["input"][0]["image_url"],  # type: ignore[index]
        f"data:{anthropic['media_type']};base64,{anthropic['data']}",
        body["more"][0]["source"]["url"],  # type: ignore[index]
    ]
    expected = ["shot.png", png(), "https://host/a.png"]
    assert [upstream.budgets.unmark(url) for url in urls] == [(url, {"budget": 9}) for url in expected]


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"message": {"content": TEXT}}]},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}]},
        {"content": [{"type": "text", "text": TEXT}]},
    ],
)
def test_the_text_of_every_form_is_found(answer: Any) -> None:
    assert server_bodies.answer_text(answer) == TEXT


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [None]}, {"output": 5}, {"content": [7, {}]}])
def test_an_answer_of_another_form_has_no_text(answer: Any) -> None:
    assert server_bodies.answer_text(answer) == ""
