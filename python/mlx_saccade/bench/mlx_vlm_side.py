"""The sides of mlx-vlm in a profile: mlx-vlm alone, or with this package enabled, timed by stage.

Nothing is asked but `stream_generate`. Its preparation, its embedding and its tokens are timed from inside.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlx_saccade.bench.ask import Measurement, Question, SideOptions, use_device
from mlx_saccade.errors import InputError

__all__ = ["MlxVlmSide"]

_INDEXABLE = 2**31
"""MLX's CPU backend reads outside an array of more values, and the process ends."""


class MlxVlmSide:
    """A model of mlx-vlm that never ends an answer early."""

    def __init__(self, options: SideOptions, *, enabled: bool, now: Callable[[], float] = time.perf_counter) -> None:
        """Load the checkpoint.

        Args:
            options: how.
            enabled: let this package prepare images and run the tower.
            now: the clock; default the wall's.
        """
        from mlx_saccade.backend import mx

        use_device(options.device)
        from mlx.utils import tree_flatten, tree_map

        mlx_vlm: Any = importlib.import_module("mlx_vlm")  # only now: OpenBLAS has to come first
        dispatch: Any = importlib.import_module("mlx_vlm.generate.dispatch")
        self.mx, self.now, self.enabled, self.options = mx, now, enabled, options
        self._generate, self.version = mlx_vlm.stream_generate, mlx_vlm.__version__
        self.model, self.processor = mlx_vlm.load(options.folder)
        if options.dtype:
            dtype, floats = getattr(mx, options.dtype), (mx.float16, mx.bfloat16, mx.float32)
            cast = tree_map(
                lambda value: value.astype(dtype) if value.dtype in floats else value, self.model.parameters()
            )
            self.model.update(cast)
        mx.eval(self.model.parameters())
        named: Any = tree_flatten(self.model.parameters())
        self.weights = sum(int(value.nbytes) for _, value in named)
        self.processor.tokenizer.stopping_criteria = lambda token: False
        self._budget: int | None = None
        self._spent: dict[str, float] = {}
        self._patch_bytes = 0
        self._grid = (0, 0, 0)
        self._prepare = dispatch._prepare_generation_inputs
        self._dispatch = dispatch
        self._embed = self.model.get_input_embeddings
        dispatch._prepare_generation_inputs = self._timed_preparation
        self.model.get_input_embeddings = self._timed_embedding

    def predict(self, size: tuple[int, int], budget: int, text: str) -> int:
        """Return a lower bound of the bytes at the peak: weights, keys, and the scores of one attention call.

        Raises:
            InputError: mlx-vlm would end the process.
        """
        from mlx_saccade.integrations.mlx_vlm.switch import FAMILIES
        from mlx_saccade.preprocess.plan import plan as plan_image

        family = FAMILIES.get(self.model.config.model_type, "qwen2.5-vl")
        plan = plan_image(size, family=family, budget=budget)
        vision, language = self.model.config.vision_config, self.model.config.text_config
        cpu = self.options.device == "cpu"
        prompt = plan.tokens + 64
        scores = vision.num_heads * plan.patches**2
        if not self.enabled and cpu and scores >= _INDEXABLE:
            raise InputError(
                f"{vision.num_heads} heads of {plan.patches:,} x {plan.patches:,} scores "
                f"({4 * scores / 1e9:.0f} GB) in one array; MLX's CPU backend ends the process above 2^31 values"
            )
        # Scores and their softmax on the CPU; on a GPU attention is fused, and its mask is patches x patches.
        tower = 0 if self.enabled else 8 * scores if cpu else 2 * plan.patches**2
        # Of the prompt, 2,048 tokens at a time.
        prefill = 8 * language.num_attention_heads * min(prompt, 2048) * prompt if cpu else 0
        activations = plan.patches * 4 * (vision.hidden_size * 4 + vision.intermediate_size * 2)
        return int(self.weights + max(tower + activations, prefill))

    def forget(self) -> None:
        """Drop what earlier questions left in the cache of the enabled side; mlx-vlm alone keeps nothing."""
        if self.enabled:
            from mlx_saccade.integrations.mlx_vlm import reuse

            reuse.store.clear()
        self.mx.clear_cache()

    def prepare(self, image: Any, budget: int) -> float:
        """Return the seconds of preparing an image, a path or one in memory, for a prompt of nothing else."""
        options = self._options(budget)
        text = "<|vision_start|><|image_pad|><|vision_end|>"
        self._dispatch._prepare_generation_inputs(self.model, self.processor, text, [image], None, None, options)
        return self._spent.pop("preparation")

    def ask(self, question: Question) -> Measurement:
        """Ask, and return the times."""
        options, now, self._spent = self._options(question.budget), self.now, {}
        content = [{"type": "image"}, {"type": "text", "text": question.text}]
        prompt = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        self.mx.reset_peak_memory()
        times: list[float] = []
        tokens: list[int] = []
        start = now()
        for chunk in self._generate(self.model, self.processor, prompt, image=str(Path(question.image)), **options):
            times.append(now())
            tokens.append(int(chunk.token))
        end = now()
        tokens, times = tokens[: self.options.answer_tokens], times[: self.options.answer_tokens]
        spent, first = self._spent, times[0] - start
        unit = self.model.config.vision_config.spatial_merge_size**2
        return Measurement(
            seconds={
                "preparation": spent["preparation"],
                "vision": spent["vision"],
                "prefill": max(0.0, first - spent["preparation"] - spent["vision"]),
                "first token": first,
                "tokens": (times[-1] - times[0]) / max(1, len(times) - 1),
                "whole": end - start,
            },
            tokens=math.prod(self._grid) // unit,
            grid_thw=self._grid,
            patch_bytes=self._patch_bytes,
            prompt_tokens=int(chunk.prompt_tokens),
            peak_bytes=int(self.mx.get_peak_memory()),
            answer=tuple(tokens),
        )

    def _options(self, budget: int) -> dict[str, Any]:
        """Return the options of a call at a budget, enabling it first where it is another one."""
        options: dict[str, Any] = {"max_tokens": self.options.answer_tokens, "temperature": 0.0}
        if not self.enabled:
            vision = self.model.config.vision_config
            return {**options, "max_pixels": budget * (vision.patch_size * vision.spatial_merge_size) ** 2}
        if budget != self._budget:
            import warnings

            import mlx_saccade.integrations.mlx_vlm as fast

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # budgets above the packaged checkpoint's cap
                fast.enable(self.model, self.processor, budget=budget)
            self._budget = budget
        return options

    def _timed_preparation(self, *arguments: Any, **named: Any) -> Any:
        start = self.now()
        value = self._prepare(*arguments, **named)
        self.mx.eval(value[0], value[1])
        self._spent["preparation"] = self.now() - start
        self._patch_bytes = 0 if value[1] is None else int(value[1].nbytes)
        grids = value[3].get("image_grid_thw")
        if grids is not None:
            times, rows, columns = np.asarray(grids).reshape(-1, 3)[0].tolist()
            self._grid = (times, rows, columns)
        return value

    def _timed_embedding(self, *arguments: Any, **named: Any) -> Any:
        start = self.now()
        value = self._embed(*arguments, **named)
        self.mx.eval(value.inputs_embeds)
        self._spent["vision"] = self.now() - start
        return value
