"""Measure which signal of a first look says that its box is wrong, and what a closer look gains.

    python benchmarks/auto_signals.py --out signals.jsonl            # 80 generated 4K screens; resumes the file
    python benchmarks/auto_signals.py --out signals.jsonl --summary  # the tables of the file

Each screen gives up to two targets of each size and two descriptions of nothing on it. A box is right if its center is
in the target's box. The screens' seeds are from 800,000: neither training nor another figure uses them. Intervals are
95 % and draw whole screens (`mlx_saccade.evals.bootstrap`). `auto` was chosen on these screens, and is measured on
others by `benchmarks/auto.py`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mlx.core as mx
import numpy as np
import row_files
from row_files import Row

import mlx_saccade as saccade
from mlx_saccade.engine import Answer, Engine
from mlx_saccade.engine.confidence import TokenRecorder
from mlx_saccade.evals import bootstrap, metrics
from mlx_saccade.evals.datasets import choose_targets
from mlx_saccade.grounding import center_inside, iou
from mlx_saccade.media import Frame
from mlx_saccade.policies.candidates import candidate
from mlx_saccade.policies.tiles import centered
from mlx_saccade.policies.trail import Crop, whole

FIRST_SEED, SIZE = 800_000, (3840, 2160)
TARGETS, ABSENT = 8, 2
BUDGET, CHEAP, LARGE = 256, 64, 1024
SHARES = (0.5, 0.25)
SIDES = (28, 56, 112)  # model pixels
TIMES, LEAST = (2, 4), 224  # sides of the box, and pixels
EDGES = (0, 8, 14, 20, 28, 40, 60, 1000)  # bins of the first box's shorter side, model pixels


class MeanProbability:
    """Collect the probability of every token of the answers that are being written."""

    def __init__(self) -> None:
        """Watch all recorders."""
        self.logs: list[float] = []
        add, logs = TokenRecorder.add, self.logs

        def watched(recorder: TokenRecorder, token: int, logits: mx.array) -> None:
            values = logits.astype(mx.float32)
            logs.append((values[token] - mx.logsumexp(values)).item())
            add(recorder, token, logits)

        TokenRecorder.add = watched

    def take(self) -> float:
        """Return the geometric mean of the probabilities since the last call."""
        mean = float(np.exp(np.mean(self.logs))) if self.logs else 1.0
        self.logs.clear()
        return mean


class Screen:
    """One screen, and the looks at it."""

    def __init__(self, engine: Engine, probabilities: MeanProbability, frame: Frame) -> None:
        self.engine, self.probabilities, self.frame = engine, probabilities, frame

    def look(self, words: str, crop: Crop | None = None, **options: Any) -> tuple[Answer, Row]:
        """Return the answer to one view, and its row."""
        self.probabilities.take()
        view = (crop or whole(self.frame.source_size), words)
        answer = self.engine.look(self.frame, [view], **{"budget": BUDGET, **options})[0]
        one = candidate(answer, view[0], self.frame.source_size, words, 0)
        row = {
            "crop": list(view[0]),
            "box": list(answer.boxes[0]) if answer.boxes else None,
            "confidence": answer.confidence,
            "probability": self.probabilities.take(),
            "agreement": None if one is None else one.agreement,
            "is_cut": None if one is None else one.is_cut,
            "side": None if one is None else one.side,
            "tokens": answer.usage["image"],
            "seconds": round(sum(answer.timings.values()), 4),
        }
        return answer, row

    def looks(self, words: str) -> dict[str, Row]:
        """Return the rows of the first look, of cheap second samples, and of closer looks at its box."""
        first, row = self.look(words)
        rows = {"first": row, "large": self.look(words, budget=LARGE)[1], "cheap": self.look(words, budget=CHEAP)[1]}
        if first.boxes:
            rows["sample"] = self.look(words, temperature=0.9, seed=1)[1]
            for name, crop in self.crops(first):
                rows[name] = self.look(words, crop)[1]
        return rows

    def crops(self, first: Answer) -> Iterator[tuple[str, Crop]]:
        """Yield closer crops: shares of the image, with some model pixels for the box, and of several of its sides."""
        size, (x1, y1, x2, y2) = self.frame.source_size, first.boxes[0].xyxy
        center, processed = first.boxes[0].center, first.frames[0].processed_size
        for share in SHARES:
            yield f"{share} of a side", centered(center, size, (round(size[0] * share), round(size[1] * share)))
        for side in SIDES:
            scale = max(min(x2 - x1, y2 - y1) / side, 1)
            lengths = [min(round(scale * pixels), length) for pixels, length in zip(processed, size, strict=True)]
            yield f"box of {side} px", centered(center, size, (lengths[0], lengths[1]))
        for times in TIMES:
            lengths = [max(LEAST, round(times * box)) for box in (x2 - x1, y2 - y1)]
            yield f"{times} x box", centered(center, size, (lengths[0], lengths[1]))


def screen_rows(screen: Screen, scene: saccade.scenes.Scene, seed: int) -> Iterator[Row]:
    """Yield a row for each description of a screen."""
    chosen = [scene.elements[number] for number in choose_targets(scene.elements, SIZE, seed, TARGETS)]
    named = [(element.description, element.box) for element in chosen]
    for words, box in [*named, *((scene.absent(number), None) for number in range(ABSENT))]:
        yield {"seed": seed, "words": words, "known": box, **screen.looks(words)}


def rows_of_screen(engine: saccade.Engine, probabilities: MeanProbability, seed: int) -> Iterator[Row]:
    """Generate a screen, and yield its rows."""
    scene = saccade.scenes.generate(seed, size=SIZE)
    engine.forget()
    yield from screen_rows(Screen(engine, probabilities, engine.open(scene.image)), scene, seed)


def is_right(look: Row | None, known: Sequence[float] | None) -> bool:
    """Return True if a look has a box whose center is in the known one."""
    box = None if look is None else look["box"]
    return box is not None and known is not None and center_inside(saccade.grounding.Box(tuple(box)), known)


def overlap(row: Row, name: str) -> float:
    """Return the IoU of the first look's box with another look's; 0 without one."""
    box = row[name]["box"]
    return 0.0 if box is None else iou(tuple(row["first"]["box"]), tuple(box))


SIGNALS: dict[str, Callable[[Row], float]] = {
    "confidence": lambda row: row["first"]["confidence"] or 0.0,
    "mean token probability": lambda row: row["first"]["probability"],
    "shorter side, model pixels": lambda row: row["first"]["side"] or 0.0,
    "agreement of the label": lambda row: row["first"]["agreement"],
    "not cut off": lambda row: -float(row["first"]["is_cut"]),
    "IoU with a sample, temperature 0.9": lambda row: overlap(row, "sample"),
    f"IoU with a look at {CHEAP} tokens": lambda row: overlap(row, "cheap"),
    "label, then confidence": lambda row: (row["first"]["agreement"] == 1) + (row["first"]["confidence"] or 0.0),
}


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Return the probability that a right box has more of a signal than a wrong one, ties counting half."""
    a, b = np.array(right)[:, None], np.array(wrong)[None]
    return float(((a > b) + 0.5 * (a == b)).mean()) if a.size and b.size else float("nan")


