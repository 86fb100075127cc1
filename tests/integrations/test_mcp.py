"""`mlx-saccade mcp` with the SDK's own client: in processes, and in this one where a stand-in is watched."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import jsonschema
import pytest
from command_line import assert_mistake, run_command
from mcp import Client, MCPError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import main
from mlx_saccade.cli.options import _TINY_NOTE
from mlx_saccade.integrations.mcp import server as mcp_server
from mlx_saccade.integrations.mcp.lines import CUT, split
from mlx_saccade.integrations.mcp.server import build
from mlx_saccade.integrations.tools import Tools

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "python" / "mlx_saccade" / "assets" / "demo"
SCREEN = str(ASSETS / "screen.png")
TARGETS = json.loads((ASSETS / "targets.json").read_text(encoding="utf-8"))["targets"]
NAMES = [target["description"] for target in TARGETS]
PROGRAM = ["-m", "mlx_saccade", "mcp"]


class Session:
    """A client in a thread of its own, for tests without `async`."""

    def __init__(self, client: Client, portal: anyio.from_thread.BlockingPortal) -> None:
        self._client, self._portal = client, portal
        self.tools = {tool.name: tool for tool in portal.call(client.list_tools).tools}

    def start(self, tool: str, values: dict[str, Any]) -> Any:
        """Return a future of a call; cancelling it cancels the call."""
        return self._portal.start_task_soon(self._client.call_tool, tool, values)

    def call(self, tool: str, values: dict[str, Any]) -> types.CallToolResult:
        """Call a tool, and check what it returns against its schema."""
        result = self.start(tool, values).result(60)
        if not result.is_error:
            jsonschema.validate(result.structured_content, self.tools[tool].output_schema)
        return result

    def ask(self, tool: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return the structured content of a call that succeeds."""
        result = self.call(tool, values)
        assert not result.is_error, result.content
        return dict(result.structured_content)

    def refusal(self, tool: str, values: dict[str, Any]) -> str:
        """Return the message of a call that fails."""
        result = self.call(tool, values)
        assert result.is_error
        message = str(result.content[0].text)  # type: ignore[union-attr]
        assert "\n" not in message
        return message


@contextmanager
def session(*options: str, cwd: Path = ASSETS, program: list[str] | None = None) -> Iterator[Session]:
    command = StdioServerParameters(
        command=sys.executable, args=[*(program or PROGRAM), *options], env=dict(os.environ), cwd=cwd
    )
    with ExitStack() as stack:
        portal = stack.enter_context(anyio.from_thread.start_blocking_portal())
        quiet = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        client = Client(stdio_client(command, errlog=quiet))
        yield Session(stack.enter_context(portal.wrap_async_context_manager(client)), portal)


@pytest.fixture(scope="module")
def server() -> Iterator[Session]:
    with session("--budget", "64") as opened:
        yield opened


@pytest.fixture(scope="module")
def engine() -> saccade.Engine:
    return saccade.load(budget=64)


def test_every_tool_has_schemas_that_are_valid(server: Session) -> None:
    assert list(server.tools) == ["locate", "ask", "plan", "ground_region"]
    for tool in server.tools.values():
        assert tool.description and tool.annotations and tool.annotations.read_only_hint
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
    assert server.tools["ground_region"].meta == {"spec": "ground_region", "spec_version": "1.0"}


def test_fifty_calls_in_one_session_give_what_the_engine_gives(server: Session, engine: saccade.Engine) -> None:
    expected = {name: engine.locate(SCREEN, name) for name in NAMES}
    futures = [(name, server.start("locate", {"image": SCREEN, "description": name})) for name in NAMES]
    for name, future in futures:
        assert future.result(60).structured_content["answers"][0]["text"] == expected[name].text
    for number in range(44):
        name = NAMES[number % len(NAMES)]
        match number % 4:
            case 0:
                answer = server.ask("locate", {"image": SCREEN, "description": name})["answers"][0]
                assert answer["boxes"] == [box.as_dict() for box in expected[name].boxes]
                assert answer["click"] == (None if expected[name].click is None else list(expected[name].click))
            case 1:
                result = server.call("ask", {"image": SCREEN, "question": f"Locate {name}", "max_tokens": 4})
                assert result.structured_content["answers"][0]["usage"]["answer"] == 4
                assert "cut off after 4 tokens" in result.content[0].text  # type: ignore[union-attr]
            case 2:
                assert server.ask("plan", {"image": SCREEN})["tokens"] == engine.plan(SCREEN).tokens
            case _:
                regions = server.ask("ground_region", {"image_path": "screen.png", "prompt": name})["regions"]
                assert [region["source_xyxy"] for region in regions] == [list(box) for box in expected[name].boxes]


