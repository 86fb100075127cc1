"""Answer a server's requests with one engine: plain JSON values in, plain dicts out.

The engine is loaded at the first request. The forms of results and errors are those of `mlx-saccade --json`, in
docs/schemas/answer-1.json. Requests may come from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import CancelledError, InputError
from mlx_saccade.integrations import arguments, image_arguments
from mlx_saccade.integrations.image_arguments import ImageAccess

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer, Engine
    from mlx_saccade.engine.sampling import Progress

__all__ = ["ANSWERS", "ERROR", "PLAN", "Tools", "error", "kind_of", "message_of"]

ANSWERS = "mlx-saccade/answers/1"
ERROR = "mlx-saccade/error/1"
PLAN = "mlx-saccade/plan/1"

_CAPTURE = ("region", "origin", "scale")


class Tools:
    """The tools `locate`, `ask` and `plan` over one engine.

    `engine` loads at its first use and returns the engine; a failed load is tried again at the next request.
    """

    def __init__(
        self, load: Callable[[], Engine], *, access: ImageAccess | None = None, policy: str | None = None
    ) -> None:
        """Take a function that loads the engine; it is not called yet.

        Args:
            load: returns the engine, with its default budget.
            access: images that clients may name; None: files, no URLs.
            policy: of `locate` requests without their own; None: as `Engine.locate`.

        Raises:
            InputError: no such policy, or a parameter outside its range.
        """
        from mlx_saccade import policies

        if policy is not None:
            policies.check(policy)
        self.access = ImageAccess() if access is None else access
        self._load, self._policy = load, policy
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def is_loaded(self) -> bool:
        """True once the engine is loaded."""
        return self._engine is not None

    def engine(self) -> Engine:
        """Return the engine, loaded by the first caller while the others wait; errors as `mlx_saccade.load`."""
        import mlx_saccade.policies  # noqa: F401  (requests and hints name what is registered)

        if self._engine is None:
            with self._lock:
                if self._engine is None:
                    self._engine = self._load()
        return self._engine

    def close(self) -> None:
        """Close the engine, if there is one; other calls then raise `InputError`."""
        if self._engine is not None:
            self._engine.close()

    def locate(
        self, values: Any, *, cancel: threading.Event | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Find what descriptions name.

        Args:
            values: an object with the arguments of `arguments.LOCATE`.
            cancel: stops the request at its next step.
            progress: as `mlx_saccade.engine.sampling.GenerateOptions`.

        Returns:
            {"schema", "answers", "tokens", "seconds"}; the answers are in the order of the descriptions, `tokens` are
            visual ones of all looks, `seconds` the time of the whole request without the loading of the engine.

        Raises:
            InputError, FileNotFoundError: as `Engine.locate`, and arguments of another form.
            CancelledError: `cancel` was set.
        """
        options = arguments.LOCATE.read(values)
        if self._policy is not None and "policy" not in options and options.get("candidates", 1) == 1:
            options["policy"] = self._policy
        words = options.pop("description")
        return self._answer(
            lambda engine, image, options: engine.locate(image, words, **options),
            lambda name, number: {"image": name, "description": words[number]},
            options,
            cancel,
            progress,
        )

    def ask(
        self, values: Any, *, cancel: threading.Event | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Answer a question; as `locate`, with the arguments of `arguments.ASK` and one answer."""
        options = arguments.ASK.read(values)
        question = options.pop("question")
        names = options.setdefault("image", [])
        return self._answer(
            lambda engine, images, options: [engine.ask(images, question, **options)],
            lambda _, number: {"images": [image_arguments.name_of(name) for name in names], "question": question},
            options,
            cancel,
            progress,
        )

    def plan(
        self, values: Any, *, cancel: threading.Event | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Return the size and tokens that an image takes, without asking about it.

        Args:
            values: an object with the arguments of `arguments.PLAN`.
            cancel: not looked at, since a plan takes no time.
            progress: never called.

        Raises:
            InputError, FileNotFoundError: as `Engine.plan`, and arguments of another form.
        """
        options = arguments.PLAN.read(values)
        if ("image" in options) == ("size" in options):
            raise InputError("image: expected an image or a size; got " + ("both" if "image" in options else "neither"))
        name = None if "size" in options else image_arguments.name_of(options["image"])
        source = tuple(options["size"]) if "size" in options else self.access.open(options["image"])
        engine = self.engine()
        plan = engine.plan(source, budget=options.get("budget"))
        estimate = engine.estimate(plan.source_size, budget=options.get("budget"))
        memory = {part: getattr(estimate, part) for part in ("weights", "vision", "prefill", "peak")}
        return {"schema": PLAN, "image": name, **plan.as_dict(), "model_bytes": memory}

    def _answer(
        self,
        run: Callable[[Engine, Any, dict[str, Any]], Sequence[Answer]],
        row: Callable[[Any, int], dict[str, Any]],
        options: dict[str, Any],
        cancel: threading.Event | None,
        progress: Progress | None,
    ) -> dict[str, Any]:
        """Open the images, ask, and return the document of the answers."""
        texts, raw = options.pop("image"), {name: options.pop(name, None) for name in ("raw_size", "pixel_format")}
        several = isinstance(texts, list)
        images = [self.access.open(text, **raw) for text in (texts if several else [texts])]
        engine = self.engine()
        start = time.perf_counter()
        answers = run(engine, images if several else images[0], {**options, "cancel": cancel, "progress": progress})
        seconds = time.perf_counter() - start
        name = None if several else image_arguments.name_of(texts)
        return {
            "schema": ANSWERS,
            "answers": [{**row(name, number), **answer.as_dict()} for number, answer in enumerate(answers)],
            "tokens": sum(answer.usage["image"] for answer in answers),
            "seconds": seconds,
        }


def kind_of(exception: BaseException) -> str:
    """Return the kind of an error, as docs/schemas/answer-1.json lists them."""
    kinds = ((InputError, "input"), (OSError, "file"), (MemoryError, "memory"), (CancelledError, "interrupted"))
    return next((kind for known, kind in kinds if isinstance(exception, known)), "internal")


def message_of(exception: BaseException) -> str:
    """Return one line for the client."""
    if isinstance(exception, MemoryError):
        return "out of memory. Give a smaller budget or image"
    if isinstance(exception, OSError) and exception.strerror:
        return f"{exception.filename or 'file'}: {exception.strerror}"
    text = " ".join(str(exception).split())
    return text if kind_of(exception) != "internal" else f"{type(exception).__name__}: {text}"


def error(exception: BaseException) -> dict[str, Any]:
    """Return an error as JSON values; `kind` "internal" is a bug of this package or of MLX."""
    return {"schema": ERROR, "error": {"kind": kind_of(exception), "message": message_of(exception)}}
