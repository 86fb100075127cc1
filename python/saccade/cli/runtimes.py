"""`saccade runtimes`: what the default budgets of known runtimes make of one image."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `saccade runtimes`."""
    parser.add_argument("image", metavar="IMAGE|WIDTHxHEIGHT", help="an image file, or a size such as 3840x2160")
    parser.add_argument("--family", default="qwen2.5-vl", help="qwen2-vl, qwen2.5-vl (default) or qwen3-vl")
