"""Compare confidence with the share of right boxes, and candidates with their price, on generated screens.

    python benchmarks/confidence.py calibration --screens 600      # bins of confidence, and other ways to rate a box
    python benchmarks/confidence.py candidates --screens 120       # true boxes among k candidates, and seconds
    python benchmarks/confidence.py calibration --model PATH       # of another checkpoint

Neither training nor another figure uses these screens: their seeds are from 760,000, those of training from 1,000,000,
those of `mlx-saccade tiny evaluate` below 750,000. A box is right if its IoU with the described element is at least
0.5. Intervals are 95 %, by screens (`mlx_saccade.evals.bootstrap`).

- in range: `tiny evaluate`'s screens, sizes and budgets; elements of at least 28 model pixels.
- any size: elements of 4K screens at 256 tokens, however small.
- absent: descriptions of nothing on a screen in range; each box is wrong.
- twins: descriptions that fit two elements, of at least 20 model pixels each.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

import mlx_saccade as saccade
from mlx_saccade import grounding
from mlx_saccade.engine import Engine
from mlx_saccade.engine.confidence import TokenRecorder
from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.tiny import questions
from mlx_saccade.grounding.written import WrittenPlace
from mlx_saccade.media import Frame
from mlx_saccade.scenes import Scene

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
RANGE, ANY_SIZE, TWINS = 760_000, 770_000, 790_000
TOKENS = 256
WAY = "confidence: within 0.25 of the side"
TWIN_SIDE = 20.0  # model pixels

Box = tuple[float, ...]
Decode = Callable[[Sequence[int]], str]
Asked = list[tuple[str, str, list[Box]]]
"""Groups, descriptions and the boxes that are right."""


@dataclass
class Rated:
    """An answer with a box: its screen, whether it is right, and what several ways give it."""

    group: str
    screen: int
    is_right: bool
    is_hit: bool
    ratings: dict[str, float] = field(default_factory=dict)

    @property
    def confidence(self) -> float:
        """Return the confidence of the answer."""
        return self.ratings[WAY]


class Ways:
    """Other ways to rate a place, taken from the recorder of the answer that is being read."""

    def __init__(self) -> None:
        """Watch every confidence that is computed."""
        self.last: dict[str, float] = {}
        self._rate = TokenRecorder.confidence
        ways = self

        def confidence(recorder: TokenRecorder, place: WrittenPlace, text: str, decode: Decode) -> float | None:
            ways.last = ways.all(recorder, place, text, decode)
            return ways._rate(recorder, place, text, decode)

        TokenRecorder.confidence = confidence

    def all(self, recorder: TokenRecorder, place: WrittenPlace, text: str, decode: Decode) -> dict[str, float]:
        """Return the ratings by name; tolerances are in shares of the box's sides."""

        def rate(share: float, spans: Sequence[tuple[int, int]] = place.spans) -> float:
            tolerance = (place.tolerance[0] * 4 * share, place.tolerance[1] * 4 * share)
            return self._rate(recorder, replace(place, spans=tuple(spans), tolerance=tolerance), text, decode) or 0.0

        each = [rate(0, [span]) for span in place.spans]
        ratings = {
            "product of probabilities": float(np.prod(each)),
            "geometric mean": float(np.prod(each) ** (1 / max(len(each), 1))),
            "least": min(each, default=0.0),
            "first number": each[0] if each else 0.0,
        }
        return ratings | {f"within {share} of the side": rate(share) for share in (0.125, 0.5)}


def rated(engine: Engine, screens: int) -> Iterator[Rated]:
    """Yield the answers with a box, of `screens` screens in range and as many of 4K."""
    ways = Ways()
    for unit in range(screens):
        size = questions.SIZES[unit % len(questions.SIZES)]
        budget = questions.BUDGETS[unit % len(questions.BUDGETS)]
        scene = saccade.scenes.generate(RANGE + unit, size)
        elements = questions.range_targets(scene.elements, engine.plan(size, budget=budget), unit)
        asked = [("in range", element.description, [element.box]) for element in elements]
        asked.append(("absent", scene.absent(unit), []))
        yield from _ask(engine, ways, scene, asked, budget, 2 * unit)
        scene = saccade.scenes.generate(ANY_SIZE + unit, questions.LAW_SIZE)
        some = np.random.RandomState(unit).permutation(len(scene.elements))[:6]
        asked = [("any size", scene.elements[n].description, [scene.elements[n].box]) for n in some]
        yield from _ask(engine, ways, scene, asked, TOKENS, 2 * unit + 1)


def _ask(engine: Engine, ways: Ways, scene: Scene, asked: Asked, budget: int, screen: int) -> Iterator[Rated]:
    frame = engine.open(scene.image)
    for group, description, boxes in asked:
        answer = engine.locate(frame, description, budget=budget)
        if answer.confidence is not None and answer.boxes:
            right = any(grounding.iou(answer.boxes[0].xyxy, box) >= 0.5 for box in boxes)
            hit = any(grounding.center_inside(answer.boxes[0], box) for box in boxes)
            yield Rated(group, screen, right, hit, ways.last | {WAY: answer.confidence})


