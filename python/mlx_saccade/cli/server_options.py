"""The options that the servers share, and the tools that they stand for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlx_saccade import validation
from mlx_saccade.cli.options import (
    add_backend_argument,
    add_budget_argument,
    add_cache_arguments,
    add_memory_argument,
    add_model_argument,
    add_policy_argument,
    add_revision_argument,
    cache_options,
    note_packaged,
)

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine
    from mlx_saccade.integrations.image_arguments import ImageAccess
    from mlx_saccade.integrations.tools import Tools

__all__ = ["add_server_arguments", "tools_of"]


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the checkpoint, and the defaults of requests; `tools_of` reads them."""
    add_model_argument(parser)
    add_budget_argument(parser)
    add_policy_argument(parser)
    parser.add_argument("--allow-urls", action="store_true", help="fetch images from http and https URLs (default no)")
    group = parser.add_argument_group("model and memory")
    add_revision_argument(group)
    add_memory_argument(group)
    add_cache_arguments(group)
    add_backend_argument(group)


def tools_of(options: argparse.Namespace, access: ImageAccess) -> Tools:
    """Return the tools of `add_server_arguments`; the model is loaded at the first request.

    Raises:
        FileNotFoundError: --model is a path, and there is no such folder.
        InputError: a model, a budget, a policy or an amount of memory that no request could use.
    """
    from mlx_saccade.checkpoint import hub
    from mlx_saccade.integrations.tools import Tools
    from mlx_saccade.preprocess.plan import plan

    hub.find_local(options.model, revision=options.revision)  # a hub id is looked up with the first request
    cache = cache_options(options)
    if options.memory_limit is not None:
        validation.parse_bytes(options.memory_limit, "--memory-limit")
    if options.budget is not None:
        plan((1024, 1024), budget=options.budget, checkpoint_pixels=(1 << 10, 1 << 30))

    def load() -> Engine:
        from mlx_saccade import engine
        from mlx_saccade.media import decode

        decode.listen()
        if options.model is None:
            note_packaged()
        return engine.load(
            options.model,
            revision=options.revision,
            budget=options.budget,
            memory_limit=options.memory_limit,
            backend=options.backend,
            **cache,
        )

    return Tools(load, access=access, policy=options.policy)