def auroc_interval(rows: Sequence[Row], signal: Callable[[Row], float], draws: int = 500) -> str:
    """Return the AUROC of a signal with its interval, screens drawn with replacement."""
    screens: dict[int, tuple[list[float], list[float]]] = {}
    for row in rows:
        screens.setdefault(row["seed"], ([], []))[not is_right(row["first"], row["known"])].append(signal(row))

    def value(drawn: Sequence[tuple[list[float], list[float]]]) -> float:
        return auroc(*(list(itertools.chain(*side)) for side in zip(*drawn, strict=True)))

    groups, rng = list(screens.values()), np.random.RandomState(0)
    values = [value([groups[place] for place in rng.randint(0, len(groups), len(groups))]) for _ in range(draws)]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return f"{value(groups):.3f} ({low:.3f}-{high:.3f})"


def share(rows: Sequence[Row], value: Callable[[Row], float]) -> str:
    """Return a mean with its interval."""
    pairs = [(row["seed"], float(value(row))) for row in rows]
    if not pairs:
        return ""
    mean, ends = sum(number for _, number in pairs) / len(pairs), bootstrap.interval([pairs])
    return f"{mean:.2f}" if ends is None else f"{mean:.2f} ({ends[0]:.2f}-{ends[1]:.2f})"


