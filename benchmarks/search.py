"""Measure what policies of looking find on generated 4K screens, and at what cost.

    python benchmarks/search.py --out search.jsonl                  # 30 held-out screens; resumes a file that is there
    python benchmarks/search.py --out search.jsonl --summary        # the tables of the looks in the file
    python benchmarks/search.py --out search.jsonl --summary --csv benchmarks/results/search.csv

A screen's targets are a quarter of its elements, whatever their size, and some descriptions of nothing on it. A
target is right if the center of the first box is in the element's box. The policies see descriptions alone.

The same look is taken once for all policies, since greedy answers do not change. So each row holds the looks of one
description under one policy, and the seconds of a policy are the sum over its looks. All descriptions of a screen are
given as one list, so they share the encoding of each crop.

Intervals are 95 % and draw whole screens (`mlx_saccade.evals.bootstrap`).
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import row_files
from row_files import Row

import mlx_saccade as saccade
from mlx_saccade import policies
from mlx_saccade.evals import bootstrap, metrics
from mlx_saccade.grounding import center_inside
from mlx_saccade.policies import candidates
from mlx_saccade.policies.tiles import cut
from mlx_saccade.policies.trail import Trail, whole

FIRST_SEED = 100  # the rules of the search were chosen on seeds 0 to 23
SIZE, BUDGET = (3840, 2160), 256
TARGETS, ABSENT = 0.25, 3  # of all elements, and in number
COUNTS = (5, 8, 12, 20)
BINS = ((0, 40), (40, 100), (100, 250), (250, 9999))
HEADER = ("policy", "right", "wrong", "none", "iou", "looks", "seconds", "alarms", "targets", "absent", "screens")

Policy = Callable[..., list[saccade.Answer]]


class Looks:
    """An engine that takes each look at a screen once, for all policies."""

    def __init__(self, engine: saccade.Engine, frame: saccade.media.Frame) -> None:
        self.engine, self.frame = engine, frame
        self.known: dict[tuple[tuple[int, ...], str], saccade.Answer] = {}

    def look(self, frame: saccade.media.Frame, views: Sequence[Any], **_: Any) -> list[saccade.Answer]:
        """Answer views as `Engine.look` does."""
        new = [view for view in dict.fromkeys(views) if view not in self.known]
        if new:
            self.known.update(zip(new, self.engine.look(frame, new, budget=BUDGET), strict=True))
        return [self.known[view] for view in views]


def best_of_tiles(grid: int, rank: Callable[[candidates.Candidate], Any]) -> Policy:
    """Return a policy that believes the best place of the image and of the tiles of a grid, without a second look."""

    def policy(engine: Looks, frame: saccade.media.Frame, words: Sequence[str], **_: Any) -> list[saccade.Answer]:
        crops = [whole(frame.source_size), *cut(frame.source_size, (grid, grid), 0.2)]
        answers = []
        for text in words:
            trail = Trail(text, frame.source_size)
            looks = engine.look(frame, [(crop, text) for crop in crops])
            places = [trail.add(answer, crop) for crop, answer in zip(crops, looks, strict=True)]
            seen = [place for place in places if place is not None]
            answers.append(trail.answer_of(max(seen, key=rank, default=None)))
        return answers

    return policy


def with_agreement(value: float) -> Policy:
    """Return a search for which every label agrees with its description by `value`.

    1 is as with a model that writes no labels, 0 as with one that labels everything in words of its own.
    """

    def policy(engine: Looks, frame: saccade.media.Frame, words: Sequence[str], **how: Any) -> list[saccade.Answer]:
        known = candidates.agreement
        candidates.agreement = lambda description, label: value
        try:
            return policies.search(engine, frame, words, **how)
        finally:
            candidates.agreement = known

    return policy


def all_policies() -> dict[str, tuple[Policy, dict[str, Any]]]:
    """Return the policies of the table by name, and the parameters of each."""
    table: dict[str, tuple[Policy, dict[str, Any]]] = {"flat": (policies.flat, {}), "zoom": (policies.zoom, {})}
    table |= {f"search, {count} looks": (policies.search, {"max_looks": count}) for count in COUNTS}
    ranks = {
        "any box": lambda one: -one.look,
        "the confidence": lambda one: one.confidence,
        "the label": lambda one: (one.agrees, -one.look),
        "label and confidence": lambda one: (one.agrees, one.confidence),
    }
    table |= {f"3 x 3 tiles, by {name}": (best_of_tiles(3, rank), {}) for name, rank in ranks.items()}
    for count in (12, 20):
        how = {"max_looks": count}
        table |= {
            f"search, {count} looks, no confidence": (policies.search, {**how, "confidence": 0}),
            f"search, {count} looks, no labels": (with_agreement(1.0), how),
            f"search, {count} looks, labels in other words": (with_agreement(0.0), how),
        }
    return table


def screen_rows(engine: saccade.Engine, seed: int) -> Iterator[Row]:
    """Yield a row for each policy and description of a screen."""
    scene, rng = saccade.scenes.generate(seed, size=SIZE), random.Random(seed)
    elements = rng.sample(list(scene.elements), round(TARGETS * len(scene.elements)))
    absent = list(dict.fromkeys(scene.absent(number) for number in range(ABSENT)))
    words = [element.description for element in elements] + absent
    boxes = [element.box for element in elements] + [None] * len(absent)
    engine.forget()
    looks = Looks(engine, engine.open(scene.image))
    for name, (policy, how) in all_policies().items():
        for text, box, answer in zip(words, boxes, policy(looks, looks.frame, words, **how), strict=True):
            yield {
                "seed": seed,
                "policy": name,
                "description": text,
                "known": box,
                "box": list(answer.boxes[0]) if answer.found else None,
                "confidence": answer.confidence,
                "looks": len(answer.looks),
                "tokens": answer.usage["image"],
                "seconds": round(sum(answer.timings.values()), 4),
            }


def summary(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return a line for each policy: shares of targets, and of absent ones that got a box."""
    lines = []
    for name in dict.fromkeys(row["policy"] for row in rows):
        own = [row for row in rows if row["policy"] == name]
        targets, absent = [row for row in own if row["known"]], [row for row in own if not row["known"]]
        screens = len({row["seed"] for row in own})
        line = {"policy": name, "targets": f"{len(targets)}", "absent": f"{len(absent)}", "screens": f"{screens}"}
        for kind in ("right", "wrong", "none"):
            line[kind] = share(targets, lambda row, kind=kind: verdict(row) == kind)
        line["iou"] = share(targets, overlap)
        line["alarms"] = share(absent, lambda row: row["box"] is not None)
        line["looks"] = share(targets, lambda row: row["looks"], "{:.1f}")
        line["seconds"] = share(targets, lambda row: row["seconds"], "{:.2f}")
        lines.append(line)
    return lines


