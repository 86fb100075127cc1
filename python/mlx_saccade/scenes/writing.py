"""Unreadable writing: bars in place of words, so that no screen depends on a font."""

from typing import Final

from .boxes import Box
from .palette import Color
from .raster import Canvas

# Lengths of the words of a text, in letters; the `look` of a line chooses where it starts.
LETTERS: Final = (3, 6, 2, 8, 5, 4, 7, 3, 9, 2, 4, 6, 5, 3, 10, 4, 2, 7, 5, 3, 6, 4, 8, 3, 2, 5, 7, 4, 6, 3, 5)
LETTER: Final = 0.3  # width of a letter, in heights of a line
INK: Final = 0.42  # height of a word's bar, in heights of a line


def _bar(box: Box, size: int) -> int:
    """Return the height in pixels of the words in a line of this size, at most the height of the box."""
    return min(max(1, round(INK * size)), box[3] - box[1])


def write_line(canvas: Canvas, box: Box, size: int, color: Color, look: int) -> None:
    """Write words in a line of `size` pixels from the left of a box, in its vertical middle."""
    x, right = box[0], box[2]
    bar = _bar(box, size)
    y = (box[1] + box[3] - bar) // 2
    gap = max(1, round(LETTER * size))
    place = look % len(LETTERS)
    while right - x > gap:
        end = min(right, x + max(1, round(LETTERS[place] * LETTER * size)))
        canvas.fill((x, y, end, y + bar), color)
        x = end + gap
        place = (place + 1) % len(LETTERS)


def write_centered(canvas: Canvas, box: Box, size: int, color: Color, look: int) -> None:
    """Write one or two words in the middle of a box."""
    bar, gap = _bar(box, size), max(1, round(LETTER * size))
    words = [max(1, round(LETTERS[(look + i) % len(LETTERS)] * LETTER * size)) for i in range(1 + look % 2)]
    room = box[2] - box[0]
    while len(words) > 1 and sum(words) + gap > room:
        words.pop()
    words[0] = min(words[0], room)
    x, y = (box[0] + box[2] - sum(words) - gap * (len(words) - 1)) // 2, (box[1] + box[3] - bar) // 2
    for width in words:
        canvas.fill((x, y, x + width, y + bar), color)
        x += width + gap


def write_lines(canvas: Canvas, box: Box, size: int, color: Color, look: int) -> None:
    """Write a paragraph of lines of height `size`, the last one short."""
    x1, y1, x2, y2 = box
    pitch = max(2, size)
    count = max(1, (y2 - y1) // pitch)
    for line in range(count):
        short = 0.55 if line == count - 1 or (look + line) % 7 == 0 else 1 - 0.04 * ((look + 5 * line) % 4)
        right = x1 + round((x2 - x1) * (short if count > 1 else 1))
        top = y1 + line * pitch
        write_line(canvas, (x1, top, right, min(y2, top + pitch)), size, color, look + 7 * line)
