"""Find the other boxes that a model had in mind: fork its answer where a number could have been another one.

The probabilities of the answer's own numbers name the forks: a number far from the written one, by how likely it is.
Each fork keeps the keys and values of the prompt and of the answer before it, writes the other number, and goes on
greedily. All forks run as rows of one batch.

Seeded samples in rows, merged by overlap, were the other way tried. They find fewer of the true boxes for more seconds
(benchmarks/README.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.backend import mx
from mlx_saccade.engine.answer import Candidate
from mlx_saccade.engine.confidence import Fork, TokenRecorder, observe_rows
from mlx_saccade.engine.detokenizer import StreamDetokenizer
from mlx_saccade.engine.prefill import Allowed, PrefilledPrompt, sampler
from mlx_saccade.engine.sampling import Sampling
from mlx_saccade.errors import InputError, brief
from mlx_saccade.grounding import GroundedText, iou

if TYPE_CHECKING:
    from mlx_saccade.models import KVCache, Model, Prompt, Sampler

__all__ = ["MAX_CANDIDATES", "candidates", "check_count", "copy_rows", "decode_forks", "rows_of"]

MAX_CANDIDATES = 16
"""Most candidates of one question; each is a row with its own copy of the prompt's keys and values."""

# Boxes that overlap by more than this are one candidate.
_SAME = 0.5


def check_count(candidates: Any, name: str = "candidates") -> int:
    """Return a number of candidates; `name` is for the message.

    Raises:
        InputError: it is not a whole number from 1 to 16.
    """
    number = validation.integer(candidates)
    if number is None or not 1 <= number <= MAX_CANDIDATES:
        raise InputError(f"{name}: expected a whole number from 1 to {MAX_CANDIDATES}; got {brief(candidates)}")
    return number


def rows_of(count: int) -> int:
    """Return how many forks to decode for some candidates: some fail, or overlap others."""
    return 2 * (count - 1)


def decode_forks(
    model: Model,
    prefilled: PrefilledPrompt,
    tokens: Sequence[int],
    forks: Sequence[Fork],
    recorder: TokenRecorder,
    max_tokens: int,
    decode: Callable[[Sequence[int]], str],
    allowed: Callable[[], Allowed] | None = None,
) -> list[tuple[str, TokenRecorder]]:
    """Return text and recorder of each fork's answer.

    Args:
        model: the network.
        prefilled: the prompt, whose cache holds the answer too.
        tokens: of the answer.
        forks: of it, at least one.
        recorder: of the answer.
        max_tokens: maximum tokens of an answer.
        decode: text of token ids.
        allowed: makes the function that returns the tokens that may come next in one answer; None: all may.
    """
    start, rows = min(fork.index for fork in forks), len(forks)
    read = prefilled.prompt.length + start
    logits = prefilled.logits
    if start:
        before = [layer.copy(1, read - 1) for layer in prefilled.cache]
        logits = model.decode([tokens[start - 1]], prefilled.prompt.deltas, before)
    prompt, cache = copy_rows(prefilled, rows, read)
    recorders = [recorder.copy(start) for _ in forks]
    forced = [[*tokens[start : fork.index], fork.token] for fork in forks]
    samplers = [_forced(words, tokens[:start], None if allowed is None else allowed()) for words in forced]
    # An answer of several boxes, as of one object each, ends with its first.
    texts = [StreamDetokenizer(decode, ("}",)) for _ in forks]
    for detokenizer in texts:
        for token in tokens[:start]:
            detokenizer.add(token)
    done = set[int]()
    logits = mx.repeat(logits, rows, axis=0)
    for row, token in model.stream_rows(
        prompt, cache, logits, max_tokens - start, samplers, done, observe_rows(recorders)
    ):
        if token not in model.config.eos_token_ids:
            texts[row].add(token)
        if texts[row].stopped is not None:
            done.add(row)
    for detokenizer in texts:
        detokenizer.finish()
    return [(detokenizer.text, one) for detokenizer, one in zip(texts, recorders, strict=True)]


def copy_rows(prefilled: PrefilledPrompt, rows: int, read: int) -> tuple[Prompt, list[KVCache]]:
    """Return a prompt of one row as several, and a copy for each of its first `read` keys and values."""
    prompt = prefilled.prompt
    copies = [layer.copy(rows, read) for layer in prefilled.cache]
    return replace(prompt, deltas=prompt.deltas * rows, padding=prompt.padding * rows), copies


def candidates(
    first: Candidate,
    answers: Sequence[tuple[str, TokenRecorder]],
    count: int,
    read: Callable[[str], GroundedText],
    decode: Callable[[Sequence[int]], str],
) -> tuple[Candidate, ...]:
    """Return the answer's own box and those of its forks, the highest score first among these.

    Args:
        first: of the answer itself.
        answers: text and recorder of each fork.
        count: most candidates.
        read: returns what a text means.
        decode: text of token ids.
    """
    others = []
    for text, recorder in answers:
        grounded = read(text)
        if grounded.boxes and grounded.written is not None:
            score = recorder.confidence(grounded.written, text, decode)
            if score is not None:
                others.append(Candidate(grounded.boxes[0], score))
    apart = [first]
    for one in sorted(others, key=lambda candidate: -candidate.score):
        if len(apart) < count and all(iou(one.box.xyxy, other.box.xyxy) < _SAME for other in apart):
            apart.append(one)
    return tuple(apart)


def _forced(words: Sequence[int], before: Sequence[int], allowed: Allowed | None) -> Sampler:
    """Return a sampler that writes these tokens first, then the most likely ones, after those `before`."""
    left = list(words)
    greedy = sampler(Sampling(), (), allowed, written=[*before, *words])

    def choose(logits: mx.array) -> int:
        return left.pop(0) if left else greedy(logits)

    return choose
