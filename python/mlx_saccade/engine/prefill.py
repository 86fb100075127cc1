"""Read a prompt, from the longest beginning that is cached, and generate one token after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import cache as caches
from mlx_saccade.backend import mx
from mlx_saccade.engine.answer import StageTimer
from mlx_saccade.engine.encoder import EncodedMedia
from mlx_saccade.engine.sampling import Progress, RandomSampler, Sampling
from mlx_saccade.models import KVCache, Model, Observer, Prompt, Sampler, greedy, left_pad

__all__ = [
    "Allowed",
    "PrefilledPrompt",
    "PrefixWriter",
    "embed",
    "export",
    "media_tokens",
    "prefill",
    "prefill_rows",
    "restore",
    "sampler",
    "tokens",
]

Allowed = Callable[[Sequence[int]], NDArray[np.int64]]
"""Returns the tokens that may come next, from the tokens of the answer so far."""


@dataclass(frozen=True)
class PrefilledPrompt:
    """A prompt that the language model has read.

    Attributes:
        prompt: its embeddings and positions.
        cache: keys and values of its tokens, one for each layer.
        logits: [B, vocabulary], of the token after its last; B is 1 except after `prefill_rows`.
        writer: caches it and its answer; None where nothing is cached.
    """

    prompt: Prompt
    cache: list[KVCache]
    logits: mx.array
    writer: PrefixWriter | None


@dataclass(frozen=True)
class PrefixWriter:
    """The place of one sequence in the prefix cache.

    Attributes:
        prefixes: the cache.
        rows: `cache.keys.rows` of its prompt.
        delta: is added to a later token's index to give its position.
    """

    prefixes: caches.PrefixCache
    rows: NDArray[np.int64]
    delta: int

    def write(self, cache: Sequence[KVCache], answer: Sequence[int] = ()) -> None:
        """Cache the prompt and these tokens of its answer, all of which the language model has read."""
        start = len(self.rows)
        later = np.zeros((len(answer), self.rows.shape[1]), np.int64)
        later[:, 0] = answer
        later[:, 5:] = (np.arange(start, start + len(answer)) + self.delta)[:, None]
        self.prefixes.insert(np.concatenate([self.rows, later]), lambda start, stop: export(cache, start, stop))


def prefill(
    model: Model,
    store: caches.EngineCache,
    ids: Sequence[int],
    media: Sequence[EncodedMedia],
    timer: StageTimer,
    progress: Progress | None = None,
) -> PrefilledPrompt:
    """Read a prompt, evaluated; its longest cached beginning is not read again.

    Args:
        model: the network.
        store: caches prompts, and counts.
        ids: of the prompt, each image and video as many tokens as its plan says.
        media: in the order of the prompt.
        timer: counts "prefill", and the time that the media take.
        progress: called for "prefill", in tokens.
    """
    with timer.stage("prefill"):
        writer = _prefix_writer(model, store, ids, media)
        # The last token is always read: its logits begin the answer.
        known, state = (0, None) if writer is None else writer.prefixes.longest(writer.rows[:-1])
    features = _features(model, ids, media, known)
    with timer.stage("prefill"):
        prompt = embed(model, ids, media, features)
        cache = model.model.make_cache(prompt.padding)
        if state is not None:
            restore(cache, state)
        total = len(ids)
        report = None if progress is None else lambda done, _: progress("prefill", known + done, total)
        logits = model.prefill(prompt.after(known), cache, report)
        mx.eval(logits)
        if writer is not None:
            writer.write(cache)
    hit = {"prefix_hits" if known else "prefix_misses": 1}
    store.counters.add(prefill_tokens=len(ids) - known, reused_tokens=known, **hit)
    return PrefilledPrompt(prompt, cache, logits, writer)


def prefill_rows(
    model: Model,
    store: caches.EngineCache,
    rows: Sequence[tuple[Sequence[int], Sequence[EncodedMedia]]],
    timer: StageTimer,
    progress: Progress | None = None,
) -> PrefilledPrompt:
    """Read several prompts at once, evaluated, the shorter ones padded on the left; the prefix cache is not used.

    Args:
        model: the network.
        store: counts.
        rows: ids and media of each prompt, as `prefill` takes them.
        timer: counts "prefill", and the time that the media take.
        progress: called for "prefill", in tokens of the longest.
    """
    features = [[medium.features() for medium in media] for _, media in rows]
    with timer.stage("prefill"):
        prompts = [embed(model, ids, media, vectors) for (ids, media), vectors in zip(rows, features, strict=True)]
        prompt = left_pad(prompts)
        cache = model.model.make_cache(prompt.padding)
        report = None if progress is None else lambda done, total: progress("prefill", done, total)
        logits = model.prefill(prompt, cache, report)
        mx.eval(logits)
    store.counters.add(prefill_tokens=sum(len(ids) for ids, _ in rows), prefix_misses=len(rows))
    return PrefilledPrompt(prompt, cache, logits, None)


def tokens(
    model: Model,
    prefilled: PrefilledPrompt,
    max_tokens: int,
    choose: Sampler,
    timer: StageTimer,
    observe: Observer | None = None,
) -> Iterator[int]:
    """Yield the answer's tokens as they are chosen, at most `max_tokens`; an end token is the last.

    The timer counts "answer", without the caller's time between two tokens. `observe` is as in `Model.stream_rows`.
    """
    stream = model.stream(prefilled.prompt, prefilled.cache, prefilled.logits, max_tokens, choose, observe)
    answer: list[int] = []
    try:
        while True:
            with timer.stage("answer"):
                token = next(stream, None)
            if token is None:
                return
            answer.append(token)
            yield token
    finally:  # also where the caller stops early
        if prefilled.writer is not None:
            # The last may have been read or not, after Ctrl-C by half the layers.
            prefilled.writer.write(prefilled.cache, answer[:-1])


def sampler(
    sampling: Sampling, ids: Sequence[int], allowed: Allowed | None = None, *, written: Sequence[int] = ()
) -> Sampler:
    """Return the function that chooses the tokens of one answer.

    Args:
        sampling: the rules.
        ids: of the prompt, for the repetition penalty.
        allowed: the tokens that may come next; None: all.
        written: tokens of the answer so far.
    """
    if sampling.greedy and allowed is None:
        return greedy
    draw = RandomSampler(sampling, [*ids, *written])
    answer = list(written)

    def choose(logits: mx.array) -> int:
        values = np.array(logits.astype(mx.float32))
        if allowed is not None:
            masked = np.full_like(values, -np.inf)
            next_ids = allowed(answer)
            masked[next_ids] = values[next_ids]
            values = masked
        answer.append(draw(values))
        return answer[-1]

    return choose


def embed(model: Model, ids: Sequence[int], media: Sequence[EncodedMedia], features: Sequence[mx.array]) -> Prompt:
    """Return a prompt with its images and videos in their places; `features` has one array for each."""

    def together(kind: str) -> mx.array | None:
        parts = [rows for medium, rows in zip(media, features, strict=True) if medium.kind == kind]
        return mx.concatenate(parts) if parts else None

    return model.prompt(
        ids,
        image_grid_thw=_grids(media, "image"),
        image_features=together("image"),
        video_grid_thw=_grids(media, "video"),
        video_features=together("video"),
        second_per_grid_ts=_seconds(media) or None,
    )


def media_tokens(model: Model) -> list[int]:
    """Return the token ids that stand for images and videos."""
    return [model.config.image_token_id, model.config.video_token_id]


def export(cache: Sequence[KVCache], start: int, stop: int) -> mx.array:
    """Copy keys and values of one sequence's tokens: [layers, 2, K, stop - start, d]."""
    parts = mx.stack([buffer[0, :, start:stop] for layer in cache for buffer in layer.state])
    return parts.reshape(len(cache), 2, *parts.shape[1:])


