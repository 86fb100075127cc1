"""Speak the Model Context Protocol over standard input and output."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from mcp import MCPError, types
from mcp.server.lowlevel import Server
from mcp.server.session import ServerSession
from mcp.server.stdio import stdio_server

import mlx_saccade
from mlx_saccade.errors import InputError
from mlx_saccade.integrations import arguments
from mlx_saccade.integrations.mcp import results
from mlx_saccade.integrations.mcp.ground_region import INPUT_SCHEMA, SPEC_VERSION, ground_region
from mlx_saccade.integrations.mcp.lines import CUT, MAX_LINE_BYTES, Lines
from mlx_saccade.integrations.tools import Tools, kind_of, message_of

__all__ = ["build", "serve"]

_INSTRUCTIONS = (
    "Finds described elements on screenshots and other images, and gives boxes and places to click in pixels of the "
    "image. Call `locate` with the path of an image. It looks closer by itself where a target is small. If that finds "
    "nothing, give `policy`: 'search', a larger `budget`, or a `region`. `confidence` says how decided the model is, "
    "not that it is right."
)
# Calls wait for the engine in threads; the rest of the SDK's threads stay free for the protocol.
_MOST_CALLS = 32
_PROGRESS_SECONDS = 0.5
# Clients give up on a call without progress; a model takes longer to load.
_REPEAT_SECONDS = 5.0
_STAGES = {"vision": "looking at the image", "prefill": "reading the prompt", "answer": "writing the answer"}


@dataclass(frozen=True)
class _Tool:
    """A tool: what a client is told of it, and the function behind it."""

    description: types.Tool
    run: Callable[..., dict[str, Any]]
    text: Callable[[dict[str, Any]], str]


def build(tools: Tools, folder: Path) -> Server[Any]:
    """Return a server with the tools `locate`, `ask`, `plan` and `ground_region`.

    Args:
        tools: answers requests.
        folder: working directory of `ground_region`.
    """
    table = {tool.description.name: tool for tool in _table(tools, folder)}
    limiter = anyio.CapacityLimiter(_MOST_CALLS)

    async def list_tools(context: Any, parameters: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.description for tool in table.values()])

    async def call_tool(context: Any, parameters: types.CallToolRequestParams) -> types.CallToolResult:
        tool = table.get(parameters.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"{parameters.name}: expected one of {', '.join(table)}")
        return await _call(tool, parameters.arguments or {}, tools, context.session, limiter)

    return Server(
        "mlx-saccade",
        version=mlx_saccade.__version__,
        title="Locate elements on screens",
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def serve(tools: Tools, folder: Path) -> None:
    """Serve one client until the end of standard input, until it closes standard output, or until Ctrl-C.

    Meanwhile descriptor 0 is the null device and descriptor 1 is standard error, so that nothing but the protocol is
    read or written there.

    Raises:
        InputError: standard input or output is closed.
    """
    try:
        anyio.run(_serve, build(tools, folder))
    except KeyboardInterrupt:
        return
    except Exception as error:
        if not _has_ended(error):
            raise


async def _serve(server: Server[Any]) -> None:
    lines: Any = Lines(_take_stdin())  # of the SDK's file it uses the iteration alone
    async with stdio_server(stdin=lines) as (read, write):
        await server.run(read, write, server.create_initialization_options())


def _take_stdin() -> int:
    """Return a descriptor of standard input, and put the null device in its place."""
    try:
        os.fstat(1)
        copy = os.dup(0)
    except OSError:
        raise InputError("mcp: expected standard input and output; got a closed one. Start it from a client") from None
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return copy


def _has_ended(error: BaseException) -> bool:
    """Return True for errors of a client that has closed standard output."""
    inner = getattr(error, "exceptions", None)
    if inner:
        return all(map(_has_ended, inner))
    return isinstance(error, BrokenPipeError | anyio.BrokenResourceError | anyio.ClosedResourceError)


class _Progress:
    """Reports of one call, sent to the client at most twice a second; a client that asks for none gets none."""

    def __init__(self, session: ServerSession, *, is_loaded: bool) -> None:
        self._session, self._start = session, time.monotonic()
        self._message = "waiting for the model" if is_loaded else "loading the model"

    def update(self, stage: str, done: int, total: int) -> None:
        """Take what an engine reports, on its thread."""
        self._message = f"{_STAGES.get(stage, stage)}: {done} of {total} tokens"

    async def send(self) -> None:
        """Send what is new, and repeat it now and then, until it is cancelled.

        The number that has to grow is the seconds so far.
        """
        sent, repeat = "", 0.0
        while True:
            seconds = time.monotonic() - self._start
            if self._message != sent or seconds >= repeat:
                sent, repeat = self._message, seconds + _REPEAT_SECONDS
                await self._session.report_progress(seconds, None, sent)
            await anyio.sleep(_PROGRESS_SECONDS)


async def _call(
    tool: _Tool, values: dict[str, Any], tools: Tools, session: ServerSession, limiter: anyio.CapacityLimiter
) -> types.CallToolResult:
    """Run a tool in a thread; if the client cancels, or has gone, the engine stops at its next step."""
    cancel, progress = threading.Event(), _Progress(session, is_loaded=tools.is_loaded)
    run = partial(_outcome, tool, values, cancel, progress)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(progress.send)
            result = await anyio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=limiter)
            group.cancel_scope.cancel()
    finally:
        cancel.set()
    return result


def _outcome(tool: _Tool, values: dict[str, Any], cancel: threading.Event, progress: _Progress) -> types.CallToolResult:
    try:
        if _is_cut(values):
            raise InputError(
                f"arguments: expected a message of at most {MAX_LINE_BYTES:,} bytes; got more. Give a path"
            )
        document = tool.run(values, cancel=cancel, progress=progress.update)
        return types.CallToolResult(
            content=[types.TextContent(text=tool.text(document))],
            structured_content=document,
            is_error="error" in document,
        )
    except Exception as error:
        if kind_of(error) == "internal":
            traceback.print_exc(file=sys.stderr)
        return types.CallToolResult(content=[types.TextContent(text=message_of(error))], is_error=True)


def _is_cut(value: Any) -> bool:
    """Return True if a string in JSON was cut by `lines`."""
    if isinstance(value, dict):
        return any(map(_is_cut, value.values()))
    if isinstance(value, list):
        return any(map(_is_cut, value))
    return isinstance(value, str) and len(value) > len(CUT) and CUT in value


def _table(tools: Tools, folder: Path) -> list[_Tool]:
    """Return the tools, each with its name, title, description and schemas for clients."""
    hints = types.ToolAnnotations(read_only_hint=True, open_world_hint=tools.access.urls)

    def own(
        run: Callable[..., dict[str, Any]], title: str, text: str, schema: dict[str, Any], output: dict[str, Any]
    ) -> _Tool:
        listed = types.Tool(
            name=run.__name__,
            title=title,
            description=text,
            input_schema=schema,
            output_schema=output,
            annotations=hints,
        )
        return _Tool(listed, run, results.plan_text if output is results.PLAN else results.answers_text)

    return [
        own(
            tools.locate,
            "Find elements on an image",
            "Find described elements on an image. Returns boxes and the place to click in pixels of the image, and a "
            "hint if there is none.",
            arguments.LOCATE.schema,
            results.ANSWERS,
        ),
        own(
            tools.ask,
            "Ask about images",
            "Ask a question about images, or none. Returns the answer's text; boxes in it are in pixels of the image.",
            arguments.ASK.schema,
            results.ANSWERS,
        ),
        own(
            tools.plan,
            "Predict size and tokens",
            "Say at which size the model would read an image, how many visual tokens that takes, and how much memory, "
            "without asking about it.",
            arguments.PLAN.schema,
            results.PLAN,
        ),
        _region_tool(tools, folder),
    ]


def _region_tool(tools: Tools, folder: Path) -> _Tool:
    """Return GroundingKit's tool, which has forms of its own."""
    listed = types.Tool(
        name="ground_region",
        title="Ground regions (GroundingKit)",
        description="Detect regions of an image file by a prompt, by GroundingKit's contract 1.0. Numbers times "
        "longest source side / 1280 are source pixels; `source_xyxy` has those. Use `locate` for more.",
        input_schema=INPUT_SCHEMA,
        output_schema=results.REGIONS,
        annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        _meta={"spec": "ground_region", "spec_version": SPEC_VERSION},
    )
    return _Tool(listed, partial(ground_region, tools, folder=folder), partial(json.dumps, ensure_ascii=False))
