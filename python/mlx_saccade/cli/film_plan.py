"""Plan a film: which frames a model is shown, when, and how large."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import films
from mlx_saccade.errors import InputError, quantity

if TYPE_CHECKING:
    from mlx_saccade.families import Family
    from mlx_saccade.media import Video
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["describe", "facts", "plan_film"]


def plan_film(
    options: argparse.Namespace, path: str, family: Family, checkpoint_pixels: tuple[int, int] | None
) -> tuple[Plan, Video]:
    """Return the plan of a film and its frames; only the first frame is decoded.

    Args:
        options: of the command.
        path: of the film.
        family: with the limits of the checkpoint's videos.
        checkpoint_pixels: the checkpoint's limits of an image, for the budget "checkpoint"; None without one.

    Raises:
        InputError: an option of images, or as `mlx_saccade.media.open_video` and `mlx_saccade.preprocess.limits`.
        FileNotFoundError: no such file.
    """
    from mlx_saccade import media
    from mlx_saccade.preprocess import limits

    for name in ("picture", "reduced_jpeg"):
        if getattr(options, name):
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option}: expected an image; got the film {options.image}. Leave it out")
    video = media.open_video(path, family=family, **films.film_options(options))
    own = {name: getattr(options, name) for name in ("budget", "min_tokens", "total")}
    level = limits.read(own, path)
    return limits.choose(video.size, family, [level], checkpoint_pixels, frames=len(video)), video


def describe(video: Video, plan: Plan) -> dict[str, Any]:
    """Return what the JSON of a plan says of a film; its patches are float32, of several frames each."""
    timeline = video.frames.film.timeline  # type: ignore[attr-defined]
    family = plan.family
    about = {
        "frames": len(video),
        "fps": video.fps,
        "indices": list(video.indices),
        "seconds": video.times(family.temporal_patch_size),
        "total_frames": len(timeline),
        "rate": timeline.rate,
        "length": timeline.end,
    }
    return {"video": about, "patch_bytes": plan.patches * 3 * family.temporal_patch_size * family.patch_size**2 * 4}


def facts(video: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the (name, value) lines on a film for people."""
    yield "film", f"{quantity(video['total_frames'], 'frame')}, {video['length']:.1f} s, {video['rate']:.4g} a second"
    times = f"the first pair at {video['seconds'][0]:.1f} s, the last at {video['seconds'][-1]:.1f} s"
    yield "frames", f"{video['frames']} taken, {video['fps']:.4g} a second; {times}"