def restore(cache: Sequence[KVCache], state: mx.array) -> None:
    """Put the result of `export` into the empty caches of one sequence."""
    for number, layer in enumerate(cache):
        layer.append(state[number, 0][None], state[number, 1][None])


def _prefix_writer(
    model: Model, store: caches.EngineCache, ids: Sequence[int], media: Sequence[EncodedMedia]
) -> PrefixWriter | None:
    """Return the place of a prompt in the prefix cache; None where prompts are not cached."""
    if not store.prompts_on:
        return None
    images, videos = ([medium.plan.grid_thw for medium in media if medium.kind == kind] for kind in ("image", "video"))
    position_ids, delta = model.position_ids(ids, images, videos, _seconds(media))
    contents, lengths = [medium.content for medium in media], [medium.plan.tokens for medium in media]
    rows = caches.keys.rows(ids, position_ids, contents, lengths, media_tokens(model))
    return PrefixWriter(store.prefixes, rows, delta)


def _features(model: Model, ids: Sequence[int], media: Sequence[EncodedMedia], known: int) -> list[mx.array]:
    """Return features of each medium; only zeros where all of its tokens are cached, since nobody reads those."""
    places = np.flatnonzero(np.isin(ids, media_tokens(model)))
    ends = np.cumsum([medium.plan.tokens for medium in media], dtype=np.int64) - 1
    width = model.config.vision.feature_width
    return [
        mx.zeros((medium.plan.tokens, width)) if places[end] < known else medium.features()
        for medium, end in zip(media, ends, strict=True)
    ]


def _grids(media: Sequence[EncodedMedia], kind: str) -> NDArray[np.int64]:
    return np.array([medium.plan.grid_thw for medium in media if medium.kind == kind], np.int64).reshape(-1, 3)


def _seconds(media: Sequence[EncodedMedia]) -> list[float]:
    return [medium.seconds for medium in media if medium.seconds is not None]
