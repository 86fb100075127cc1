"""`mlx-saccade bench`: time image preprocessing on this machine, compared with Pillow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlx_saccade import _core
from mlx_saccade.cli import images, output
from mlx_saccade.cli.options import (
    add_budgets_argument,
    add_image_arguments,
    add_image_or_size,
    image_or_size,
    parse_budgets,
    parse_screen_size,
)
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlx_saccade.bench import Comparison
    from mlx_saccade.media.color import Color

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade bench",
    "mlx-saccade bench 1920x1080 --budgets 256,1280",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade bench`."""
    parser.epilog = "Exit code 1: the bytes of the two sides differ."
    add_image_or_size(parser, default="3840x2160")
    add_budgets_argument(parser, default="256,1280,4096,16384")
    add_image_arguments(parser)
    parser.set_defaults(color=None)  # tells whether --color was given


def run(options: argparse.Namespace) -> int:
    """Print the times; exit code 1 if the two sides disagree."""
    from mlx_saccade import bench

    budgets = parse_budgets(options.budgets)
    pixels = _pixels(options)
    results = bench.compare(pixels, budgets)
    if options.json:
        rows = [
            {"tokens": r.tokens, "saccade_s": r.saccade, "pillow_s": r.pillow, "ratio": r.ratio, "equal": r.equal}
            for r in results
        ]
        output.print_json({"kernel": _core.kernel(), "size": [pixels.shape[1], pixels.shape[0]], "rows": rows})
    else:
        _print_table(results)
        output.text(f"kernel {_core.kernel()}; best of 5 calls each, in one process, from the same array")
    return 0 if all(result.equal for result in results) else 1


def _pixels(options: argparse.Namespace) -> NDArray[np.uint8]:
    """Return the image's pixels, or a generated screen's of the size."""
    from mlx_saccade import media, scenes
    from mlx_saccade.media import decode

    size = image_or_size(options.image)
    if isinstance(size, str):
        decode.listen()
        source = images.source(options, size)
        color: Color = options.color or "convert"
        try:
            return media.open_image(source, color=color, allow_url=options.allow_url).pixels
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}. Nor is it a size such as 3840x2160") from None
    if options.color is not None:
        raise InputError(f"--color {options.color}: expected an image file; got the size {options.image}. Leave it out")
    return scenes.generate(0, parse_screen_size("IMAGE|WIDTHxHEIGHT", options.image)).image


def _print_table(results: list[Comparison]) -> None:
    """Print the table for people, with times in milliseconds."""
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
