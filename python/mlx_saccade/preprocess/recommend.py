"""Budgets by target size, from a published table of accuracy against budget.

`SOURCE` is the source of every number, and `LIMITS` lists what the table does not cover. This package measured none of
them; `mlx-saccade sweep` measures the same on generated screens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlx_saccade import families
from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import Family
from mlx_saccade.preprocess.plan import Plan, plan

if TYPE_CHECKING:
    from mlx_saccade.media import Frame, Source

__all__ = ["LIMITS", "SOURCE", "TABLE", "Recommendation", "Row", "recommend", "row_of"]

SOURCE = (
    "https://dev.to/nivdvir/maxpixels-is-a-token-budget-in-disguise-and-the-right-cap-depends-on-the-size-of-what-"
    "youre-l0c (mean IoU by target size; Qwen2.5-VL-7B, 4-bit, 4K screenshots)"
)
LIMITS = (
    "one model (Qwen2.5-VL-7B) in one quantization (4-bit), on 4K screenshots",
    "few targets: 36 large, 8 medium, 9 small, 43 tiny; no intervals were published",
    "the reference boxes of large targets came from a model, no human having labeled any",
    "four budgets were measured: 256, 1,280, 4,096 and 16,384 tokens; between them nothing is known",
    "zooming was not measured in this table",
)


@dataclass(frozen=True)
class Row:
    """A size bin of the published table.

    Attributes:
        size: name of the bin: "large", "medium", "small" or "tiny".
        above: lower bound of the target's share of the frame's area (0 to 1), excluded.
        up_to: upper bound of that share, included.
        targets: number of targets measured.
        iou: (budget in tokens, mean intersection over union 0 to 1), smallest budget first.
        budget: maximum visual tokens; for "tiny" the maximum of each of two passes, as no single budget suffices.
        zoom: True if a second pass over a crop is advised.
        finding: the row in words.
    """

    size: str
    above: float
    up_to: float
    targets: int
    iou: tuple[tuple[int, float], ...]
    budget: int
    zoom: bool
    finding: str


TABLE = (
    Row("large", 0.05, 1.0, 36, ((256, 0.343), (1280, 0.643), (4096, 0.574), (16384, 0.526)), 1280, False,
        "accuracy peaks at 1,280 tokens and falls beyond; 16,384 cost 62 s a query against 9.7 s"),
    Row("medium", 0.01, 0.05, 8, ((256, 0.221), (1280, 0.295), (4096, 0.279), (16384, 0.277)), 1280, False,
        "accuracy peaks at 1,280 tokens and stays flat beyond"),
    Row("small", 0.001, 0.01, 9, ((256, 0.029), (1280, 0.111), (4096, 0.179), (16384, 0.154)), 4096, False,
        "accuracy peaks near 4,096 tokens"),
    Row("tiny", 0.0, 0.001, 43, ((256, 0.003), (1280, 0.040), (4096, 0.056), (16384, 0.079)), 1280, True,
        "no flat budget serves: accuracy still climbs at 16,384 tokens and reaches 0.079 there"),
)  # fmt: skip


@dataclass(frozen=True)
class Recommendation:
    """A recommended budget for a target of a given size. Sizes are (width, height).

    Attributes:
        target_size: size of the target in source pixels.
        share: share of the frame's area that the target covers, above 0 and at most 1.
        row: `mlx_saccade.preprocess.recommend.Row` of the published table, for the target's size.
        budget: maximum visual tokens, as `mlx_saccade.plan` and `Engine.locate` take it; with `zoom`, of each pass.
        capped: True if the table has a larger budget, but `budget` tokens hold the image at its own size.
        zoom: True if no single budget suffices: pass over the whole image, then over a crop around the first box.
        zoom_share: with `zoom`, the largest share of each side that the crop may keep for the target to be "small" in
            it (above 0 and at most 1). None without `zoom`, and if such a crop would cut the target.
        plan: plan of the image under that budget.
        shorter_side: shorter side of the target in model pixels under that plan.
        reason: the reason in one sentence.
        source: publication of the table.
        limits: what the table does not cover.
    """

    target_size: tuple[float, float]
    share: float
    row: Row
    budget: int
    capped: bool
    zoom: bool
    zoom_share: float | None
    plan: Plan
    shorter_side: float
    reason: str
    source: str = SOURCE
    limits: tuple[str, ...] = LIMITS

    @property
    def size(self) -> str:
        """Return the size bin: "large", "medium", "small" or "tiny"."""
        return self.row.size

    @property
    def resized_size(self) -> tuple[int, int]:
        """Return (width, height) in pixels of the image that the model sees."""
        return self.plan.resized_size


def row_of(share: float) -> Row:
    """Return the table's row for a share of the frame's area: large > 5 %, medium > 1 %, small > 0.1 %.

    Raises:
        InputError: `share` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"share: expected more than 0 and at most 1 of the frame; got {share}")
    return next(row for row in TABLE if share > row.above)


