"""The options of `mlx-saccade sweep` that choose the runtime to ask."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlx_saccade.evals.engines import RuntimeSpec

__all__ = ["add_answer_arguments", "add_engine_argument", "runtime_spec", "with_server_budget"]

_CONVENTIONS = ("auto", "absolute", "thousandths", "fractions")


def add_engine_argument(parser: argparse.ArgumentParser) -> None:
    """Add --engine; `runtime_spec` reads it, with --model, --revision and --memory-limit."""
    parser.add_argument(
        "--engine",
        default="saccade",
        metavar="NAME",
        help="saccade, mlx-vlm, mlx-vlm+saccade or openai:URL (default saccade)",
    )


def add_answer_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of answers and of a server; `runtime_spec` reads them."""
    group = parser.add_argument_group("answers of the engine")
    group.add_argument(
        "--max-tokens", type=int, default=256, metavar="N", help="maximum tokens of an answer (default 256)"
    )
    group.add_argument(
        "--convention",
        choices=_CONVENTIONS,
        default="auto",
        help="frame of the model's numbers (default auto: the family's, or fractions)",
    )
    server = parser.add_argument_group("a server, --engine openai:URL")
    server.add_argument("--family", metavar="NAME", help="family of its model (default by the model's name)")
    server.add_argument(
        "--server-budget", action="store_true", help="also send images whole, under the server's limits (default no)"
    )
    server.add_argument(
        "--server-runtime", metavar="NAME", help="runtime whose limits it has, e.g. llama.cpp (default unknown)"
    )
    server.add_argument(
        "--timeout", type=float, default=300.0, metavar="S", help="longest time of a request in seconds (default 300)"
    )
    server.add_argument(
        "--retries", type=int, default=2, metavar="N", help="further tries after a passing failure (default 2)"
    )
    server.add_argument(
        "--api-key-env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="environment variable with the API key (default OPENAI_API_KEY)",
    )
    server.add_argument(
        "--request-fields", default="{}", metavar="JSON", help="further fields of each request (default none)"
    )
    server.add_argument("--stream", action="store_true", help="also time the first token of each answer (default no)")
    server.add_argument(
        "--no-token-check", action="store_true", help="accept prompts of any number of tokens (default no)"
    )


def runtime_spec(options: argparse.Namespace) -> RuntimeSpec:
    """Return the runtime that the options name.

    Raises:
        InputError: an unknown engine, or options that do not belong together.
    """
    from mlx_saccade.evals.engines import RuntimeSpec, ServerOptions

    server = ServerOptions(
        runtime=options.server_runtime,
        timeout=options.timeout,
        retries=options.retries,
        key_variable=options.api_key_env,
        fields=options.request_fields,
        check_tokens=not options.no_token_check,
        stream=options.stream,
    )
    return RuntimeSpec.parse(
        options.engine,
        model=options.model,
        revision=options.revision,
        memory_limit=options.memory_limit,
        family=options.family,
        convention=options.convention,
        max_tokens=options.max_tokens,
        server=server,
    )


def with_server_budget(options: argparse.Namespace, budgets: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the budgets of a run: the server's own last, or alone where no other was given.

    Raises:
        InputError: --server-budget without a server.
    """
    from mlx_saccade.errors import InputError

    if not options.server_budget:
        return budgets
    if not options.engine.startswith("openai:"):
        raise InputError(f"--server-budget: expected --engine openai:URL; got {options.engine}. Leave it out")
    return (*(budgets if options.budgets else ()), "server")
