"""The reuse of prompts, on objects with the attributes of mlx-vlm's (tests/long has the real ones)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx_vlm_modules import StandInModel, StandInProcessor

from mlx_saccade.integrations import mlx_vlm as fast
from mlx_saccade.integrations.mlx_vlm import guard, prompts, reuse
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks

IMAGE, VIDEO, TOKENS = 100, 101, 6
GRID = (1, 4, 6)  # 24 patches, six tokens


class KVCache:
    """A layer's cache with the attributes of mlx-vlm's."""

    def __init__(self) -> None:
        self.keys: Any = None
        self.values: Any = None
        self.offset = 0

    @property
    def state(self) -> Any:
        return self.keys, self.values

    @state.setter
    def state(self, state: Any) -> None:
        self.keys, self.values = state
        self.offset = state[0].shape[2]

    def append(self, values: np.ndarray) -> None:
        """Append one value a token, float32 [tokens]."""
        new = mx.array(values.astype(np.float32)).reshape(1, 1, -1, 1)
        old = [] if self.keys is None else [self.keys[:, :, : self.offset]]
        keys = mx.concatenate([*old, new], axis=2)
        self.state = keys, keys * 2


class RotatingCache(KVCache):
    """A cache that may lose its beginning."""


class Language:
    """The position ids of a language model: text advances by one, an image by its longer side."""

    step = 3

    def get_rope_index(self, ids: Any, grids: Any = None, videos: Any = None, mask: Any = None) -> Any:
        row, place, rows = ids[0].tolist(), 0, []
        for number, token in enumerate(row):
            inside = token == IMAGE and number and row[number - 1] == IMAGE
            place += 0 if inside else self.step if token == IMAGE else 1
            rows.append((place, place + number % 2, place))
        return mx.array(np.array(rows, np.int32).T[:, None]), mx.array([[place + 1 - len(row)]])


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.config = SimpleNamespace(image_token_id=IMAGE, video_token_id=VIDEO)
        self.language_model: Any = Language()


class Upstream:
    """The order of calls in mlx-vlm's `stream_generate`; its answer depends on each key of the cache."""

    def __init__(self, hooks: Hooks | None, model: Model | None = None, layer: type[KVCache] = KVCache) -> None:
        self.dispatch, self.caches = ModuleType("dispatch"), ModuleType("cache")
        vars(self.dispatch)["_prepare_generation_inputs"] = lambda model, ids, pixels, data: (ids, pixels, None, data)
        vars(self.dispatch)["generate_step"] = generate_step
        vars(self.caches)["make_prompt_cache"] = lambda model: [layer(), layer()]
        self.model = model or Model()
        if hooks is not None:
            state = type("State", (), {"find_prefix_length": lambda *_: 0, "update": lambda *_: None})
            for _ in range(2):
                guard.hook(hooks, state, self.dispatch, self.caches)
                prompts.hook(hooks, self.dispatch, KVCache)
                prompts.use(self.model, hooks)

    def stream(self, ids: list[int], *seeds: int, **options: Any) -> Iterator[int]:
        pixels = mx.concatenate([patches(seed) for seed in seeds]) if seeds else None
        data = {"image_grid_thw": mx.array([GRID] * len(seeds))} if seeds else {}
        prepare, make = self.dispatch._prepare_generation_inputs, self.caches.make_prompt_cache
        input_ids, pixels, mask, data = prepare(self.model, mx.array([ids]), pixels, data)
        layers = options.pop("prompt_cache", None) or make(self.model)
        yield from self.dispatch.generate_step(
            input_ids, self.model, pixels, mask, prompt_cache=layers, **data, **options
        )

    def ask(self, ids: list[int], *seeds: int, **options: Any) -> list[int]:
        return list(self.stream(ids, *seeds, **options))


def patches(seed: int) -> mx.array:
    return mx.array(np.random.RandomState(seed).randint(0, 256, (24, 12), dtype=np.uint8))


def generate_step(ids: Any, model: Model, pixels: Any, mask: Any, **options: Any) -> Iterator[int]:
    """Fill the caches with a value for each token and its position, and yield three sums over them."""
    layers = options["prompt_cache"]
    known, row = layers[0].offset, ids[0].tolist()
    positions = options.get("position_ids")
    if positions is None:
        assert known == 0, "positions of a part are not those of the prompt"
        positions, _ = model.language_model.get_rope_index(ids)
    columns = np.asarray(positions).astype(np.float64).reshape(3, -1)[:, known : known + len(row)]
    values = np.array(row, np.float64) + columns[0] / 7 + columns[1] / 11
    images = np.array([token == IMAGE for token in row])
    assert images.any() == (pixels is not None)
    if images.any():
        values[images] += np.asarray(pixels).reshape(int(images.sum()), -1).mean(axis=1)
    for number, layer in enumerate(layers):
        layer.append(values * (number + 1))
    for _ in range(3):
        kept = np.concatenate([np.asarray(layer.keys).ravel() + np.asarray(layer.values).ravel() for layer in layers])
        answer = int((kept * np.cos(np.arange(len(kept)))).sum() * 16) % 97
        yield answer
        for layer in layers:
            layer.append(np.array([answer]))


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    registry = Hooks()
    reuse.store.clear()
    yield registry
    registry.restore()
    reuse.store.set_limit("512MB")
    reuse.store.clear()