def test_text_has_the_places_for_a_client_that_reads_no_structure(server: Session) -> None:
    values = {"image": SCREEN, "description": [NAMES[0], "the zebra"], "scale": 2, "origin": [-100, 0], "candidates": 2}
    result = server.call("locate", values)
    answer = result.structured_content["answers"][0]
    text = result.content[0].text  # type: ignore[union-attr]
    assert "({})".format(", ".join(f"{value:.0f}" for value in answer["boxes"][0]["xyxy"])) in text
    assert "on the screen ({:.0f}, {:.0f})".format(*answer["screen_click"]) in text
    assert f"confidence {answer['confidence']:.2f}" in text
    assert "the zebra: not found. " + result.structured_content["answers"][1]["hint"] in text
    assert "3840x2160 read as 280x168" in text
    closer = server.call("locate", {"image": SCREEN, "description": NAMES[0], "policy": "zoom"})
    assert f"; 2 looks, {closer.structured_content['tokens']} visual" in closer.content[0].text  # type: ignore[union-attr]
    regions = server.call("ground_region", {"image_path": "screen.png", "prompt": NAMES[0]})
    assert json.loads(regions.content[0].text) == regions.structured_content  # type: ignore[union-attr]
    assert server.call("plan", {"size": [3840, 2160]}).content[0].text.startswith("3840x2160 would be read as 280x168")


def test_mistakes_are_errors_of_the_tool_and_the_server_goes_on(server: Session, tmp_path: Path) -> None:
    huge, broken = tmp_path / "huge.png", tmp_path / "broken.png"
    Image.new("1", (20_000, 20_000)).save(huge)
    broken.write_bytes(Path(SCREEN).read_bytes()[:5000])
    text = base64.b64encode(broken.read_bytes()).decode()
    for tool, values, message in (
        ("locate", {"image": "/nowhere.png", "description": "x"}, "/nowhere.png: no such file"),
        ("locate", {"image": "nowhere.png", "description": "x"}, f"relative to {ASSETS}"),
        ("locate", {"image": str(huge), "description": "x"}, "20000x20000"),
        ("locate", {"image": str(broken), "description": "x"}, "truncated"),
        ("locate", {"image": text, "description": "x"}, "truncated"),
        ("locate", {"image": "http://127.0.0.1:9/a.png", "description": "x"}, "--allow-urls"),
        ("locate", {"image": SCREEN}, "description: expected a value"),
        ("locate", {"image": SCREEN, "description": "x", "bugdet": 3}, "Did you mean 'budget'"),
        ("ask", {"image": SCREEN, "question": "?", "budget": -1}, "budget"),
        ("plan", {"size": "big"}, "size"),
        ("ground_region", {"image_path": SCREEN}, "prompt is missing"),
        ("ground_region", {"image_path": str(broken), "prompt": "x"}, "Path outside working directory"),
    ):
        assert message in server.refusal(tool, values)
    with pytest.raises(MCPError, match="expected one of locate"):
        server.call("nothing", {})
    assert server.ask("plan", {"size": [640, 480]})["tokens"]


def test_a_cancelled_call_stops_the_engine_and_the_server_goes_on(server: Session) -> None:
    """Uncancelled, the call takes many times as long as the next one may wait."""
    values = {"image": SCREEN, "description": [f"{name} {n}" for n in range(40) for name in NAMES], "policy": "search"}
    running, waiting = server.start("locate", values), server.start("locate", values)
    time.sleep(0.5)
    waiting.cancel()
    running.cancel()
    assert server.ask("locate", {"image": SCREEN, "description": NAMES[0]})["answers"][0]["found"]


def test_two_servers_at_once_give_the_same_and_each_has_its_limit_of_a_message(server: Session) -> None:
    program = (
        "import sys; from mlx_saccade.integrations.mcp import lines; lines.MAX_LINE_BYTES = 300_000; "
        "from mlx_saccade.cli.__main__ import main; sys.exit(main(['mcp', '--quiet', *sys.argv[1:]]))"
    )
    values = {"image": SCREEN, "description": NAMES[:2]}
    with session("--budget", "64", program=["-c", program]) as other:
        futures = [one.start("locate", values) for one in (server, other) for _ in range(3)]
        texts = {tuple(row["text"] for row in future.result(60).structured_content["answers"]) for future in futures}
        assert len(texts) == 1
        long = {"image": base64.b64encode(bytes(range(256)) * 4000).decode(), "question": "x"}
        assert "expected a message of at most" in other.refusal("ask", long)
        assert "is not an image" in server.refusal("ask", {**long, "image": f"data:,{long['image']}"})
        assert other.ask("plan", {"size": [640, 480]})["tokens"]


def request(number: int, method: str, **parameters: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}) + "\n"


HELLO = request(
    1, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "test", "version": "0"}
) + json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}) + "\n"  # fmt: skip
LOCATE = request(2, "tools/call", name="locate", arguments={"image": SCREEN, "description": NAMES[0], "budget": 64})


@contextmanager
def process() -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, *PROGRAM], text=True, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def test_end_of_input_ends_the_process_and_the_output_is_the_protocol_alone() -> None:
    with process() as running:
        assert running.stdin and running.stdout
        running.stdin.write(f"{HELLO}no JSON\n{LOCATE}")
        running.stdin.flush()
        replies = [json.loads(running.stdout.readline()) for _ in range(2)]
        rest, notes = running.communicate(timeout=60)
    assert running.returncode == 0
    assert [reply["id"] for reply in replies] == [1, 2]
    assert replies[1]["result"]["structuredContent"]["answers"][0]["found"]
    assert rest == ""
    assert notes.splitlines() == [f"mlx-saccade: {_TINY_NOTE}"]


