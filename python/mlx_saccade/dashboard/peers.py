"""The peers side by side: every row of the recorded benchmarks, and the newest run of each kind and machine."""

from __future__ import annotations

from typing import Any

from mlx_saccade.bench.run import Run
from mlx_saccade.dashboard import recorded
from mlx_saccade.dashboard.machines import machine_name
from mlx_saccade.dashboard.sources import Sources
from mlx_saccade.dashboard.stages import medians

__all__ = ["peers"]

Case = dict[str, Any]


def peers(sources: Sources) -> list[Case]:
    """Return the cases: each has a group, a machine, a date, and sides with a value and its ratio to the first."""
    cases: list[Case] = []
    for table in sources.tables:
        if table.kind == "calls":
            cases += _of_calls(table.rows)
        if table.kind == "engine":
            conditions = sources.conditions.get(table.name.rpartition("/")[2])
            machine = conditions.machine if conditions else "machine not recorded"
            cases += _of_engine(table.rows, machine, conditions.date if conditions else "")
    newest = {(run.kind, run.machine.folder, run.model and run.model.name): run for run in sources.runs}
    for run in newest.values():
        cases += _of_run(run)
    return cases


def _of_calls(rows: tuple[dict[str, str], ...]) -> list[Case]:
    cases: dict[tuple[str, ...], Case] = {}
    for row in rows:
        key = tuple(row[name] for name in ("machine", "date", "kernel", "table", "row", "unit"))
        machine, date, kernel, table, name, unit = key
        case = cases.setdefault(key, _case(table, machine, date, f"{name}, {kernel}" if kernel else name, unit))
        case["sides"].append(
            {
                "side": row["side"],
                "value": recorded.number(row["value"]),
                "times": recorded.number(row["times_first"]),
                "note": row["note"],
            }
        )
    return list(cases.values())


def _of_engine(rows: tuple[dict[str, str], ...], machine: str, date: str) -> list[Case]:
    cases = []
    for row in rows:
        case = _case("engine", machine, date, f"{row['weights']}, {row['tokens']} tokens, {row['stage']}", "s")
        times = recorded.number(row["times"])
        case["sides"] = [
            {"side": "saccade", "value": recorded.number(row["saccade_s"]), "times": None, "note": ""},
            {"side": "mlx-vlm", "value": recorded.number(row["mlx_vlm_s"]), "times": times, "note": ""},
        ]
        cases.append(case)
    return cases


def _of_run(run: Run) -> list[Case]:
    cases: dict[tuple[Any, ...], Case] = {}
    group = f"{run.kind} run" + (f", {run.model.name}" if run.model else "")
    own: dict[tuple[Any, ...], float] = {}
    for cell in sorted(run.cells, key=lambda cell: cell.side != "saccade"):
        for stage, seconds in medians(cell).items():
            key = (cell.budget, cell.question, stage)
            name = f"{cell.budget:,} tokens, question {cell.question}, {stage}"
            case = cases.setdefault(key, _case(group, machine_name(run.machine), run.date[:10], name, "s"))
            times = seconds / own[key] if own.get(key) else None
            if cell.side == "saccade":
                own[key] = seconds
            case["sides"].append({"side": cell.side, "value": seconds, "times": times, "note": ""})
    return [case for case in cases.values() if len(case["sides"]) > 1]


def _case(group: str, machine: str, date: str, name: str, unit: str) -> Case:
    return {"group": group, "machine": machine, "date": date, "case": name, "unit": unit, "sides": []}
