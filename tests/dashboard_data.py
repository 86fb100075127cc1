"""Data files for the tests of the dashboard: two machines over several commits, a sweep, and files that are damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from mlx_saccade import evals
from mlx_saccade.bench import history
from mlx_saccade.bench.run import Cell, Check, Machine, Model, Run

HOSTILE = "</script><img src=x onerror=window.hacked=1>\"'`${1}&lt;b&gt;__proto__ javascript:alert(1)"
ZEN = Machine("AMD EPYC", 2, 8 << 30, "Linux 6.1", "x86_64", "cpu", "", "avx512", 2)
M4 = Machine(HOSTILE, 16, 48 << 30, "macOS 26.1", "arm64", "gpu", "M4 Max", "neon-i8mm", 12)
SLOWNESS = {"saccade": 1.0, "mlx-vlm": 6.0, "mlx-vlm enabled": 2.0}
STAGES = {"decode": 0.02, "patchify": 0.002, "vision": 0.4, "prefill": 0.1, "first token": 0.53, "whole": 0.6}


def cell(side: str, budget: int, slowness: float, question: int = 1) -> Cell:
    """Return a cell whose three rounds differ by up to a tenth."""
    stages = {
        stage: tuple(seconds * slowness * budget / 1280 * spread for spread in (1.0, 1.05, 1.1))
        for stage, seconds in STAGES.items()
        if question == 1 or stage != "vision"
    }
    return Cell(
        side, budget, question, stages, budget - 20, (1, 2, 2), (3840, 2160), 10**6, budget * 2352, budget + 40,
        10**9, 0 if side == "mlx-vlm" else 9 * 10**8, {"vision": 4.0, "whole": 6.0} if side == "saccade" else {}, ""
    )  # fmt: skip


def profile(date: str, commit: str, fall: float = 1.0) -> Run:
    """Return a profile at three budgets; `fall` divides the peers' slowness."""
    cells = [
        cell(side, budget, 1.0 if side == "saccade" else slowness / fall, question)
        for budget in (256, 1280) for question in (1, 2) for side, slowness in SLOWNESS.items()
    ]  # fmt: skip
    cells += [cell("saccade", 4096, 1.0), Cell("mlx-vlm", 4096, skipped="17 GB of scores end the process")]
    model = Model("synthetic 3b:2", "", (2, 2), (32, 36))
    return Run("profile", date, commit, ZEN, {"mlx": "0.32.4"}, tuple(cells), model)


def sent(machine: Machine, date: str) -> Run:
    """Return what the owner of a machine sends in."""
    cells = tuple(cell(side, budget, machine.cores / 8) for budget in (256, 1280) for side in ("saccade", "pillow"))
    checks = (Check("resize", machine.kernel, True), Check(HOSTILE, machine.kernel, False, "3 bytes differ"))
    return Run("send-in", date, "abcdef0123", machine, {"mlx": "0.32.4", HOSTILE: HOSTILE}, cells, None, {}, checks)


def rows() -> Iterator[evals.Row]:
    """Return answers on twelve screens at two budgets, under a second policy at one; one question failed."""
    for seed in range(12):
        for number, side in enumerate((450, 140, 45, 14)):
            box = (0.0, 0.0, float(side), float(side))
            target = evals.Target(f"{seed}-{number}", f"screen-{seed}", "it", (box,), (1000, 1000))
            for policy, budget in (("flat", 64), ("flat", 256), ("zoom:share=0.4", 64)):
                overlap = min(1.0, target.share * 3 + budget * len(policy) / 2000 + seed % 3 / 10)
                reply = evals.Reply(
                    boxes=((0.0, 0.0, side * overlap, float(side)),), click=(side * overlap / 2, side / 2),
                    image_sent_size=(500, 500), tokens=budget - 4, seconds={"answer": budget / 1000},
                )  # fmt: skip
                if (seed, number, policy, budget) == (11, 3, "flat", 64):
                    reply = evals.Reply(error="no server")
                yield evals.Row(target, "i", budget, policy, reply)


def write(folder: Path) -> Path:
    """Write the data files into a folder, and return it."""
    folder.mkdir(exist_ok=True)
    for number, fall in enumerate((1.0, 1.02, 0.98, 1.6)):
        history.append(profile(f"2026-11-2{number}T10:00:00Z", f"{number}bcdef012345", fall), folder)
    for machine in (ZEN, M4):
        history.append(sent(machine, "2026-11-29T12:00:00Z"), folder)
    data, runtime = evals.Subject(HOSTILE, {}), evals.Subject("3b", {})
    with evals.RunFolder(folder / "sweep", data, runtime) as run:
        for row in rows():
            run.add(row)
    (folder / "damaged <b>.json").write_text("{")
    (folder / "number.jsonl").write_text((folder / "sweep" / "rows.jsonl").read_text().splitlines()[0] + "\n")
    (folder / "table.csv").write_text("a,b\n1,2\n")
    (folder / "not-finite.json").write_text(json.dumps(asdict(profile("2026", "x"))).replace("0.02", "NaN"))
    return folder
