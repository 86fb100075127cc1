"""Prepare the peers: each function returns the call to time, and raises ImportError if the peer is not installed.

Whole calls return transformers' pixel values, float32 [patches, 1176]; resizers uint8 [height, width, 3].
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mlx_saccade import families

Work = Callable[[], Any]
FAMILY = families.get("qwen2.5-vl")
MEAN, STD = list(FAMILY.mean), list(FAMILY.std)
MIN_PIXELS = 4 * 28 * 28


def pillow_resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Work:
    """Return Pillow's bicubic resize."""
    image = Image.fromarray(pixels)
    return lambda: image.resize(size, Image.Resampling.BICUBIC)


# -- whole calls: the same arrays in, the model's input out -----------------------------------------------------------


def transformers_pillow(pixels: NDArray[np.uint8], tokens: int) -> Work:
    """Return transformers' image processor on Pillow."""
    import torchvision_import  # noqa: F401
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    limits = {"shortest_edge": MIN_PIXELS, "longest_edge": tokens * 28 * 28}
    processor = Qwen2VLImageProcessorPil(size=limits, image_mean=MEAN, image_std=STD)
    image = Image.fromarray(pixels)
    return lambda: processor(images=image, return_tensors="np")["pixel_values"]


def transformers_batch(images: list[NDArray[np.uint8]], tokens: int) -> Work:
    """Return transformers' image processor on torchvision, from rows of RGB pixels."""
    processor = torchvision_processor(tokens)
    return lambda: processor(images=images, input_data_format="channels_last", return_tensors="pt")["pixel_values"]


def transformers_planes(pixels: NDArray[np.uint8], tokens: int) -> Work:
    """Return the same from channels first, its fastest input; the separation of the channels is not timed."""
    processor, planes = torchvision_processor(tokens), np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return lambda: processor(images=planes, input_data_format="channels_first", return_tensors="pt")["pixel_values"]


def torchvision_processor(tokens: int) -> Any:
    """Return transformers' torchvision image processor with a maximum number of tokens."""
    import torchvision_import  # noqa: F401
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    limits = {"shortest_edge": MIN_PIXELS, "longest_edge": tokens * 28 * 28}
    return Qwen2VLImageProcessor(size=limits, image_mean=MEAN, image_std=STD)


def mlx_vlm_batch(images: list[NDArray[np.uint8]], tokens: int) -> Work:
    """Return mlx-vlm's image processor."""
    # It imports transformers, which imports torchvision if it is installed and works without it.
    with contextlib.suppress(ImportError):
        import torchvision_import  # noqa: F401
    from mlx_vlm.models.qwen3_vl.processing_qwen3_vl import Qwen3VLImageProcessor  # also for Qwen2.5-VL

    limits = {"min_pixels": MIN_PIXELS, "max_pixels": tokens * 28 * 28}
    processor = Qwen3VLImageProcessor(patch_size=14, image_mean=MEAN, image_std=STD, **limits)
    planes = [image.transpose(2, 0, 1) for image in images]  # views: it turns them back for Pillow
    return lambda: processor(planes)["pixel_values"]


def rust_batch(images: list[NDArray[np.uint8]], tokens: int, backend: str) -> Work:
    """Return hf-processors-rs with one of its back ends, "pil" or "torchvision", which transformers' are named after.

    An image is the work of one thread.
    """
    import hf_processors_rs

    config = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "image_mean": MEAN,
        "image_std": STD,
        "min_pixels": MIN_PIXELS,
        "max_pixels": tokens * 28 * 28,
    }
    processor = hf_processors_rs.AutoImageProcessor.from_dict(config, backend=backend)
    given: Any = images if len(images) > 1 else images[0]
    return lambda: processor(given)["pixel_values"]


def bits_of(side: str) -> str:
    """Return the backend whose bits a peer is compared with."""
    return "torchvision" if "torchvision" in side or "planes" in side else "pillow"


RUST = {
    "hf-processors-rs, pil": lambda images, tokens: rust_batch(images, tokens, "pil"),
    "hf-processors-rs, torchvision": lambda images, tokens: rust_batch(images, tokens, "torchvision"),
}
BATCHES = {"transformers, torchvision": transformers_batch, "mlx-vlm": mlx_vlm_batch, **RUST}
WHOLE_CALLS = {
    "transformers, torchvision": lambda pixels, tokens: transformers_batch([pixels], tokens),
    "the same, from planes": transformers_planes,
    "transformers, Pillow": transformers_pillow,
    "mlx-vlm": lambda pixels, tokens: mlx_vlm_batch([pixels], tokens),
    "hf-processors-rs, pil": lambda pixels, tokens: RUST["hf-processors-rs, pil"]([pixels], tokens),
    "hf-processors-rs, torchvision": lambda pixels, tokens: RUST["hf-processors-rs, torchvision"]([pixels], tokens),
}


# -- resizers ---------------------------------------------------------------------------------------------------------


def torchvision_resize(pixels: NDArray[np.uint8], size: tuple[int, int], *, first: bool = False) -> Work:
    """Return torchvision's antialiased bicubic resize, of channels last, or `first`, as transformers passes them."""
    import torch
    import torchvision_import  # noqa: F401
    from torchvision.transforms.v2 import functional as function

    # A view: torch keeps the channels last in memory.
    planes = torch.from_numpy(pixels).permute(2, 0, 1)
    planes = planes.contiguous() if first else planes
    bicubic = function.InterpolationMode.BICUBIC
    return lambda: function.resize(planes, [size[1], size[0]], bicubic, antialias=True).permute(1, 2, 0)


def fast_image_resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Work:
    """Return fast_image_resize's Catmull-Rom resize, on all CPUs."""
    import cykooz_resizer as fir

    source, target = Image.fromarray(pixels), Image.new("RGB", size)
    resizer, pool = fir.Resizer(), fir.ResizerThreadPool(os.cpu_count())
    options = fir.ResizeOptions(fir.ResizeAlg.convolution(fir.FilterType.catmull_rom), thread_pool=pool)

    def work() -> Image.Image:
        resizer.resize_pil(source, target, options)
        return target

    return work


def opencv_resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Work:
    """Return OpenCV's area resize; it has no antialiased cubic filter."""
    import cv2

    return lambda: cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def vips_resize(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Work:
    """Return libvips' cubic resize."""
    import pyvips

    height, width = pixels.shape[:2]
    image = pyvips.Image.new_from_memory(pixels.data, width, height, 3, "uchar")
    factors = size[0] / width, size[1] / height
    return lambda: image.resize(factors[0], vscale=factors[1], kernel="cubic").numpy()


RESIZERS = {
    "Pillow": pillow_resize,
    "fast_image_resize": fast_image_resize,
    "torchvision, channels last": torchvision_resize,
    "torchvision, channels first": lambda pixels, size: torchvision_resize(pixels, size, first=True),
    "OpenCV, area (no antialiased cubic)": opencv_resize,
    "libvips": vips_resize,
}