def verdict(row: Row) -> str:
    """Return "right", "wrong" or "none"."""
    if row["box"] is None:
        return "none"
    return "right" if center_inside(saccade.grounding.Box(tuple(row["box"])), row["known"]) else "wrong"


def overlap(row: Row) -> float:
    """Return intersection over union of the box and the element's, 0 without a box."""
    return 0.0 if row["box"] is None else metrics.iou(tuple(row["box"]), tuple(row["known"]))


def share(rows: Sequence[Row], value: Callable[[Row], float], form: str = "{:.3f}") -> str:
    """Return a mean with its interval."""
    pairs = [(row["seed"], float(value(row))) for row in rows]
    mean = form.format(sum(number for _, number in pairs) / max(1, len(pairs)))
    ends = bootstrap.interval([pairs])
    return mean if ends is None else f"{mean} ({form.format(ends[0])}-{form.format(ends[1])})"


def by_size(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each policy with the share that is right, by the shorter side of the target in pixels."""
    names = [f"{low} to {high} px" if high < 9999 else f"from {low} px" for low, high in BINS]
    yield f"| policy | {' | '.join(names)} |"
    yield "|---|" + "---|" * len(BINS)
    for name in ("flat", "zoom", "search, 5 looks", "search, 12 looks", "search, 20 looks"):
        cells = []
        for low, high in BINS:
            own = [row for row in rows if row["policy"] == name and row["known"] and low <= side(row) < high]
            cells.append(f"{share(own, lambda row: verdict(row) == 'right')} n {len(own)}")
        yield f"| {name} | " + " | ".join(cells) + " |"


def side(row: Row) -> int:
    """Return the shorter side of a target in source pixels."""
    x1, y1, x2, y2 = row["known"]
    return min(x2 - x1, y2 - y1)


def main() -> int:
    """Measure, or print the tables."""
    parser = row_files.arguments(__doc__, "description and policy", 30)
    parser.add_argument("--csv", type=Path, help="with --summary, write the table there too")
    options = parser.parse_args()
    if not options.summary:
        engine, seeds = saccade.load(), range(FIRST_SEED, FIRST_SEED + options.screens)
        row_files.measure(options.out, seeds, lambda seed: screen_rows(engine, seed))
    rows = row_files.read(options.out)
    lines = summary(rows)
    print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
    for line in lines:
        print("| " + " | ".join(line[name] for name in HEADER) + " |")
    print("\n".join(["", *by_size(rows)]))
    row_files.write_csv(options.csv, HEADER, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
