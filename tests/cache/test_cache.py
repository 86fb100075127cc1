"""What is kept and what is dropped: the order of use, features by content, prompts by their beginning."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import cache
from mlx_saccade.cache import keys

TOWER = b"m" * 32
TOKEN = 2 * 2 * 2 * 3 * 4 + 8 * 8  # bytes of a token in `state`, and of its row


def name(text: str) -> bytes:
    return text.encode().ljust(32, b".")


def rows(*numbers: int) -> np.ndarray:
    """One row a number, as wide as real ones."""
    return np.repeat(np.array(numbers, np.int64)[:, None], 8, axis=1)


def state(numbers: Any) -> mx.array:
    """Keys and values that can be told apart: [layers 2, 2, heads 2, tokens, width 3], each the number of its token."""
    values = np.asarray(numbers, np.float32)
    return mx.array(np.broadcast_to(values[:, None], (2, 2, 2, len(values), 3)).copy())


def export(prompt: np.ndarray) -> Callable[[int, int], mx.array]:
    return lambda start, stop: state(prompt[start:stop, 0])


def prefixes(tokens: int = 10_000) -> tuple[cache.PrefixCache, cache.ByteLRU]:
    ledger = cache.ByteLRU(tokens * TOKEN)
    return cache.PrefixCache(ledger), ledger


def insert(kept: cache.PrefixCache, *numbers: int) -> None:
    prompt = rows(*numbers)
    kept.insert(prompt, export(prompt))


def longest(kept: cache.PrefixCache, *numbers: int) -> int:
    """Length of the beginning that is kept; its contents are checked."""
    length, found = kept.longest(rows(*numbers))
    if length:
        assert found is not None
        assert (np.asarray(found) == np.asarray(state(numbers[:length]))).all()
    else:
        assert found is None
    return length


def test_what_others_need_is_left_to_them() -> None:
    kept, ledger = prefixes(10)
    insert(kept, 1, 2, 3, 4, 5)
    insert(kept, 7, 8, 9)
    assert (ledger.most, ledger.used) == (10 * TOKEN, 8 * TOKEN)
    ledger.leave(4 * TOKEN)
    assert (ledger.most, ledger.used) == (4 * TOKEN, 3 * TOKEN)
    insert(kept, 1, 2, 3, 4, 5)
    assert (longest(kept, 7, 8, 9), longest(kept, 1, 2)) == (3, 0)
    ledger.leave(-1)
    assert (ledger.most, ledger.used, ledger.limit) == (0, 0, 10 * TOKEN)
    ledger.leave(10**9)
    insert(kept, 1, 2, 3, 4, 5)
    assert (ledger.most, longest(kept, 1, 2, 3, 4, 5)) == (10 * TOKEN, 5)


# -- prompts -----------------------------------------------------------------------------------------------------------


def test_the_longest_beginning_is_found() -> None:
    kept, _ = prefixes()
    insert(kept, 1, 2, 3, 4, 5)
    assert longest(kept, 1, 2, 3, 4, 5, 6) == 5
    assert longest(kept, 1, 2, 3) == 3
    assert longest(kept, 1, 2, 9, 4) == 2
    assert longest(kept, 7, 1, 2) == 0
    assert longest(kept) == 0


def test_a_beginning_is_held_once() -> None:
    kept, ledger = prefixes()
    insert(kept, *range(100))
    one = ledger.used
    insert(kept, *range(90), 500, 501)
    assert ledger.used == one * 102 // 100
    assert longest(kept, *range(100)) == 100
    assert longest(kept, *range(90), 500, 501, 502) == 92
    insert(kept, *range(90), 500, 501)
    assert ledger.used == one * 102 // 100


def test_only_what_is_new_is_exported() -> None:
    kept, _ = prefixes()
    insert(kept, 1, 2, 3, 4)
    asked: list[tuple[int, int]] = []
    prompt = rows(1, 2, 3, 9, 8)

    def recorded(start: int, stop: int) -> mx.array:
        asked.append((start, stop))
        return state(prompt[start:stop, 0])

    kept.insert(prompt, recorded)
    kept.insert(prompt[:2], recorded)
    assert asked == [(3, 5)]


def test_what_comes_out_can_be_written_to() -> None:
    kept, _ = prefixes()
    insert(kept, 1, 2, 3, 4)
    for count in (4, 2):
        _, found = kept.longest(rows(*range(1, count + 1)))
        assert found is not None
        found[:] = 77.0
        mx.eval(found)
    assert longest(kept, 1, 2, 3, 4) == 4


def test_what_went_in_can_be_written_to() -> None:
    kept, _ = prefixes()
    live = state([1, 2, 3, 4, 0, 0])
    kept.insert(rows(1, 2, 3, 4), lambda start, stop: live[:, :, :, start:stop])
    live[:] = 77.0
    mx.eval(live)
    assert longest(kept, 1, 2, 3, 4) == 4


def test_the_prompt_used_longest_ago_goes_first_and_its_shared_beginning_stays() -> None:
    kept, ledger = prefixes(tokens=12)
    insert(kept, 1, 2, 3, 4, 5, 6)
    insert(kept, 1, 2, 3, 7, 8, 9)
    assert longest(kept, 1, 2, 3, 4, 5, 6) == 6
    insert(kept, 20, 21, 22, 23)  # 9 + 4: one too many
    assert longest(kept, 1, 2, 3, 7, 8, 9) == 3
    assert longest(kept, 1, 2, 3, 4, 5, 6) == 6
    assert longest(kept, 20, 21, 22, 23) == 4
    assert ledger.evictions == 1
    assert ledger.used <= ledger.limit


def test_what_the_whole_cache_cannot_hold_drives_nothing_out() -> None:
    kept, ledger = prefixes(tokens=6)
    insert(kept, 1, 2, 3)
    insert(kept, *range(10, 17))
    insert(kept, 1, 2, *range(30, 36))
    assert longest(kept, 1, 2, 3) == 3
    assert longest(kept, 10, 11) == 0
    assert longest(kept, 1, 2, 30) == 2
    assert ledger.evictions == 0
    insert(kept, 1, 2, *range(30, 34))  # the beginning and this much fit
    assert longest(kept, 1, 2, 30, 31, 32, 33) == 6


def test_nothing_is_kept_without_room() -> None:
    kept, ledger = prefixes(tokens=0)
    insert(kept, 1, 2, 3)
    features = cache.FeatureCache(ledger)
    features.put(name("a"), mx.zeros((2, 3)))
    features.link(name("p"), name("a"))
    assert longest(kept, 1, 2, 3) == 0
    assert features.get(name("a")) is None
    assert features.content_of(name("p")) is None
    assert ledger.used == 0


class Plain:
    """The plain form: all prompts in a list, compared one by one."""

    def __init__(self) -> None:
        self.prompts: list[tuple[int, ...]] = []

    def longest(self, prompt: tuple[int, ...]) -> int:
        return max((common(prompt, known) for known in self.prompts), default=0)


def common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


PROMPTS = st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 2), max_size=8).map(tuple)), max_size=30)


@settings(max_examples=60)
@given(PROMPTS)
def test_the_tree_equals_a_list_of_prompts(steps: list[tuple[bool, tuple[int, ...]]]) -> None:
    kept, ledger = prefixes()
    plain = Plain()
    for is_insert, prompt in steps:
        assert longest(kept, *prompt) == plain.longest(prompt)
        if is_insert:
            insert(kept, *prompt)
            plain.prompts.append(prompt)
    different = {prompt[:end] for prompt in plain.prompts for end in range(1, len(prompt) + 1)}
    assert ledger.used == len(different) * TOKEN


@settings(max_examples=60)
@given(PROMPTS, st.integers(0, 12))
def test_a_full_tree_stays_in_its_limit_and_never_says_more_than_was_told(
    steps: list[tuple[bool, tuple[int, ...]]], tokens: int
) -> None:
    kept, ledger = prefixes(tokens)
    plain = Plain()
    for is_insert, prompt in steps:
        assert longest(kept, *prompt) <= plain.longest(prompt)
        if is_insert:
            insert(kept, *prompt)
            plain.prompts.append(prompt)
        assert ledger.used <= ledger.limit
    ledger.trim(0)
    assert ledger.used == len(ledger) == 0
    assert all(longest(kept, *prompt) == 0 for _, prompt in steps)


@pytest.mark.parametrize("call", ["add", "touch", "resize", "trim"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_insertion_that_is_broken_off_is_forgotten_whole(
    monkeypatch: pytest.MonkeyPatch, call: str, count: int
) -> None:
    kept, ledger = prefixes()
    insert(kept, 1, 2, 3, 4, 5)
    insert(kept, 1, 2, 8)
    right, calls = getattr(ledger, call), []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == count:
            raise KeyboardInterrupt
        return right(*arguments)

    broken = False
    with monkeypatch.context() as patch:
        patch.setattr(ledger, call, interrupted)
        try:
            insert(kept, 1, 2, 3, 9, 9)
        except KeyboardInterrupt:
            broken = True
    assert broken == (len(calls) >= count)
    assert longest(kept, 1, 2, 3, 4, 5) == (0 if broken else 5)
    assert (ledger.used == 0) == broken
    insert(kept, 1, 2, 3, 4, 5)
    insert(kept, 1, 2, 3, 9, 9)
    assert longest(kept, 1, 2, 3, 4, 5) == longest(kept, 1, 2, 3, 9, 9) == 5


# -- features ----------------------------------------------------------------------------------------------------------


def test_features_are_kept_by_content_within_the_limit() -> None:
    ledger = cache.ByteLRU(3 * (256 + 400) + 1)
    kept = cache.FeatureCache(ledger)
    for text in "abc":
        kept.put(name(text), mx.full((10, 10), ord(text)))
    assert kept.get(name("a")) is not None  # used again, so b is the oldest
    kept.put(name("d"), mx.zeros((10, 10)))
    assert [text for text in "abcd" if kept.get(name(text)) is not None] == ["a", "c", "d"]
    assert float(kept.get(name("a"))[0, 0]) == ord("a")  # type: ignore[index]
    assert ledger.evictions == 1
    kept.put(name("e"), mx.zeros((100, 100)))
    assert kept.get(name("e")) is None
    assert ledger.used == 3 * 656


def test_links_lead_from_a_planned_source_to_its_content() -> None:
    ledger = cache.ByteLRU(10_000)
    kept = cache.FeatureCache(ledger)
    kept.link(name("p"), name("a"))
    assert kept.content_of(name("p")) == name("a")
    assert kept.content_of(name("q")) is None
    for number in range(60):
        kept.link(name(f"p{number}"), name("a"))
    assert ledger.used <= 10_000
    assert kept.content_of(name("p")) is None


def test_threads_leave_the_books_in_order() -> None:
    ledger = cache.ByteLRU(40 * TOKEN)
    kept, features = cache.PrefixCache(ledger), cache.FeatureCache(ledger)
    faults: list[BaseException] = []

    def work(seed: int) -> None:
        random = np.random.RandomState(seed)
        try:
            for _ in range(60):
                prompt = [int(n) for n in random.randint(0, 3, random.randint(1, 8))]
                insert(kept, *prompt)
                longest(kept, *prompt)
                content = name(str(random.randint(0, 9)))
                found = features.get(content)
                assert found is None or float(found[0]) == content[0]
                features.put(content, mx.array([float(content[0])]))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert ledger.used <= ledger.limit
    ledger.trim(0)
    assert ledger.used == len(ledger) == 0


# -- names -------------------------------------------------------------------------------------------------------------


def test_an_image_before_decoding_is_its_bytes_how_they_are_read_and_what_the_plan_shows() -> None:
    policy = {"icc": True, "background": (255, 255, 255)}
    plan = saccade.plan((333, 200), budget=50)
    one = keys.planned(b"image", policy, plan, TOWER)
    assert one == keys.planned(b"image", dict(reversed(policy.items())), plan, TOWER)
    assert one == keys.planned(b"image", policy, saccade.plan((333, 200), budget="39200px"), TOWER)
    others = [
        keys.planned(b"imagf", policy, plan, TOWER),
        keys.planned(b"", policy, plan, TOWER),
        keys.planned(b"image", {**policy, "icc": False}, plan, TOWER),
        keys.planned(b"image", policy, saccade.plan((333, 200), budget=40), TOWER),
        keys.planned(b"image", policy, saccade.plan((333, 201), budget=50), TOWER),
        keys.planned(b"image", policy, saccade.plan((333, 200), budget=50, family="qwen2-vl"), TOWER),
        keys.planned(b"image", policy, plan, b"n" * 32),
    ]
    assert len({one, *others}) == 8


def test_content_is_every_value_the_tower_reads() -> None:
    patches = np.arange(24 * 588, dtype=np.int64).astype(np.uint8).reshape(24, 588)
    one = keys.content(patches, (1, 4, 6), TOWER)
    assert one == keys.content(patches.copy(), np.array([1, 4, 6]), TOWER)  # type: ignore[arg-type]
    touched = patches.copy()
    touched[23, 587] ^= 1
    others = [
        keys.content(touched, (1, 4, 6), TOWER),
        keys.content(patches, (1, 6, 4), TOWER),
        keys.content(patches.reshape(12, 1176), (1, 4, 6), TOWER),
        keys.content(patches.view(np.int8), (1, 4, 6), TOWER),
        keys.content(patches, (1, 4, 6), b"n" * 32),
        keys.content(patches, (1, 4, 6), TOWER, timing=1.0),
    ]
    assert len({one, *others}) == 7


def test_rows_tell_equal_text_with_other_images_apart() -> None:
    ids, positions = [5, 9, 9, 6, 9, 7], np.arange(18).reshape(3, 6)
    first = keys.rows(ids, positions, [name("a"), name("b")], [2, 1], [9])
    assert first.shape == (6, 8)
    assert (first[:, 5:] == positions.T).all()
    assert (first[[0, 3, 5], 1:5] == 0).all()
    assert first[1, 1:5].tobytes() == first[2, 1:5].tobytes() == name("a")
    assert first[4, 1:5].tobytes() == name("b")
    second = keys.rows(ids, positions, [name("a"), name("c")], [2, 1], [9])
    assert ((first != second).any(axis=1) == [False, False, False, False, True, False]).all()
    moved = keys.rows(ids, positions + np.array([[0], [0], [1]]), [name("a"), name("b")], [2, 1], [9])
    assert (first != moved).any(axis=1).all()
    with pytest.raises(ValueError, match="3 image tokens"):
        keys.rows(ids, positions, [name("a")], [2], [9])


def test_counts_add_up_and_subtract() -> None:
    counters = cache.Counters()
    counters.add(decodes=2, patches=100)
    before = counters.read(bytes=10, evictions=1)
    counters.add(decodes=1)
    spent = counters.read(bytes=30, evictions=1) - before
    assert (spent.decodes, spent.patches, spent.bytes, spent.evictions) == (1, 0, 20, 0)
    assert before.as_dict()["patches"] == 100
