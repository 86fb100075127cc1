"""The arguments of what is kept between questions: `--cache-memory` and `--cache-dir`."""

from __future__ import annotations

import argparse
from typing import Any

from mlx_saccade import byte_sizes

__all__ = ["add_cache_arguments", "cache_options"]


def add_cache_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; `cache_options` reads them."""
    parser.add_argument(
        "--cache-memory",
        metavar="SIZE",
        help="most memory for images and prompts that were read before, such as 512MB (the default); 0 keeps none",
    )
    parser.add_argument(
        "--cache-dir", metavar="DIR", help="keep what the model saw of images in this folder, for later runs"
    )


def cache_options(options: argparse.Namespace) -> dict[str, Any]:
    """What `mlx_saccade.load` is given.

    Raises:
        InputError: an amount of memory that is none.
    """
    given: dict[str, Any] = {}
    if options.cache_memory is not None:
        given["cache_memory"] = byte_sizes.parse(options.cache_memory, "--cache-memory")
    if options.cache_dir is not None:
        given["cache_dir"] = options.cache_dir
    return given
