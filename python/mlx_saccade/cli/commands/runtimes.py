"""`mlx-saccade runtimes`: compare the default budgets of known runtimes on one image."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from mlx_saccade import families
from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_family_argument, add_image_or_size, add_url_argument, image_or_size_of
from mlx_saccade.preprocess import plan, runtimes

__all__ = ["EXAMPLES", "add_arguments", "run", "settings"]

EXAMPLES = (
    "mlx-saccade runtimes 3840x2160",
    "mlx-saccade runtimes screens/scene-000000.png --family qwen3-vl",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade runtimes`."""
    add_image_or_size(parser)
    add_family_argument(parser)
    add_url_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print a row for each runtime and range of versions: the reference's arithmetic within its limits."""
    size = plan.source_size(image_or_size_of(options))
    rows = runtimes.survey(size, options.family)
    if options.json:
        output.print_json(
            {"source_size": list(size), "family": options.family, "runtimes": [asdict(row) for row in rows]}
        )
        return 0
    output.table(
        [("runtime", "left"), ("tokens", "right"), ("resized", "right"), ("limits", "right"), ("versions", "left")],
        [row_text(row) for row in rows],
    )
    output.text(
        "limits in tokens; sizes by the reference's arithmetic within them; --json adds differences and sources"
    )
    family = families.get(options.family)
    area = family.factor**2
    example = "" if family.budgets else f" (pixels = tokens x {area}; 1003520 px = {1003520 // area:,} tokens)"
    print()
    output.text(f"what changes a runtime's limits{example}:")
    output.facts(settings(rows))
    return 0


def settings(rows: list[runtimes.SurveyRow]) -> list[tuple[str, str]]:
    """Return (runtime, setting that changes its limits) pairs, with the versions if they differ."""
    pairs = []
    for name in dict.fromkeys(row.runtime for row in rows):
        own = [row for row in rows if row.runtime == name]
        by_setting: dict[str, list[str]] = {}
        for row in own:
            by_setting.setdefault(row.override, []).append(row.versions)
        for setting, versions in by_setting.items():
            pairs.append((name, setting if len(by_setting) == 1 else f"{'; '.join(versions)}: {setting}"))
    return pairs


def row_text(row: runtimes.SurveyRow) -> tuple[str, str, str, str, str]:
    """Return one row of the table; unknown limits are called unknown."""
    if row.resized_size is None:
        return row.runtime, "unknown", "", "", row.versions
    width, height = row.resized_size
    limits = f"{row.min_tokens:,} to {row.max_tokens:,}"
    return row.runtime, f"{row.tokens:,}", f"{width} x {height}", limits, row.versions
