"""Answers that a server sends token by token: their text, their counts and the time of the first token."""

from __future__ import annotations

import json
from typing import Any

import evals_server as server
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade.evals.engines import RuntimeSpec, ServerOptions, open_runtime
from mlx_saccade.evals.engines.streams import read_stream
from mlx_saccade.evals.engines.transport import Response, ServerError
from mlx_saccade.evals.rows import Reply
from mlx_saccade.evals.targets import Target

SIZE = (640, 480)
TARGET = Target("0", "0", "the red button", ((0.0, 0.0, 10.0, 10.0),), SIZE)
PICTURE = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
PIECES = ('[{"bbox_2d"', ": [0, 0, ", None, "252, 168]}]")
USAGE = {"choices": [], "usage": {"prompt_tokens": 90, "completion_tokens": 12}}


def asked(rule: server.Rule) -> tuple[Reply, dict[str, Any]]:
    """Return the reply, and the body of the request."""
    with server.serving(rule) as script:
        runtime = open_runtime(RuntimeSpec.parse(f"openai:{script.url}", server=ServerOptions(stream=True, retries=0)))
        return runtime.ask(PICTURE, TARGET, 64, "flat"), script.bodies[0]


def test_streamed_answer_is_read_with_its_counts() -> None:
    reply, body = asked(server.streams(*server.deltas(*PIECES, finish="length"), USAGE))
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert (reply.error, reply.text, reply.finish) == (None, "".join(filter(None, PIECES)), "length")
    assert (reply.prompt_tokens, reply.answer_tokens) == (90, 12)
    assert reply.boxes == ((0.0, 0.0, 640.0, 480.0),)
    assert list(reply.seconds) == ["first token", "answer"] and min(reply.seconds.values()) >= 0


def test_server_that_does_not_stream_is_timed_as_a_whole() -> None:
    reply, _ = asked(server.says("[]"))
    assert (reply.error, reply.text, list(reply.seconds)) == (None, "[]", ["request"])


def test_size_that_a_server_of_ours_says_in_the_stream_is_compared() -> None:
    sent = list(saccade.plan(SIZE, budget=64).resized_size)
    for size, words in ((sent, None), ([28, 28], "resized the image again")):
        event = {"choices": [{"delta": {}}], "saccade": {"frames": [{"processed_size": size}]}}
        reply, _ = asked(server.streams(*server.deltas("[]"), event))
        assert reply.error is None if words is None else reply.error is not None and words in reply.error


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (server.streams(*server.deltas("[{")[:-1]), "it ended before"),
        (server.streams(*server.deltas("[{")[:-1], end=b""), "it ended before"),
        (server.streams({"error": {"message": "out of memory"}}), "the error out of memory"),
        (server.streams(*server.deltas("[")[:-1], {"choices": [], "error": "no room"}), "the error no room"),
        (server.streams({"nothing": 1}), "expected choices in each event"),
        (server.streams({"choices": [{"delta": {"content": 5}}]}), "expected a text in choices"),
        (server.streams([1]), "expected events of JSON"),
        (server.streams(end=b"data: {\n\n"), "expected events of JSON"),
        (server.streams(end=b""), "it ended before"),
    ],
)
def test_broken_stream_is_an_error_with_the_reason(rule: server.Rule, words: str) -> None:
    reply, _ = asked(rule)
    assert reply.error is not None and words in reply.error and reply.boxes == ()


def test_first_token_is_timed_when_its_event_has_come() -> None:
    events = server.deltas("", "a", "b")
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    counts = np.cumsum([len(line) for line in lines]).tolist()
    # The event of "a" is the third; its last bytes come with the second piece.
    arrivals = ((counts[2] - 5, 0.5), (counts[3] - 1, 2.0), (counts[-1], 3.0))
    response = Response(200, b"".join(lines), 3.25, kind="text/event-stream", arrivals=arrivals)
    completion, first = read_stream(response)
    assert (completion.text, first) == ("ab", 2.0)


def test_answer_without_a_token_took_the_whole_time() -> None:
    body = b"data: " + json.dumps(server.deltas()[-1]).encode() + b"\n\n"
    completion, first = read_stream(Response(200, body, 3.25, arrivals=((len(body), 3.0),)))
    assert (completion.text, first) == ("", 3.25)


def test_thinking_counts_as_the_first_token() -> None:
    event = {"choices": [{"delta": {"reasoning_content": "hm"}}]}
    lines = [b"data: " + json.dumps(one).encode() + b"\n\n" for one in (event, *server.deltas("[]"))]
    response = Response(200, b"".join(lines), 3.0, arrivals=((len(lines[0]), 1.0), (10**6, 2.0)))
    assert read_stream(response)[1] == 1.0


def test_stream_of_nothing_is_refused() -> None:
    with pytest.raises(ServerError, match="it ended before"):
        read_stream(Response(200, b"", 1.0))