def close_input(running: subprocess.Popen[str]) -> None:
    assert running.stdin
    running.stdin.close()


def close_output(running: subprocess.Popen[str]) -> None:
    assert running.stdin and running.stdout
    running.stdout.close()
    running.stdin.write(request(9, "ping"))
    running.stdin.flush()


@pytest.mark.parametrize("end", [lambda running: running.send_signal(signal.SIGINT), close_input, close_output])
def test_ctrl_c_or_a_client_that_goes_ends_the_process_in_the_midst_of_a_call(
    end: Callable[[subprocess.Popen[str]], None],
) -> None:
    with process() as running:
        assert running.stdin and running.stdout and running.stderr
        running.stdin.write(HELLO + LOCATE)
        running.stdin.flush()
        running.stdout.readline()
        end(running)
        assert running.wait(60) == 0
        assert "Traceback" not in running.stderr.read()


def test_mistakes_of_the_command_end_it_before_it_serves(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for words in (("--budget", "many"), ("--policy", "sideways"), ("--memory-limit", "x"), ("--cache-memory", "x")):
        assert main(["mcp", *words]) == 2
        assert words[0].strip("-").split("-")[0] in capsys.readouterr().err
    assert_mistake(run_command("mcp", "extra"), "extra")
    assert_mistake(run_command("mcp", "--model", "./absent"), "absent: no such folder")
    assert main(["mcp", "--json"]) == 2
    capsys.readouterr()
    for name in ("mcp", "mlx_saccade.integrations.mcp.server"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert main(["mcp"]) == 2
    assert "pip install 'mlx-saccade[mcp]'" in capsys.readouterr().err


class Watched(Tools):
    """Tools whose `locate` waits until it is cancelled, or for an event."""

    def __init__(self) -> None:
        super().__init__(saccade.load)
        self.started, self.stopped, self.go_on = threading.Event(), threading.Event(), threading.Event()

    def locate(self, values: Any, *, cancel: Any = None, progress: Any = None) -> dict[str, Any]:
        self.started.set()
        progress("answer", 1, 2)
        while not self.go_on.wait(0.01):
            if cancel.is_set():
                self.stopped.set()
                raise saccade.CancelledError
        return {"error": "went on"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_cancelling_reaches_the_call_and_progress_the_client(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress grows, and is repeated while nothing changes, as clients give up on a silent call."""
    monkeypatch.setattr(mcp_server, "_PROGRESS_SECONDS", 0.01)
    monkeypatch.setattr(mcp_server, "_REPEAT_SECONDS", 0.03)
    tools = Watched()
    reports: list[tuple[float, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, message))
        if [message for _, message in reports].count("writing the answer: 1 of 2 tokens") == 3:
            tools.go_on.set()

    async def run() -> None:
        async with Client(build(tools, ASSETS), mode=mode) as client:
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "locate", {})
                while not tools.started.is_set():
                    await anyio.sleep(0.01)
                group.cancel_scope.cancel()
            assert await anyio.to_thread.run_sync(tools.stopped.wait, 20)
            result = await client.call_tool("locate", {}, progress_callback=note)
            assert result.is_error

    anyio.run(run)
    numbers = [number for number, _ in reports]
    assert len(numbers) >= 3
    assert all(one < other for one, other in itertools.pairwise(numbers))


def test_a_fault_of_ours_is_an_error_of_the_tool_with_its_traceback_on_standard_error(capsys: Any) -> None:
    class Broken(Tools):
        def plan(self, values: Any, **_: Any) -> dict[str, Any]:
            raise ZeroDivisionError("of ours")

    async def run() -> types.CallToolResult:
        async with Client(build(Broken(saccade.load), ASSETS)) as client:
            return await client.call_tool("plan", {"size": [1, 1]})

    result = anyio.run(run)
    assert result.is_error
    assert result.content[0].text == "ZeroDivisionError: of ours"  # type: ignore[union-attr]
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_lines_are_those_of_the_text_whatever_the_chunks(size: int) -> None:
    text = 'a\n\nbc€\n{"x": "y"}\nlast'
    assert list(split(partial_reader(text.encode(), size), 1000)) == text.split("\n")
    assert list(split(partial_reader(b"", size), 1000)) == []


def test_a_long_line_keeps_its_start_and_end() -> None:
    line = json.dumps({"image": "A" * 400_000, "id": 7})
    cut, after = split(partial_reader(f"{line}\nnext\n".encode(), 1 << 16), 100_000)
    assert after == "next"
    value = json.loads(cut)
    assert value["id"] == 7
    assert CUT in value["image"]
    assert len(cut) < 200_000
    assert list(split(partial_reader(line.encode(), 1 << 16), len(line))) == [line]


def partial_reader(data: bytes, size: int) -> Callable[[], bytes]:
    stream = io.BytesIO(data)
    return lambda: stream.read(size)
