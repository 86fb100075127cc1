"""The data of the page's own arithmetic: families, runtimes and the table of budgets by target size."""

from __future__ import annotations

from typing import Any

from mlx_saccade import families
from mlx_saccade.preprocess import recommend, runtimes

__all__ = ["arithmetic"]


def arithmetic() -> dict[str, Any]:
    """Return what the page needs to compute sizes, tokens and recommendations by itself."""
    return {
        "families": [_family(family) for family in _families()],
        "runtimes": _runtimes(),
        "recommend": {
            "rows": [
                {"size": row.size, "above": row.above, "budget": row.budget, "zoom": row.zoom, "finding": row.finding,
                 "targets": row.targets}
                for row in recommend.TABLE
            ],
            "source": recommend.SOURCE,
            "limits": list(recommend.LIMITS),
        },
    }  # fmt: skip


def _families() -> list[families.Family]:
    """Return the families whose sizes the page computes: those of `smart_resize`."""
    return [family for family in map(families.get, families.names()) if not family.budgets]


def _family(family: families.Family) -> dict[str, Any]:
    return {
        "name": family.name,
        "factor": family.factor,
        "patch": family.patch_size,
        "merge": family.merge_size,
        "window": family.window_size,
        "min_pixels": family.min_pixels,
        "max_pixels": family.max_pixels,
        "convention": family.convention,
    }


def _runtimes() -> list[dict[str, Any]]:
    """Return each runtime with its limits in pixels for every family whose sizes the page computes."""
    surveys = {family.name: iter(runtimes.survey((1000, 1000), family)) for family in _families()}
    rows = []
    for record in runtimes.records():
        of_family = [(name, next(survey)) for name, survey in surveys.items() if name in record.limits]
        rows.append(
            {
                "name": record.name,
                "versions": record.versions,
                "rounding": record.rounding,
                "filter": record.filter,
                "note": record.note,
                "source": record.source,
                "confidence": record.confidence,
                "families": [
                    {"family": name, "min_pixels": row.min_pixels, "max_pixels": row.max_pixels,
                     "setting": row.override, "fit": record.fit, "enlarges": record.enlarges}
                    for name, row in of_family
                ],
            }
        )  # fmt: skip
    return rows
