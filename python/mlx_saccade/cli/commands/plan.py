"""`mlx-saccade plan`: show resized size, tokens and windows of an image or film without loading a model."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlx_saccade import families
from mlx_saccade.cli import film_plan, films, output
from mlx_saccade.cli.options import (
    add_budget_argument,
    add_family_argument,
    add_image_arguments,
    add_image_or_size,
    add_min_tokens_argument,
    add_model_argument,
    add_revision_argument,
    image_or_size_of,
)
from mlx_saccade.cli.size_words import image_or_size
from mlx_saccade.errors import InputError, quantity
from mlx_saccade.gpu import choice
from mlx_saccade.preprocess import tower_memory
from mlx_saccade.preprocess.plan import Plan
from mlx_saccade.preprocess.plan import plan as plan_image

if TYPE_CHECKING:
    from mlx_saccade.families import Family
    from mlx_saccade.media.color import Color
    from mlx_saccade.models import Model

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade plan 3840x2160",
    "mlx-saccade plan screens/scene-000000.png --budget 256 --picture plan.png",
    "mlx-saccade plan clip.mp4 --fps 1 --total 8192 --family qwen3-vl",
)

# The question of a memory prediction: tokens of its text and of its answer.
_TEXT_TOKENS, _ANSWER_TOKENS = 64, 512


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade plan`."""
    add_image_or_size(parser, with_films=True)
    add_budget_argument(parser)
    add_model_argument(parser, "checkpoint to plan and predict memory for (default none)")
    add_family_argument(parser, default=None)
    parser.add_argument("--picture", metavar="FILE", help="draw the resized image with its tokens and windows")
    add_min_tokens_argument(parser)
    films.add_film_arguments(parser.add_argument_group("frames of films"))
    more = parser.add_argument_group("images and checkpoint")
    add_revision_argument(more)
    more.add_argument(
        "--reduced-jpeg", action="store_true", help="decode JPEGs at reduced size: faster, not bit for bit"
    )
    add_image_arguments(more)
    parser.set_defaults(color=None)  # tells whether --color was given


def memory_of(plan: Plan, model: Model | None) -> dict[str, dict[str, int]]:
    """Return the predicted bytes of a question to `model`, or without a model, of the family's vision towers.

    The prediction without a model is for images.
    """
    if model is not None:
        return {"model_bytes": question_bytes(model, plan)}
    if plan.frames > 1:
        return {}
    towers = tower_memory.towers(plan.family)
    return {"vision_tower_bytes": {tower.name: predicted_peak(tower, plan.patches) for tower in towers}}


def predicted_peak(tower: tower_memory.VisionTower, patches: int) -> int:
    """Return the predicted bytes in bfloat16, with attention over chunks of queries; a fused kernel needs less."""
    chunk = tower_memory.query_chunk(patches, tower.heads)
    return tower_memory.predict_memory(tower, patches, query_chunk=chunk).total


def load_outline(path_or_id: str, revision: str | None) -> tuple[Model, tuple[int, int] | None, Family]:
    """Return a checkpoint's model without the data of its weights, its limits in pixels, and its family.

    The family has the checkpoint's own limits and sampling of videos.
    """
    from mlx_saccade import models
    from mlx_saccade.checkpoint import hub

    folder = hub.find(path_or_id, revision=revision)
    model = models.load_lazy(folder)
    vision, name = model.config.vision, model.config.family
    pixels = models.preprocessor_config.read(folder, vision, name)
    video, _ = models.video_preprocessor_config.read(folder, vision, name, pixels)
    return model, pixels.pixel_limits, replace(families.get(name), video=video)


def question_bytes(model: Model, plan: Plan) -> dict[str, int]:
    """Return the predicted bytes of a short question about one image, by part; the peak includes the weights."""
    from mlx_saccade.models import memory

    estimate = memory.estimate(model, [(plan.patches, plan.frames)], plan.tokens + _TEXT_TOKENS, _ANSWER_TOKENS)
    parts = ("weights", "vision", "prefill", "peak")
    return {part: getattr(estimate, part) for part in parts}


def writable_picture(path: str, image: str) -> str:
    """Return Pillow's name of a picture's format, once the picture can be written.

    Raises:
        InputError: as `files.check_writable` and `draw.image_format`, or `path` is the image itself.
    """
    from mlx_saccade import files
    from mlx_saccade.cli.draw import image_format, refuse_the_source

    refuse_the_source("--picture", files.check_writable(path), image)
    return image_format(path)


