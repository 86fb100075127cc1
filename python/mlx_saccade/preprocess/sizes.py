"""Reports on image sizes: enlargement to the lower limit, and attention windows that are not full.

Windows follow `get_window_index` of transformers 5.23.0, which pads the grid of tokens to whole windows and drops the
padding before attention. A partial window attends to its real tokens only, and nothing attends to padding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from mlx_saccade.families import Family
from mlx_saccade.preprocess.plan import MAX_PIXELS, Plan, plan, smart_resize

if TYPE_CHECKING:
    from mlx_saccade.media import Frame, Source

__all__ = ["SizeReport", "WindowKind", "explain"]

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
        place: "inner", or the edge that cuts them: "right", "bottom", "corner".
        columns: tokens along the width of a window.
        rows: tokens along its height.
        count: number of windows of this kind.
        whole: True if the windows are not cut.
    """

    place: str
    columns: int
    rows: int
    count: int
    whole: bool

    @property
    def tokens(self) -> int:
        """Return the real tokens in one such window; each attends to these only."""
        return self.columns * self.rows


@dataclass(frozen=True)
class SizeReport:
    """A report on one image size.

    Attributes:
        plan: plan of the size, with source_size, resized_size, tokens and windows.
        kinds: windows by shape, inner ones first; empty for a family without windows.
        whole_windows: windows that hold as many tokens as fit.
        partial_windows: windows cut at the right or bottom edge.
        padding: places in the partial windows without a token; the reference drops them before attention.
        enlarged: True if the rounded size was below the lower limit and the image is enlarged to it: more tokens, no
            more detail. A side below half a token rounds to 0, so long thin strips are enlarged too and lose length.
            Gemma 4 enlarges every image below its budget.
        enlargement: (x, y) resized pixels per source pixel.
        whole_window_size: (width, height) nearest to the resized size, within the plan's limits, that fills whole
            windows; an image of that size is not resized. None if there are no windows or no such size.
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
    """Group the attention windows of a plan by shape: inner, right edge, bottom edge, corner.

    Returns:
        At most four kinds; their counts add up to `plan.windows` and their tokens to `plan.tokens`. Empty for a family
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
    """Report how an image fills the attention windows, and if it is enlarged.

    Args:
        image_or_size: as in `mlx_saccade.plan`.
        family: as in `mlx_saccade.plan`.
        budget: as in `mlx_saccade.plan`.
        min_tokens: as in `mlx_saccade.plan`.

    Returns:
        The report.

    Raises:
        InputError: as `mlx_saccade.plan`.
        FileNotFoundError: the file does not exist.
    """
    image = plan(image_or_size, family=family, budget=budget, min_tokens=min_tokens)
    kinds = window_kinds(image)
    whole = sum(kind.count for kind in kinds if kind.whole)
    side = (image.family.window_size or 0) // image.family.factor
    width, height = image.source_size
    if image.family.budgets:  # no lower limit: an image below the budget is enlarged to it
        enlarged = math.prod(image.resized_size) > width * height
    else:
        # Rounded without the plan's upper limit, under which a shrunk image would look like one that is too small.
        enlarged = math.prod(smart_resize(height, width, image.family.factor, 1, MAX_PIXELS)) < image.min_pixels
    return SizeReport(
        plan=image,
        kinds=kinds,
        whole_windows=whole,
        partial_windows=image.windows - whole,
        padding=max(0, image.windows * side**2 - image.tokens),
        enlarged=enlarged,
        enlargement=(image.resized_size[0] / width, image.resized_size[1] / height),
        whole_window_size=_whole_window_size(image),
    )


def _whole_window_size(plan: Plan) -> tuple[int, int] | None:
    """Return the size nearest to the resized one that fills whole windows within the plan's limits."""
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
