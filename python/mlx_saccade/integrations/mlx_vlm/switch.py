"""`enable`, `disable` and `status`: which models and which of mlx-vlm's modules are hooked."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from mlx_saccade import families
from mlx_saccade.backend import mlx_blas
from mlx_saccade.errors import InputError, quantity
from mlx_saccade.integrations.mlx_vlm import guard, prompts, reuse, server, upstream, video, vision
from mlx_saccade.integrations.mlx_vlm.gemma4 import Gemma4ImageProcessor
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor
from mlx_saccade.preprocess.patchify import Backend, check_backend

__all__ = ["FAMILIES", "Enabled", "EnabledModel", "Status", "disable", "enable", "enable_server", "status"]

Budget = int | str | None

FAMILIES = {
    "qwen2_vl": "qwen2-vl",
    "qwen2_5_vl": "qwen2.5-vl",
    "qwen3_vl": "qwen3-vl",
    "qwen3_vl_moe": "qwen3-vl",
    "qwen3_5": "qwen3-vl",
    "qwen3_5_moe": "qwen3-vl",
    "gemma4": "gemma-4",
}
"""mlx-vlm's model types, and the family whose geometry and arithmetic of images each has."""

# Their prompts are read whole: a state of Qwen3.5's layers cannot be cut at a word, and Gemma 4 was not tried.
_READ_WHOLE = ("qwen3_5", "qwen3_5_moe", "gemma4")

# mlx-vlm's names of a processor's geometry, and the family's.
_GEOMETRY = {name: name for name in ("patch_size", "merge_size", "temporal_patch_size")}
_GEMMA_GEOMETRY = {"patch_size": "patch_size", "pooling_kernel_size": "merge_size"}


@dataclass(frozen=True)
class EnabledModel:
    """One model that is enabled.

    Attributes:
        model_type: mlx-vlm's name of its type.
        budget: maximum visual tokens per image, as in `mlx_saccade.plan`; None is 1,280.
        prefix_reuse: True if a prompt reuses the keys and values of an earlier one with the same beginning.
        backend: library whose pixels are computed, as in `mlx_saccade.patchify`.
    """

    model_type: str
    budget: Budget
    prefix_reuse: bool = True
    backend: Backend = "pillow"


@dataclass(frozen=True)
class Status:
    """The state of the integration.

    Attributes:
        version: of mlx-vlm; None before the first `enable`.
        later_models: True if each model loaded from now on is enabled.
        budget: maximum visual tokens per image of those.
        backend: library whose pixels those get.
        models: the enabled models that are still in use.
        hooks: "owner.name" of each replaced attribute.
        blas: path of the BLAS that MLX calls on the CPU; None if it is not known.
    """

    version: str | None
    later_models: bool
    budget: Budget
    backend: Backend
    models: tuple[EnabledModel, ...]
    hooks: tuple[str, ...]
    blas: str | None

    @property
    def enabled(self) -> bool:
        """Return True if anything of mlx-vlm is hooked."""
        return bool(self.hooks)

    def __str__(self) -> str:
        if not self.enabled:
            return "mlx-saccade in mlx-vlm: disabled"
        parts = [f"mlx-saccade in mlx-vlm {self.version}: {len(self.hooks)} hooks"]
        if self.later_models:
            parts.append(f"every later model at a budget of {_budget_text(self.budget)}")
        parts += [f"{model.model_type} at a budget of {_budget_text(model.budget)}" for model in self.models]
        return "; ".join(parts)


class Enabled:
    """The result of `enable`: a context manager that disables at its end what this call enabled."""

    def __init__(self, model: Any) -> None:
        """Note the model, None for all."""
        self._model = None if model is None else weakref.ref(model)

    def __enter__(self) -> Enabled:
        return self

    def __exit__(self, *_: object) -> None:
        """Disable the model, or everything."""
        if self._model is None:
            disable()
        elif (model := self._model()) is not None:
            disable(model)

    def __repr__(self) -> str:
        return f"<{status()}>"


@dataclass(eq=False)
class _Hooked:
    """An enabled model: weak references to it and its processor, and the hooks that it alone has."""

    model: Callable[[], Any]
    processor: Callable[[], Any]
    hooks: Hooks
    native: bool
    described: EnabledModel


