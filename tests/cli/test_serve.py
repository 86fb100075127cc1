"""`mlx-saccade serve` as a process: its options, many clients at once, and its end."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import assert_mistake, run_command
from serve_program import CHAT, CLIENTS, Server, crowd, requests

from mlx_saccade.cli.__main__ import main

HELLO = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("serve") / "log.txt", "--budget", "100")
    yield running
    if running.process.poll() is None:
        running.end()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--port -1", "--port: expected a whole number of at least 0"),
        ("--port 70000", "at most 65535"),
        ("--host nowhere.invalid", "cannot listen there"),
        ("--host 0.0.0.0 --port 0", "expected an address of the loopback without a key"),
        ("--port 0 --api-key=", "--api-key: expected a text"),
        ("--port 0 --allow-origin example.com", "--allow-origin: expected one such as https://example.com"),
        ("--port 0 --allow-origin https://example.com/page", "--allow-origin"),
        ("--port 0 --max-body 5", "--max-body: expected a whole number of at least 1024"),
        ("--port 0 --max-body big", "--max-body: expected an amount of memory"),
        ("--port 0 --max-pixels 0", "--max-pixels"),
        ("--port 0 --queue -1", "--queue"),
        ("--port 0 --budget 0", "budget: expected a whole number"),
        ("--port 0 --policy nothing", "nothing"),
        ("--port 0 --model nowhere/at/all", "nowhere/at/all"),
        ("--port 0 --lazy --model nowhere/at/all", "nowhere/at/all: no such folder"),
    ],
)
def test_mistakes_are_one_line(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *words.split()]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "loading" not in line]
    assert len(lines) == 1 and message in lines[0], lines


def test_a_port_in_use_is_a_mistake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run_command("serve", "--port", str(taken.getsockname()[1]))
    assert_mistake(result, "cannot listen there", "Give another --host or --port")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve"]) == 2
    assert "pip install 'mlx-saccade[serve]'" in capsys.readouterr().err


def test_many_clients_are_answered_as_alone(server: Server) -> None:
    expected = [(path, body, server.ask(path, body)) for path, body in requests()]
    assert sum("bbox_2d" in str(answer) for _, _, answer in expected) > 6
    outcomes = crowd(server, expected, clients=CLIENTS, questions=5, seed=0)
    assert set(outcomes) == {"answered", "refused", "left early"}, outcomes
    assert outcomes.total() == 40
    assert [server.ask(path, body) for path, body, _ in expected] == [answer for _, _, answer in expected]
    deadline = time.monotonic() + 60  # those that left may still be ending
    while json.loads(server.send("/health")[1])["requests"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert json.loads(server.send("/health")[1]) == {"status": "ok", "model": "tiny", "loaded": True, "requests": 0}
    log = server.log.read_text()
    assert "Traceback" not in log and "ERROR" not in log, log


def test_a_foreign_host_is_refused_on_the_loopback(server: Server) -> None:
    assert server.send("/health", Host="evil.example")[0] == 403
    assert server.send("/health", Host="localhost")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_requests_in_progress(number: int, tmp_path: Path) -> None:
    server = Server(tmp_path / "log.txt", "--lazy")
    # 1,626 tokens, six times: more than the grace has time for.
    raw = json.dumps({**HELLO, "max_tokens": 20_000, "temperature": 9.0, "seed": 6, "stream": True}).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    clients = [socket.create_connection(server.address) for _ in range(6)]
    for client in clients:
        client.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
    rests = [clients[0].recv(4096)]
    assert b"200 OK" in rests[0]
    assert server.end(number) == 0
    for client in clients:
        while part := client.recv(65536):
            rests[-1] += part
        client.close()
        rests.append(b"")
    assert all((b"[DONE]" in rest) != (b"the server is ending" in rest) for rest in rests[:-1]), rests
    assert b"503" in rests[-2][:20]
    log = server.log.read_text().splitlines()
    assert log[-1] == "mlx-saccade: stopped" and not any("Traceback" in line or "ERROR" in line for line in log)


def test_a_key_of_the_environment_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACCADE_API_KEY", "secret")
    server = Server(tmp_path / "log.txt", "--lazy", "--verbose", "--host", "127.0.0.2")
    server.address = "127.0.0.2", server.address[1]
    try:
        assert server.send("/v1/models")[0] == 401
        assert server.send("/v1/models", Authorization="Bearer secret")[0] == 200
    finally:
        assert server.end() == 0
    lines = [line.partition('"')[2] for line in server.log.read_text().splitlines()]
    assert lines == ['GET /v1/models HTTP/1.1" 401', 'GET /v1/models HTTP/1.1" 200', ""]
