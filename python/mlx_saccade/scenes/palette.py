"""Colors: the eight named ones, the three neutral ones, and the surfaces of light and dark themes."""

from dataclasses import dataclass
from typing import Final

from .descriptions import NEUTRALS
from .rng import Rng

Color = tuple[int, int, int]

NAMED: Final[dict[str, Color]] = {
    "red": (218, 40, 44),
    "orange": (243, 130, 24),
    "yellow": (244, 214, 40),
    "green": (42, 164, 66),
    "cyan": (44, 200, 218),
    "blue": (44, 92, 232),
    "purple": (128, 56, 196),
    "pink": (244, 112, 182),
    "dark": (48, 50, 54),
    "light": (232, 233, 236),
    "grey": (142, 144, 148),
}
JITTER: Final = 12

WHITE: Final[Color] = (250, 250, 250)
BLACK: Final[Color] = (24, 26, 30)
PAPER: Final[Color] = (252, 252, 252)
SLATE: Final[Color] = (38, 40, 44)
# Surfaces of at least this brightness have dark writing.
BRIGHT: Final = 128
GLARING: Final = 180

# Share of its named color in the body of a container; the rest is the theme's surface. Neutrals are not mixed.
TINT: Final[dict[str, float]] = {"window": 0.07, "panel": 0.78, "toolbar": 0.8, "row": 0.9, "tab": 0.35}


@dataclass(frozen=True)
class Theme:
    """The neutral colors of a screen; `surface` is that of window bodies."""

    dark: bool
    surface: Color
    sky: tuple[Color, Color]
    hills: tuple[Color, ...]


def mix(first: Color, second: Color, share: float) -> Color:
    """Blend two colors; `share` 0 gives the first, 1 the second."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
    return r, g, b


def _moved(rng: Rng, color: Color, most: int) -> Color:
    r, g, b = (min(255, max(0, value + rng.integer(-most, most))) for value in color)
    return r, g, b


def shade(rng: Rng, name: str) -> Color:
    """Return a named color with a small random offset, so that its exact value is no cue."""
    if name in NEUTRALS:
        move = rng.integer(-JITTER, JITTER)
        r, g, b = (value + move for value in NAMED[name])
        return r, g, b
    return _moved(rng, NAMED[name], JITTER)


def bright(color: Color) -> bool:
    """Return True if dark writing is readable on a surface."""
    return (2 * color[0] + 5 * color[1] + color[2]) / 8 >= BRIGHT


def ink(ground: Color) -> Color:
    """Return the color of writing on a surface."""
    return mix(ground, BLACK, 0.78) if bright(ground) else mix(ground, WHITE, 0.8)


def mark(color: Color) -> Color:
    """Return the color of a mark on a button: white, or black on yellow."""
    return BLACK if 2 * color[0] + 5 * color[1] + color[2] > 8 * GLARING else WHITE


def paper(ground: Color) -> Color:
    """Return the color of paper on a surface: white on bright ones, nearly black on dark ones."""
    return PAPER if bright(ground) else mix(ground, SLATE, 0.75)


def body(kind: str, name: str, color: Color, theme: Theme, ground: Color) -> Color:
    """Return the surface of a container or part under its content."""
    if kind in ("list", "table"):
        return paper(ground)
    if kind == "dialog":
        return theme.surface
    if kind == "window" and name in NEUTRALS:
        return mix(color, WHITE if name != "dark" else BLACK, 0.3)
    if name in NEUTRALS or kind not in TINT:
        return color
    return mix(theme.surface if kind != "tab" else paper(ground), color, TINT[kind])


def draw_theme(rng: Rng) -> Theme:
    """Choose a light or a dark theme, and a wallpaper: a plain or shaded sky, and hills on half of the screens."""
    dark = rng.chance(0.4)
    low, high = (26, 74) if dark else (150, 222)
    level = rng.integer(low, high)
    # Muted, so that no wallpaper resembles one of the eight colors.
    hue = _moved(rng, (level, level, level), 28)
    other = hue if rng.chance(0.3) else _moved(rng, mix(hue, BLACK if dark else WHITE, rng.uniform(0.1, 0.45)), 14)
    count = rng.integer(1, 3) if rng.chance(0.5) else 0
    shares = [0.1 + 0.1 * place for place in range(count)]
    hills = [_moved(rng, mix(hue, BLACK if rng.chance(0.6) else WHITE, share), 8) for share in shares]
    surface = _moved(rng, SLATE, 5) if dark else _moved(rng, (242, 243, 246), 6)
    return Theme(dark, surface, (other, hue), tuple(hills))
