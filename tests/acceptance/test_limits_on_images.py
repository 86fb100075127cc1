"""Limits on an image, in every spelling and at every level, do what they say, or are refused by name."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade.engine import Engine
from mlx_saccade.engine.answer import FrameInfo
from mlx_saccade.errors import InputError

STORED = json.loads((Path(__file__).parents[1] / "golden" / "conversations.json").read_text(encoding="utf-8"))["grids"]
SIZE = (640, 480)
CAP = 100352  # of the checkpoint, 128 tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("limits"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return saccade.load(folder)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)


def spelled(least: int, most: int) -> list[dict[str, Any]]:
    """Limits in pixels, in every spelling."""
    return [
        {"min_pixels": least, "max_pixels": most},
        {"size": {"shortest_edge": least, "longest_edge": most}},
        {"size": {"min_pixels": least, "max_pixels": most}},
        {"min_pixels": least, "budget": f"{most}px"},
    ]


@pytest.mark.parametrize(("size", "limits", "grid"), STORED)
def test_grids_are_the_references_with_the_same_numbers(
    engine: Engine, size: list[int], limits: list[int], grid: list[int]
) -> None:
    for options in spelled(*limits):
        plan = engine.plan(tuple(size), budget=options)
        assert list(plan.grid_thw) == grid
        assert plan.tokens * 784 <= limits[1]


def test_tokens_are_pixels_in_another_unit(engine: Engine) -> None:
    for least, most in ((4, 64), (100, 200), (256, 300)):
        tokens = engine.plan(SIZE, budget={"min_tokens": least, "max_tokens": most})
        pixels = engine.plan(SIZE, budget={"min_pixels": least * 784, "max_pixels": most * 784})
        assert tokens.resized_size == pixels.resized_size
        assert least <= tokens.tokens <= most


@pytest.mark.parametrize(("detail", "most"), [("low", 256), ("high", 4096)])
def test_detail_is_a_budget(engine: Engine, detail: str, most: int) -> None:
    large = (3840, 2160)
    assert engine.plan(large, budget={"detail": detail}) == engine.plan(large, budget=most)
    assert engine.plan(large, budget={"detail": "auto"}) == engine.plan(large)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [((280, 140), (280, 140)), ((300, 100), (308, 112)), ((854, 616), (840, 616)), ((10, 10), (56, 56))],
)
def test_an_exact_size_is_brought_to_whole_tokens(
    engine: Engine, wanted: tuple[int, int], found: tuple[int, int]
) -> None:
    plan = engine.plan(SIZE, budget={"resized_width": wanted[0], "resized_height": wanted[1]})
    assert plan.resized_size == found
    assert plan.source_size == SIZE


UPPER = [
    {"budget": 50},
    {"max_tokens": 50},
    {"max_pixels": 50 * 784},
    {"size": {"longest_edge": 50 * 784}},
    {"resized_width": 196, "resized_height": 140},
]
LEVELS = ("part", "request", "engine")


def shown(folder: Path, image: np.ndarray, given: dict[str, Any]) -> FrameInfo:
    """What a run with options at some levels was shown."""
    loaded = saccade.load(folder, budget=given.get("engine"), cache_memory=0)
    part = {"type": "image", "image": image, **given.get("part", {})}
    messages = [{"role": "user", "content": [part, {"type": "text", "text": "?"}]}]
    (frame,) = loaded.chat(messages, budget=given.get("request"), max_tokens=1).frames
    return frame


@pytest.mark.parametrize("present", [p for n in (1, 2, 3) for p in itertools.combinations(LEVELS, n)])
def test_the_nearest_level_wins(folder: Path, image: np.ndarray, present: tuple[str, ...]) -> None:
    tokens = {"part": 24, "request": 48, "engine": 96}
    given: dict[str, Any] = {level: {"max_tokens": tokens[level]} for level in present}
    frame = shown(folder, image, given)
    assert frame.budget == f"{tokens[present[0]]} tokens"
    assert frame.processed_size == saccade.plan(SIZE, budget=tokens[present[0]]).resized_size


@pytest.mark.parametrize("near", UPPER, ids=lambda one: "-".join(one))
@pytest.mark.parametrize("far", UPPER, ids=lambda one: "-".join(one))
def test_every_spelling_goes_before_every_other_of_a_farther_level(
    engine: Engine, near: dict[str, Any], far: dict[str, Any]
) -> None:
    alone = engine.encoder.plan(_medium(near), _limits(None))
    both = engine.encoder.plan(_medium(near), _limits({**_doubled(far)}))
    assert alone == both


def _medium(options: dict[str, Any]) -> Any:
    from mlx_saccade.engine.request import Medium
    from mlx_saccade.preprocess import limits as room

    return Medium("image", np.zeros((SIZE[1], SIZE[0], 3), np.uint8), room.read(options, "part"))


def _limits(options: Any) -> Any:
    from mlx_saccade.preprocess import limits as room

    return room.read(options, "request")


def _doubled(options: dict[str, Any]) -> dict[str, Any]:
    """Other numbers in the same spelling."""
    return {
        name: {key: 2 * number for key, number in value.items()} if isinstance(value, dict) else 2 * value
        for name, value in options.items()
    }


def test_limits_of_two_levels_join_and_the_nearer_prevails(folder: Path, image: np.ndarray) -> None:
    joined = shown(folder, image[:60, :60], {"engine": {"max_tokens": 100}, "part": {"min_tokens": 60}})
    assert 60 <= joined.tokens <= 100
    beaten = shown(folder, image, {"engine": {"min_tokens": 90}, "part": {"max_tokens": 30}})
    assert beaten.tokens <= 30


def test_without_options_the_checkpoint_caps_and_can_be_asked_for(engine: Engine, image: np.ndarray) -> None:
    plain = engine.plan(image)
    assert plain.resized_size == engine.plan(image, budget="checkpoint").resized_size
    assert plain.max_pixels == CAP
    assert engine.plan(image, budget={}) == engine.plan(image, budget=None) == plain


def test_a_limit_lasts_one_request(engine: Engine, image: np.ndarray) -> None:
    before = engine.ask(image, "?", max_tokens=2)
    small = engine.ask(image, "?", max_tokens=2, budget={"max_tokens": 12})
    after = engine.ask(image, "?", max_tokens=2)
    assert small.frames[0].tokens <= 12 < before.frames[0].tokens
    assert (after.frames, after.text) == (before.frames, before.text)


def test_each_image_has_its_own(engine: Engine, image: np.ndarray) -> None:
    shown = [{"image": image, "max_tokens": 20}, image, {"image": image, "detail": "low"}]
    frames = engine.ask(shown, "?", budget=60, max_tokens=1).frames
    assert [frame.budget for frame in frames] == ["20 tokens", "60 tokens", "256 tokens"]
    assert [frame.tokens for frame in frames] == [saccade.plan(SIZE, budget=most).tokens for most in (20, 60, 256)]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_pixel": 3136}, "unknown option 'max_pixel'"),
        ({"size": {"height": 3}}, "size has the unknown option 'height'"),
        ({"size": 448}, "size: expected {'shortest_edge': ..., 'longest_edge': ...} in pixels; got 448"),
        ({"size": {}}, "size: expected {'shortest_edge': ..., 'longest_edge': ...} in pixels; got {}"),
        ({"max_pixels": 0}, "max_pixels: expected a whole number of at least 1; got 0"),
        ({"max_pixels": 1.5}, "max_pixels: expected a whole number of at least 1; got 1.5"),
        ({"max_pixels": "1003520"}, "max_pixels: expected a whole number of at least 1; got '1003520'"),
        ({"min_tokens": True}, "min_tokens: expected a whole number of at least 1; got True"),
        ({"min_tokens": -4}, "min_tokens: expected a whole number of at least 1; got -4"),
        ({"detail": "medium"}, "detail: expected one of low, high, auto; got 'medium'"),
        ({"max_tokens": 60, "max_pixels": 50000}, "max_tokens and max_pixels limit the same"),
        ({"budget": 60, "detail": "low"}, "budget and detail limit the same"),
        ({"max_pixels": 5000, "size": {"longest_edge": 5000}}, "size.longest_edge and max_pixels limit the same"),
        ({"min_pixels": 5000, "min_tokens": 8}, "min_tokens and min_pixels limit the same"),
        ({"resized_width": 280}, "resized_width without resized_height"),
        ({"resized_width": 280, "resized_height": 280, "max_tokens": 9}, "max_tokens limits what resized_height"),
        ({"resized_width": 28000, "resized_height": 28}, "a ratio of 1000"),
        ({"min_tokens": 60, "max_tokens": 50}, "60"),
        ({"budget": "plenty"}, "budget: expected a whole number of tokens"),
        ({"budget": "500px"}, "does not fit into 500 pixels"),
        ({"min_pixels": 10**15}, "min_pixels: expected a whole number of at most 1000000000000; got 1000000000000000"),
    ],
)
def test_what_cannot_be_used_is_named(engine: Engine, image: np.ndarray, options: dict[str, Any], named: str) -> None:
    asks: list[Any] = [
        lambda: engine.ask(image, "?", budget=options),
        lambda: engine.ask({"image": image, **options}, "?"),
        lambda: engine.plan(image, budget=options),
        lambda: engine.count_tokens(image, "?", budget=options),
    ]
    for ask in asks:
        with pytest.raises(InputError) as error:
            ask()
        assert named in str(error.value)
        assert "\n" not in str(error.value)


def test_an_engine_refuses_a_default_that_it_cannot_use(folder: Path) -> None:
    with pytest.raises(InputError, match="budget of the engine: unknown option 'max_pixel'"):
        saccade.load(folder, budget={"max_pixel": 3136})


def test_a_budget_below_the_least_is_noted_once(engine: Engine, image: np.ndarray) -> None:
    answer = engine.ask([image, image], "?", budget=2, max_tokens=1)
    assert all(frame.tokens <= 2 for frame in answer.frames)
    assert answer.notes == ("a budget of 2 tokens is below the least of qwen2.5-vl, 4 tokens; answers may get worse",)