def recommend(
    target: Sequence[float], image: tuple[int, int] | Frame | Source, *, family: str | Family = "qwen2.5-vl"
) -> Recommendation:
    """Recommend a budget for a target of a known size.

    It is the table's budget for that size, but at most the tokens that hold the image at its own size within the
    checkpoint's limits, and at least the family's minimum (4 tokens; 64 for Qwen3-VL).

    Args:
        target: size (width, height) or box (x1, y1, x2, y2) of the target in source pixels.
        image: (width, height), a `media.Frame`, or any image that `mlx_saccade.plan` takes.
        family: name of the model's family, or a `Family`, default "qwen2.5-vl", the only one in the table.

    Returns:
        The recommendation, with the table's row, its source and its limits.

    Raises:
        InputError: the target has no area or is not inside the image, `mlx_saccade.plan` refuses the image, or the
            family is Gemma 4, on which nothing was measured.
        FileNotFoundError: the file does not exist.
    """
    family = families.get(family)
    if family.budgets:
        raise InputError(
            f"family: expected one of Qwen's; got {family.name}, on which no accuracy by budget was published. Compare "
            f"plans at its budgets, {', '.join(map(str, family.budgets))}"
        )
    own = plan(image, family=family, budget="checkpoint")
    target_size = _target_size(target, own.source_size)
    share = (target_size[0] * target_size[1]) / (own.source_size[0] * own.source_size[1])
    row = row_of(share)
    tokens = max(min(row.budget, own.tokens), family.min_tokens)
    recommended = plan(own.source_size, family=family, budget=tokens)
    capped = tokens < row.budget
    return Recommendation(
        target_size=target_size,
        share=share,
        row=row,
        budget=tokens,
        capped=capped,
        zoom=row.zoom,
        zoom_share=_zoom_share(target_size, own.source_size) if row.zoom else None,
        plan=recommended,
        shorter_side=min(side / scale for side, scale in zip(target_size, recommended.scale, strict=True)),
        reason=_reason(row, tokens if capped else None),
        limits=LIMITS if family.name == "qwen2.5-vl" else (*LIMITS, f"nothing was measured on {family.name}"),
    )


def _zoom_share(target: tuple[float, float], frame: tuple[int, int]) -> float | None:
    """Return the largest share of each side with the target above "tiny" in the crop; None if it would be cut."""
    across, down = target[0] / frame[0], target[1] / frame[1]
    share = math.sqrt(across * down / TABLE[-1].up_to)
    return share if max(across, down) <= share else None


def _reason(row: Row, needed: int | None) -> str:
    """Return the row's finding, and why less suffices if `needed` tokens hold the image at its own size."""
    if needed is None:
        return row.finding
    return f"{row.finding}; but {needed:,} tokens hold this image at its own size, more would add no detail"


def _target_size(target: Sequence[float], frame: tuple[int, int]) -> tuple[float, float]:
    """Return (width, height) of a target given as a size or as a box."""
    got = f"got {brief(target)}"
    try:
        values = [float(value) for value in target]
    except (TypeError, ValueError, OverflowError):
        values = []
    if isinstance(target, (str, bytes)) or len(values) not in (2, 4) or not all(map(math.isfinite, values)):
        raise InputError(f"target: expected (width, height) or a box (x1, y1, x2, y2) of finite numbers; {got}")
    x1, y1, x2, y2 = (0.0, 0.0, *values) if len(values) == 2 else values
    if x2 <= x1 or y2 <= y1:
        raise InputError(f"target: expected both sides above 0 px, as (width, height) or (x1, y1, x2, y2); {got}")
    if min(x1, y1) < 0 or x2 > frame[0] or y2 > frame[1]:
        image = f"the image of {frame[0]}x{frame[1]}"
        raise InputError(f"target: expected it inside {image}; {got}. Give both in source pixels")
    return x2 - x1, y2 - y1
