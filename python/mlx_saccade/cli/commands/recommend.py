"""`mlx-saccade recommend`: what to spend on a target of a known size, and when to zoom instead."""

from __future__ import annotations

import argparse
import re
from typing import Any

from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_url_argument, image_given
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import recommend

__all__ = ["add_arguments", "describe", "parse_target", "run"]

NUMBER = r"(\d+(?:\.\d+)?)"
TARGET = re.compile(f"{NUMBER}x{NUMBER}|{','.join([NUMBER] * 4)}")
WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade recommend`."""
    parser.add_argument(
        "--target", required=True, metavar="SIZE|BOX",
        help="the target's size in source pixels (32x32), or its box (x1,y1,x2,y2)",
    )  # fmt: skip
    parser.add_argument(
        "--image", required=True, metavar="IMAGE|WIDTHxHEIGHT", help="an image file, or a size such as 3840x2160"
    )
    parser.add_argument("--family", default="qwen2.5-vl", help="qwen2-vl, qwen2.5-vl (default) or qwen3-vl")
    add_url_argument(parser)


def parse_target(word: str) -> tuple[float, ...]:
    """(width, height) from 32x32, or (x1, y1, x2, y2) from 10,20,42,52.

    Raises:
        InputError: `word` is of neither form.
    """
    match = TARGET.fullmatch(word.replace(" ", ""))
    if match is None:
        raise InputError(f"--target {word}: is neither a size such as 32x32 nor a box such as 100,200,132,232")
    return tuple(float(number) for number in match.groups() if number is not None)


def describe(found: recommend.Recommendation) -> dict[str, Any]:
    """The recommendation as JSON values; sizes are (width, height)."""
    row = found.row
    return {
        "size": found.size,
        "share": found.share,
        "target_size": list(found.target_size),
        "source_size": list(found.plan.source_size),
        "family": found.plan.family.name,
        "budget": found.budget,
        "capped": found.capped,
        "zoom": found.zoom,
        "zoom_share": found.zoom_share,
        "resized_size": list(found.resized_size),
        "tokens": found.plan.tokens,
        "shorter_side": found.shorter_side,
        "reason": found.reason,
        "measured": {"targets": row.targets, "iou": {str(tokens): iou for tokens, iou in row.iou}},
        "source": found.source,
        "limits": list(found.limits),
    }


def facts_of(found: recommend.Recommendation) -> list[tuple[str, str]]:
    """Name and value of each line for people."""
    plan, row = found.plan, found.row
    (width, height), (source_w, source_h), (resized_w, resized_h) = (
        found.target_size, plan.source_size, found.resized_size
    )  # fmt: skip
    looks = " on each of two looks: the whole image, then a crop" if found.zoom else ""
    lines = [
        (
            "target",
            f"{width:g} x {height:g} px of {source_w} x {source_h}: {found.share * 100:.3g} % of the frame, {row.size}",
        ),
        ("budget", f"{found.budget:,} tokens{looks}"),
        ("why", found.reason),
    ]
    if found.zoom_share is not None:
        kept = f"at most {found.zoom_share * 100:.3g} % of each side"
        lines.append(("zoom", f"in a crop that keeps {kept} it is a small target; ask again with the crop's size"))
    elif found.zoom:
        taken = f"{max(width / source_w, height / source_h) * 100:.3g} % of one side"
        lines.append(("zoom", f"it takes {taken}: no crop of the image's shape makes it small; cut the other alone"))
    cells = found.shorter_side / plan.family.factor
    measured = ", ".join(f"{iou:.3f} at {tokens:,}" for tokens, iou in row.iou)
    return [
        *lines,
        ("model sees", f"{resized_w} x {resized_h} px, {plan.tokens:,} tokens"),
        ("target there", f"shorter side {found.shorter_side:.1f} px, {cells:.2f} of a token's side"),
        ("measured", f"mean IoU {measured} tokens; n = {row.targets}"),
        ("limits", "; ".join(found.limits)),
        ("source", found.source),
    ]


def run(options: argparse.Namespace) -> int:
    """Print the recommendation for one target on one image."""
    found = recommend.recommend(parse_target(options.target), image_given(options), family=options.family)
    if options.json:
        output.print_json(describe(found))
        return 0
    output.facts(facts_of(found), width=WIDTH)
    return 0
