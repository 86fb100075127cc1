"""`mlx-saccade mcp`: serve locate, ask, plan and ground_region to an agent over the Model Context Protocol."""

from __future__ import annotations

import argparse
import sys
from importlib import metadata
from pathlib import Path

from mlx_saccade.cli import output
from mlx_saccade.cli.server_options import add_server_arguments, tools_of
from mlx_saccade.errors import InputError

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade mcp --model path/to/checkpoint --budget 1280",
    "mlx-saccade mcp --policy search --allow-urls --cache-dir features",
)

INSTALL = "pip install 'mlx-saccade[mcp]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade mcp`."""
    add_server_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Serve a client on standard input and output until it ends them, or until Ctrl-C.

    Raises:
        InputError: the SDK is not installed, or an option that no request could use.
    """
    from mlx_saccade.integrations.image_arguments import ImageAccess

    if options.json:
        raise InputError("--json: expected no output but the protocol's. Leave it out")
    if sys.stdin is None or sys.stdout is None:
        raise InputError("mcp: expected a client on standard input and output; one of them is closed. Open both")
    tools = tools_of(options, ImageAccess(urls=options.allow_urls))
    try:
        from mlx_saccade.integrations.mcp.server import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise InputError(f"mcp: expected the package mcp, version 2; got {_installed()}. {INSTALL}") from None
    if sys.stdin is not None and sys.stdin.isatty():
        output.note("waiting for an MCP client on standard input; Ctrl-C ends it")
    serve(tools, Path.cwd())
    return 0


def _installed() -> str:
    try:
        return metadata.version("mcp")
    except metadata.PackageNotFoundError:
        return "none"
