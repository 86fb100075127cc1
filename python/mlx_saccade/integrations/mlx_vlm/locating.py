"""Boxes, points and clicks in the pixels of the source images of mlx-vlm's answers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from mlx_saccade import grounding
from mlx_saccade.engine import hints, request
from mlx_saccade.engine import policy as policies
from mlx_saccade.engine.answer import Answer
from mlx_saccade.engine.policy import Crop, Policy, View
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import GroundedText
from mlx_saccade.integrations.mlx_vlm import prepared, upstream
from mlx_saccade.integrations.mlx_vlm.decoding import ImagePart, image_part
from mlx_saccade.media import Frame, LazyFrame

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


def locate(
    model: Any,
    processor: Any,
    image: Any,
    description: str,
    *,
    policy: str | Policy | None = None,
    max_looks: int | None = None,
    **options: Any,
) -> Answer:
    """Find a described element on an image with mlx-vlm's model.

    The prompt is that of `Engine.locate`: the image first.

    Args:
        model: enabled model.
        processor: its processor.
        image: path, URL, Pillow image, array or message part with a budget of its own.
        description: what to find.
        policy: how often and where to look, as `Engine.locate` takes it, such as "auto" or "search:max_looks=20". None
            (default) is one look. mlx-vlm gives no confidence, so a policy goes by boxes and labels alone.
        max_looks: maximum looks of the policy; None: its own default.
        options: arguments of `mlx_vlm.generate`, such as `budget` (of each look) or `max_tokens` (default 128).

    Returns:
        The answer, with boxes, points and `click` in source pixels. Its timings are those that mlx-vlm counts:
        "prefill", with the vision tower, and "answer".

    Raises:
        InputError: an empty description, a model that is not enabled, an image that cannot be read, no such policy, or
            one that draws samples.
    """
    if not upstream.is_ours(processor):
        raise InputError(
            "processor: expected that of an enabled model; got another. Call enable(model, processor) first"
        )
    if policy is None and max_looks is None:
        return _ask(model, processor, image, description, options)
    request.locate(description)
    chosen, values = policies.choose(policies.DEFAULT if policy is None else policy, max_looks)
    part = image_part(image)
    looker: Any = _Looker(model, processor, part)
    with part:
        (answer,) = chosen(looker, LazyFrame(part), [description], **values, **options)
    return answer


class _Looker:
    """An enabled model in the place of the engine that a policy asks."""

    def __init__(self, model: Any, processor: Any, part: ImagePart) -> None:
        """Take the model, its processor and the image, which may have limits of its own."""
        self.model, self.processor, self.part = model, processor, part

    def look(self, frame: Frame, views: Sequence[View], **options: Any) -> list[Answer]:
        """Answer views one after another, as `Engine.look` does; `options` are those of `mlx_vlm.generate`."""
        return [self._answer(frame, crop, words, options) for crop, words in views]

    def sample_looks(self, *_: Any, **__: Any) -> list[list[Answer]]:
        """Refuse a policy that draws samples.

        Raises:
            InputError: always.
        """
        raise InputError(
            "policy: expected one without samples, whose probabilities mlx-vlm does not give; got one that draws them. "
            "Pass policy='auto'"
        )

    def _answer(self, frame: Frame, crop: Crop, words: str, options: Mapping[str, Any]) -> Answer:
        image = self.part
        if crop != (0, 0, *frame.source_size):
            image = ImagePart(frame.crop(crop))
            image.limits = self.part.limits
        answer = hints.locating(_ask(self.model, self.processor, image, words, options), words)
        return answer.moved(*crop[:2])


def _ask(model: Any, processor: Any, image: Any, description: str, options: Mapping[str, Any]) -> Answer:
    """Return the answer to one look."""
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
