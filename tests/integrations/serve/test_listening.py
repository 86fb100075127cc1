"""Connections: slow ones, reused ones, and answers before the end of a request."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mlx_saccade.errors import InputError
from mlx_saccade.integrations.serve import listening
from mlx_saccade.integrations.serve.app import Service, build
from mlx_saccade.integrations.serve.bodies import BodyLimits

Address = tuple[str, int]
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}


@pytest.fixture
def address(serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """A server in a thread, which gives the head of a request half a second and takes 100,000 bytes."""
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.5)
    servers = []

    class Server(listening._Server):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            servers.append(self)

    monkeypatch.setattr(listening, "_Server", Server)
    service, bound = serve(limits=BodyLimits(size=100_000)), listening.listen("127.0.0.1", 0)
    ready = threading.Event()
    thread = threading.Thread(
        target=listening.serve, args=(build(service), service.queue, bound), kwargs={"ready": ready.set}
    )
    place = bound.getsockname()
    thread.start()
    assert ready.wait(30)
    yield place
    servers[0].should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def seconds_until_closed(client: socket.socket) -> float:
    """Return the time until the server closes a connection without a word."""
    client.settimeout(10)
    start = time.monotonic()
    assert client.recv(1) == b""
    return time.monotonic() - start


def test_a_connection_without_a_head_is_closed(address: Address) -> None:
    for beginning in (b"", HEAD):
        with socket.create_connection(address) as client:
            client.sendall(beginning)
            assert seconds_until_closed(client) < 5


def test_a_head_that_drips_is_closed(address: Address) -> None:
    with socket.create_connection(address) as client:
        start = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() < start + 10:
                client.sendall(b"X: y\r\n" if time.monotonic() > start + 0.1 else HEAD)
                time.sleep(0.1)
        assert time.monotonic() - start < 5


def test_a_connection_is_reused_and_its_second_head_is_waited_for_too(address: Address) -> None:
    connection = http.client.HTTPConnection(*address, timeout=30)
    for _ in range(3):
        connection.request("POST", "/v1/chat/completions", json.dumps(HELLO), {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200 and response.read()
        time.sleep(0.2)
    assert connection.sock is not None
    connection.sock.sendall(HEAD)
    assert seconds_until_closed(connection.sock) < 5
    connection.close()


def test_a_body_that_is_too_large_is_answered_before_its_end(address: Address) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n" + b" " * 1000)
        assert b"413 " in client.recv(100)
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b" " * 65535 + b"\r\n")
        client.sendall(b"ffff\r\n" + b" " * 65535 + b"\r\n")
        assert b"413 " in client.recv(100)


def test_a_client_that_waits_for_continue_is_told_to(address: Address) -> None:
    body = json.dumps(HELLO).encode()
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_is_refused(address: Address) -> None:
    for words in (b"\x16\x03\x01\x02\x00\x01", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"):
        with socket.create_connection(address, timeout=10) as client:
            client.sendall(words + b"\r\n\r\n")
            assert client.recv(100).split(b" ")[1] in (b"400", b"403")


def test_addresses() -> None:
    if socket.has_dualstack_ipv6():
        bound = listening.listen("::1", 0)
        assert listening.url_of(bound).startswith("http://[::1]:")
        assert listening.is_local(bound)
        bound.close()
    with listening.listen("0.0.0.0", 0) as bound:
        assert not listening.is_local(bound)
    for host, port in (("192.0.2.1", 0), ("a" * 300, 0), ("bad\0host", 0)):
        with pytest.raises(InputError, match="Give another --host or --port"):
            listening.listen(host, port).close()
