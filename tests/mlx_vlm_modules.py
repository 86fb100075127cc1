"""A stand-in for mlx-vlm's modules: the functions that the hooks replace, with the same names and the same calls."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
from PIL import Image, ImageOps

ANSWER = '[{"bbox_2d": [28, 28, 56, 84], "label": "it"}]'


class StandInImages:
    """An image processor of the shape of mlx-vlm's."""

    patch_size, merge_size, temporal_patch_size = 14, 2, 2
    min_pixels, max_pixels = 3136, 12845056
    own = "kept"

    def __call__(self, images: Any, **limits: Any) -> Any:
        return {"own": [np.asarray(image) for image in images], "limits": limits}


class StandInProcessor:
    """A processor: text and images to a model's inputs."""

    def __init__(self) -> None:
        self.image_processor: Any = StandInImages()

    def apply_chat_template(self, messages: Any, **options: Any) -> str:
        return f"{messages[0]['content'][-1]['text']}{options['add_generation_prompt']}"

    def __call__(self, text: Any = None, images: Any = None, **limits: Any) -> Any:
        return {"text": text, **(self.image_processor(images, **limits) if images else {})}


class StandInModel:
    """A model, known by its type alone."""

    def __init__(self, model_type: str = "qwen2_5_vl") -> None:
        self.config = types.SimpleNamespace(model_type=model_type, vision_config=types.SimpleNamespace(num_heads=2))


def _utils() -> types.ModuleType:
    utils = types.ModuleType("mlx_vlm.utils")

    def load_image(source: Any) -> Image.Image:
        return ImageOps.exif_transpose(Image.open(source)).convert("RGB")

    def process_image(img: Any, resize_shape: Any, image_processor: Any) -> Any:
        return load_image(img) if isinstance(img, str) else img

    def process_inputs(processor: Any, prompts: Any, images: Any = None, **kwargs: Any) -> Any:
        forwarded = {name: kwargs[name] for name in ("min_pixels", "max_pixels") if kwargs.get(name) is not None}
        return processor(text=prompts, images=images, **forwarded)

    def prepare_inputs(
        processor: Any, images: Any = None, prompts: Any = None, resize_shape: Any = None, **kwargs: Any
    ) -> Any:
        if images is None:
            return {"text": prompts}
        images = images if isinstance(images, list) else [images]
        images = [utils.process_image(image, resize_shape, processor.image_processor) for image in images]
        return utils.process_inputs(processor, prompts, images=images, **kwargs)

    def load(path: str) -> Any:
        model = utils.load_model(path)
        return model, utils.load_processor(path)

    for function in (load_image, process_image, process_inputs, prepare_inputs, load):
        setattr(utils, function.__name__, function)
    utils.load_model = lambda model_path, lazy=False: StandInModel(model_path)
    utils.load_processor = lambda model_path, add_detokenizer=True: StandInProcessor()
    return utils


def _ar(utils: types.ModuleType) -> types.ModuleType:
    ar = types.ModuleType("mlx_vlm.generate.ar")

    def group_images_by_shape(images: Any) -> Any:
        indices: dict[Any, list[int]] = {}
        for place, image in enumerate(images):
            indices.setdefault((image.height, image.width), []).append(place)
        return {shape: [images[i] for i in places] for shape, places in indices.items()}, indices

    def generate_batch(model: Any, processor: Any, prompts: Any, images: Any = None, **kwargs: Any) -> Any:
        if kwargs:
            raise TypeError(f"unexpected {sorted(kwargs)}")
        return ar.prepare_inputs(processor, images=images, prompts=prompts)

    def batch_generate(model: Any, processor: Any, images: Any = None, prompts: Any = None, **kwargs: Any) -> Any:
        sized = [
            utils.process_image(image, None, processor.image_processor) if isinstance(image, str) else image
            for image in images
        ]
        groups = [list(range(len(sized)))] if len(sized) == 1 else ar.group_images_by_shape(sized)[1].values()
        return [ar._generate_batch(model, processor, prompts, [sized[i] for i in group], **kwargs) for group in groups]

    ar.group_images_by_shape, ar.batch_generate, ar._generate_batch = (
        group_images_by_shape,
        batch_generate,
        generate_batch,
    )
    ar.prepare_inputs = utils.prepare_inputs
    return ar


def stand_in_modules(version: str = "0.7.10") -> dict[str, types.ModuleType]:
    """Return modules by the names under which mlx-vlm would have them."""
    utils = _utils()
    ar = _ar(utils)
    common, dispatch = types.ModuleType("mlx_vlm.generate.common"), types.ModuleType("mlx_vlm.generate.dispatch")

    class PromptCacheState:
        def __init__(self) -> None:
            self.token_ids: list[int] = []

        def find_prefix_length(self, new_ids: list[int]) -> int:
            return next(
                (i for i, (a, b) in enumerate(zip(self.token_ids, new_ids, strict=False)) if a != b),
                len(self.token_ids),
            )

        def update(self, token_ids: list[int], kv_cache: Any) -> None:
            self.token_ids = list(token_ids)

    def generate(model: Any, processor: Any, prompt: str, image: Any = None, **kwargs: Any) -> Any:
        inputs = dispatch.prepare_inputs(processor, images=image, prompts=prompt, **kwargs)
        counts = {"prompt_tokens": 20, "prompt_tps": 10.0, "generation_tokens": 5, "generation_tps": 10.0}
        return types.SimpleNamespace(text=ANSWER, finish_reason="stop", inputs=inputs, prompt=prompt, **counts)

    common.PromptCacheState = PromptCacheState
    dispatch.prepare_inputs, dispatch.generate = utils.prepare_inputs, generate
    package, versions, generation = (types.ModuleType(f"mlx_vlm{end}") for end in ("", ".version", ".generate"))
    versions.__version__ = package.__version__ = version
    package.utils, package.generate, package.batch_generate, package.load = (
        utils,
        generate,
        ar.batch_generate,
        utils.load,
    )
    generation.ar, generation.dispatch, generation.common = ar, dispatch, common
    generation.batch_generate, generation.generate, generation.PromptCacheState = (
        ar.batch_generate,
        generate,
        PromptCacheState,
    )
    models, caches = types.ModuleType("mlx_vlm.models"), types.ModuleType("mlx_vlm.models.cache")
    caches.make_prompt_cache = lambda model: []
    models.cache = caches
    named = (package, versions, utils, generation, ar, dispatch, common, models, caches)
    return {module.__name__: module for module in named}
