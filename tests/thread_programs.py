"""Programs that use an engine from many threads: `python tests/thread_programs.py NAME ...`, in one process.

They end with 0 if every answer is right and the process ends cleanly.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import zip_longest
from urllib.parse import unquote

import mlx_saccade as saccade
from mlx_saccade.engine import request

DESCRIPTIONS = ("the cyan window", "the red table", "the pink window", "the cyan dialog")
SCENE = saccade.scenes.generate(1, (448, 336))
BOXES = {element.description: element.box for element in SCENE.elements}


@cache
def engine() -> saccade.Engine:
    """Return the engine of the process, loaded by the thread that asks first."""
    return saccade.load(budget=64)


def ask(description: str, **options: object) -> str:
    """Locate one element; fail if the answer is wrong."""
    answer = engine().locate(SCENE.image, description, **options)
    check(description, answer)
    return answer.text


def check(description: str, answer: saccade.Answer | None) -> None:
    assert answer is not None and answer.found, description
    assert saccade.grounding.center_inside(answer.boxes[0], BOXES[description]), (description, answer.boxes)


def pool() -> None:
    """Ask from four workers."""
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(ask, DESCRIPTIONS * 3))


def ended() -> None:
    """Load and ask in a thread that ends, then ask in another."""
    for description in DESCRIPTIONS[:2]:
        thread = threading.Thread(target=ask, args=(description,))
        thread.start()
        thread.join()
    ask(DESCRIPTIONS[2])


def tasks() -> None:
    """Ask from asyncio, and cancel one of the tasks while it waits or runs."""

    async def locate(description: str) -> str:
        cancel = threading.Event()
        try:
            return await asyncio.to_thread(ask, description, cancel=cancel)
        except asyncio.CancelledError:
            cancel.set()
            raise

    async def work() -> None:
        running = [asyncio.create_task(locate(description)) for description in DESCRIPTIONS * 2]
        await asyncio.sleep(0.01)
        running[-1].cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
        assert isinstance(results[-1], asyncio.CancelledError)
        assert all(isinstance(text, str) for text in results[:-1]), results

    asyncio.run(work())


def server() -> None:
    """Answer requests of a server with a thread for each."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(ask(unquote(self.path[1:]))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{served.server_address[1]}/"
        urls = [address + description.replace(" ", "%20") for description in DESCRIPTIONS * 2]
        with ThreadPoolExecutor(3) as clients:
            assert all(
                "bbox" in text for text in clients.map(lambda url: urllib.request.urlopen(url).read().decode(), urls)
            )
        served.shutdown()


def streams() -> None:
    """Read streams in turn from two threads; leave some half-way."""
    requests = [request.locate(description) for description in DESCRIPTIONS]
    first, second, left, dropped = (engine().stream(SCENE.image, text, max_tokens=64) for text in requests)
    next(left)
    next(dropped)
    del dropped
    with ThreadPoolExecutor(1) as worker:
        other = iter(lambda: worker.submit(next, second, None).result(), None)
        chunks = list(zip_longest(first, other))
    for description, column in zip(DESCRIPTIONS, zip(*chunks, strict=True), strict=False):
        check(description, [chunk for chunk in column if chunk is not None][-1].answer)
    globals()["left"] = left  # until the interpreter clears the module


def leaving() -> None:
    """End the process while a daemon thread is in a call, another waits, and a stream is open."""

    def work() -> None:
        while True:
            engine().locate(SCENE.image, DESCRIPTIONS[0])

    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    globals()["open"] = engine().stream(SCENE.image, "what?")
    next(globals()["open"])
    time.sleep(0.05)


PROGRAMS: dict[str, Callable[[], None]] = {one.__name__: one for one in (pool, ended, tasks, server, streams, leaving)}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        PROGRAMS[name]()
