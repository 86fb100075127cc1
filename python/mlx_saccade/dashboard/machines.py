"""The machines that runs came from, and what was sent in by their owners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlx_saccade.bench.run import Machine, Run
from mlx_saccade.dashboard.stages import as_pairs, medians

__all__ = ["machine_name", "sent_in"]


def machine_name(machine: Machine) -> str:
    """Return a machine in a few words, such as "Apple M4 Max, 16 cores, 48 GiB"."""
    memory = f", {round(machine.memory_bytes / 2**30)} GiB" if machine.memory_bytes else ""
    return f"{machine.cpu or 'unknown CPU'}, {machine.cores} cores{memory}"


def sent_in(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the runs of `mlx-saccade bench send-in`, newest first."""
    return [_sent(run) for run in reversed(runs) if run.kind == "send-in"]


def _sent(run: Run) -> dict[str, Any]:
    machine = run.machine
    return {
        "machine": machine_name(machine),
        "chip": machine.cpu or "unknown CPU",
        "system": f"{machine.system}, {machine.architecture}",
        "device": ", ".join(filter(None, (machine.device, machine.accelerator))),
        "kernel": machine.kernel,
        "threads": machine.threads,
        "date": run.date,
        "commit": run.commit,
        "model": run.model.name if run.model else "",
        "versions": as_pairs(run.versions),
        "checks": [
            {"name": check.name, "kernel": check.kernel, "passed": check.passed, "detail": check.detail}
            for check in run.checks
        ],
        "cells": [
            {
                "side": cell.side,
                "budget": cell.budget,
                "question": cell.question,
                "tokens": cell.tokens or None,
                "stages": as_pairs(medians(cell)),
                "peak_bytes": cell.peak_bytes or None,
                "skipped": cell.skipped,
            }
            for cell in run.cells
        ],
    }
