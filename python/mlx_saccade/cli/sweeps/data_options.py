"""The options that name the data of a sweep: files of targets, or generated screens."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.size_words import parse_screen_size

if TYPE_CHECKING:
    from mlx_saccade.evals import DataSet

__all__ = ["add_data_arguments", "open_data"]

_TARGETS, _PER_SCREEN, _SIZE = 80, 8, "3840x2160"
_OF_SCREENS = ("targets", "size")
_OF_FILES = ("images", "data_format", "boxes", "skip_missing")


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the data; `open_data` reads them."""
    data = parser.add_argument_group("data")
    data.add_argument("--data", metavar="PATH", help="list or folder of targets (default generated screens)")
    data.add_argument(
        "--n", type=int, metavar="N", help=f"targets in all (default {_TARGETS} generated, all of --data)"
    )
    data.add_argument("--seed", type=int, default=0, metavar="N", help="first generated screen, or draw (default 0)")
    data.add_argument("--images", metavar="DIR", help="folder of the images (default beside the list)")
    data.add_argument(
        "--data-format", metavar="NAME", help="screenspot-pro, screenspot-v2 or table (default by its fields)"
    )
    data.add_argument("--boxes", metavar="FORM", help="xyxy or xywh, with -normalized (default the format's own)")
    data.add_argument("--skip-missing", action="store_true", help="leave out targets without an image (default no)")
    data.add_argument(
        "--targets", type=int, metavar="N", help=f"most targets of a generated screen (default {_PER_SCREEN})"
    )
    data.add_argument("--size", metavar="WIDTHxHEIGHT", help=f"size of generated screens (default {_SIZE})")


def open_data(options: argparse.Namespace) -> DataSet:
    """Return the data set that the options name; note options that are not for it.

    Raises:
        FileNotFoundError, InputError: as `mlx_saccade.evals.datasets.open_data` and `Scenes`.
    """
    from mlx_saccade.evals import datasets

    unused = [name for name in (_OF_FILES if options.data is None else _OF_SCREENS) if getattr(options, name)]
    if unused:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
        output.note(f"not used {'without' if options.data is None else 'with'} --data: {names}")
    if options.data is None:
        return datasets.Scenes(
            _TARGETS if options.n is None else options.n,
            size=parse_screen_size("--size", options.size or _SIZE),
            seed=options.seed,
            per_screen=_PER_SCREEN if options.targets is None else options.targets,
        )
    with progress.bar() as bar:
        task = bar.add_task("reading images", total=None)
        return datasets.open_data(
            options.data,
            data_format=options.data_format,
            images=options.images,
            boxes=options.boxes,
            n=options.n,
            seed=options.seed,
            missing="skip" if options.skip_missing else "refuse",
            advance=lambda done, total: bar.update(task, completed=done, total=total),
        )
