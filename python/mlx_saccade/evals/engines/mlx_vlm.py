"""Ask mlx-vlm in this process, alone or with this package enabled; the prompt is that of `Engine.locate`.

Images are decoded here in both cases. Alone, mlx-vlm's own processor resizes them within the budget's pixel limits.
"""

from __future__ import annotations

import importlib
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mlx_saccade import families
from mlx_saccade.checkpoint import hub
from mlx_saccade.engine import owner, request
from mlx_saccade.errors import InputError
from mlx_saccade.evals.engines import looking, replies
from mlx_saccade.evals.engines.spec import RuntimeSpec
from mlx_saccade.evals.engines.transport import excerpt
from mlx_saccade.evals.rows import Budget, Reply
from mlx_saccade.preprocess.plan import Plan, limits, plan

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer
    from mlx_saccade.evals.targets import Target
    from mlx_saccade.media import Frame, Source

__all__ = ["MlxVlmRuntime", "open_mlx_vlm"]

_INDEXABLE = 2**31


def open_mlx_vlm(spec: RuntimeSpec) -> MlxVlmRuntime:
    """Load a checkpoint into mlx-vlm.

    Args:
        spec: of the kind "mlx-vlm" or "mlx-vlm+saccade".

    Raises:
        FileNotFoundError: no such checkpoint.
        InputError: mlx-vlm is not installed or of an untested version, or the checkpoint is of no family of this
            package.
    """
    return owner.call(lambda: MlxVlmRuntime(spec))


