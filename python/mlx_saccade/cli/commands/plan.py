"""`mlx-saccade plan`: what an image will become, before any model is loaded."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_budget_arguments, add_checkpoint_arguments, add_reading_arguments, image_given
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import tower_memory
from mlx_saccade.preprocess.plan import Plan
from mlx_saccade.preprocess.plan import plan as plan_image

if TYPE_CHECKING:
    from mlx_saccade.media.color import Color
    from mlx_saccade.models import Model

__all__ = [
    "add_arguments",
    "describe",
    "run",
]

# Tokens of a question without its image, and of its answer, in predictions of memory.
_WORDS, _ANSWER = 64, 512


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade plan`."""
    parser.add_argument("image", metavar="IMAGE|WIDTHxHEIGHT", help="an image file, or a size such as 3840x2160")
    parser.add_argument("--family", help="qwen2-vl, qwen2.5-vl (default) or qwen3-vl; a checkpoint says its own")
    parser.add_argument(
        "--min-tokens", type=int, metavar="N", help="enlarge smaller images to at least N tokens (default 4)"
    )
    parser.add_argument("--picture", metavar="FILE", help="draw the resized image with its tokens and windows")
    parser.add_argument(
        "--reduced-jpeg",
        action="store_true",
        help="decode a JPEG at 1/2, 1/4 or 1/8 where the plan only shrinks that: faster, other bits than the reference",
    )
    add_reading_arguments(parser)
    parser.set_defaults(color=None)
    add_checkpoint_arguments(parser, "plan for this checkpoint, and predict the memory of a question to it")
    add_budget_arguments(parser)


