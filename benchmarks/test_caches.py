"""Time the second question about a file beside the first, decoding included.

    python -m pytest benchmarks/test_caches.py

The packaged checkpoint at 1,280 tokens. The target is at most a fifth of the first question's time. The ratio is
printed and in the table's `extra_info`. Answers are compared with those of an engine without caches.
"""

from __future__ import annotations

import json
import statistics
import time

import pytest

import mlx_saccade as saccade
from mlx_saccade.checkpoint import hub

BUDGET = 1280
ROUNDS = 3
# Tokens of the answer: the first one, and one box.
LENGTHS = {"first token": 1, "one box": 32}

DEMO = hub.find(None).parent / "demo"
SCREEN = DEMO / "screen.png"
DESCRIPTIONS = [target["description"] for target in json.loads((DEMO / "targets.json").read_text())["targets"]][:3]


def time_question(engine: saccade.Engine, description: str, length: int) -> tuple[float, str]:
    """Return the seconds of a question and the text of its answer."""
    start = time.perf_counter()
    answer = engine.locate(SCREEN, description, budget=BUDGET, max_tokens=length)
    return time.perf_counter() - start, answer.text


@pytest.mark.parametrize("name", LENGTHS)
def test_second_question(benchmark, name: str) -> None:
    length = LENGTHS[name]
    benchmark.group = "second question, same file"
    cold, warm = saccade.load(cache_memory=0), saccade.load()
    time_question(cold, "warming up", length)
    first = [time_question(cold, description, length) for description in DESCRIPTIONS]
    time_question(warm, "another thing", length)
    descriptions = iter(DESCRIPTIONS)
    texts: list[str] = []

    def second() -> None:
        texts.append(time_question(warm, next(descriptions), length)[1])

    benchmark.pedantic(second, rounds=ROUNDS)
    assert texts == [text for _, text in first]
    assert warm.counts.vision_calls == warm.counts.decodes == 1
    before, after = statistics.median(seconds for seconds, _ in first), benchmark.stats.stats.median
    benchmark.extra_info |= {"first": round(before, 4), "second": round(after, 4), "ratio": round(after / before, 3)}
    print(f"\n{name}: first {before:.3f} s, second {after:.3f} s, ratio {after / before:.3f} (aim 0.2)")
