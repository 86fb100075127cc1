"""The JSON file of pytest-benchmark, as a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlx_saccade.bench.run import Cell, Machine, Run
from mlx_saccade.errors import InputError

__all__ = ["is_pytest_json", "run_of_pytest"]


def is_pytest_json(raw: Any) -> bool:
    """Return True for a value as `pytest --benchmark-json` writes it."""
    return isinstance(raw, dict) and {"benchmarks", "machine_info", "commit_info"} <= raw.keys()


def run_of_pytest(raw: dict[str, Any], where: str) -> Run:
    """Return the run that a file of pytest-benchmark holds.

    A benchmark whose `extra_info` has `side`, `stage` and `budget` becomes a part of that cell, with its `tokens`,
    `grid_thw` and bytes; `stages` there has seconds of stages that it measured itself. Another becomes a cell named by
    its test, with its group as the stage. The hostname is dropped.

    Args:
        raw: the JSON value.
        where: path of the file, for messages.

    Raises:
        InputError: a field is missing or has another type.
    """
    try:
        cells: dict[tuple[str, int, int], Cell] = {}
        for benchmark in raw["benchmarks"]:
            cell = _cell(benchmark)
            earlier = cells.get(cell.key)
            cells[cell.key] = cell if earlier is None else _joined(earlier, cell)
        commit = raw["commit_info"]
        extra: dict[str, Any] = next((one["extra_info"] for one in raw["benchmarks"] if one.get("extra_info")), {})
        return Run(
            kind="pytest-benchmark",
            date=f"{raw['datetime'][:19]}Z",
            commit=str(commit.get("id") or "") + ("+" if commit.get("dirty") else ""),
            machine=_machine(raw["machine_info"], extra),
            versions={**extra.get("versions", {}), "pytest-benchmark": str(raw.get("version", ""))},
            cells=tuple(cells.values()),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__} {error}"
        raise InputError(f"{where}: expected the JSON of pytest-benchmark; got {problem}. Write it anew") from None


def _joined(first: Cell, second: Cell) -> Cell:
    """Return the first cell with the stages of both; rounds of the same stage follow one another."""
    stages = dict(first.stages)
    for stage, samples in second.stages.items():
        stages[stage] = stages.get(stage, ()) + samples
    return replace(first, stages=stages)


def _cell(benchmark: dict[str, Any]) -> Cell:
    extra = benchmark.get("extra_info", {})
    stats = benchmark["stats"]
    # With --benchmark-save alone, the single times are left out.
    samples = tuple(map(float, stats.get("data") or [stats["median"]]))
    if not {"side", "stage", "budget"} <= extra.keys():
        return Cell(side=str(benchmark["name"]), budget=0, stages={str(benchmark["group"] or "whole"): samples})
    times, rows, columns = map(int, extra.get("grid_thw", (0, 0, 0)))
    width, height = map(int, extra.get("source_size", (0, 0)))
    return Cell(
        side=str(extra["side"]),
        budget=int(extra["budget"]),
        question=int(extra.get("question", 1)),
        stages=_stages(extra, samples),
        grid_thw=(times, rows, columns),
        source_size=(width, height),
        tokens=int(extra.get("tokens", 0)),
        file_bytes=int(extra.get("file_bytes", 0)),
        patch_bytes=int(extra.get("patch_bytes", 0)),
        prompt_tokens=int(extra.get("prompt_tokens", 0)),
        predicted_bytes=int(extra.get("predicted_bytes", 0)),
        peak_bytes=int(extra.get("peak_bytes", 0)),
    )


def _stages(extra: dict[str, Any], samples: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    """Return the seconds of each stage: those that the benchmark measured inside, or the one that it timed."""
    inside = extra.get("stages", {str(extra["stage"]): samples})
    return {str(stage): tuple(map(float, seconds)) for stage, seconds in inside.items()}


def _machine(info: dict[str, Any], extra: dict[str, Any]) -> Machine:
    cpu = info.get("cpu", {})
    return Machine(
        cpu=str(cpu.get("brand_raw") or info.get("processor") or ""),
        cores=int(cpu.get("count") or 0),
        memory_bytes=0,
        system=f"{info.get('system', '')} {info.get('release', '')}".strip(),
        architecture=str(info.get("machine", "")),
        device=str(extra.get("device", "")),
        kernel=str(extra.get("kernel", "")),
    )
