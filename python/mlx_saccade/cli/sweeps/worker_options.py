"""The options of `mlx-saccade sweep` that share a sweep out among processes or machines."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlx_saccade.cli import output
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

    from mlx_saccade.evals.cluster import Opener
    from mlx_saccade.evals.engines import RuntimeSpec

__all__ = ["add_worker_arguments", "client_of", "is_shared_out", "opener_of"]


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --workers and --scheduler; the other functions here read them."""
    group = parser.add_argument_group("several processes (the extra cluster)")
    group.add_argument("--workers", type=int, metavar="N", help="ask in N processes of this machine (default none)")
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="ask on the workers of a dask scheduler, tcp://HOST:PORT (default none)"
    )


def is_shared_out(options: argparse.Namespace) -> bool:
    """Return True if workers ask, and let them find files that are named relative to this folder.

    Raises:
        InputError: both options were given.
    """
    if options.workers is not None and options.scheduler is not None:
        raise InputError("--workers: expected it without --scheduler, which has workers of its own. Leave one out")
    shared_out = options.workers is not None or options.scheduler is not None
    if shared_out:
        for name in ("data", "images"):
            if getattr(options, name):
                setattr(options, name, str(Path(getattr(options, name)).absolute()))
    return shared_out


def client_of(options: argparse.Namespace) -> AbstractContextManager[Client]:
    """Return a context of the client that the options name; errors as `mlx_saccade.evals.cluster`."""
    from mlx_saccade.evals import cluster

    return cluster.local_workers(options.workers) if options.scheduler is None else cluster.connect(options.scheduler)


def opener_of(spec: RuntimeSpec) -> Opener:
    """Return what opens a runtime in a worker, after a note on what workers do to the times of a server."""
    from mlx_saccade.evals.engines import open_runtime

    if spec.kind == "openai":
        output.note("workers ask the server at the same time, so seconds are not those of one question alone")
    # A server's name for its model may look like a folder here.
    is_folder = spec.kind != "openai" and spec.model is not None and Path(spec.model).is_dir()
    return partial(open_runtime, replace(spec, model=str(Path(spec.model or "").absolute())) if is_folder else spec)
