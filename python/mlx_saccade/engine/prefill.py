"""From a prompt to tokens: prefill, then one token after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from mlx_saccade import cache as caches
from mlx_saccade.backend import mx
from mlx_saccade.engine.answer import StageTimer
from mlx_saccade.engine.encoder import EncodedMedia
from mlx_saccade.engine.sampling import Progress, RandomSampler, Sampling
from mlx_saccade.models import KVCache, Model, Prompt, Sampler, greedy, join

__all__ = [
    "Allowed",
    "PrefilledPrompt",
    "PrefixWriter",
    "chooser",
    "export",
    "prefill",
    "prefill_rows",
    "restore",
    "tokens",
]

Allowed = Callable[[Sequence[int]], NDArray[np.int64]]
"""From the tokens of an answer so far to those that may come next."""


@dataclass(frozen=True)
class PrefilledPrompt:
    """A prompt that the language model has read.

    Attributes:
        prompt: its embeddings and positions.
        cache: keys and values of its tokens, one a layer.
        logits: [B, vocabulary], of the token after its last; B is 1 but for `prefill_rows`.
        memo: keeps it and its answer; None where nothing is kept.
    """

    prompt: Prompt
    cache: list[KVCache]
    logits: mx.array
    memo: PrefixWriter | None


def prefill(
    model: Model,
    store: caches.EngineCache,
    ids: Sequence[int],
    views: Sequence[EncodedMedia],
    clock: StageTimer,
    progress: Progress | None = None,
) -> PrefilledPrompt:
    """Read a prompt, evaluated; its longest beginning that was read before is recalled.

    Args:
        model: the network.
        store: keeps prompts, and counts.
        ids: of the prompt, each image and video as many tokens as its plan says.
        views: in the order of the prompt.
        clock: is given "prefill", and what the views take.
        progress: is told of "prefill", in tokens.
    """
    with clock.stage("prefill"):
        memo = _memo(model, store, ids, views)
        # The last token is read in any case: what follows it is the answer.
        known, state = (0, None) if memo is None else memo.prefixes.longest(memo.rows[:-1])
    features = _features(model, ids, views, known)
    with clock.stage("prefill"):
        prompt = _embed(model, ids, views, features)
        cache = model.model.make_cache(prompt.padding)
        if state is not None:
            restore(cache, state)
        total = len(ids)
        told = None if progress is None else lambda done, _: progress("prefill", known + done, total)
        logits = model.prefill(prompt.after(known), cache, told)
        mx.eval(logits)
        if memo is not None:
            memo.keep(cache)
    hit = {"prefix_hits" if known else "prefix_misses": 1}
    store.counters.add(prefill_tokens=len(ids) - known, reused_tokens=known, **hit)
    return PrefilledPrompt(prompt, cache, logits, memo)


def prefill_rows(
    model: Model,
    store: caches.EngineCache,
    rows: Sequence[tuple[Sequence[int], Sequence[EncodedMedia]]],
    clock: StageTimer,
    progress: Progress | None = None,
) -> PrefilledPrompt:
    """Read several prompts at once, evaluated, the shorter ones padded on the left; nothing is recalled or kept.

    Args:
        model: the network.
        store: counts.
        rows: ids and views of each prompt, as `prefill` takes them.
        clock: is given "prefill", and what the views take.
        progress: is told of "prefill", in tokens of the longest.
    """
    features = [[view.features() for view in views] for _, views in rows]
    with clock.stage("prefill"):
        prompts = [_embed(model, ids, views, seen) for (ids, views), seen in zip(rows, features, strict=True)]
        prompt = join(prompts)
        cache = model.model.make_cache(prompt.padding)
        told = None if progress is None else lambda done, total: progress("prefill", done, total)
        logits = model.prefill(prompt, cache, told)
        mx.eval(logits)
    store.counters.add(prefill_tokens=sum(len(ids) for ids, _ in rows), prefix_misses=len(rows))
    return PrefilledPrompt(prompt, cache, logits, None)


def tokens(model: Model, read: PrefilledPrompt, max_tokens: int, choose: Sampler, clock: StageTimer) -> Iterator[int]:
    """Yield the answer's tokens as they are found, at most `max_tokens`, the last an end token if it ends by itself.

    The clock is given "answer", what the caller does between two tokens left out.
    """
    stream = model.stream(read.prompt, read.cache, read.logits, max_tokens, choose)
    said: list[int] = []
    try:
        while True:
            with clock.stage("answer"):
                token = next(stream, None)
            if token is None:
                return
            said.append(token)
            yield token
    finally:  # also where the caller has heard enough
        if read.memo is not None:
            # The last may have been read or not, after Ctrl-C by half the layers.
            read.memo.keep(read.cache, said[:-1])


def chooser(sampling: Sampling, ids: Sequence[int], allowed: Allowed | None = None) -> Sampler:
    """What picks the tokens of one answer.

    Args:
        sampling: how.
        ids: of the prompt, for the repetition penalty.
        allowed: which tokens may come next; None: all.
    """
    if sampling.greedy and allowed is None:
        return greedy
    sampler = RandomSampler(sampling, ids)
    made: list[int] = []

    def choose(logits: mx.array) -> int:
        values = np.array(logits.astype(mx.float32))
        if allowed is not None:
            masked = np.full_like(values, -np.inf)
            kept = allowed(made)
            masked[kept] = values[kept]
            values = masked
        made.append(sampler(values))
        return made[-1]

    return choose


def _embed(model: Model, ids: Sequence[int], views: Sequence[EncodedMedia], features: Sequence[mx.array]) -> Prompt:
    """A prompt with its images and videos in their places; features are one a view."""

    def together(kind: str) -> mx.array | None:
        chosen = [rows for view, rows in zip(views, features, strict=True) if view.kind == kind]
        return mx.concatenate(chosen) if chosen else None

    return model.prompt(
        ids,
        image_grid_thw=_grids(views, "image"),
        image_features=together("image"),
        video_grid_thw=_grids(views, "video"),
        video_features=together("video"),
        second_per_grid_ts=_seconds(views) or None,
    )


def _grids(views: Sequence[EncodedMedia], kind: str) -> NDArray[np.int64]:
    return np.array([view.plan.grid_thw for view in views if view.kind == kind], np.int64).reshape(-1, 3)


def _seconds(views: Sequence[EncodedMedia]) -> list[float]:
    return [view.seconds for view in views if view.seconds is not None]


def _memo(
    model: Model, store: caches.EngineCache, ids: Sequence[int], views: Sequence[EncodedMedia]
) -> PrefixWriter | None:
    """How a prompt is named; None where prompts are not kept."""
    if not store.ledger.limit:
        return None
    stills, films = ([view.plan.grid_thw for view in views if view.kind == kind] for kind in ("image", "video"))
    position_ids, delta = model.position_ids(ids, stills, films, _seconds(views))
    contents, lengths = [view.content for view in views], [view.plan.tokens for view in views]
    rows = caches.keys.rows(ids, position_ids, contents, lengths, _media_tokens(model))
    return PrefixWriter(store.prefixes, rows, delta)


def _media_tokens(model: Model) -> list[int]:
    return [model.config.image_token_id, model.config.video_token_id]


def _features(model: Model, ids: Sequence[int], views: Sequence[EncodedMedia], known: int) -> list[mx.array]:
    """Features of each medium; nothing but zeros where all of its tokens are recalled, since nobody reads those."""
    places = np.flatnonzero(np.isin(ids, _media_tokens(model)))
    ends = np.cumsum([view.plan.tokens for view in views], dtype=np.int64) - 1
    width = model.config.vision.out_hidden_size
    return [
        mx.zeros((view.plan.tokens, width)) if places[end] < known else view.features()
        for view, end in zip(views, ends, strict=True)
    ]


# Keys and values between the language model's live caches and the prompts that are kept.
def export(cache: Sequence[KVCache], start: int, stop: int) -> mx.array:
    """Keys and values of one sequence's tokens, a copy: [layers, 2, K, stop - start, d]."""
    parts = mx.stack([buffer[0, :, start:stop] for layer in cache for buffer in layer.state])
    return parts.reshape(len(cache), 2, *parts.shape[1:])


def restore(cache: Sequence[KVCache], state: mx.array) -> None:
    """Put what `export` gave into the empty caches of one sequence."""
    for number, layer in enumerate(cache):
        layer.append(state[number, 0][None], state[number, 1][None])


@dataclass(frozen=True)
class PrefixWriter:
    """How one sequence that is being read will be kept.

    Attributes:
        prefixes: where.
        rows: `caches.keys.rows` of its prompt.
        delta: what to add to a later token's index to have its position.
    """

    prefixes: caches.PrefixCache
    rows: npt.NDArray[np.int64]
    delta: int

    def keep(self, cache: Sequence[KVCache], answer: Sequence[int] = ()) -> None:
        """Keep the prompt and those tokens of its answer, all of which the language model has read."""
        start = len(self.rows)
        later = np.zeros((len(answer), self.rows.shape[1]), np.int64)
        later[:, 0] = answer
        later[:, 5:] = (np.arange(start, start + len(answer)) + self.delta)[:, None]
        self.prefixes.insert(np.concatenate([self.rows, later]), lambda start, stop: export(cache, start, stop))