class _State:
    """Everything that is enabled in this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.modules = Hooks()
        self.models: list[_Hooked] = []
        self.version: str | None = None
        self.later_models = False
        self.budget: Budget = None
        self.prefix_reuse = True
        self.backend: Backend = "pillow"

    def living(self) -> list[_Hooked]:
        """Return the enabled models that are still in use, and forget the others."""
        self.models = [one for one in self.models if one.model() is not None and one.processor() is not None]
        return self.models


_state = _State()


def enable(
    model: Any = None,
    processor: Any = None,
    budget: int | str | None = None,
    *,
    cache_memory: int | str | None = None,
    prefix_reuse: bool = True,
    backend: Backend = "pillow",
    any_version: bool = False,
) -> Enabled:
    """Let mlx-saccade prepare the images of mlx-vlm, for one model or for every model loaded from now on.

    Enabling again changes the budget, `prefix_reuse` and `backend`.

    Args:
        model: model from `mlx_vlm.load`, given with its processor; None (default): every model of a known family that
            mlx-vlm loads from now on. Models of other families are then left alone.
        processor: processor from `mlx_vlm.load`.
        budget: maximum visual tokens per image, as in `mlx_saccade.plan`; None (default) is 1,280, or the
            checkpoint's cap where that is lower.
        cache_memory: maximum bytes of the patches, features and prompts that all enabled models keep for a second look,
            as a number or such as "2GB"; 0 keeps nothing; None (default) changes nothing, and is 512MB at first.
        prefix_reuse: let `mlx_vlm.generate` and its stream reuse the keys and values of an earlier prompt that begins
            with the same images and words; default True.
        backend: library whose pixels are computed, as in `mlx_saccade.patchify`: "pillow" (default), as mlx-vlm, or
            "torchvision", as transformers where it is installed.
        any_version: accept an mlx-vlm outside the tested range; default False.

    Returns:
        A context manager that disables at its end what this call enabled. It may be ignored.

    Raises:
        InputError: mlx-vlm is not installed or of an untested version, the budget is impossible, the backend is
            unknown, the model is of another family, or the processor has no image processor of its geometry.
    """
    if (model is None) != (processor is None):
        raise InputError(
            "enable: expected a model and its processor, or neither; got one. Give what mlx_vlm.load returned"
        )
    check_backend(backend)
    with _state.lock:
        version = upstream.check_version(any_version)
        if cache_memory is not None:
            reuse.store.set_limit(cache_memory)
        if model is None:
            _check_budget(budget)
            _hook_modules(version, later_models=True)
            _state.later_models, _state.budget, _state.prefix_reuse = True, budget, prefix_reuse
            _state.backend = backend
        else:
            replacement = _replacement(*_checked(model, processor), budget, backend)
            _hook_modules(version, later_models=False)
            _enable_one(model, processor, replacement, prefix_reuse)
        return Enabled(model)


def enable_server() -> None:
    """Put budgets, frames and boxes into mlx-vlm's own server; `enable` comes first, and `disable` undoes it."""
    with _state.lock:
        server.attach(_state.modules)


def disable(model: Any = None) -> None:
    """Restore what `enable` replaced: of one model, or every attribute.

    Args:
        model: model that was enabled; None (default): all, and those loaded later.
    """
    with _state.lock:
        foreign: tuple[str, ...] = ()
        for one in _state.living():
            if model is None or one.model() is model:
                foreign += one.hooks.restore()
                _state.models = [other for other in _state.models if other is not one]
        if model is None:
            _state.later_models, _state.budget, _state.prefix_reuse = False, None, True
            _state.backend = "pillow"
        if not _state.models and not _state.later_models:
            foreign += _state.modules.restore()
            _state.version = None
            reuse.store.clear()
    if foreign:
        warnings.warn(
            f"mlx-saccade: {', '.join(foreign)} was replaced by somebody else since, and is left as it is", stacklevel=2
        )


def status() -> Status:
    """Return what is enabled at the moment."""
    with _state.lock:
        living = _state.living()
        registries = (_state.modules, *(one.hooks for one in living))
        names = tuple(one.where for hooks in registries for one in hooks.replacements())
        models = tuple(one.described for one in living)
        return Status(_state.version, _state.later_models, _state.budget, _state.backend, models, names, mlx_blas())


def _hook_modules(version: str, *, later_models: bool) -> None:
    try:
        upstream.attach(_state.modules, _enable_loaded if later_models else None)
        guard.attach(_state.modules)
        prompts.attach(_state.modules)
    except (AttributeError, ImportError) as error:  # under any_version
        _state.modules.restore()
        raise InputError(
            f"mlx-vlm: expected the names that are hooked; got {version} with another: {error}. "
            f"Install {upstream.TESTED[0]} to {upstream.TESTED[1]}"
        ) from None
    _state.version = version


