"""The guard of the prompt cache, on objects with the attributes of mlx-vlm's (tests/long has the real ones)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade.integrations.mlx_vlm import guard
from mlx_saccade.integrations.mlx_vlm.guard import PromptMedia, safe_prefix
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks

IMAGE, VIDEO = 100, 101
CONFIG = SimpleNamespace(image_token_id=IMAGE, video_token_id=VIDEO)
GRID = (1, 2, 4)  # two tokens


def pixels(*seeds: int) -> mx.array:
    return mx.array(np.concatenate([np.random.RandomState(seed).rand(8, 6).astype(np.float32) for seed in seeds]))


def media(*seeds: int, videos: tuple[int, ...] = ()) -> PromptMedia:
    data: dict[str, Any] = {}
    if seeds:
        data["image_grid_thw"] = mx.array([GRID] * len(seeds))
    if videos:
        data |= {"video_grid_thw": mx.array([GRID] * len(videos)), "pixel_values_videos": pixels(*videos)}
    return PromptMedia(CONFIG, pixels(*seeds) if seeds else None, data)


TWO = [1, IMAGE, IMAGE, 2, IMAGE, IMAGE, 3, 4]


@pytest.mark.parametrize(
    ("matched", "now", "before", "safe"),
    [
        (8, (7, 8), (7, 8), 8),
        (8, (7, 8), (7, 9), 4),
        (8, (7, 8), (9, 8), 1),
        (4, (7, 8), (7, 9), 4),  # the match ends before the image that differs
        (5, (7, 8), (7, 9), 4),
        (1, (7, 8), (9, 9), 1),
        (8, (7, 8), (7,), 4),
        (0, (7, 8), (7, 8), 0),
    ],
)
def test_a_match_ends_before_the_first_image_that_differs(
    matched: int, now: tuple[int, ...], before: tuple[int, ...], safe: int
) -> None:
    assert safe_prefix(TWO, matched, media(*now), media(*before)) == safe


def test_what_is_unknown_is_not_reused() -> None:
    assert safe_prefix(TWO, 8, None, media(7, 8)) == 0
    assert safe_prefix(TWO, 8, media(7, 8), None) == 1
    unfit = PromptMedia(CONFIG, pixels(7, 8), {"image_grid_thw": mx.array([GRID])})
    assert safe_prefix(TWO, 8, unfit, unfit) == 1
    other = PromptMedia(CONFIG, pixels(7, 8).astype(mx.bfloat16), {"image_grid_thw": mx.array([GRID, GRID])})
    assert safe_prefix(TWO, 8, other, other) == 8
    assert safe_prefix(TWO, 8, other, media(7, 8)) == 1


def test_text_and_models_without_grids_are_left_alone() -> None:
    assert safe_prefix([1, 2, 3], 2, media(), media()) == 2
    foreign = PromptMedia(CONFIG, pixels(7), {})
    assert safe_prefix(TWO, 8, foreign, foreign) == 8


def test_images_and_videos_are_counted_apart() -> None:
    ids = [VIDEO, VIDEO, IMAGE, IMAGE, VIDEO, VIDEO, 1]
    now = media(1, videos=(2, 3))
    assert safe_prefix(ids, 7, now, media(1, videos=(2, 3))) == 7
    assert safe_prefix(ids, 7, now, media(1, videos=(2, 4))) == 4
    assert safe_prefix(ids, 7, now, media(5, videos=(2, 3))) == 2


class State:
    """A prompt cache that compares token ids alone, as mlx-vlm's."""

    def __init__(self) -> None:
        self.cache: list[Any] | None = None
        self.token_ids: list[int] = []

    def find_prefix_length(self, new_ids: list[int]) -> int:
        equal = [old == new for old, new in zip(self.token_ids, new_ids, strict=False)]
        return equal.index(False) if False in equal else len(equal)

    def update(self, token_ids: list[int], kv_cache: list[Any]) -> None:
        self.token_ids, self.cache = list(token_ids), kv_cache


class Upstream:
    """The order of calls in mlx-vlm's generation."""

    def __init__(self, hooks: Hooks | None) -> None:
        self.dispatch, self.caches = ModuleType("dispatch"), ModuleType("cache")
        vars(self.dispatch)["_prepare_generation_inputs"] = lambda model, values, data: (None, values, None, data)
        vars(self.caches)["make_prompt_cache"] = lambda model: [object()]
        self.state = type("State", (State,), {name: vars(State)[name] for name in ("find_prefix_length", "update")})
        if hooks is not None:
            guard.hook(hooks, self.state, self.dispatch, self.caches)
            guard.hook(hooks, self.state, self.dispatch, self.caches)

    def turn(self, state: Any, ids: list[int], *seeds: int) -> Iterator[int]:
        """Yield the reused tokens, as a generator that ends with the update."""
        data = {"image_grid_thw": mx.array([GRID] * len(seeds))} if seeds else {}
        values = pixels(*seeds) if seeds else None
        self.dispatch._prepare_generation_inputs(SimpleNamespace(config=CONFIG), values, data)
        reused, cache = 0, None
        if state.cache is not None:
            reused = state.find_prefix_length(ids)
            cache = state.cache if 0 < reused < len(ids) and IMAGE not in ids[reused:] else None
        if cache is None:
            reused, cache = 0, self.caches.make_prompt_cache(None)
        yield reused
        state.update([*ids, 55], cache)

    def ask(self, state: Any, ids: list[int], *seeds: int) -> int:
        (reused,) = self.turn(state, ids, *seeds)
        return reused


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    registry = Hooks()
    yield registry
    registry.restore()