def describe(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values; sizes are (width, height), memory in bytes."""
    return {
        "family": plan.family.name,
        "budget": plan.budget,
        "min_pixels": plan.min_pixels,
        "max_pixels": plan.max_pixels,
        "source_size": list(plan.source_size),
        "decoded_size": list(plan.decoded_size or plan.source_size),
        "resized_size": list(plan.resized_size),
        "grid_thw": list(plan.grid_thw),
        "tokens": plan.tokens,
        "patches": plan.patches,
        "windows": plan.windows,
        "scale": list(plan.scale),
        "patch_bytes": plan.patches * 3 * plan.family.patch_size**2,
    }


def memory_of(plan: Plan, model: Model | None) -> dict[str, dict[str, int]]:
    """Predicted bytes, as JSON values: of a question to `model`, or without one of the family's known towers."""
    if model is not None:
        return {"model_bytes": question_bytes(model, plan)}
    towers = tower_memory.towers(plan.family)
    return {"vision_tower_bytes": {tower.name: predicted_peak(tower, plan.patches) for tower in towers}}


def predicted_peak(tower: tower_memory.VisionTower, patches: int) -> int:
    """Predicted bytes in bfloat16, attention over chunks of queries: a fused kernel needs a little less."""
    chunk = tower_memory.query_chunk(patches, tower.heads)
    return tower_memory.predict_memory(tower, patches, query_chunk=chunk).total


def outline(path_or_id: str, revision: str | None) -> tuple[Model, tuple[int, int] | None]:
    """A checkpoint without its weights' data, and its own limits in pixels."""
    from mlx_saccade import models
    from mlx_saccade.checkpoint import hub

    folder = hub.find(path_or_id, revision=revision)
    model = models.outline(folder)
    return model, models.preprocessor_config.read(folder, model.config.vision).pixel_limits


def question_bytes(model: Model, plan: Plan) -> dict[str, int]:
    """Predicted bytes of a short question about one image, beyond the weights but for those and the peak."""
    from mlx_saccade.models import memory

    found = memory.estimate(model, [(plan.patches, plan.frames)], plan.tokens + _WORDS, _ANSWER)
    return {"weights": found.weights, "vision": found.vision, "prefill": found.prefill, "peak": found.peak}


def writable_picture(path: str, image: str) -> str:
    """Pillow's name of the format of a picture that can be written.

    Raises:
        InputError: as `files.check_writable` and `draw.image_format`, or `path` is the image itself.
    """
    from mlx_saccade import files
    from mlx_saccade.cli.draw import image_format, refuse_the_source

    refuse_the_source("--picture", files.check_writable(path), image)
    return image_format(path)


def draw_plan(plan: Plan, image: Any, color: Color, path: str, file_format: str) -> None:
    """Write the picture of a plan; a size without an image gets a plain ground."""
    from mlx_saccade import files
    from mlx_saccade.cli import plan_picture

    plan_picture.check_size(plan)
    pixels = None
    if not isinstance(image, tuple):
        from mlx_saccade import media
        from mlx_saccade.media import decode
        from mlx_saccade.preprocess import patchify as patches

        decode.listen()
        pixels = patches.resize(media.open_image(image, color=color), plan.resized_size)
    files.write_atomically(path, plan_picture.render(plan, pixels, file_format=file_format))


def check(options: argparse.Namespace) -> None:
    """Refuse options that contradict others or would change nothing."""
    if options.model is not None and options.family is not None:
        raise InputError(f"--family {options.family}: the checkpoint of --model says its own; give one of the two")
    if options.model is None and options.revision is not None:
        raise InputError(f"--revision {options.revision} needs a --model: give the hub id that it is of")
    if options.picture is None and options.color is not None:
        raise InputError(f"--color {options.color} changes nothing but a picture: give --picture, or leave it out")


def run(options: argparse.Namespace) -> int:
    """Print the plan of one image or size."""
    check(options)
    file_format = None if options.picture is None else writable_picture(options.picture, options.image)
    image = image_given(options)
    if options.reduced_jpeg and isinstance(image, tuple):
        raise InputError(f"--reduced-jpeg needs the image itself, whose header says what it is; got {options.image}")
    if options.color is not None and isinstance(image, tuple):
        raise InputError(f"--color {options.color} needs the image itself; got {options.image}")
    model, limits = (None, None) if options.model is None else outline(options.model, options.revision)
    family = "qwen2.5-vl" if options.family is None else options.family
    plan = plan_image(
        image,
        family=family if model is None else model.config.family,
        budget=options.budget,
        min_tokens=options.min_tokens,
        checkpoint_pixels=limits,
        reduced_jpeg=options.reduced_jpeg,
    )
    memory = memory_of(plan, model)
    described = {**describe(plan), **memory}
    if file_format is not None:
        draw_plan(plan, image, options.color or "convert", options.picture, file_format)
        described["picture"] = options.picture
    if options.json:
        output.print_json(described)
        return 0
    (source_w, source_h), (width, height), (scale_x, scale_y) = plan.source_size, plan.resized_size, plan.scale
    _, rows, columns = plan.grid_thw
    factor = plan.family.factor
    lines = [
        ("source", f"{source_w} x {source_h} px"),
        ("family", f"{plan.family.name} (patch {plan.family.patch_size} px, a token covers {factor} x {factor} px)"),
        ("budget", plan.budget),
        ("resized", f"{width} x {height} px"),
        ("grid", f"{columns} x {rows} patches"),
        ("tokens", f"{plan.tokens:,}"),
        ("patches", f"{plan.patches:,}"),
        ("windows", f"{plan.windows:,}" if plan.windows else "none (full attention)"),
        ("scale", f"x {scale_x:.4f}, y {scale_y:.4f} source px per model px"),
        ("patch memory", output.bytes_text(described["patch_bytes"])),
    ]
    if plan.decoded_size is not None:
        width, height = plan.decoded_size
        lines.insert(
            1, ("decoded", f"{width} x {height} px, by the JPEG's own transform: other bits than the reference")
        )
    for name, peak in memory.get("vision_tower_bytes", {}).items():
        lines.append(
            (f"{name} vision tower", f"{output.bytes_text(peak)} predicted peak in bfloat16, weights included")
        )
    lines += [(f"{part} memory", output.bytes_text(count)) for part, count in memory.get("model_bytes", {}).items()]
    if options.picture is not None:
        lines.append(("picture", options.picture))
    output.facts(lines)
    return 0
