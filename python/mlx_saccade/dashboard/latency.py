"""Latency by budget: the stages of each call, and published points."""

from __future__ import annotations

from typing import Any

from mlx_saccade import families
from mlx_saccade.bench.run import Cell, Run
from mlx_saccade.dashboard import figures, recorded
from mlx_saccade.dashboard.machines import machine_name
from mlx_saccade.dashboard.sources import Sources
from mlx_saccade.dashboard.stages import as_pairs, medians, parts
from mlx_saccade.preprocess.plan import within

__all__ = ["latency"]

_ENGINE_STAGES = {"vision": "vision", "prefill": "prefill", "decode, a token": "tokens"}


def latency(sources: Sources) -> dict[str, Any]:
    """Return sets of calls, those with the most sides first, then the newest, and the published points."""
    profiles = [run for run in reversed(sources.runs) if run.kind == "profile"]
    runs = [_of_run(run) for run in sorted(profiles, key=_sides, reverse=True)]
    return {"sets": runs + _of_engine(sources), "published": _published()}


def _sides(run: Run) -> int:
    """Return the number of sides that a run measured."""
    return len({cell.side for cell in run.cells if cell.stages})


def _of_run(run: Run) -> dict[str, Any]:
    model = run.model.name if run.model else ""
    return {
        "name": f"{model}, {machine_name(run.machine)}, {run.date[:10]}, {run.commit[:9] or 'commit unknown'}",
        "model": model,
        "machine": machine_name(run.machine),
        "date": run.date,
        "commit": run.commit,
        "note": _depth(run),
        "cells": [_cell(cell) for cell in run.cells],
    }


def _depth(run: Run) -> str:
    model = run.model
    if model is None or model.layers == model.full_layers:
        return ""
    ran, full = " and ".join(map(str, model.layers)), " and ".join(map(str, model.full_layers))
    return f"Ran with {ran} layers of {full} (vision and language); the estimate for all is linear in the layers."


def _cell(cell: Cell) -> dict[str, Any]:
    stages = medians(cell)
    return {
        "side": cell.side,
        "budget": cell.budget,
        "question": cell.question,
        "tokens": cell.tokens or None,
        "rounds": max((len(samples) for samples in cell.stages.values()), default=0),
        "stages": as_pairs(stages),
        "parts": parts(stages),
        "estimate": parts(cell.estimate),
        "whole": stages.get("whole"),
        "estimated_whole": cell.estimate.get("whole"),
        "predicted_bytes": cell.predicted_bytes or None,
        "peak_bytes": cell.peak_bytes or None,
        "skipped": cell.skipped,
    }


def _of_engine(sources: Sources) -> list[dict[str, Any]]:
    """Return a set for each kind of weights in the recorded tables of the engine."""
    sets = []
    for table in sources.tables:
        if table.kind != "engine":
            continue
        conditions = sources.conditions.get(table.name.rpartition("/")[2])
        for weights in dict.fromkeys(row["weights"] for row in table.rows):
            rows = [row for row in table.rows if row["weights"] == weights]
            budgets = dict.fromkeys(row["tokens"] for row in rows)
            cells = [
                _engine_cell(side, tokens, [row for row in rows if row["tokens"] == tokens])
                for tokens in budgets for side in ("saccade", "mlx-vlm")
            ]  # fmt: skip
            machine = conditions.machine if conditions else "machine not recorded"
            date = conditions.date if conditions else ""
            sets.append(
                {
                    "name": ", ".join(filter(None, (f"{weights} weights", machine, date, "recorded"))),
                    "model": weights,
                    "machine": machine,
                    "date": date,
                    "commit": "",
                    "note": conditions.note if conditions else "",
                    "cells": cells,
                }
            )
    return sets


def _engine_cell(side: str, tokens: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    column = {"saccade": "saccade_s", "mlx-vlm": "mlx_vlm_s"}[side]
    stages = {}
    for row in rows:
        seconds = recorded.number(row[column])
        name = "whole" if row["stage"].startswith("end to end") else _ENGINE_STAGES.get(row["stage"])
        if seconds is not None and name is not None:
            stages[name] = seconds
    count = int(recorded.number(tokens) or 0)
    measured = _cell(Cell(side, count, tokens=count, stages={name: (seconds,) for name, seconds in stages.items()}))
    return {**measured, "skipped": "" if "whole" in stages else "the whole call was not measured"}


def _published() -> list[dict[str, Any]]:
    """Return the published points; where only the image's size was published, its tokens are computed."""
    points = []
    for point in figures.load("published")["points"]:
        computed = "tokens" not in point
        if computed:
            family = families.get(point["family"])
            most = point.get("max_pixels", family.max_pixels)
            tokens = within(tuple(point["size"]), family, family.min_pixels, most, "published").tokens
        else:
            tokens = point["tokens"]
        named = {name: point[name] for name in ("model", "machine", "image", "seconds", "source")}
        points.append({**named, "tokens": tokens, "computed": computed})
    return points
