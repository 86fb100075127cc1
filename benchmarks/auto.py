"""Measure `auto`, the default of `locate`, against flat budgets and the other policies on generated 4K screens.

    python benchmarks/auto.py --out auto.jsonl               # 50 held-out screens; resumes the file
    python benchmarks/auto.py --out auto.jsonl --summary     # the tables of the file
    python benchmarks/auto.py --out auto.jsonl --summary --csv benchmarks/results/auto.csv

Each screen gives up to two targets of each size, and two descriptions of nothing on it. Every side answers each of them
alone, on an array, with empty caches, and the sides take turns at going first. Seconds are the processor's, of all
threads, since other work on the machine delays the clock; rows have both. A target is right if the center of the first
box is in its box. The last table goes by the aims: tiny and small targets at least as right as the largest flat budget
in at most 1/3 of its time, large and medium ones no worse than the flat look and in at most 1.1 times its time.

The rules of `auto` were chosen on seeds from 800,000 (`benchmarks/auto_signals.py`); these are seeds from 810,000.
Intervals are 95 % and draw whole screens (`mlx_saccade.evals.bootstrap`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import row_files
from row_files import Row

import mlx_saccade as saccade
from mlx_saccade.evals import bootstrap, metrics
from mlx_saccade.evals.datasets import choose_targets

FIRST_SEED, SIZE = 810_000, (3840, 2160)
TARGETS, ABSENT = 8, 2
CAP, LARGEST = "flat, 256 tokens", "flat, 1024 tokens"
LOOKS = (2, 4, 6, 12)
SIDES: dict[str, dict[str, Any]] = {
    **{f"flat, {tokens} tokens": {"policy": "flat", "budget": tokens} for tokens in (64, 144, 256, 512, 1024)},
    "auto": {},
    **{f"auto, {count} looks": {"max_looks": count} for count in LOOKS},
    "zoom": {"policy": "zoom"},
    "search, 12 looks": {"policy": "search"},
}
HEADER = ("side", "target", "n", "right", "iou", "looks", "tokens", "seconds", "times_cap", "times_largest")
ABSENT_BIN = "absent"


def screen_rows(engine: saccade.Engine, seed: int) -> Iterator[Row]:
    """Yield a row for each description and side of a screen."""
    scene = saccade.scenes.generate(seed, size=SIZE)
    chosen = [scene.elements[number] for number in choose_targets(scene.elements, SIZE, seed, TARGETS)]
    named = [(element.description, element.box) for element in chosen]
    questions = [*named, *((scene.absent(number), None) for number in range(ABSENT))]
    for number, (words, known) in enumerate(questions):
        names = list(SIDES)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            engine.forget()
            start, clock = time.process_time(), time.perf_counter()
            answer = engine.locate(scene.image, words, **SIDES[name])
            seconds, waited = time.process_time() - start, time.perf_counter() - clock
            expected = [] if known is None else [known]
            yield {
                "seed": seed,
                "side": name,
                "target": ABSENT_BIN if known is None else metrics.bin_of(area(known)),
                "description": words,
                "known": known,
                "box": list(answer.boxes[0]) if answer.found else None,
                "right": metrics.is_hit(answer.boxes, expected) if expected else not answer.found,
                "iou": metrics.best_iou(answer.boxes, expected),
                "looks": max(1, len(answer.looks)),
                "tokens": answer.usage["image"],
                "seconds": round(seconds, 4),
                "clock": round(waited, 4),
            }


def area(box: Sequence[int]) -> float:
    """Return the share of the screen that a box covers."""
    x1, y1, x2, y2 = box
    return (x2 - x1) * (y2 - y1) / (SIZE[0] * SIZE[1])


def pairs(rows: Sequence[Row], name: str) -> list[tuple[int, float]]:
    """Return (screen, value) pairs of a column, of the rows that have it."""
    return [(row["seed"], float(row[name])) for row in rows if name in row]


def mean(rows: Sequence[Row], name: str, form: str = "{:.2f}") -> str:
    """Return the mean of a column with its interval."""
    values = pairs(rows, name)
    ends = bootstrap.interval([values])
    text = form.format(sum(number for _, number in values) / max(1, len(values)))
    return text if ends is None else f"{text} ({form.format(ends[0])}-{form.format(ends[1])})"


def compared(rows: Sequence[Row], others: Sequence[Row], name: str, value: Callable[[float, float], float]) -> str:
    """Return a figure of the means of a column under two sides, over the screens that both have, with its interval."""
    groups = [pairs(rows, name), pairs(others, name)]
    common = set.intersection(*({screen for screen, _ in group} for group in groups))
    groups = [[pair for pair in group if pair[0] in common] for group in groups]
    one, other = (sum(number for _, number in group) / max(1, len(group)) for group in groups)
    ends = bootstrap.interval(groups, lambda means: value(*means))
    text = f"{value(one, other):.2f}"
    return text if ends is None else f"{text} ({ends[0]:.2f}-{ends[1]:.2f})"


def over(one: float, other: float) -> float:
    """Return a ratio."""
    return one / other


def minus(one: float, other: float) -> float:
    """Return a difference."""
    return one - other


def lines(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return a line for each size of target and side."""
    table = []
    for target in (*metrics.BINS, "tiny and small", ABSENT_BIN):
        group = [row for row in rows if row["target"] in (target.split(" and ") if " and " in target else [target])]
        by_side = {name: [row for row in group if row["side"] == name] for name in SIDES}
        for name, own in by_side.items():
            table.append(
                {
                    "side": name,
                    "target": target,
                    "n": f"{len(own)}",
                    "right": mean(own, "right"),
                    "iou": mean(own, "iou") if target != ABSENT_BIN else "",
                    "looks": mean(own, "looks", "{:.1f}"),
                    "tokens": mean(own, "tokens", "{:.0f}"),
                    "seconds": mean(own, "seconds", "{:.3f}"),
                    "times_cap": compared(own, by_side[CAP], "seconds", over),
                    "times_largest": compared(own, by_side[LARGEST], "seconds", over),
                }
            )
    return table