def reused(upstream: Upstream, ids: list[int], *seeds: int, **options: Any) -> int:
    """Ask, compare with the answer of an upstream without hooks, and return the tokens that were reused."""
    before = reuse.store.counts()
    answer = upstream.ask(ids, *seeds, **options)
    spent = reuse.store.counts() - before
    assert answer == Upstream(None, upstream.model).ask(ids, *seeds, **options)
    return spent.reused_tokens


SCREEN = [1, *[IMAGE] * TOKENS, 2]


def test_a_second_question_about_a_screen_reads_its_own_words_alone(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    assert reused(upstream, [*SCREEN, 3, 4, 5], 7) == 0
    assert reused(upstream, [*SCREEN, 3, 6], 7) == 9
    assert reused(upstream, [*SCREEN, 3, 6], 7) == 9  # one token is left to go on with
    assert reused(upstream, SCREEN, 7) == 7
    assert reused(upstream, [*SCREEN, 3, 4, 5, 8], 7) == 11


def test_another_image_of_the_same_size_is_read(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    assert reused(upstream, [*SCREEN, 3], 7) == 0
    assert reused(upstream, [*SCREEN, 4], 8) == 0
    assert reused(upstream, [*SCREEN, 5], 7) == 8
    assert reused(upstream, [*SCREEN, *SCREEN, 5], 7, 8) == 0  # an image follows what is known
    assert reused(upstream, [*SCREEN, *SCREEN, 6], 7, 8) == 16
    assert reused(upstream, [*SCREEN, *SCREEN, 6], 7, 9) == 0
    assert reused(upstream, [*SCREEN, *SCREEN, 6], 8, 7) == 0


def test_generated_conversations_are_answered_as_without_reuse(hooks: Hooks) -> None:
    upstream, random, total = Upstream(hooks), np.random.RandomState(3), 0
    for _ in range(150):
        ids, seeds = [1], []
        for _ in range(random.randint(3)):
            ids += [*SCREEN[1:], *random.randint(3, 5, random.randint(2)).tolist()]
            seeds.append(int(random.randint(3)))
        ids += random.randint(3, 6, random.randint(1, 6)).tolist()
        total += reused(upstream, ids, *seeds)
    assert total > 500


def test_other_positions_are_another_prompt(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    reused(upstream, [*SCREEN, 3], 7)
    upstream.model.language_model.step = 5
    assert reused(upstream, [*SCREEN, 4], 7) == 0
    assert reused(upstream, [*SCREEN, 5], 7) == 8


def test_replaced_weights_are_another_model(hooks: Hooks) -> None:
    upstream, other = Upstream(hooks), Upstream(Hooks())
    prompts.use(other.model, hooks)
    reused(upstream, [*SCREEN, 3], 7)
    assert reused(other, [*SCREEN, 4], 7) == 0
    upstream.model.layer.weight = upstream.model.layer.weight + 1
    assert reused(upstream, [*SCREEN, 4], 7) == 0
    assert reused(upstream, [*SCREEN, 5], 7) == 8


@pytest.mark.parametrize(
    "options",
    [{"kv_bits": 4}, {"max_kv_size": 64}, {"draft_model": object()}, {"inputs_embeds": mx.zeros(1)},
     {"prefill_step_size": None}, {"cached_image_features": mx.zeros(1)}],
)  # fmt: skip
def test_options_that_change_the_keys_or_read_the_prompt_end_the_reuse(hooks: Hooks, options: dict[str, Any]) -> None:
    upstream = Upstream(hooks)
    reused(upstream, [*SCREEN, 3], 7)
    assert reused(upstream, [*SCREEN, 4], 7, **options) == 0
    assert reused(upstream, [*SCREEN, 5], 7, temperature=0.0, kv_bits=None) == 8


def test_a_cache_that_may_lose_its_beginning_is_left_alone(hooks: Hooks) -> None:
    upstream = Upstream(hooks, layer=RotatingCache)
    for _ in range(2):
        assert reused(upstream, [*SCREEN, 3], 7) == 0
    assert reuse.store.counts().bytes == 0


def test_a_cache_of_the_callers_own_is_not_taken_for_another_prompts(hooks: Hooks) -> None:
    """A cache that is made while an earlier prompt waits belongs to neither."""
    upstream = Upstream(hooks)
    upstream.ask([*SCREEN, 3], 7, prompt_cache=[KVCache(), KVCache()])
    own = upstream.caches.make_prompt_cache(None)
    upstream.ask([*SCREEN, 3], 8, prompt_cache=own)
    assert reused(upstream, [*SCREEN, 4], 7) == 0
    assert reused(upstream, [*SCREEN, 4], 8) == 0


def test_a_stream_that_is_left_after_one_token_keeps_nothing(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    for tokens, expected in ((1, 0), (2, 8)):
        reuse.store.clear()
        stream = upstream.stream([*SCREEN, 3], 7)
        for _ in range(tokens):
            next(stream)
        stream.close()
        assert reused(upstream, [*SCREEN, 4], 7) == expected


def test_a_stream_that_outlives_the_hooks_is_finished_and_not_kept(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    stream = upstream.stream([*SCREEN, 3], 7)
    answer = [next(stream)]
    hooks.restore()
    assert [*answer, *stream] == Upstream(None).ask([*SCREEN, 3], 7)
    assert reuse.store.counts().bytes == 0


def test_streams_that_alternate_do_not_mix(hooks: Hooks) -> None:
    upstream, plain = Upstream(hooks), Upstream(None)
    questions = [([*SCREEN, 3, number], seed) for number, seed in ((3, 7), (4, 8), (5, 7), (6, 8))]
    streams = [upstream.stream(ids, seed) for ids, seed in questions]
    answers = list(zip(*(zip(*streams, strict=True)), strict=True))
    assert [list(answer) for answer in answers] == [plain.ask(ids, seed) for ids, seed in questions]


def test_the_limit_holds_and_nothing_is_kept_at_zero(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    reuse.store.set_limit(4000)
    for seed in range(30):
        reused(upstream, [*SCREEN, 3], seed)
        assert 0 < reuse.store.counts().bytes <= 4000
    assert reused(upstream, [*SCREEN, 4], 29) == 8
    assert reused(upstream, [*SCREEN, 4], 0) == 0
    reuse.store.set_limit(0)
    assert reused(upstream, [*SCREEN, 4], 29) == 0
    assert reuse.store.counts().bytes == 0


def test_threads_ask_about_their_own_screens(hooks: Hooks) -> None:
    upstream, plain = Upstream(hooks), Upstream(None)
    barrier, answers = threading.Barrier(4), {}
    questions = [[*SCREEN, 3, 10 + number] for number in range(12)]

    def converse(seed: int) -> None:
        barrier.wait(60)
        answers[seed] = [upstream.ask(ids, seed) for ids in questions]

    threads = [threading.Thread(target=converse, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {seed: [plain.ask(ids, seed) for ids in questions] for seed in range(4)}


def test_runs_that_are_not_one_for_each_image_are_unknown() -> None:
    ids = [1, *[IMAGE] * 2 * TOKENS, 2]  # two images without a word between them
    grids = {"image_grid_thw": mx.array([GRID, GRID])}
    media = guard.PromptMedia(Model().config, mx.concatenate([patches(1), patches(2)]), grids)
    positions = mx.zeros((3, 1, len(ids)), mx.int32)
    assert prompts.prompt_rows(ids, positions, media, b"\0" * 32) is None


def test_restore_leaves_mlx_vlms_own_code(hooks: Hooks) -> None:
    upstream = Upstream(hooks)
    before = set(vars(Model()))
    assert set(vars(upstream.model)) > before
    assert hooks.restore() == ()
    assert upstream.dispatch.generate_step is generate_step
    assert set(vars(upstream.model)) == before


def test_the_switch_turns_reuse_on_and_off(
    upstream: ModuleType, model: StandInModel, processor: StandInProcessor
) -> None:
    before = dict(vars(model))
    fast.enable(model, processor, prefix_reuse=False)
    assert (vars(model), fast.status().models[0].prefix_reuse) == (before, False)
    fast.enable(model, processor)
    assert vars(model).keys() > before.keys()
    fast.enable(model, processor, prefix_reuse=False)
    assert vars(model) == before
    fast.enable(model, processor)
    fast.disable(model)
    assert vars(model) == before


def test_nothing_is_hooked_without_mlx_vlm(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(__import__("sys").modules, "mlx_vlm", raising=False)
    prompts.attach(hooks)
    assert len(hooks) == 0
