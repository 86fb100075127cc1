"""The page's own arithmetic equals the core's and `mlx_saccade.recommend`'s, run by a small JavaScript engine."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

import mlx_saccade as saccade
from mlx_saccade import _core, families
from mlx_saccade.dashboard.data import data_of, script
from mlx_saccade.dashboard.sources import Sources
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import runtimes
from mlx_saccade.preprocess.plan import plan

quickjs = pytest.importorskip("quickjs")
COUNT = 2000
FAMILIES = tuple(name for name in families.names() if not families.get(name).budgets)  # those of smart_resize


@pytest.fixture(scope="module")
def evaluate() -> Callable[[str], Any]:
    """Return a function that runs an expression on the page's scripts."""
    context = quickjs.Context()
    context.eval(script(data_of(Sources())))
    static = resources.files("mlx_saccade") / "dashboard" / "static"
    for name in ("resize.js", "recommend.js", "format.js", "csv.js"):
        context.eval((static / name).read_text(encoding="utf-8"))
    context.eval("const named = (name) => saccade.data.arithmetic.families.find((one) => one.name === name);")
    return lambda expression: json.loads(context.eval(f"JSON.stringify({expression})"))


def sizes() -> list[tuple[int, int]]:
    """Return sizes of all magnitudes, ties of the rounding, strips and screens among them."""
    random_state = random.Random(7)
    ties = [(14 * a, 16 * b) for a in range(1, 30, 2) for b in range(1, 30, 2)]
    known = [(1, 1), (1, 200), (1, 201), (200, 1), (20000, 100), (100000, 100000), (3840, 2160), (1920, 1080)]
    drawn = [
        (int(2 ** random_state.uniform(0, 14)), int(2 ** random_state.uniform(0, 14)))
        for _ in range(COUNT - len(ties) - len(known))
    ]
    return known + ties + drawn


def test_smart_resize_equals_the_core(evaluate: Callable[[str], Any]) -> None:
    cases = []
    for place, (width, height) in enumerate(sizes()):
        factor = (28, 32)[place % 2]
        area = factor**2
        limits = ((3136, 1003520), (65536, 16777216), (4 * area, 256 * area), (area, 16 * area), (area, 2 * area))
        least, most = limits[place % 5]
        cases.append((width, height, factor, least, most))
    results = evaluate(f"{json.dumps(cases)}.map(([w, h, ...rest]) => saccade.resize.smartResize([w, h], ...rest))")
    assert len(results) == COUNT
    for (width, height, factor, least, most), result in zip(cases, results, strict=True):
        if max(width, height) / min(width, height) > 200:
            assert result is None
        else:
            high, wide = _core.smart_resize(height, width, factor, least, most)
            assert result == [wide, high], (width, height, factor, least, most)


@pytest.mark.parametrize("family", FAMILIES)
def test_plan_equals_the_package(family: str, evaluate: Callable[[str], Any]) -> None:
    some = [(size, (1280, 20, 66)[place % 3]) for place, size in enumerate(sizes()[::4])]
    results = evaluate(
        f"{json.dumps(some)}.map(([size, budget]) => saccade.resize.planTokens(size, named('{family}'), budget))"
    )
    for (size, budget), result in zip(some, results, strict=True):
        try:
            expected = plan(size, family=family, budget=budget)
        except InputError:
            assert result is None, size
            continue
        assert result["resized"] == list(expected.resized_size)
        assert result["tokens"] == expected.tokens
        assert (result["windows"] or {"count": 0})["count"] == expected.windows
        assert result["patchBytes"] == expected.as_dict()["patch_bytes"]


@pytest.mark.parametrize("family", FAMILIES)
def test_survey_equals_the_package(family: str, evaluate: Callable[[str], Any]) -> None:
    for size in [(3840, 2160), (1, 1), (640, 480), (126, 70), (9, 1700), (8000, 50)]:
        rows = evaluate(
            "saccade.data.arithmetic.runtimes.flatMap((one) => one.families)"
            f".filter((one) => one.family === '{family}')"
            f".map((one) => saccade.resize.surveyRow({json.dumps(size)}, named('{family}'), one))"
        )
        for row, expected in zip(rows, runtimes.survey(size, family), strict=True):
            assert (row and row["tokens"]) == expected.tokens
            assert (row and tuple(row["resized"])) == expected.resized_size


def test_recommendation_equals_the_package(evaluate: Callable[[str], Any]) -> None:
    random_state = random.Random(8)
    cases = []
    for place, (width, height) in enumerate(sizes()):
        share = 10 ** random_state.uniform(-3, 0)
        target = (max(1, int(width * share)), max(1, int(height * random_state.uniform(0.3, 1) * share)))
        cases.append((target, (width, height), FAMILIES[place % 3]))
    results = evaluate(
        f"{json.dumps(cases)}.map(([target, size, name]) => saccade.recommend.recommend(target, size, named(name)))"
    )
    assert len(results) == COUNT
    for (target, size, name), result in zip(cases, results, strict=True):
        try:
            expected = saccade.recommend(target, size, family=name)
        except InputError:
            assert result is None, (target, size, name)
            continue
        assert result["row"]["size"] == expected.size
        assert (result["budget"], result["capped"]) == (expected.budget, expected.capped)
        assert result["plan"]["resized"] == list(expected.resized_size)
        assert result["shorter"] == expected.shorter_side


def test_round_half_even_equals_python(evaluate: Callable[[str], Any]) -> None:
    values = [number / 4 for number in range(40)] + [0.49999999999999994, 2**52 + 0.5, 2**53 - 1.0]
    assert evaluate(f"{json.dumps(values)}.map(saccade.resize.roundHalfEven)") == [round(value) for value in values]


def test_missing_is_a_dash_and_never_zero(evaluate: Callable[[str], Any]) -> None:
    for name in ("whole", "seconds", "figures", "bytes", "share", "times", "size"):
        assert evaluate(f"saccade.format.{name}(null)") == "–"
        assert evaluate(f"saccade.format.{name}(undefined)") == "–"
    assert evaluate("saccade.format.whole(0)") == "0"


def test_csv_quotes_and_runs_no_formula(evaluate: Callable[[str], Any]) -> None:
    rows = [["a,b", 'say "x"', "=1+1", "-2", -2, None, "two\nlines"]]
    expected = '"a,b","say ""x""",\'=1+1,\'-2,-2,,"two\nlines"\r\n'
    assert evaluate(f"saccade.csv.text({json.dumps(rows)})") == expected
