"""The runtimes that answer a run: this package's engine, mlx-vlm, and any server of OpenAI's chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlx_saccade.evals.engines.in_process import InProcess
from mlx_saccade.evals.engines.spec import KINDS, RuntimeSpec, ServerOptions

if TYPE_CHECKING:
    from mlx_saccade.evals.rows import Runtime

__all__ = ["KINDS", "InProcess", "RuntimeSpec", "ServerOptions", "open_runtime"]


def open_runtime(spec: RuntimeSpec) -> Runtime:
    """Open the runtime of a spec, in this process.

    Raises:
        InputError: its model cannot be loaded, or its server cannot be reached.
        FileNotFoundError: no such checkpoint.
    """
    if spec.kind == "openai":
        from mlx_saccade.evals.engines.openai import open_server

        return open_server(spec)
    if spec.kind != "saccade":
        from mlx_saccade.evals.engines.mlx_vlm import open_mlx_vlm

        return open_mlx_vlm(spec)
    return InProcess(
        spec.model,
        revision=spec.revision,
        memory_limit=spec.memory_limit,
        convention=spec.convention,
        max_tokens=spec.max_tokens,
    )
