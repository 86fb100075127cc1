"""`mlx-saccade bench`: how fast this machine prepares an image, beside Pillow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlx_saccade import _core
from mlx_saccade.cli import output
from mlx_saccade.cli.options import SIZE, add_reading_arguments, budgets_of
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.bench import Comparison

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade bench`."""
    parser.add_argument("image", nargs="?", default="3840x2160", metavar="IMAGE|WIDTHxHEIGHT", help="default 3840x2160")
    parser.add_argument("--budgets", default="256,1280,4096,16384", metavar="B,B", help="default 256,1280,4096,16384")
    add_reading_arguments(parser)
    parser.set_defaults(color=None)


def print_table(results: list[Comparison]) -> None:
    """The table for people; times in milliseconds."""
    columns = [(name, "right") for name in ("tokens", "saccade ms", "Pillow + NumPy ms", "ratio", "same bytes")]
    rows = [
        (
            f"{r.tokens:,}",
            f"{r.saccade * 1e3:.2f}",
            f"{r.pillow * 1e3:.2f}",
            f"{r.ratio:.2f}",
            "yes" if r.equal else "NO",
        )
        for r in results
    ]
    output.table(columns, rows)


def run(options: argparse.Namespace) -> int:
    """Print the times; exit code 1 where the two sides disagree."""
    from mlx_saccade import bench, media, scenes
    from mlx_saccade.media import decode

    budgets = budgets_of(options.budgets)
    size = SIZE.fullmatch(options.image)
    if size and options.color is not None:
        raise InputError(f"--color {options.color} needs an image file; got the size {options.image}")
    if size:
        pixels = scenes.generate(0, (int(size[1]), int(size[2]))).image
    else:
        decode.listen()
        pixels = media.open_image(options.image, color=options.color or "convert", allow_url=options.allow_url).pixels
    results = bench.compare(pixels, budgets)
    if options.json:
        rows = [
            {"tokens": r.tokens, "saccade_s": r.saccade, "pillow_s": r.pillow, "ratio": r.ratio, "equal": r.equal}
            for r in results
        ]
        output.print_json({"kernel": _core.kernel(), "size": [pixels.shape[1], pixels.shape[0]], "rows": rows})
    else:
        print_table(results)
        print(f"kernel {_core.kernel()}; best of 5 calls each, in one process, from the same array")
    return 0 if all(result.equal for result in results) else 1