class MlxVlmRuntime:
    """A model of mlx-vlm, as `mlx_saccade.evals.rows.Runtime`; it runs on the engines' thread.

    Attributes:
        name: "mlx-vlm", or "mlx-vlm+saccade" where this package prepares images and runs the vision tower; and the name
            of the checkpoint.
        identity: the digest of the checkpoint, settings and versions.
    """

    def __init__(self, spec: RuntimeSpec) -> None:
        """Load the checkpoint; call `open_mlx_vlm` instead, which does it on the right thread."""
        from mlx_saccade import _core
        from mlx_saccade.backend import mx  # noqa: F401  (first: it loads the BLAS that MLX uses on a CPU)
        from mlx_saccade.integrations.mlx_vlm import switch, upstream

        self._spec, self._is_enabled = spec, spec.kind == "mlx-vlm+saccade"
        version = upstream.check_version() if self._is_enabled else upstream.version()
        folder = hub.find(spec.model, revision=spec.revision)
        self.name = f"{spec.kind} {'packaged' if spec.model is None else hub.name_of(folder)}"
        versions = {"mlx-vlm": version, "mlx": metadata.version("mlx")}
        self.identity: dict[str, Any] = {
            "engine": spec.kind,
            "model": f"sha256 {hub.digest(spec.model, revision=spec.revision)}",
            **spec.answer_settings,
            "versions": versions | ({"mlx-saccade": _core.version()} if self._is_enabled else {}),
        }
        mlx_vlm = importlib.import_module("mlx_vlm")
        self._generate = mlx_vlm.generate
        try:
            self._model, self._processor = mlx_vlm.load(str(folder))
        except Exception as error:  # of mlx-vlm's code, which has no errors of its own
            raise InputError(f"{spec.model}: mlx-vlm {version} cannot load it ({_words(error)})") from error
        kind = str(self._model.config.model_type)
        if kind not in switch.FAMILIES:
            raise InputError(f"{spec.model}: expected a model of {', '.join(families.names())}; got {kind}")
        self._family = families.get(switch.FAMILIES[kind])
        own = self._processor.image_processor
        self._pixels = None if self._family.budgets else (int(own.min_pixels), int(own.max_pixels))
        if self._is_enabled:
            switch.enable(self._model, self._processor, prefix_reuse=False)
        else:
            self._sizes = _GridRecorder(own)
            self._processor.image_processor = self._sizes

    def check(self, budget: Budget, policy: str) -> None:
        """Refuse a budget or policy that mlx-vlm cannot take.

        Raises:
            InputError: with the reason and what it takes.
        """
        looking.check_policy(policy, "mlx-vlm")
        limits(self._family, budget, None, self._pixels)

    def plan_tokens(self, size: tuple[int, int], budget: Budget) -> int | None:
        """Return the visual tokens of one look at a whole image of `size` (width, height)."""
        return self._plan(size, budget).tokens

    def ask(self, image: Source, target: Target, budget: Budget, policy: str) -> Reply:
        """Ask for one target; what fails for this question alone comes back as `Reply.error`."""
        return owner.call(lambda: self._ask(image, target.description, budget, policy))

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        owner.call(self._free)

    def _ask(self, image: Source, description: str, budget: Budget, policy: str) -> Reply:
        from dataclasses import replace

        from mlx_saccade.backend import mx
        from mlx_saccade.integrations.mlx_vlm import reuse

        if self._is_enabled:
            reuse.store.clear()  # each question takes its full time
        mx.reset_peak_memory()
        reply = looking.ask_with_policy(self._look, image, description, budget, policy)
        return reply if reply.error is not None else replace(reply, peak_bytes=int(mx.get_peak_memory()))

    def _free(self) -> None:
        from mlx_saccade.integrations.mlx_vlm import switch

        if self._model is not None and self._is_enabled:
            switch.disable(self._model)
        self._model = self._processor = None

    def _look(self, frame: Frame, description: str, budget: Budget) -> Answer:
        """Return the answer about an image.

        Raises:
            InputError: the budget is impossible for the image.
        """
        content = [{"type": "image"}, {"type": "text", "text": request.locate(description)}]
        prompt = self._processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        planned = self._plan(frame.source_size, budget)
        if not self._is_enabled:
            self._check_scores(planned)
        options: dict[str, Any] = {"budget": budget} if self._is_enabled else self._limit(planned)
        start = time.perf_counter()
        try:
            result = self._generate(
                self._model, self._processor, prompt, image=[Image.fromarray(frame.pixels)], verbose=False,
                max_tokens=self._spec.max_tokens, temperature=0.0, **options,
            )  # fmt: skip
        except (InputError, OSError):
            raise
        except Exception as error:  # of mlx-vlm's code or of MLX, such as too large an allocation
            raise InputError(f"mlx-vlm failed ({_words(error)})") from error
        whole = time.perf_counter() - start
        timings = {
            "prefill": _seconds(result.prompt_tokens, result.prompt_tps),
            "answer": _seconds(result.generation_tokens, result.generation_tps),
        }
        return replies.answer_of(
            result.text, self._as_read(planned), convention=self._spec.convention,
            finish=result.finish_reason or "stop",
            timings={"prepare": max(0.0, whole - sum(timings.values())), **timings},
            prompt_tokens=int(result.prompt_tokens), answer_tokens=int(result.generation_tokens),
        )  # fmt: skip

    def _plan(self, size: tuple[int, int], budget: Budget) -> Plan:
        return plan(size, family=self._family, budget=budget, checkpoint_pixels=self._pixels)

    def _check_scores(self, planned: Plan) -> None:
        """Refuse an image whose attention scores, one array in mlx-vlm's tower, would end the process on a CPU.

        Raises:
            InputError: with the number of values.
        """
        from mlx_saccade.backend import mx

        heads = int(getattr(self._model.config.vision_config, "num_heads", 0))
        scores = heads * planned.patches**2
        if mx.default_device() == mx.cpu and scores >= _INDEXABLE:
            raise InputError(
                f"mlx-vlm: {heads} heads of {planned.patches:,} x {planned.patches:,} scores are too many for one "
                "array of MLX's CPU backend, which ends the process above 2^31 values. Lower the budget, or take "
                "--engine mlx-vlm+saccade"
            )

    def _limit(self, planned: Plan) -> dict[str, Any]:
        """Return the options that give mlx-vlm's own processor the pixel limits of a plan."""
        if self._family.budgets:
            self._sizes.original.max_soft_tokens = planned.max_pixels // self._family.factor**2
            return {}
        return {"min_pixels": planned.min_pixels, "max_pixels": planned.max_pixels}

    def _as_read(self, planned: Plan) -> Plan:
        """Return the plan with the size at which the model read the image."""
        if self._is_enabled:
            from mlx_saccade.integrations.mlx_vlm import prepared

            return prepared.latest_images()[0].plan
        grid = self._sizes.latest
        if grid is None:
            return planned
        rows, columns = grid
        size = columns * self._family.patch_size, rows * self._family.patch_size
        return Plan(self._family, planned.source_size, size, planned.min_pixels, planned.max_pixels, planned.budget)


class _GridRecorder:
    """Another's image processor, with the grid of the latest image.

    Attributes:
        original: the processor.
        latest: (rows, columns) in patches; None where the processor gives no grids.
    """

    def __init__(self, original: Any) -> None:
        self.original = original
        self.latest: tuple[int, int] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        prepared = self.original(*arguments, **named)
        grids = prepared.get("image_grid_thw")
        self.latest = None
        if grids is not None:
            _, rows, columns = np.asarray(grids).reshape(-1, 3)[0].tolist()
            self.latest = rows, columns
        return prepared


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {excerpt(str(error))}"


def _seconds(tokens: int, rate: float) -> float:
    return float(tokens / rate) if rate else 0.0
