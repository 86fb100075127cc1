"""Boxes (x1, y1, x2, y2) in pixels, x right, y down, edges not centers."""

Box = tuple[int, int, int, int]


def inset(box: Box, margin: int) -> Box:
    """Shrink a box by `margin` pixels on every side."""
    return box[0] + margin, box[1] + margin, box[2] - margin, box[3] - margin


def times(box: Box, scale: int) -> Box:
    """Scale a box by a whole factor."""
    return box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale


def center(box: Box) -> tuple[float, float]:
    """Return the center of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