def matrix(table: Sequence[dict[str, str]], column: str) -> Iterator[str]:
    """Yield the lines of a table of one column: sides by sizes of targets."""
    targets = list(dict.fromkeys(line["target"] for line in table))
    yield f"| side | {' | '.join(targets)} |\n|---|" + "---|" * len(targets)
    for name in SIDES:
        cells = {line["target"]: line[column] for line in table if line["side"] == name}
        yield f"| {name} | " + " | ".join(cells[target] for target in targets) + " |"
    if column == "right":
        counts = {line["target"]: line["n"] for line in table}
        yield "| number | " + " | ".join(counts[target] for target in targets) + " |"


def aims(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table of the aims."""
    yield "| target | side | against | right, difference | IoU, difference | seconds, ratio |\n" + "|---" * 6 + "|"
    for targets, other, sides in (
        (("tiny", "small"), LARGEST, ("auto", "auto, 6 looks")),
        (("tiny", "small"), CAP, ("auto", "auto, 6 looks")),
        (("large", "medium"), CAP, ("auto", "auto, 6 looks")),
        (("large",), CAP, ("auto", "auto, 6 looks")),
        (("medium",), CAP, ("auto", "auto, 6 looks")),
    ):
        group = [row for row in rows if row["target"] in targets]
        against = [row for row in group if row["side"] == other]
        for name in sides:
            own = [row for row in group if row["side"] == name]
            cells = [compared(own, against, column, minus) for column in ("right", "iou")]
            cells.append(compared(own, against, "seconds", over))
            yield f"| {', '.join(targets)} | {name} | {other} | {' | '.join(cells)} |"


def main() -> int:
    """Measure, or print the tables."""
    parser = row_files.arguments(__doc__, "description and side", 50)
    parser.add_argument("--csv", type=Path, help="with --summary, write the first table there too")
    options = parser.parse_args()
    if not options.summary:
        engine = saccade.load()
        engine.locate(saccade.scenes.generate(0, size=SIZE).image, "the red window", policy="search")  # warm up
        seeds = range(FIRST_SEED, FIRST_SEED + options.screens)
        row_files.measure(options.out, seeds, lambda seed: screen_rows(engine, seed))
    rows = row_files.read(options.out)
    table = lines(rows)
    for column in ("right", "iou", "tokens", "seconds"):
        print("\n".join([f"{column}:", "", *matrix(table, column), ""]))
    print("\n".join(aims(rows)))
    row_files.write_csv(options.csv, HEADER, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
