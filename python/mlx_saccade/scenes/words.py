"""The closed vocabulary of the generated world: its colours and kinds, and how a description is spelled."""

from typing import Final

COLOURS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
# Surfaces only: a control or an icon always has one of the eight colours above.
NEUTRALS: Final = ("dark", "light", "grey")

CONTAINERS: Final = ("window", "panel", "dialog", "toolbar", "list", "table", "dock")
# Parts belong to a container: title bars to windows, tabs to strips of tabs, rows (the marked ones) to lists, tables.
PARTS: Final = ("title bar", "tab", "row")
CONTROLS: Final = (
    "round button", "square button", "push button", "slider", "check box", "text field", "toggle switch",
)  # fmt: skip
GLYPHS: Final = ("triangle", "star", "cross", "diamond", "ring", "arrow", "heart", "moon", "folder")
ICONS: Final = tuple(f"{glyph} icon" for glyph in GLYPHS)
KINDS: Final = CONTAINERS + PARTS + CONTROLS + ICONS

# Kinds that may have a neutral colour.
SURFACES: Final = ("window", "title bar", "panel", "toolbar", "dock")
SIDES: Final = ("left", "right", "top", "bottom")
DESKTOP: Final = "on the desktop"


def describe(colour: str, kind: str, *, side: str | None = None, place: str | None = None) -> str:
    """Return the phrase that names an element.

    Args:
        colour: one of `COLOURS`, or of `NEUTRALS` where the kind is one of `SURFACES`.
        kind: one of `KINDS`.
        side: which of two that look alike, one of `SIDES`: "the left red star icon".
        place: where it stands, `within(container)` or `DESKTOP`: "the red star icon in the blue window".
    """
    words = ["the", side, colour, kind, place]
    return " ".join(word for word in words if word is not None)


def within(colour: str, kind: str) -> str:
    """Return the relation that names the container of an element: "in the blue window"."""
    return f"in {describe(colour, kind)}"


# Sorted, so that a vocabulary built from it does not depend on the order of the tables above.
WORDS: Final = tuple(sorted(set(" ".join(("the", "in", DESKTOP, *COLOURS, *NEUTRALS, *KINDS, *SIDES)).split())))
