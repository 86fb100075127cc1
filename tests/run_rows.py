"""Rows of runs whose figures are known, for the tests of reports, of the command line and of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlx_saccade import evals
from mlx_saccade.evals.rows import Budget, Reply, Row
from mlx_saccade.evals.run_folder import Questions
from mlx_saccade.evals.targets import Target

SIDES = {"large": 400, "medium": 150, "small": 50, "tiny": 15}


def rows(
    curves: dict[Budget, float], *, screens: int = 12, policy: str = "flat", regimes: Sequence[str] = tuple(SIDES)
) -> Iterator[Row]:
    """Yield answers whose IoU is the budget's, a little better on later screens."""
    for screen in range(screens):
        for regime in regimes:
            side = float(SIDES[regime])
            kind = ("text", "icon")[screen % 2]
            target = Target(
                f"{screen}-{regime}", f"{screen}.png", "it", ((0.0, 0.0, side, side),), (1000, 1000), kind, "calc"
            )
            for budget, iou in curves.items():
                width = side * min(1.0, iou * (1 + screen / 50))
                reply = Reply(
                    boxes=((0.0, 0.0, width, side),), click=(width / 2, side / 2), text="[{}]", tokens=100,
                    answer_tokens=20, image_sent_size=(500, 500), seconds={"vision": 0.2, "answer": 0.1},
                    peak_bytes=10**9,
                )  # fmt: skip
                yield Row(target, f"i{screen}", budget, policy, reply)


def write(folder: Path, answers: Sequence[Row], *, model: str = "3b") -> Path:
    """Write a run, and return its folder."""
    data = evals.Subject("screens", {"kind": "made"})
    runtime = evals.Subject(f"saccade {model}", {"model": model})
    with evals.RunFolder(folder, data, runtime) as run:
        for policy in dict.fromkeys(row.policy for row in answers):
            own = [row for row in answers if row.policy == policy]
            targets = tuple(dict.fromkeys(row.target.id for row in own))
            run.ask(Questions(targets, tuple(dict.fromkeys(row.budget for row in own)), (policy,)))
        for row in answers:
            run.add(row)
    return folder
