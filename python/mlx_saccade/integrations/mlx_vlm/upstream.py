"""mlx-vlm itself: which versions are known, and the globals of its modules that are hooked.

Each hook calls the original for what is not ours, so models of other families run as before. The names were compared
over the known versions; tests/long runs them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import sys
import threading
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import budgets, prepared, video
from mlx_saccade.integrations.mlx_vlm.decoding import image_part
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor

__all__ = ["INSTALL", "TESTED", "attach", "check_version", "is_ours", "version"]

TESTED = ("0.7.6", "0.7.10")
"""The oldest and the newest mlx-vlm that the hooks were run with."""

INSTALL = "pip install 'mlx-saccade[mlx-vlm]'"

_loaded = threading.local()


def version() -> str:
    """Return the version of the mlx-vlm that `import mlx_vlm` takes.

    Raises:
        InputError: it is not installed.
    """
    if "mlx_vlm" not in sys.modules and importlib.util.find_spec("mlx_vlm") is None:
        raise InputError(f"mlx-vlm: expected an installed package; got none. {INSTALL}")
    return str(importlib.import_module("mlx_vlm.version").__version__)


def check_version(any_version: bool = False) -> str:
    """Return mlx-vlm's version.

    Args:
        any_version: accept one outside `TESTED`.

    Raises:
        InputError: it is not installed, or it is outside the tested range.
    """
    name = version()
    oldest, newest = map(_numbers, TESTED)
    if not any_version and not oldest <= _numbers(name) <= newest:
        raise InputError(
            f"mlx-vlm: expected {TESTED[0]} to {TESTED[1]}, which the hooks were tested with; got {name}. Install one "
            "of these, or pass any_version=True (--any-version) and compare the answers"
        )
    return name


def attach(hooks: Hooks, enable_loaded: Callable[[Any, Any], None] | None) -> None:
    """Hook mlx-vlm's modules: decoding, arguments and, for models loaded from now on, loading.

    Args:
        hooks: the registry; what is hooked already stays.
        enable_loaded: takes the model and the processor of each later load; None leaves loading alone.
    """
    utils, dispatch, ar = (_module(name) for name in ("utils", "generate.dispatch", "generate.ar"))
    _wrap(hooks, utils, "process_image", _process_image)
    _wrap(hooks, utils, "process_inputs", _process_inputs)
    for module in (utils, dispatch):
        _wrap(hooks, module, "prepare_inputs", _prepare_inputs)
    _wrap(hooks, ar, "group_images_by_shape", _group_images_by_shape)
    _wrap(hooks, ar, "_generate_batch", _generate_batch)
    for module in (ar, _module("generate"), importlib.import_module("mlx_vlm")):
        _wrap(hooks, module, "batch_generate", _batch_generate)
    if enable_loaded is not None:
        _wrap(hooks, utils, "load_model", _load_model)
        _wrap(hooks, utils, "load_processor", functools.partial(_load_processor, enable_loaded))


def is_ours(processor: Any) -> bool:
    """Return True if the image processor of a processor is our replacement."""
    return isinstance(getattr(processor, "image_processor", None), ImageProcessor)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"mlx_vlm.{name}")


def _wrap(hooks: Hooks, module: ModuleType, name: str, hook: Callable[..., Any]) -> None:
    """Replace a function by one that calls `hook(original, *arguments)`, unless it is replaced already."""
    if hooks.replacement(module, name) is not None:
        return
    original = getattr(module, name)

    @functools.wraps(original)
    def hooked(*arguments: Any, **named: Any) -> Any:
        return hook(original, *arguments, **named)

    hooks.replace(module, name, hooked)


def _process_image(original: Callable[..., Any], img: Any, resize_shape: Any, image_processor: Any) -> Any:
    """Put an image that waits to be read by us in place of mlx-vlm's decoded one."""
    if isinstance(image_processor, ImageProcessor):
        with prepared.noting_mistakes():
            return image_part(img, None if resize_shape is None else tuple(resize_shape))
    if isinstance(img, str):
        img, _ = budgets.unmark(img)
    return original(img, resize_shape, image_processor)


