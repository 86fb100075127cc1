"""From a prompt to tokens: prefill, then one token after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from saccade import caches
from saccade.backend import mx
from saccade.budget import Plan
from saccade.engine.clock import Clock
from saccade.engine.recall import Memo, restore
from saccade.engine.sight import View
from saccade.nets import KVCache, Model, Prompt

__all__ = ["Read", "prefill", "tokens"]

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class Read:
    """A prompt that the language model has read.

    Attributes:
        prompt: its embeddings and positions.
        cache: keys and values of its tokens, one a layer.
        logits: [1, vocabulary], of the token after its last.
        memo: keeps it and its answer; None where nothing is kept.
    """

    prompt: Prompt
    cache: list[KVCache]
    logits: mx.array
    memo: Memo | None


def prefill(
    model: Model, store: caches.Store, ids: Sequence[int], plans: Sequence[Plan], views: Sequence[View], clock: Clock
) -> Read:
    """Read a prompt, evaluated; its longest beginning that was read before is recalled.

    Args:
        model: the network.
        store: keeps prompts, and counts.
        ids: of the prompt, each image as many image tokens as its plan says.
        plans: one an image.
        views: one an image.
        clock: is given "prefill", and what the views take.
    """
    with clock.stage("prefill"):
        grids = [plan.grid_thw for plan in plans]
        memo = _memo(model, store, ids, grids, views)
        # The last token is read in any case: what follows it is the answer.
        known, state = (0, None) if memo is None else memo.prefixes.longest(memo.rows[:-1])
    features = _features(model, ids, views, known)
    with clock.stage("prefill"):
        table = np.array(grids, np.int64).reshape(-1, 3)
        together = mx.concatenate(features) if features else None
        prompt = model.prompt(ids, image_grid_thw=table, image_features=together)
        cache = model.model.make_cache(prompt.padding)
        if state is not None:
            restore(cache, state)
        logits = model.prefill(prompt.after(known), cache)
        mx.eval(logits)
        if memo is not None:
            memo.keep(cache)
    hit = {"prefix_hits" if known else "prefix_misses": 1}
    store.counters.add(prefill_tokens=len(ids) - known, reused_tokens=known, **hit)
    return Read(prompt, cache, logits, memo)


def _memo(
    model: Model, store: caches.Store, ids: Sequence[int], grids: Sequence[Grid], views: Sequence[View]
) -> Memo | None:
    """How a prompt is named; None where prompts are not kept."""
    if not store.ledger.limit:
        return None
    position_ids, delta = model.places(ids, grids)
    contents, lengths = [view.content for view in views], [view.tokens for view in views]
    rows = caches.keys.rows(ids, position_ids, contents, lengths, [model.config.image_token_id])
    return Memo(store.prefixes, rows, delta)


def _features(model: Model, ids: Sequence[int], views: Sequence[View], known: int) -> list[mx.array]:
    """Features of each image; nothing but zeros where all of its tokens are recalled, since nobody reads those."""
    places = np.flatnonzero(np.asarray(ids) == model.config.image_token_id)
    ends = np.cumsum([view.tokens for view in views], dtype=np.int64) - 1
    width = model.config.vision.out_hidden_size
    return [
        mx.zeros((view.tokens, width)) if places[end] < known else view.features()
        for view, end in zip(views, ends, strict=True)
    ]


def tokens(model: Model, read: Read, max_tokens: int, clock: Clock) -> Iterator[int]:
    """Yield the answer's tokens as they are found, at most `max_tokens`, the last an end token if it ends by itself.

    The clock is given "answer", what the caller does between two tokens left out.
    """
    stream = model.follow(read.prompt, read.cache, read.logits, max_tokens)
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
            read.memo.keep(read.cache, said)