def draw_plan(plan: Plan, image: Any, color: Color, path: str, file_format: str) -> None:
    """Write the picture of a plan; a size without an image gets a plain background."""
    from mlx_saccade import files
    from mlx_saccade.cli import plan_picture

    plan_picture.check_size(plan)
    pixels = None
    if not isinstance(image, tuple):
        from mlx_saccade import media
        from mlx_saccade.media import decode
        from mlx_saccade.preprocess import patchify as patches

        decode.listen()
        frame = media.open_image(image, color=color)
        for note in frame.notes:
            output.note(note)
        pixels = patches.resize(frame, plan.resized_size)
    files.write_atomically(path, plan_picture.render(plan, pixels, file_format=file_format))


def check(options: argparse.Namespace, image: Any) -> None:
    """Refuse options that contradict others or would change nothing."""
    if options.model is not None and options.family is not None:
        raise InputError(f"--family {options.family}: expected no family beside --model, which has one. Leave it out")
    if options.model is None and options.revision is not None:
        raise InputError(f"--revision {options.revision}: expected a --model. Give the hub id of the revision")
    if options.picture is None and options.color is not None:
        raise InputError(f"--color {options.color}: expected a --picture, which alone it changes. Leave --color out")
    if isinstance(image, tuple):
        if options.reduced_jpeg:
            raise InputError(f"--reduced-jpeg: expected an image file; got the size {options.image}. Leave it out")
        if options.color is not None:
            raise InputError(f"--color {options.color}: expected an image file; got {options.image}. Leave it out")


def run(options: argparse.Namespace) -> int:
    """Print the plan of one image, size or film."""
    check(options, image_or_size(options.image))
    file_format = None if options.picture is None else writable_picture(options.picture, options.image)
    image = image_or_size_of(options)
    model, limits, family = None, None, families.get("qwen2.5-vl" if options.family is None else options.family)
    if options.model is not None:
        model, limits, family = load_outline(options.model, options.revision)
    if isinstance(image, str) and films.is_film(options, image):
        plan, video = film_plan.plan_film(options, image, family, limits)
        described = {**plan.as_dict(), **film_plan.describe(video, plan), **memory_of(plan, model)}
        notes = (*plan.notes, *video.notes)
    else:
        films.refuse_options(options, [image])
        plan = plan_image(
            image,
            family=family,
            budget=options.budget,
            min_tokens=options.min_tokens,
            checkpoint_pixels=limits,
            reduced_jpeg=options.reduced_jpeg,
        )
        described, notes = {**plan.as_dict(), "device": plan.device, **memory_of(plan, model)}, plan.notes
    if file_format is not None:
        draw_plan(plan, image, options.color or "convert", options.picture, file_format)
        described["picture"] = options.picture
    if options.json:
        output.print_json(described)
    else:
        output.facts(facts_of(plan, described))
        for note in notes:
            output.note(note)
    return 0


def facts_of(plan: Plan, described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the (name, value) lines for people."""
    (source_w, source_h), (width, height), (scale_x, scale_y) = plan.source_size, plan.resized_size, plan.scale
    _, rows, columns = plan.grid_thw
    factor = plan.family.factor
    yield "source", f"{source_w} x {source_h} px"
    if "video" in described:
        yield from film_plan.facts(described["video"])
    if plan.decoded_size is not None:
        decoded_w, decoded_h = plan.decoded_size
        yield "decoded", f"{decoded_w} x {decoded_h} px, reduced by the JPEG decoder: other bits than the reference"
    yield "family", f"{plan.family.name} (patch {plan.family.patch_size} px, a token covers {factor} x {factor} px)"
    yield "budget", plan.budget
    yield "resized", f"{width} x {height} px"
    times = "" if "video" not in described else f", {quantity(plan.frames, 'time')}"
    yield "grid", f"{columns} x {rows} patches{times}"
    yield "tokens", f"{plan.tokens:,}"
    yield "patches", f"{plan.patches:,}"
    yield "windows", f"{plan.windows:,}" if plan.windows else "none (full attention)"
    yield "scale", f"x {scale_x:.4f}, y {scale_y:.4f} source px per model px"
    if "video" not in described:
        yield "patches on", choice.explain("resize_patchify", math.prod(plan.decoded_size or plan.source_size))
    yield "patch memory", output.bytes_text(described["patch_bytes"])
    for tower, count in described.get("vision_tower_bytes", {}).items():
        yield f"{tower} vision tower", f"{output.bytes_text(count)} predicted peak in bfloat16, weights included"
    for part, count in described.get("model_bytes", {}).items():
        yield f"{part} memory", output.bytes_text(count)
    if "picture" in described:
        yield "picture", described["picture"]
