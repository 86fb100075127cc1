"""mlx-vlm's own server behind `mlx-saccade mlx-vlm server`: every answer the serial one, whoever else is asking.

Part of `make check-long`. Eight clients ask fifty questions each on the loopback; some send a broken image, and some
are killed in the middle of a request or of an answer.
"""

from __future__ import annotations

import base64
import io
import json
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade

TINY = str(resources.files("mlx_saccade") / "assets" / "tiny")
SIZES = ((640, 480), (448, 336), (896, 672), (1280, 720))
TARGETS = ("the red dialog", "the menu", "the window", "the blue button")
CLIENTS, QUESTIONS = 8, 50
PATH = "/v1/chat/completions"


class Server:
    """A server in a process of its own."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["--model", TINY, "--host", "127.0.0.1", "--port", str(self.port), "--log-level", "ERROR"]
        command = [sys.executable, "-m", "mlx_saccade", "mlx-vlm", "--budget", "100", "server", *words]
        with log.open("w") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=stream)
        deadline = time.monotonic() + 120
        while not self._is_ready():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1).close()
        except OSError:
            return False
        return True

    def megabytes(self) -> int:
        """Return the memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024

    def post(self, body: Any, path: str = PATH) -> tuple[int, str]:
        """Return the status and the body of an answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=300) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ask(self, body: Any) -> tuple[int, str, Any]:
        """Return the status, the text and the field `saccade` of an answer, streamed or whole."""
        status, text = self.post(body)
        if status != 200 or not body["stream"]:
            answer = json.loads(text)
            return status, answer["choices"][0]["message"]["content"], answer["saccade"]
        events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        parts = [event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"]]
        return status, "".join(parts), next(event["saccade"] for event in events if "saccade" in event)

    def leave_early(self, body: Any, seconds: float, share: float) -> None:
        """Send a part of a request, and close the connection after a while."""
        raw = json.dumps(body).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(head.encode() + raw[: int(len(raw) * share)])
            time.sleep(seconds)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running server."""
    running = Server(tmp_path_factory.mktemp("server") / "log.txt")
    yield running
    running.process.terminate()
    running.process.wait(timeout=60)