FIRST, SECOND = [1, IMAGE, IMAGE, 2, 3], [1, IMAGE, IMAGE, 2, 4]


def test_another_image_of_the_same_size_is_reused_without_the_guard() -> None:
    upstream = Upstream(None)
    state = upstream.state()
    upstream.ask(state, FIRST, 7)
    assert upstream.ask(state, SECOND, 8) == 4  # the fault that the guard mends


def test_another_image_is_read_anew_and_the_same_one_is_not(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    state = upstream.state()
    upstream.ask(state, FIRST, 7)
    assert upstream.ask(state, SECOND, 7) == 4
    assert upstream.ask(state, FIRST, 7) == 4
    assert upstream.ask(state, FIRST, 8) == 0
    assert upstream.ask(state, SECOND, 8) == 4
    assert upstream.ask(state, SECOND, 7) == 0


def test_an_abandoned_turn_is_remembered_wrongly_without_the_guard() -> None:
    upstream = Upstream(None)
    state = upstream.state()
    upstream.ask(state, [1, IMAGE, IMAGE, 2, 3, 4], 7)
    abandoned = upstream.turn(state, [1, IMAGE, IMAGE, 2, 9, 9], 7)
    next(abandoned)
    abandoned.close()
    assert upstream.ask(state, [1, IMAGE, IMAGE, 2, 3, 4, 5], 7) == 6  # the cache went on with 9, 9


def test_a_conversation_goes_on_after_a_turn_without_a_new_image(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    state = upstream.state()
    upstream.ask(state, FIRST, 7)
    assert upstream.ask(state, [*FIRST, 55, 6], 7) == 6
    assert upstream.ask(state, [*FIRST, 55, 6, 55, 8], 7) == 8
    assert (
        upstream.ask(
            state,
            [9, 9],
        )
        == 0
    )
    assert upstream.ask(state, [9, 9, 55, 9]) == 3


def test_an_abandoned_turn_leaves_what_both_turns_share(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    state = upstream.state()
    upstream.ask(state, [1, IMAGE, IMAGE, 2, 3, 4], 7)
    abandoned = upstream.turn(state, [1, IMAGE, IMAGE, 2, 9, 9], 7)
    assert next(abandoned) == 4
    abandoned.close()
    assert upstream.ask(state, [1, IMAGE, IMAGE, 2, 3, 4, 5], 7) == 4


def test_turns_of_two_conversations_may_alternate(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    first, second = upstream.state(), upstream.state()
    begun = upstream.turn(first, FIRST, 7)
    next(begun)
    upstream.ask(second, FIRST, 8)
    assert list(begun) == []
    assert upstream.ask(first, SECOND, 8) == 0
    assert upstream.ask(second, SECOND, 8) == 4
    assert upstream.ask(second, SECOND, 7) == 0


def test_threads_do_not_mix_their_images(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    states = [upstream.state() for _ in range(4)]
    ready, results = threading.Barrier(4), {}

    def converse(number: int) -> None:
        for turn in range(20):
            ready.wait()
            upstream.ask(states[number], [1, IMAGE, IMAGE, 2, turn], number)
        results[number] = [upstream.ask(states[number], [1, IMAGE, IMAGE, 2, 99], seed) for seed in (number, 9)]

    threads = [threading.Thread(target=converse, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [4, 0] for number in range(4)}


def test_a_cache_of_the_callers_own_is_not_reused_past_an_image(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    state = upstream.state()
    state.update(FIRST, [object()])
    assert upstream.ask(state, SECOND, 7) == 0
    assert upstream.ask(state, FIRST, 7) == 4


def test_pixels_are_not_kept_with_a_cached_prompt(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    state = upstream.state()
    upstream.ask(state, FIRST, 7)
    assert state._media_of_cache._pixels is None


def test_restore_leaves_mlx_vlms_own_code(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    assert len(hooks) == 4
    assert hooks.restore() == ()
    assert upstream.state.update is State.update
    assert upstream.state.find_prefix_length is State.find_prefix_length
    assert type(upstream.caches.make_prompt_cache(None)) is list


def test_nothing_is_hooked_without_mlx_vlm(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(__import__("sys").modules, "mlx_vlm", raising=False)
    guard.attach(hooks)
    assert len(hooks) == 0