def _process_inputs(original: Callable[..., Any], processor: Any, prompts: Any, *rest: Any, **arguments: Any) -> Any:
    """Take the limits among the arguments, which mlx-vlm would forward in part and drop in part."""
    if not is_ours(processor):
        return original(processor, prompts, *rest, **arguments)
    request, limit_values = prepared.server_request(), budgets.split_arguments(arguments)
    if request is not None:
        limit_values = {**limit_values, **request.arguments}
    with prepared.noting_mistakes():
        level = budgets.arguments_limits(limit_values)
    with budgets.request_limits(level):
        return original(processor, prompts, *rest, **arguments)


def _prepare_inputs(original: Callable[..., Any], processor: Any, *rest: Any, **arguments: Any) -> Any:
    """Forget the frames of the call before, also where this one has no image."""
    prepared.record_none()
    images = arguments.get("images")
    several = isinstance(images, list) and len(images) > 1
    if several and arguments.get("pad_to_uniform_size") and is_ours(processor):
        raise InputError(
            "pad_to_uniform_size: expected False for a model that mlx-saccade prepares, as its images need no padding; "
            "got True. Leave it out"
        )
    return video.prepare(functools.partial(original, processor, *rest), processor, arguments)


def _group_images_by_shape(original: Callable[..., Any], images: list[Any], *rest: Any, **named: Any) -> Any:
    """Group a batch as mlx-vlm does, apart by budgets, and note in which order its images are prepared.

    Rows of one group need one length: mlx-vlm 0.7.6 answers otherwise where they are padded.
    """
    images = [image_part(image) if isinstance(image, dict) else image for image in images]
    _, by_shape = original(images, *rest, **named)
    indices: dict[Any, list[int]] = {}
    for shape, places in by_shape.items():
        for place in places:
            indices.setdefault((*shape, getattr(images[place], "limits", None)), []).append(place)
    prepared.record_group(tuple(place for places in indices.values() for place in places))
    return {key: [images[place] for place in places] for key, places in indices.items()}, indices


def _generate_batch(original: Callable[..., Any], model: Any, processor: Any, *rest: Any, **arguments: Any) -> Any:
    """Take the limits among the arguments of a batch, which mlx-vlm would refuse there."""
    if not is_ours(processor):
        return original(model, processor, *rest, **arguments)
    level = budgets.arguments_limits(budgets.split_arguments(arguments))
    try:
        with budgets.request_limits(level):
            return original(model, processor, *rest, **arguments)
    except BaseException:
        prepared.record_none()  # the groups that follow are not prepared
        raise


def _batch_generate(
    original: Callable[..., Any], model: Any, processor: Any, images: Any = None, *rest: Any, **arguments: Any
) -> Any:
    """Read message parts among the images of a batch, whose size mlx-vlm asks for at once."""
    if is_ours(processor) and isinstance(images, list | tuple):
        images = [image_part(image) if isinstance(image, dict) else image for image in images]
    return original(model, processor, images, *rest, **arguments)


def _load_model(original: Callable[..., Any], model_path: Any, *rest: Any, **named: Any) -> Any:
    """Remember the model until `load` asks for its processor, in this thread."""
    model = original(model_path, *rest, **named)
    _loaded.latest = (str(model_path), weakref.ref(model))
    return model


def _load_processor(
    enable_loaded: Callable[[Any, Any], None], original: Callable[..., Any], model_path: Any, *rest: Any, **named: Any
) -> Any:
    """Enable the model that `load` loaded just before, and its processor."""
    processor = original(model_path, *rest, **named)
    path, reference = _loaded.__dict__.pop("latest", (None, None))
    model = None if reference is None else reference()
    if model is not None and path == str(model_path):
        enable_loaded(model, processor)
    return processor


def _numbers(name: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", name)
    return tuple(int(number) for number in match[0].split(".")) if match else ()