def _enable_loaded(model: Any, processor: Any) -> None:
    """Enable a model that mlx-vlm has just loaded, if it is of a known family."""
    with _state.lock:
        if not _state.later_models or _model_type(model) not in FAMILIES:
            return
        try:
            family, original = _checked(model, processor)
            replacement = _replacement(family, original, _state.budget, _state.backend)
        except InputError as error:
            warnings.warn(f"mlx-saccade: this model is left to mlx-vlm: {error}", stacklevel=2)
            return
        _enable_one(model, processor, replacement, _state.prefix_reuse)


def _enable_one(model: Any, processor: Any, replacement: ImageProcessor, prefix_reuse: bool) -> None:
    prefix_reuse = prefix_reuse and _model_type(model) not in _READ_WHOLE
    described = EnabledModel(_model_type(model), replacement.budget, prefix_reuse, replacement.resize_backend)
    known = next((one for one in _state.living() if one.model() is model and one.processor() is processor), None)
    if known is None:
        hooks = Hooks()
        native = vision.attach(model, hooks)
        known = _Hooked(weakref.ref(model), weakref.ref(processor), hooks, native, described)
        _state.models.append(known)
    known.described = described
    if prefix_reuse:
        prompts.use(model, known.hooks)
    else:
        known.hooks.restore(model)
    replacement.native = known.native
    known.hooks.replace(processor, "image_processor", replacement)
    video.attach(model, processor, replacement, known.hooks)


def _checked(model: Any, processor: Any) -> tuple[families.Family, Any]:
    """Return the family of a model and the original image processor, after every check that needs no image."""
    kind = _model_type(model)
    if kind not in FAMILIES:
        raise InputError(f"model_type: expected one of {', '.join(FAMILIES)}; got {kind!r}. Leave it to mlx-vlm alone")
    family = families.get(FAMILIES[kind])
    original = getattr(processor, "image_processor", None)
    if isinstance(original, ImageProcessor):
        original = original.original
    names = _GEMMA_GEOMETRY if family.budgets else _GEOMETRY
    geometry = tuple(getattr(original, name, None) for name in names)
    expected = tuple(getattr(family, name) for name in names.values())
    if geometry != expected:
        raise InputError(
            f"processor: expected ({', '.join(names)}) of {family.name}, {expected}; "
            f"got {geometry}. Give the processor that mlx_vlm.load returned with this model"
        )
    _check_normalization(original, family)
    return family, original


def _replacement(family: families.Family, original: Any, budget: Budget, backend: Backend = "pillow") -> ImageProcessor:
    """Return the image processor of a model for a budget that is possible for its family."""
    kind = Gemma4ImageProcessor if family.budgets else ImageProcessor
    replacement = kind(original, family, budget, backend)
    replacement.plan((family.factor * 4, family.factor * 4))  # refuse an impossible budget before the first image
    return replacement


def _check_normalization(original: Any, family: families.Family) -> None:
    """Refuse a checkpoint whose own values would give other numbers."""
    expected: dict[str, Any] = {"do_rescale": True, "rescale_factor": 1 / 255}
    if family.budgets:  # mlx-vlm's class has a mean and a deviation there that it does not use
        expected |= {"do_resize": True, "do_normalize": False}
    else:
        expected |= {"image_mean": family.mean, "image_std": family.std, "do_normalize": True}
    for name, value in expected.items():
        own = getattr(original, name, None)
        if own is not None and not np.allclose(own, value, rtol=0, atol=1e-8):
            raise InputError(
                f"processor: expected {name} of {family.name}, {value}; got {own}. Leave this model to mlx-vlm alone"
            )


def _check_budget(budget: Budget) -> None:
    """Refuse a budget that no family can use."""
    names, refusals = dict.fromkeys(FAMILIES.values()), []
    for name in names:
        family = families.get(name)
        original = SimpleNamespace(
            min_pixels=family.min_pixels, max_pixels=family.max_pixels, max_soft_tokens=family.default_budget
        )
        try:
            _replacement(family, original, budget)
        except InputError as error:
            refusals.append(error)
    if len(refusals) == len(names):
        raise refusals[0]


def _model_type(model: Any) -> str:
    return str(getattr(getattr(model, "config", None), "model_type", None))


def _budget_text(budget: Budget) -> str:
    if budget is None:
        return "1280 tokens (default)"
    return quantity(int(budget), "token") if isinstance(budget, int) or budget.isdigit() else budget
