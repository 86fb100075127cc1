"""The side of mlx-saccade in a profile: a loaded engine whose questions are timed by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlx_saccade.bench.ask import Measurement, Question, SideOptions

__all__ = ["SaccadeSide"]


class SaccadeSide:
    """An engine without end tokens, so that every answer has the same number of tokens."""

    def __init__(self, options: SideOptions) -> None:
        """Load the checkpoint."""
        from mlx_saccade import engine
        from mlx_saccade.backend import mx
        from mlx_saccade.bench.ask import use_device
        from mlx_saccade.engine import owner

        use_device(options.device)
        owner.call(lambda: use_device(options.device))
        self.mx, self.options = mx, options
        self.engine = engine.load(options.folder, compute_dtype=options.dtype or None, memory_limit=options.memory)
        model = self.engine.model
        model.config = replace(model.config, eos_token_ids=())
        self._original, self._tokens, self._times = model.stream, list[int](), list[float]()
        model.stream = self._stream  # type: ignore[method-assign, assignment]

    def predict(self, size: tuple[int, int], budget: int, text: str) -> int:
        """Return the bytes that a question will take at its peak, weights included."""
        return self.engine.estimate(size, text, budget=budget, max_tokens=self.options.answer_tokens).peak

    def forget(self) -> None:
        """Drop what earlier questions left in the cache."""
        self.engine.forget()
        self.mx.clear_cache()

    def ask(self, question: Question) -> Measurement:
        """Ask, and return the times."""
        self._tokens.clear()
        self._times.clear()
        self.mx.reset_peak_memory()
        start = time.perf_counter()
        answer = self.engine.ask(
            Path(question.image), question.text, budget=question.budget, max_tokens=self.options.answer_tokens
        )
        end = time.perf_counter()
        timings, frame = answer.timings, answer.frames[0]
        later = len(self._times) - 1
        plan = self.engine.plan(frame.source_size, budget=question.budget)
        return Measurement(
            seconds={
                "decode": timings["decode"],
                "patchify": timings["patches"],
                "preparation": timings["decode"] + timings["patches"],
                "vision": timings["vision"],
                "prefill": timings["prefill"],
                "first token": self._times[0] - start,
                "tokens": (self._times[-1] - self._times[0]) / later if later else 0.0,
                "whole": end - start,
            },
            tokens=frame.tokens,
            grid_thw=frame.grid_thw,
            patch_bytes=plan.patches * 3 * plan.family.patch_size**2,
            prompt_tokens=answer.usage["prompt"],
            peak_bytes=int(self.mx.get_peak_memory()),
            answer=tuple(self._tokens),
        )

    def _stream(self, *arguments: Any) -> Iterator[int]:
        """Yield the model's tokens, and note each with its time."""
        for token in self._original(*arguments):
            self._tokens.append(token)
            self._times.append(time.perf_counter())
            yield token
