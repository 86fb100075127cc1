"""The arguments of what is kept between questions: `--cache-memory` and `--cache-dir`."""

from __future__ import annotations

import argparse
from typing import Any

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
    """What `saccade.load` is given."""
    given = {"cache_memory": options.cache_memory, "cache_dir": options.cache_dir}
    return {name: value for name, value in given.items() if value is not None}
