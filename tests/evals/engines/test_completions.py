"""Whatever a server sends is an answer or an error in words, and nothing else."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlx_saccade.evals.engines import completions
from mlx_saccade.evals.engines.transport import Client, ServerError

NAMES = ("choices", "message", "content", "text", "error", "usage", "saccade", "frames", "data", "id", "finish_reason",
         "prompt_tokens", "processed_size", "owned_by")  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=8,
)


def completion(message: Any, **others: Any) -> bytes:
    return json.dumps({"choices": [{"message": message}], **others}).encode()


@settings(max_examples=50)
@given(VALUES, VALUES, VALUES)
def test_any_json_is_read_or_refused_in_one_line(answer: Any, content: Any, own: Any) -> None:
    bodies = (json.dumps(answer).encode(), completion({"content": content}, usage=own, saccade=own), completion(answer))
    for body in bodies:
        for read in (completions.read, completions.read_models):
            check_read(read, body)


def check_read(read: Callable[[bytes], Any], body: bytes) -> None:
    try:
        result = read(body)
    except ServerError as error:
        assert len(str(error)) < 200 and "\n" not in str(error)
    else:
        assert isinstance(result, completions.Completion | tuple)


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ServerError, match="expected"):
        completions.read(body)


@contextmanager
def raw(answer: bytes) -> Iterator[str]:
    """Run a server that reads a request and answers each with the same bytes, then closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)

        def serve() -> None:
            while True:
                connection, _ = listening.accept()
                with connection:
                    if not connection.recv(65536):
                        return
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        with socket.create_connection(listening.getsockname()) as last:
            last.shutdown(socket.SHUT_WR)
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "expected HTTP; got SSH-2.0"),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n", "expected HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "expected HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "the connection was cut"),
        (HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n", "expected HTTP"),
        (HEAD + b"X: y\r\n" * 200 + b"\r\n", "expected HTTP"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "the connection was cut"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "the connection was cut"),
        (b"", "the connection was cut"),
    ],
)
def test_what_is_not_http_is_refused_in_one_line(answer: bytes, words: str) -> None:
    with raw(answer) as url, pytest.raises(ServerError, match=words) as caught:
        Client(url, timeout=60).send("/x", {})
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120), st.booleans())
def test_random_bytes_are_a_response_or_an_error(answer: bytes, has_head: bool) -> None:
    with raw(HEAD + answer if has_head else answer) as url:
        try:
            response = Client(url, timeout=60).send("/x", {})
        except ServerError as error:
            assert len(str(error)) < 250
        else:
            assert isinstance(response.body, bytes)
