"""`mlx-saccade sizes`: show which image sizes fill whole attention windows."""

from __future__ import annotations

import argparse
from typing import Any

from mlx_saccade import families
from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_budget_argument, add_family_argument, add_min_tokens_argument
from mlx_saccade.cli.size_words import parse_size
from mlx_saccade.cli.table import NBSP
from mlx_saccade.families import Family
from mlx_saccade.preprocess import sizes
from mlx_saccade.preprocess.sizes import SizeReport

__all__ = ["EXAMPLES", "add_arguments", "describe", "run"]

EXAMPLES = ("mlx-saccade sizes 1280x720 1344x672",)

_WHY = (
    "choose the size of crops and captures by it: scale 1 keeps all detail and spends no token on enlargement, and in "
    "whole windows every token attends to as many others; the effect on accuracy was not measured"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade sizes`."""
    parser.add_argument(
        "sizes", metavar="WIDTHxHEIGHT", nargs="*", help="sizes such as 400x300 (default a table of examples)"
    )
    add_family_argument(parser)
    add_min_tokens_argument(parser)
    add_budget_argument(parser)


def describe(report: SizeReport) -> dict[str, Any]:
    """Return one size's report as JSON values; sizes are (width, height)."""
    plan = report.plan
    return {
        "source_size": list(plan.source_size),
        "resized_size": list(plan.resized_size),
        "tokens": plan.tokens,
        "min_pixels": plan.min_pixels,
        "max_pixels": plan.max_pixels,
        "enlarged": report.enlarged,
        "enlargement": list(report.enlargement),
        "windows": plan.windows,
        "whole_windows": report.whole_windows,
        "partial_windows": report.partial_windows,
        "padding": report.padding,
        "kinds": [
            {
                "place": kind.place,
                "columns": kind.columns,
                "rows": kind.rows,
                "tokens": kind.tokens,
                "count": kind.count,
            }
            for kind in report.kinds
        ],
        "whole_window_size": list(report.whole_window_size) if report.whole_window_size else None,
    }


def row_text(report: SizeReport) -> tuple[str, ...]:
    """Return one row of the table."""
    plan = report.plan
    cells = (
        "{} x {}".format(*plan.source_size),
        "{} x {}".format(*plan.resized_size),
        "{:.3g}, {:.3g}".format(*report.enlargement) + (" *" if report.enlarged else "  "),
        f"{plan.tokens:,}",
    )
    if plan.family.window_size is None:
        return cells
    partial = ", ".join(
        f"{kind.count}{NBSP}of{NBSP}{kind.columns}x{kind.rows}" for kind in report.kinds if not kind.whole
    )
    nearest = "{} x {}".format(*report.whole_window_size) if report.whole_window_size else "none"
    return *cells, str(report.whole_windows or "none"), partial or "none", nearest if partial else "itself"


def notes(family: Family, reports: list[SizeReport]) -> list[str]:
    """Return the notes on the table, one line each."""
    factor, lines = family.factor, [_WHY]
    if family.window_size is None:
        lines.append(f"{family.name} has no windows: every token attends to all tokens of its image")
    else:
        side = family.window_size // factor
        lines += [
            f"a window is {family.window_size} x {family.window_size} px: {side} x {side} tokens of {factor} px, "
            f"{side**2} in all; sides that are multiples of {family.window_size} fill whole windows",
            "a partial window has columns x rows of real tokens, which attend to each other only; the padding to a "
            "whole window is dropped before attention, never attended",
            "nearest whole: the nearest size without partial windows; an image of that size is not resized",
        ]
    if family.budgets:
        return [*lines, f"* {family.name} enlarges an image below its budget to it: more tokens, no more detail"]
    floors = sorted({report.plan.min_pixels for report in reports})
    least = " or ".join(f"{pixels:,} px ({-(-pixels // factor**2)} tokens)" for pixels in floors)
    lines.append(f"* an image below {least} is enlarged to it: more tokens, no more detail")
    if any(report.enlarged and min(report.enlargement) < 1 for report in reports):
        lines.append(f"* a side below half a token ({factor // 2} px) counts as 0, so a strip that thin loses length")
    return [*lines, *dict.fromkeys(note for report in reports for note in report.plan.notes)]


def run(options: argparse.Namespace) -> int:
    """Print a row for each size, and notes on the table."""
    family = families.get(options.family)
    image_sizes = [parse_size("size", word) for word in options.sizes] or sizes.EXAMPLES
    reports = [
        sizes.explain(size, family=family, budget=options.budget, min_tokens=options.min_tokens) for size in image_sizes
    ]
    if options.json:
        output.print_json({"family": family.name, "sizes": [describe(report) for report in reports]})
        return 0
    columns = [("size", "right"), ("resized", "right"), ("scale x, y", "right"), ("tokens", "right")]
    if family.window_size is not None:
        columns += [("whole", "right"), ("partial windows", "left"), ("nearest whole", "right")]
    output.table(columns, [row_text(report) for report in reports])
    for line in notes(family, reports):
        output.text(line, hang="  ")
    return 0
