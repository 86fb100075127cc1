"""From a prompt to tokens: prefill, then one token after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from saccade.backend import mx
from saccade.budget import Plan
from saccade.engine.clock import Clock
from saccade.nets import KVCache, Model, Prompt

__all__ = ["Read", "prefill", "tokens"]


@dataclass(frozen=True)
class Read:
    """A prompt that the language model has read.

    Attributes:
        prompt: its embeddings and positions.
        cache: keys and values of its tokens, one a layer.
        logits: [1, vocabulary], of the token after its last.
    """

    prompt: Prompt
    cache: list[KVCache]
    logits: mx.array


def prefill(
    model: Model, ids: Sequence[int], plans: Sequence[Plan], features: Sequence[mx.array], clock: Clock
) -> Read:
    """Read a prompt, evaluated.

    Args:
        model: the network.
        ids: of the prompt, each image as many image tokens as its plan says.
        plans: one an image.
        features: one an image, [tokens, hidden].
        clock: is given "prefill".
    """
    with clock.stage("prefill"):
        grids = np.array([plan.grid_thw for plan in plans], np.int64).reshape(-1, 3)
        together = mx.concatenate(list(features)) if features else None
        prompt = model.prompt(ids, image_grid_thw=grids, image_features=together)
        cache = model.model.make_cache(prompt.padding)
        logits = model.prefill(prompt, cache)
        mx.eval(logits)
        return Read(prompt, cache, logits)


def tokens(model: Model, read: Read, max_tokens: int, clock: Clock) -> Iterator[int]:
    """Yield the answer's tokens as they are found, at most `max_tokens`, the last an end token if it ends by itself.

    The clock is given "answer", what the caller does between two tokens left out.
    """
    stream = model.follow(read.prompt, read.cache, read.logits, max_tokens)
    while True:
        with clock.stage("answer"):
            token = next(stream, None)
        if token is None:
            return
        yield token