def calibration(engine: Engine, screens: int) -> None:
    """Print the table of bins, then that of ways."""
    rows = list(rated(engine, screens))
    groups = {name: [row for row in rows if row.group == name] for name in ("in range", "any size")}
    groups["in range, absent"] = [row for row in rows if row.group in ("in range", "absent")]
    print(
        "| confidence | screens | n | mean confidence | IoU at least 0.5 | center inside |\n|---|---|---|---|---|---|"
    )
    for name in ("in range, absent", "any size"):
        for low, high in itertools.pairwise(BINS):
            inside = [row for row in groups[name] if low <= row.confidence < high or high == 1.0 == row.confidence]
            if inside:
                mean = np.mean([row.confidence for row in inside])
                right, hit = (_share(inside, key) for key in ("is_right", "is_hit"))
                print(f"| {low:g} to {high:g} | {name} | {len(inside)} | {mean:.2f} | {right} | {hit} |")
    names = [*rows[0].ratings]
    print("\n| way | " + " | ".join(f"{name}: AUROC, error" for name in groups) + " |\n|---|" + "---|" * len(groups))
    for way in names:
        cells = [f"{auroc(group, way):.3f}, {calibration_error(group, way):.3f}" for group in groups.values()]
        print(f"| {way} | {' | '.join(cells)} |")


def _share(rows: Sequence[Rated], key: str) -> str:
    values = [(row.screen, float(getattr(row, key))) for row in rows]
    bounds = interval([values])
    limits = "" if bounds is None else f" ({bounds[0]:.2f}-{bounds[1]:.2f})"
    return f"{np.mean([value for _, value in values]):.2f}{limits}"


def auroc(rows: Sequence[Rated], way: str) -> float:
    """Return the probability that a right box is rated above a wrong one, ties counting half."""
    values = np.array([row.ratings[way] for row in rows])
    right = np.array([row.is_right for row in rows])
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    positives = int(right.sum())
    pairs = positives * (len(rows) - positives)
    return float("nan") if not pairs else float((ranks[right].sum() - positives * (positives + 1) / 2) / pairs)


def calibration_error(rows: Sequence[Rated], way: str) -> float:
    """Return the mean distance of rating and share of right boxes over ten equal bins, weighted by their answers."""
    values = np.array([row.ratings[way] for row in rows])
    right = np.array([row.is_right for row in rows], float)
    bins = np.minimum((values * 10).astype(int), 9)
    return float(sum(abs((values - right)[bins == place].sum()) for place in range(10)) / len(rows))


def candidates(engine: Engine, screens: int, counts: Sequence[int] = (1, 3, 5)) -> None:
    """Print how many true boxes are among the candidates, and the seconds beyond those of the answer."""
    found: dict[tuple[str, int], list[tuple[int, bool, bool, float]]] = {}
    for unit in range(screens):
        for group, frame, description, boxes in _candidate_questions(engine, unit):
            engine.locate(frame, description, budget=TOKENS)  # image and prompt are cached after it
            base = 0.0
            for count in counts:
                start = time.perf_counter()
                answer = engine.locate(frame, description, budget=TOKENS, candidates=count)
                seconds = time.perf_counter() - start
                if not answer.boxes:
                    break
                base = seconds if count == 1 else base
                given = [one.box.xyxy for one in answer.candidates] or [answer.boxes[0].xyxy]
                inside = [any(grounding.iou(one, box) >= 0.5 for one in given) for box in boxes]
                found.setdefault((group, count), []).append((unit, any(inside), all(inside), seconds - base))
    print(
        "| screens | candidates | n | a true box | all true boxes | seconds more (median) |\n|---|---|---|---|---|---|"
    )
    for (group, count), rows in found.items():
        cells = []
        for place in (1, 2):
            bounds = interval([[(row[0], float(row[place])) for row in rows]])
            limits = "" if bounds is None else f" ({bounds[0]:.2f}-{bounds[1]:.2f})"
            cells.append(f"{np.mean([row[place] for row in rows]):.2f}{limits}")
        print(f"| {group} | {count} | {len(rows)} | {' | '.join(cells)} | {np.median([row[3] for row in rows]):.3f} |")


def _candidate_questions(engine: Engine, unit: int) -> Iterator[tuple[str, Frame, str, list[Box]]]:
    size = (1440, 900)
    plan = engine.plan(size, budget=TOKENS)
    scene = saccade.scenes.generate(TWINS + unit, size, ambiguous=True)
    frame = engine.open(scene.image)
    pairs = [pair for pair in scene.ambiguous if all(_side(box, plan.scale) >= TWIN_SIDE for box in pair.boxes)]
    for pair in pairs[:2]:
        yield "twins", frame, pair.description, list(pair.boxes)
    scene = saccade.scenes.generate(TWINS + 1000 + unit, questions.LAW_SIZE)
    frame = engine.open(scene.image)
    for number in np.random.RandomState(unit).permutation(len(scene.elements))[:3]:
        yield "any size", frame, scene.elements[number].description, [scene.elements[number].box]


def _side(box: Box, scale: tuple[float, float]) -> float:
    return min((box[2] - box[0]) / scale[0], (box[3] - box[1]) / scale[1])


def main() -> None:
    """Print the tables of one part."""
    parts: dict[str, Callable[[Engine, int], None]] = {
        "calibration": calibration, "candidates": candidates,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--screens", type=int, default=100, help="screens of each kind (default 100)")
    parser.add_argument("--model", help="checkpoint (default: the packaged one)")
    options = parser.parse_args()
    parts[options.part](saccade.load(options.model), options.screens)


if __name__ == "__main__":
    main()
