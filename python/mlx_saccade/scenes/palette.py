"""Colors: the eight named ones, the three neutral ones, and the surfaces of light and dark themes."""

from dataclasses import dataclass
from typing import Final

from .descriptions import NEUTRALS
from .rng import Dice

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
# Surfaces at least this bright carry dark writing.
BRIGHT: Final = 128
GLARING: Final = 180

# How much of a container's body is the color of its name, where that is no neutral; the rest is the theme's surface.
TINT: Final[dict[str, float]] = {"window": 0.07, "panel": 0.78, "toolbar": 0.8, "row": 0.9, "tab": 0.35}


@dataclass(frozen=True)
class Theme:
    """The neutral colors of one screen: `surface` is what window bodies are made of."""

    dark: bool
    surface: Color
    sky: tuple[Color, Color]
    hills: tuple[Color, ...]


def mix(first: Color, second: Color, share: float) -> Color:
    """Blend two colors; `share` 0 gives the first, 1 the second."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
    return r, g, b


def _moved(dice: Dice, color: Color, most: int) -> Color:
    r, g, b = (min(255, max(0, value + dice.integer(-most, most))) for value in color)
    return r, g, b


def shade(dice: Dice, name: str) -> Color:
    """Return a named color, moved a little so that no exact value can be relied on."""
    if name in NEUTRALS:
        move = dice.integer(-JITTER, JITTER)
        r, g, b = (value + move for value in NAMED[name])
        return r, g, b
    return _moved(dice, NAMED[name], JITTER)


def bright(color: Color) -> bool:
    """Whether dark writing is the readable one on a surface."""
    return (2 * color[0] + 5 * color[1] + color[2]) / 8 >= BRIGHT


def ink(ground: Color) -> Color:
    """The color of writing on a surface."""
    return mix(ground, BLACK, 0.78) if bright(ground) else mix(ground, WHITE, 0.8)


def mark(color: Color) -> Color:
    """The color of what is drawn on a button: white, and black on yellow."""
    return BLACK if 2 * color[0] + 5 * color[1] + color[2] > 8 * GLARING else WHITE


def paper(ground: Color) -> Color:
    """The surface of what is written on, set in another surface: white in bright ones, nearly black in dark ones."""
    return PAPER if bright(ground) else mix(ground, SLATE, 0.75)


def body(kind: str, name: str, color: Color, theme: Theme, ground: Color) -> Color:
    """The surface that a container or part lays under what stands in it."""
    if kind in ("list", "table"):
        return paper(ground)
    if kind == "dialog":
        return theme.surface
    if kind == "window" and name in NEUTRALS:
        return mix(color, WHITE if name != "dark" else BLACK, 0.3)
    if name in NEUTRALS or kind not in TINT:
        return color
    return mix(theme.surface if kind != "tab" else paper(ground), color, TINT[kind])


def draw_theme(dice: Dice) -> Theme:
    """Choose a light or a dark theme, and a wallpaper: a plain or shaded sky, and hills on half of the screens."""
    dark = dice.chance(0.4)
    low, high = (26, 74) if dark else (150, 222)
    level = dice.integer(low, high)
    # Muted, so that no wallpaper is mistaken for one of the eight colors.
    hue = _moved(dice, (level, level, level), 28)
    other = hue if dice.chance(0.3) else _moved(dice, mix(hue, BLACK if dark else WHITE, dice.uniform(0.1, 0.45)), 14)
    count = dice.integer(1, 3) if dice.chance(0.5) else 0
    shares = [0.1 + 0.1 * place for place in range(count)]
    hills = [_moved(dice, mix(hue, BLACK if dice.chance(0.6) else WHITE, share), 8) for share in shares]
    surface = _moved(dice, SLATE, 5) if dark else _moved(dice, (242, 243, 246), 6)
    return Theme(dark, surface, (other, hue), tuple(hills))
