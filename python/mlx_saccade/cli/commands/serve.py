"""`mlx-saccade serve`: answer HTTP requests with OpenAI's chat completions, locate, ask and plan."""

from __future__ import annotations

import argparse
import importlib.util
import os
from typing import TYPE_CHECKING

from mlx_saccade import validation
from mlx_saccade.cli import output
from mlx_saccade.cli.server_options import add_server_arguments, tools_of
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    import socket

    from mlx_saccade.integrations.serve.app import Service
    from mlx_saccade.integrations.tools import Tools

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade serve",
    "mlx-saccade serve --model path/to/checkpoint --port 8000 --allow-paths",
)

INSTALL = "pip install 'mlx-saccade[serve]'"
KEY = "SACCADE_API_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade serve`."""
    add_server_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8765, metavar="N", help="0 for a free one (default 8765)")
    parser.add_argument("--lazy", action="store_true", help="load the model at the first request (default no)")
    parser.add_argument("--verbose", action="store_true", help="print a line for each request (default no)")
    access = parser.add_argument_group("access")
    access.add_argument(
        "--api-key", metavar="KEY", help=f"key that requests must have (default that of {KEY}, or none)"
    )
    access.add_argument(
        "--allow-paths", action="store_true", help="read image files of this machine that requests name (default no)"
    )
    access.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="web page that may send requests, such as https://example.com; repeatable",
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--queue", type=int, default=16, metavar="N", help="maximum requests that wait (default 16)")
    limits.add_argument("--max-body", default="32MB", metavar="SIZE", help="maximum size of a request (default 32MB)")
    limits.add_argument(
        "--max-pixels", type=int, default=100_000_000, metavar="N", help="maximum of an image (default 100000000)"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM, and return 0.

    Raises:
        InputError: an option that cannot be used, or a package that is not installed.
    """
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"{' and '.join(missing)}: expected an installed package; got none. {INSTALL}")
    from mlx_saccade.integrations.serve import app, listening

    tools = _tools(options)
    bound = listening.listen(options.host, _port(options))
    with bound:
        service = _service(options, tools, bound)
        if not options.lazy:
            output.note(f"loading {service.model}")
            tools.engine()
        url = listening.url_of(bound)
        listening.serve(
            app.build(service),
            service.queue,
            bound,
            ready=lambda: _announce(options, service, url),
            access_log=options.verbose,
        )
    tools.close()
    output.note("stopped")
    return 0


def _port(options: argparse.Namespace) -> int:
    return validation.at_least(0, options.port, "--port", most=65535)


def _tools(options: argparse.Namespace) -> Tools:
    from mlx_saccade.integrations.image_arguments import ImageAccess

    most = validation.at_least(1, options.max_pixels, "--max-pixels")
    return tools_of(options, ImageAccess(paths=options.allow_paths, urls=options.allow_urls, max_pixels=most))


def _service(options: argparse.Namespace, tools: Tools, bound: socket.socket) -> Service:
    from mlx_saccade.integrations.serve import app, bodies, guard, listening, queue

    key = os.environ.get(KEY) if options.api_key is None else options.api_key
    if key is not None and not key.strip():
        raise InputError(f"--api-key: expected a text; got an empty one. Leave out the option and {KEY}, or give a key")
    local = listening.is_local(bound)
    if key is None and not local:
        raise InputError(
            f"--host: expected an address of the loopback without a key; got {options.host}. Give --api-key or {KEY}"
        )
    return app.Service(
        tools,
        _model_name(options.model),
        guard.Access(key, tuple(map(guard.check_origin, options.allow_origin)), any_host=not local),
        bodies.BodyLimits(
            validation.at_least(1024, validation.parse_bytes(options.max_body, "--max-body"), "--max-body")
        ),
        queue.Queue(validation.at_least(0, options.queue, "--queue")),
    )


def _model_name(model: str | None) -> str:
    """Return the name by which requests call the model: its hub id, or that of its folder."""
    if model is None:
        return "tiny"
    return os.path.basename(os.path.abspath(model)) if os.path.exists(model) else model  # noqa: PTH100, PTH110, PTH119


def _announce(options: argparse.Namespace, service: Service, url: str) -> None:
    """Print where the server listens, for programs that wait for it too."""
    if options.json:
        print(output.json_text({"url": url, "model": service.model}), flush=True)
        return
    print(f"{service.model} at {url}, OpenAI's API at {url}/v1; Ctrl-C ends", flush=True)
