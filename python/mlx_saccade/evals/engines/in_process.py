"""Answer the questions of a sweep with a checkpoint in this process."""

from __future__ import annotations

from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError
from mlx_saccade.evals.engines.replies import reply_of
from mlx_saccade.evals.engines.spec import MAX_TOKENS
from mlx_saccade.evals.rows import Budget, Reply
from mlx_saccade.evals.targets import Target

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine
    from mlx_saccade.grounding.frames import ConventionName
    from mlx_saccade.media import Source

__all__ = ["InProcess"]


class InProcess:
    """A checkpoint that is loaded when its first budget is checked; images and prompts are not cached."""

    def __init__(
        self,
        model: str | None = None,
        *,
        revision: str | None = None,
        memory_limit: int | str | None = None,
        convention: ConventionName = "auto",
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        """Name the checkpoint.

        Args:
            model: folder or hub id; None is the packaged one.
            revision: of a hub id.
            memory_limit: as `mlx_saccade.load`.
            convention: of the numbers in answers, as `mlx_saccade.load`.
            max_tokens: longest answer in tokens; default 256, as `Engine.locate`.

        Raises:
            FileNotFoundError, InputError: as `mlx_saccade.checkpoint.hub.digest`.
        """
        self.model, self.revision, self.memory_limit = model, revision, memory_limit
        self.convention, self.max_tokens = convention, max_tokens
        self._engine: Engine | None = None
        self.identity  # noqa: B018  (a checkpoint that is not there is refused now)

    @cached_property
    def name(self) -> str:
        """The name with that of the checkpoint, such as "saccade packaged"."""
        from mlx_saccade.checkpoint import hub

        return (
            f"saccade {'packaged' if self.model is None else hub.name_of(hub.find(self.model, revision=self.revision))}"
        )

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The digest of the checkpoint, and the versions of what runs it."""
        from mlx_saccade import _core
        from mlx_saccade.checkpoint import hub

        return {
            "engine": "saccade",
            "model": f"sha256 {hub.digest(self.model, revision=self.revision)}",
            **({} if self.convention == "auto" else {"convention": self.convention}),
            **({} if self.max_tokens == MAX_TOKENS else {"max_tokens": self.max_tokens}),
            "versions": {"mlx-saccade": _core.version(), "mlx": metadata.version("mlx")},
        }

    def check(self, budget: Budget, policy: str) -> None:
        """Load the checkpoint, and refuse a budget or policy that it cannot take.

        Raises:
            InputError: with the reason and what it takes.
        """
        from mlx_saccade import policies

        policies.check(policy)
        self._loaded().plan((3840, 2160), budget=budget)

    def plan_tokens(self, size: tuple[int, int], budget: Budget) -> int | None:
        """Return the visual tokens of one look at a whole image of `size` (width, height)."""
        return self._loaded().plan(size, budget=budget).tokens

    def ask(self, image: Source, target: Target, budget: Budget, policy: str) -> Reply:
        """Locate one target; what fails for this question alone comes back as `Reply.error`."""
        from mlx_saccade.backend import mx

        engine = self._loaded()
        mx.reset_peak_memory()
        try:
            answer = engine.locate(image, target.description, budget=budget, policy=policy, max_tokens=self.max_tokens)
        except (InputError, FileNotFoundError, MemoryError) as error:
            return Reply(error=str(error) or "out of memory")
        return reply_of(answer, mx.get_peak_memory())

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _loaded(self) -> Engine:
        if self._engine is None:
            from mlx_saccade import engine, policies

            assert policies.names()  # their names are known once the package is imported
            self._engine = engine.load(
                self.model,
                revision=self.revision,
                cache_memory=0,
                memory_limit=self.memory_limit,
                convention=self.convention,
            )
        return self._engine