def signal_table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table of signals."""
    boxed = [row for row in rows if row["first"]["box"] is not None]
    groups = {"targets": [row for row in boxed if row["known"]], "targets and absent": boxed}
    yield "| signal | " + " | ".join(f"{name}: AUROC" for name in groups) + " |\n|---|" + "---|" * len(groups)
    for name, signal in SIGNALS.items():
        yield f"| {name} | " + " | ".join(auroc_interval(group, signal) for group in groups.values()) + " |"
    counts = [(len(group), sum(not is_right(row["first"], row["known"]) for row in group)) for group in groups.values()]
    yield "| boxes, of them wrong | " + " | ".join(f"{number}, {wrong}" for number, wrong in counts) + " |"


def size_table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table of first looks by the size of the target."""
    yield "| target | n | box | right | wrong | 1,024 tokens: right |\n|---|" + "---|" * 5
    for name, group in metrics.by_bin([row for row in rows if row["known"]], target_share).items():
        cells = [
            share(group, lambda row: row["first"]["box"] is not None),
            share(group, lambda row: is_right(row["first"], row["known"])),
            share(group, lambda row: row["first"]["box"] is not None and not is_right(row["first"], row["known"])),
            share(group, lambda row: is_right(row["large"], row["known"])),
        ]
        yield f"| {name} | {len(group)} | " + " | ".join(cells) + " |"


def target_share(row: Row) -> float:
    """Return the share of the screen that a target covers."""
    x1, y1, x2, y2 = row["known"]
    return (x2 - x1) * (y2 - y1) / (SIZE[0] * SIZE[1])


def gain_table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table of closer looks, by the size of the first look's box."""
    names = [f"{share} of a side" for share in SHARES]
    names += [*(f"box of {side} px" for side in SIDES), *(f"{times} x box" for times in TIMES)]
    yield f"| first box, shorter side | n | first look | {' | '.join(names)} |\n|---|---|" + "---|" * (len(names) + 1)
    boxed = [row for row in rows if row["known"] and row["first"]["box"] is not None]
    for low, high in itertools.pairwise(EDGES):
        group = [row for row in boxed if low <= row["first"]["side"] < high]
        cells = [quality(group, name) for name in ("first", *names)]
        yield f"| {low} to {high} px | {len(group)} | " + " | ".join(cells) + " |"
    tokens = [sum(row[name]["tokens"] for row in boxed) / max(1, len(boxed)) for name in ("first", *names)]
    yield f"| mean tokens | {len(boxed)} | " + " | ".join(f"{count:.0f}" for count in tokens) + " |"


def quality(rows: Sequence[Row], name: str) -> str:
    """Return the share of right boxes and the mean IoU of a look; the first look's box counts where it has none."""

    def kept(row: Row) -> Row:
        return row["first"] if row[name]["box"] is None else row[name]

    if not rows:
        return ""
    right = sum(is_right(kept(row), row["known"]) for row in rows) / len(rows)
    return f"{right:.2f}, IoU {share(rows, lambda row: iou(tuple(kept(row)['box']), tuple(row['known'])))}"


def main() -> int:
    """Measure, or print the tables."""
    options = row_files.arguments(__doc__, "description", 80).parse_args()
    if not options.summary:
        engine, probabilities = saccade.load(), MeanProbability()
        seeds = range(FIRST_SEED, FIRST_SEED + options.screens)
        row_files.measure(options.out, seeds, lambda seed: rows_of_screen(engine, probabilities, seed))
    rows = row_files.read(options.out)
    for table in (size_table, signal_table, gain_table):
        print("\n".join([*table(rows), ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
