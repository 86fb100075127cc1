"""What becomes of small images: enlarging to the lower limit, and attention windows that are not full.

Windows follow `get_window_index` of transformers 5.23.0: it pads the grid of tokens to whole windows, then drops the
padding before attention. So a partial window attends over its real tokens alone, and nothing attends to padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from mlx_saccade.families import Family
from mlx_saccade.preprocess import plan as budgets

if TYPE_CHECKING:
    from mlx_saccade.media import Frame, Source
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["EXAMPLES", "SizeReport", "WindowKind", "explain", "window_kinds"]

# A pixel, an icon, one token, the lower limit, one whole window, a tie of the rounding (4.5 tokens), one token past a
# window, four windows, a thumbnail, an old screen, a strip one token high, a 4K screen.
EXAMPLES = (
    (1, 1), (16, 16), (28, 28), (56, 56), (112, 112), (126, 126), (140, 140), (224, 224), (400, 300), (640, 480),
    (1000, 20), (3840, 2160),
)  # fmt: skip


@dataclass(frozen=True)
class WindowKind:
    """The attention windows of one shape; an image has at most four kinds.

    Attributes:
        place: "inner", or where they are cut: "right", "bottom", "corner".
        columns: tokens along a window's width.
        rows: tokens along its height.
        count: windows of this kind.
        whole: nothing is cut.
    """

    place: str
    columns: int
    rows: int
    count: int
    whole: bool

    @property
    def tokens(self) -> int:
        """Real tokens in one such window; each attends to these alone."""
        return self.columns * self.rows


@dataclass(frozen=True)
class SizeReport:
    """What one size becomes.

    Attributes:
        plan: its source_size, resized_size, tokens and windows.
        kinds: the windows by shape, inner ones first; empty for a family without windows.
        whole_windows: windows that hold as many tokens as fit.
        partial_windows: windows cut at the right or bottom edge.
        padding: places in those windows that hold no token; the reference drops them before attention.
        enlarged: the rounded size was below the lower limit, so the image was brought up to it: more tokens, no more
            detail. A side below half a token rounds to 0, so long thin strips go this way too and lose length.
        enlargement: (x, y) resized pixels for one source pixel.
        whole_window_size: (width, height) nearest to the resized size, within the plan's limits, that fills whole
            windows; an image of that size is not resized at all. None where there are no windows or no such size.
    """

    plan: Plan
    kinds: tuple[WindowKind, ...]
    whole_windows: int
    partial_windows: int
    padding: int
    enlarged: bool
    enlargement: tuple[float, float]
    whole_window_size: tuple[int, int] | None


def window_kinds(plan: Plan) -> tuple[WindowKind, ...]:
    """The attention windows of a plan by shape: inner, right edge, bottom edge, corner; those that exist.

    Returns:
        At most four kinds, whose counts add up to `plan.windows` and whose tokens to `plan.tokens`; none for a family
        without windows.
    """
    family = plan.family
    if family.window_size is None:
        return ()
    side = family.window_size // family.factor
    _, high, wide = plan.grid_thw
    inner_columns, columns = divmod(wide // family.merge_size, side)
    inner_rows, rows = divmod(high // family.merge_size, side)
    kinds = (
        WindowKind("inner", side, side, inner_columns * inner_rows, True),
        WindowKind("right", columns, side, inner_rows, False),
        WindowKind("bottom", side, rows, inner_columns, False),
        WindowKind("corner", columns, rows, 1, False),
    )
    return tuple(kind for kind in kinds if kind.count * kind.tokens)


def explain(
    image_or_size: tuple[int, int] | Frame | Source,
    *,
    family: str | Family = "qwen2.5-vl",
    budget: int | str | None = None,
    min_tokens: int | None = None,
) -> SizeReport:
    """Say how an image of this size fills the windows of attention, and whether it is enlarged.

    Args:
        image_or_size: as `mlx_saccade.plan`.
        family: as `mlx_saccade.plan`.
        budget: as `mlx_saccade.plan`.
        min_tokens: as `mlx_saccade.plan`.

    Returns:
        The report.

    Raises:
        InputError: as `mlx_saccade.plan`.
        FileNotFoundError: no such file.
    """
    plan = budgets.plan(image_or_size, family=family, budget=budget, min_tokens=min_tokens)
    kinds = window_kinds(plan)
    whole = sum(kind.count for kind in kinds if kind.whole)
    side = (plan.family.window_size or 0) // plan.family.factor
    width, height = plan.source_size
    # Rounded alone: within the plan's own upper limit, what was shrunk would look like what is too small.
    rounded = budgets.smart_resize(height, width, plan.family.factor, 1, budgets.MAX_PIXELS)
    return SizeReport(
        plan=plan,
        kinds=kinds,
        whole_windows=whole,
        partial_windows=plan.windows - whole,
        padding=max(0, plan.windows * side**2 - plan.tokens),
        enlarged=rounded[0] * rounded[1] < plan.min_pixels,
        enlargement=(plan.resized_size[0] / width, plan.resized_size[1] / height),
        whole_window_size=_whole_window_size(plan),
    )


def _whole_window_size(plan: Plan) -> tuple[int, int] | None:
    """The size nearest to the resized one whose sides are whole windows, within the plan's limits."""
    side = plan.family.window_size
    if side is None:
        return None
    around = [(length // side * side, -(-length // side) * side) for length in plan.resized_size]
    fitting = [
        (width, height)
        for width, height in product(*around)
        if width and height and plan.min_pixels <= width * height <= plan.max_pixels
    ]
    wide, high = plan.resized_size
    return min(fitting, key=lambda size: abs(size[0] - wide) + abs(size[1] - high), default=None)