def url(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


@pytest.fixture(scope="module")
def bodies() -> list[Any]:
    """Return requests with one or two images of four sizes under three budgets, a third of them streamed."""
    choose = random.Random(0)
    scenes = [saccade.scenes.generate(seed, size=size).image for seed, size in enumerate(SIZES)]
    urls = [url(Image.fromarray(np.asarray(image))) for image in scenes]
    made = []
    for _ in range(24):
        content: list[Any] = [
            {"type": "image_url", "image_url": {"url": choose.choice(urls)}, "budget": choose.choice((40, 64, 100))}
            for _ in range(choose.choice((1, 1, 1, 2)))
        ]
        question = f"Locate {choose.choice(TARGETS)}, output its bbox coordinates using JSON format."
        content.append({"type": "text", "text": question})
        messages = [{"role": "user", "content": content}]
        made.append(body_of(messages, stream=choose.random() < 0.3))
    return made


def body_of(messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": TINY, "messages": messages, "max_tokens": 20, "temperature": 0, "stream": False, **fields}


def image_body(**fields: Any) -> dict[str, Any]:
    """Return a request about one small image; `fields` are those of its part."""
    image = Image.fromarray(np.asarray(saccade.scenes.generate(0, size=(640, 480)).image))
    part = {"type": "image_url", "image_url": {"url": url(image)}, **fields}
    return body_of([{"role": "user", "content": [part, {"type": "text", "text": "Locate the menu."}]}])


def test_the_engine_gives_the_same_boxes(server: Server) -> None:
    image = saccade.scenes.generate(0, size=(640, 480)).image
    answer = saccade.load().locate(image, "the menu", budget=100)
    body = image_body()
    body["messages"][0]["content"][1]["text"] = "Locate the menu, output its bbox coordinates using JSON format."
    body["max_tokens"] = 60
    _, text, own = server.ask(body)
    assert text == answer.text
    assert own["boxes"] == [box.as_dict() for box in answer.boxes]
    assert own["frames"][0]["tokens"] == answer.frames[0].tokens


@pytest.mark.parametrize(
    ("body", "budget"),
    [
        (image_body(), 100),
        (image_body(budget=40), 40),
        ({**image_body(), "budget": 50}, 50),
        ({**image_body(budget=40), "budget": 50}, 40),
        ({**image_body(), "max_pixels": 60 * 784}, 60),
    ],
)
def test_budgets_of_parts_requests_and_the_server(server: Server, body: Any, budget: int) -> None:
    tokens = saccade.plan((640, 480), budget=budget).tokens
    for stream in (False, True):
        _, _, own = server.ask({**body, "stream": stream})
        assert [frame["tokens"] for frame in own["frames"]] == [tokens]
    status, text = server.post({**body, "stream": False})
    assert (status, json.loads(text)["usage"]["prompt_tokens"] > tokens) == (200, True)


def test_other_interfaces_take_budgets_too(server: Server) -> None:
    part = image_body()["messages"][0]["content"][0]
    data = part["image_url"]["url"].partition(",")[2]
    tokens = saccade.plan((640, 480), budget=40).tokens
    content: list[Any] = [{"type": "input_image", "image_url": part["image_url"]["url"], "budget": 40}]
    content.append({"type": "input_text", "text": "Locate the menu."})
    responses = {"model": TINY, "input": [{"role": "user", "content": content}], "max_output_tokens": 20}
    source = {"type": "base64", "media_type": "image/png", "data": data}
    image = {"type": "image", "source": source, "budget": 40}
    messages = body_of([{"role": "user", "content": [image, {"type": "text", "text": "Locate the menu."}]}])
    for path, body in (("/v1/responses", responses), ("/v1/messages", messages)):
        status, text = server.post(body, path)
        assert status == 200, text
        assert json.loads(text)["saccade"]["frames"][0]["tokens"] == tokens
        _, text = server.post({**body, "stream": True}, path)
        events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        assert events[-1].get("response", events[-1])["saccade"]["frames"][0]["tokens"] == tokens


def test_a_clients_mistake_is_a_400(server: Server) -> None:
    broken = image_body()
    broken["messages"][0]["content"][0]["image_url"]["url"] = "data:image/png;base64,AAAA"
    cases = (
        (broken, "is not an image"),
        (image_body(budget="500px"), "does not fit"),
        (image_body(budget="x"), "budget"),
    )
    for body, words in cases:
        for stream in (False, True):
            status, text = server.post({**body, "stream": stream})
            assert (status, words in json.loads(text)["detail"]) == (400, True), text
    assert server.ask(image_body())[0] == 200


def test_many_clients_get_the_serial_answers_in_flat_memory(server: Server, bodies: list[Any]) -> None:
    serial = [server.ask(body) for body in bodies]
    assert {status for status, _, _ in serial} == {200}
    broken = image_body()
    broken["messages"][0]["content"][0]["image_url"]["url"] = "data:image/png;base64,AAAA"
    outcomes: Counter[str] = Counter()
    wrong: list[Any] = []

    def client(seed: int, questions: int) -> None:
        choose = random.Random(seed)
        for _ in range(questions):
            kind = choose.random()
            if kind < 0.05:
                outcomes[f"broken image: {server.post(broken)[0]}"] += 1
            elif kind < 0.1:
                server.leave_early({**bodies[0], "stream": True}, choose.random() / 3, choose.choice((0.5, 1)))
                outcomes["left early"] += 1
            else:
                number = choose.randrange(len(bodies))
                answer = server.ask(bodies[number])
                outcomes["answered"] += 1
                if answer != serial[number]:
                    wrong.append((number, answer, serial[number]))

    memory = []
    for seed, questions in ((0, 12), (100, QUESTIONS)):
        threads = [threading.Thread(target=client, args=(seed + number, questions)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        memory.append(server.megabytes())
    print(f"{dict(outcomes)}; {memory[0]} MB after warm-up, {memory[1]} MB at the end")
    assert wrong == []
    assert set(outcomes) == {"answered", "left early", "broken image: 400"}
    assert sum(outcomes.values()) == CLIENTS * (12 + QUESTIONS)
    assert memory[1] < memory[0] + 30
    assert [server.ask(body) for body in bodies] == serial
