"""Boxes, points and clicks in the pixels of the source images of mlx-vlm's answers."""

from __future__ import annotations

import importlib
from typing import Any

from mlx_saccade import grounding
from mlx_saccade.engine import request
from mlx_saccade.engine.answer import Answer
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import GroundedText
from mlx_saccade.integrations.mlx_vlm import prepared, upstream

__all__ = ["locate", "read", "read_of"]

_LOCATE_TOKENS = 128


def read(text: str, image: int | None = None) -> GroundedText:
    """Read an answer of mlx-vlm's latest call in this thread.

    Args:
        text: the model's answer.
        image: which image of the call it is about, counted from 0; needed only if there were several of different
            sizes.

    Returns:
        Boxes, points, actions and `click` in pixels of the source image.

    Raises:
        InputError: that call had no image, or not this one, or it is unclear which one is meant.
    """
    return read_of(text, prepared.latest_images(), image)


def read_of(text: str, images: tuple[prepared.PreparedImage, ...], image: int | None = None) -> GroundedText:
    """Read an answer about prepared images, as `read`."""
    if not images:
        raise InputError(
            "read: expected a call with an image before it in this thread; got none. Is the model enabled?"
        )
    if image is None:
        if len({(one.plan.source_size, one.plan.resized_size) for one in images}) > 1:
            raise InputError(f"image: expected 0 to {len(images) - 1}, as {len(images)} images were shown; got None")
        image = 0
    if not 0 <= image < len(images):
        raise InputError(f"image: expected 0 to {len(images) - 1}; got {image}")
    return grounding.read(text, images[image].plan)


def locate(model: Any, processor: Any, image: Any, description: str, **options: Any) -> Answer:
    """Find a described element on an image with mlx-vlm's model.

    The prompt is that of `Engine.locate`: the image first.

    Args:
        model: enabled model.
        processor: its processor.
        image: path, URL, Pillow image, array or message part with a budget of its own.
        description: what to find.
        options: arguments of `mlx_vlm.generate`, such as `budget` or `max_tokens` (default 128).

    Returns:
        The answer, with boxes, points and `click` in source pixels. Its timings are those that mlx-vlm counts:
        "prefill", with the vision tower, and "answer".

    Raises:
        InputError: an empty description, a model that is not enabled, or an image that cannot be read.
    """
    if not upstream.is_ours(processor):
        raise InputError(
            "processor: expected that of an enabled model; got another. Call enable(model, processor) first"
        )
    content = [{"type": "image"}, {"type": "text", "text": request.locate(description)}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    options = {"max_tokens": _LOCATE_TOKENS, "temperature": 0.0, "verbose": False, **options}
    result = importlib.import_module("mlx_vlm").generate(model, processor, prompt, image=[image], **options)
    grounded, frames = read(result.text), prepared.frames()
    usage = {
        "prompt": int(result.prompt_tokens),
        "image": sum(frame.tokens for frame in frames),
        "video": 0,
        "answer": int(result.generation_tokens),
    }
    timings = {
        "prefill": _seconds(result.prompt_tokens, result.prompt_tps),
        "answer": _seconds(result.generation_tokens, result.generation_tps),
    }
    return Answer(
        boxes=grounded.boxes, text=result.text, frames=frames, usage=usage, timings=timings,
        finish=result.finish_reason or "stop", points=grounded.points, actions=grounded.actions,
        rejected=grounded.rejected, notes=grounded.notes,
    )  # fmt: skip


def _seconds(tokens: int, rate: float) -> float:
    return float(tokens / rate) if rate else 0.0
