"""Chat completions: as the engine answers, whole and in chunks, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import films
import pytest
from asgi import Reply, request
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.integrations.image_arguments import ImageAccess
from mlx_saccade.integrations.serve.app import Service, build

PATH = "/v1/chat/completions"
QUESTION = "Locate the cyan window, output its bbox coordinates using JSON format."
Serve = Callable[..., Service]


def body_of(url: str | None, text: str = QUESTION, **fields: Any) -> dict[str, Any]:
    image = [] if url is None else [{"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "user", "content": [*image, {"type": "text", "text": text}]}], **fields}


def ask(service: Service, body: Any, path: str = PATH, **options: Any) -> Reply:
    return asyncio.run(request(build(service), path, body, **options))


def test_a_completion_is_the_engines_answer(serve: Serve, engine: saccade.Engine, url: str) -> None:
    body = body_of(url, model="tiny", max_tokens=64)
    reply = ask(serve(), body)
    answer = engine.chat(body["messages"], max_tokens=64)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    completion = reply.json
    assert completion["object"] == "chat.completion" and completion["model"] == "tiny"
    assert completion["choices"][0]["message"] == {"role": "assistant", "content": answer.text, "refusal": None}
    assert completion["choices"][0]["finish_reason"] == "stop"
    counts = answer.usage["prompt"], answer.usage["answer"]
    assert completion["usage"] == dict(
        zip(("prompt_tokens", "completion_tokens", "total_tokens"), (*counts, sum(counts)), strict=True)
    )
    own, expected = completion["saccade"], json.loads(json.dumps(answer.as_dict()))
    assert own["boxes"] and own["click"] and own["confidence"] > 0
    for name in ("frames", "boxes", "points", "actions", "click", "found"):
        assert own[name] == expected[name]
    # The second asks with a cached prompt, which moves probabilities by some 1e-7.
    assert own["confidence"] == pytest.approx(expected["confidence"], abs=1e-5)


@pytest.mark.parametrize("usage", [False, True])
def test_chunks_join_to_the_completion(serve: Serve, url: str, usage: bool) -> None:
    service = serve()
    whole = ask(service, body_of(url)).json
    fields = {"stream_options": {"include_usage": True}} if usage else {}
    reply = ask(service, body_of(url, stream=True, **fields))
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = reply.events
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({event["id"] for event in events}) == 1
    if usage:
        *events, last = events
        assert (last["choices"], last["usage"]) == ([], whole["usage"])
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == whole["choices"][0]["message"]["content"]
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * (len(events) - 1) + ["stop"]
    own = [event["saccade"] for event in events if "saccade" in event]
    assert [one["boxes"] for one in own] == [whole["saccade"]["boxes"]]
    assert own[0]["frames"] == whole["saccade"]["frames"]


def test_options_reach_the_engine(serve: Serve, engine: saccade.Engine, url: str) -> None:
    sampling = {"temperature": 3.0, "top_p": 0.99, "seed": 5}
    text = ask(serve(), body_of(url, **sampling, max_completion_tokens=12.0)).json["choices"][0]
    assert text["message"]["content"] == engine.chat(body_of(url)["messages"], max_tokens=12, **sampling).text
    assert text["finish_reason"] == "length"
    stopped = ask(serve(), body_of(url, stop=["bbox"])).json["choices"][0]
    assert (stopped["message"]["content"].count("bbox"), stopped["finish_reason"]) == (0, "stop")


@pytest.mark.parametrize("place", ["part", "url", "request"])
def test_a_budget_stands_beside_the_image_or_the_request(serve: Serve, url: str, place: str) -> None:
    body = body_of(url, max_tokens=4)
    part = body["messages"][0]["content"][0]
    {"part": part, "url": part["image_url"], "request": body}[place]["budget"] = 40
    assert ask(serve(), body).json["saccade"]["frames"][0]["tokens"] <= 40


def test_text_only_and_a_system_message(serve: Serve) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    reply = ask(serve(), {"messages": messages, "max_tokens": 4})
    assert reply.status == 200
    assert reply.json["saccade"]["frames"] == []


def test_two_images_and_a_video_keep_their_order(serve: Serve, url: str) -> None:
    small = {"type": "image_url", "image_url": {"url": url}, "budget": 30}
    content = [small, {"type": "video", "video": [url, url], "fps": 1.0, "budget": 40}, {**small, "budget": 60}]
    body = {"messages": [{"role": "user", "content": [*content, {"type": "text", "text": "What?"}]}], "max_tokens": 4}
    frames = ask(serve(), body).json["saccade"]["frames"]
    assert [frame["fps"] for frame in frames] == [None, 1.0, None]
    assert frames[0]["tokens"] <= 30 < frames[2]["tokens"] <= 60


@pytest.mark.skipif(films.av is None, reason="PyAV is not installed")
def test_films_are_read_by_their_paths_where_paths_are_allowed(
    serve: Serve, engine: saccade.Engine, tmp_path: Path
) -> None:
    path = films.write(tmp_path / "film.mp4", 60)
    part = {"type": "video", "video": str(path), "fps": 1, "total": 40}
    body = {"messages": [{"role": "user", "content": [part, {"type": "text", "text": "What?"}]}], "max_tokens": 4}
    own = ask(serve(images=ImageAccess(paths=True)), body).json["saccade"]
    expected = json.loads(json.dumps(engine.chat(body["messages"], max_tokens=4).as_dict()))
    assert own["frames"] == expected["frames"] and own["frames"][0]["seconds"]
    refused = ask(serve(), body)
    assert refused.status == 400 and "reads no files of its machine" in refused.json["error"]["message"]
    part["video"] = "data:video/mp4;base64,AAAA"
    refused = ask(serve(), body)
    assert refused.status == 400 and "got a film as data URL, which is not read" in refused.json["error"]["message"]


def test_what_changes_nothing_is_noted(serve: Serve) -> None:
    fields = {"user": "me", "metadata": {}, "n": 1, "presence_penalty": 0.0, "logprobs": False, "tools": None}
    fields |= {"seed": None, "stream_options": {"include_usage": True}}
    reply = ask(serve(), body_of(None, "Hello", max_tokens=2, **fields))
    assert reply.status == 200
    notes = reply.json["saccade"]["notes"]
    assert [note.partition(":")[0] for note in notes] == ["user", "metadata", "stream_options"]


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"n": 2}, "n", "expected 1, others are not supported; got 2"),
        ({"presence_penalty": 0.5}, "presence_penalty", "got 0.5"),
        ({"presence_penalty": False}, "presence_penalty", "got False"),
        ({"logprobs": True}, "logprobs", "got True"),
        ({"tools": [{}]}, "tools", "Leave it out"),
        ({"tool_choice": "required"}, "tool_choice", "got 'required'"),
        ({"response_format": {"type": "json_object"}}, "response_format", "json_object"),
        ({"audio": {}}, "audio", "no such field"),
        ({"max_token": 5}, None, "Did you mean 'max_tokens'?"),
        ({"bugdet": 5}, None, "Did you mean 'budget'?"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "expected the same"),
        ({"max_tokens": 0}, "max_tokens", "at least 1"),
        ({"max_tokens": "5"}, "max_tokens", "whole number"),
        ({"temperature": -1}, "temperature", "at least 0"),
        ({"temperature": "hot"}, "temperature", "finite number"),
        ({"top_p": 2}, "top_p", "at most 1"),
        ({"seed": -1}, "seed", "at least 0"),
        ({"stop": 5}, "stop", "stop"),
        ({"budget": 0}, "budget", "budget"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"stream_options": {"x": 1}}, "stream_options", "include_usage"),
        ({"stream_options": {"include_usage": 1}}, "stream_options", "true or false"),
        ({"stream_options": 5}, "stream_options", "include_usage"),
        ({"model": 5}, "model", "expected a text"),
        ({"messages": None}, "messages", "got none"),
        ({"messages": []}, "messages", "at least one"),
        ({"messages": "hello"}, "messages", "at least one"),
        ({"messages": [{"role": "king", "content": "x"}]}, None, "message 0: role"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, None, "message 0, part 0"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, None, "surrogate"),
    ],
)
def test_what_cannot_be_done_is_a_400(serve: Serve, fields: Any, param: str | None, words: str) -> None:
    for stream in (False, True):
        reply = ask(serve(), {**body_of(None, "Hello"), "stream": stream, **fields})
        assert reply.status == 400, reply.body
        assert words in reply.error["message"]
        assert (reply.error["type"], reply.error["param"]) == ("invalid_request_error", param)


def test_another_model_is_a_404(serve: Serve) -> None:
    reply = ask(serve(), body_of(None, "Hello", model="gpt-9"))
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")
    assert "'tiny'" in reply.error["message"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("data:image/png;base64,AAAA", "is not an image"),
        ("data:image/png;base64,%%", "base64"),
        ("data:image/png", "no comma"),
        ("/etc/hostname", "reads no files"),
        ("file:///etc/hostname", "reads no files"),
        ("../../secret.png", "reads no files"),
        ("ftp://example.com/a.png", "ftp://example.com/a.png"),
        ("http://127.0.0.1:1/a.png", "does not fetch"),
        ("https://example.com/a.png", "does not fetch"),
        ([3840, 2160], "expected a data URL"),
        (5, "expected a data URL"),
        ({"url": {"url": 5}}, "expected a data URL"),
    ],
)
def test_images_that_cannot_be_read_are_a_400(serve: Serve, source: Any, words: str) -> None:
    for stream in (False, True):
        body = body_of("", stream=stream)
        body["messages"][0]["content"][0]["image_url"] = source
        reply = ask(serve(), body)
        assert reply.status == 400
        assert words in reply.error["message"], reply.error


def test_a_broken_image_with_a_good_header_is_a_400_in_a_stream_too(serve: Serve, url: str) -> None:
    for stream in (False, True):
        reply = ask(serve(), body_of(url[: len(url) // 8 * 4 - 400], stream=stream))
        assert reply.status == 400, reply.body
        assert "data URL" in reply.error["message"]


def test_paths_are_read_where_they_are_allowed(serve: Serve, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    service = serve(images=ImageAccess(paths=True))
    reply = ask(service, body_of(str(tmp_path / "a.png"), max_tokens=2))
    assert reply.status == 200
    reply = ask(service, body_of(str(tmp_path / "b.png"), max_tokens=2))
    assert (reply.status, reply.error["code"]) == (400, "file_not_found")


def test_pixels_are_limited(serve: Serve, url: str) -> None:
    service = serve(images=ImageAccess(paths=False, max_pixels=448 * 336 - 1))
    reply = ask(service, body_of(url))
    assert reply.status == 400
    assert "448x336" in reply.error["message"]


def test_models_are_listed_and_described(serve: Serve) -> None:
    service = serve()
    listed = ask(service, None, "/v1/models").json
    assert [model["id"] for model in listed["data"]] == ["tiny"]
    assert ask(service, None, "/v1/models/tiny").json == listed["data"][0]
    assert ask(service, None, "/v1/models/owner/name").status == 404
