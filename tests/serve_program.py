"""A running `mlx-saccade serve`, and the clients that crowd it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

import mlx_saccade as saccade

CHAT, LOCATE = "/v1/chat/completions", "/v1/locate"
CLIENTS = 8
SIZES = ((448, 336), (560, 420), (896, 672))
TARGETS = ("the cyan window", "the red table", "the pink window", "the menu")
# Broken requests, and the status of each.
BROKEN: tuple[tuple[str, bytes, int], ...] = (
    (CHAT, b'{"messages": [', 400),
    (CHAT, b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:,x"}]}]}', 400),
    (CHAT, b'{"messages": [{"role": "user", "content": "x"}], "n": 2, "stream": true}', 400),
    (LOCATE, b'{"image": "data:image/png;base64,AAAA", "description": "x"}', 400),
    (LOCATE, b'{"image": "/etc/hostname", "description": "x"}', 400),
    ("/v1/nothing", b"{}", 404),
)


class Server:
    """A server in a process of its own, on a free port."""

    def __init__(self, log: Path, *words: str) -> None:
        command = [sys.executable, "-m", "mlx_saccade", "serve", "--port", "0", "--json", *words]
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, log.read_text()
        self.url = json.loads(line)["url"]
        self.address = "127.0.0.1", int(self.url.rpartition(":")[2])

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(timeout=60)

    def megabytes(self) -> int:
        """Return the memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024

    def send(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Return the status and the body of an answer; GET without a body."""
        connection = http.client.HTTPConnection(*self.address, timeout=300)
        try:
            connection.request(
                "GET" if body is None else "POST", path, body, {"Content-Type": "application/json", **headers}
            )
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask(self, path: str, value: Any) -> Any:
        """Return what is the same each time of an answer: the text and the boxes."""
        status, data = self.send(path, json.dumps(value).encode())
        assert status == 200, data
        if path == LOCATE:
            return [(one["text"], one["boxes"], one["click"]) for one in json.loads(data)["answers"]]
        if not value.get("stream"):
            answer = json.loads(data)
            return answer["choices"][0]["message"]["content"], answer["saccade"]["boxes"]
        lines = data.decode().splitlines()
        assert lines[-2:] == ["data: [DONE]", ""]
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
        return text, next(event["saccade"]["boxes"] for event in events if "saccade" in event)

    def leave_early(self, value: Any, seconds: float, share: float) -> None:
        """Send a part of a request, and close the connection after a while."""
        raw = json.dumps(value).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(self.address) as client:
            client.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw[: int(len(raw) * share)])
            time.sleep(seconds)


def requests() -> list[tuple[str, Any]]:
    """Return requests about generated screens of three sizes; a third of the chats is streamed."""
    choose = random.Random(0)
    urls = [_url(saccade.scenes.generate(1, size).image) for size in SIZES]
    made: list[tuple[str, Any]] = []
    for number in range(12):
        url, target, budget = choose.choice(urls), choose.choice(TARGETS), choose.choice((40, 64, 100))
        if number % 3 == 0:
            made.append((LOCATE, {"image": url, "description": target, "budget": budget}))
            continue
        image = {"type": "image_url", "image_url": {"url": url}, "budget": budget}
        text = {"type": "text", "text": f"Locate {target}, output its bbox coordinates using JSON format."}
        body = {"messages": [{"role": "user", "content": [image, text]}], "max_tokens": 24, "stream": number % 3 == 1}
        made.append((CHAT, body))
    return made


def crowd(
    server: Server, expected: list[tuple[str, Any, Any]], *, clients: int, questions: int, seed: int
) -> Counter[str]:
    """Let clients ask at once, some malformed, some leaving half-way; return what became of the questions.

    Args:
        server: a running one, whose queue is as long as there are clients.
        expected: (path, body, answer) as a client alone gets it.
        clients: threads.
        questions: of each.
        seed: of what they ask.
    """
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()

    def client(number: int) -> None:
        choose = random.Random(seed + number)
        for _ in range(questions):
            outcome = _question(server, expected, choose)
            with lock:
                outcomes[outcome] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _question(server: Server, expected: list[tuple[str, Any, Any]], choose: random.Random) -> str:
    kind = choose.random()
    if kind < 0.15:
        path, body, status = choose.choice(BROKEN)
        answer, data = server.send(path, body)
        return "refused" if answer == status and b"Traceback" not in data else f"broken: {answer} {data[:200]!r}"
    path, body, answer = choose.choice(expected)
    if kind < 0.3:
        server.leave_early({"messages": [], **body, "stream": True}, choose.random() / 3, choose.choice((0.5, 1)))
        return "left early"
    given = server.ask(path, body)
    return "answered" if given == answer else f"another answer: {given} for {answer}"


def _url(pixels: Any) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
