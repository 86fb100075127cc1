"""The closed vocabulary of the generated world: eight colours, fourteen kinds, and how a description is spelled."""

from typing import Final

COLOURS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")

CONTAINERS: Final = ("window", "panel")
CONTROLS: Final = ("round button", "square button", "slider", "check box", "text field", "toggle switch")
GLYPHS: Final = ("triangle", "star", "cross", "diamond", "ring", "arrow")
ICONS: Final = tuple(f"{glyph} icon" for glyph in GLYPHS)
KINDS: Final = CONTAINERS + CONTROLS + ICONS


def describe(colour: str, kind: str) -> str:
    """Return the phrase that names an element, for example "the red round button"."""
    return f"the {colour} {kind}"


# Sorted, so that a vocabulary built from it does not depend on the order of the tables above.
WORDS: Final = tuple(sorted({word for colour in COLOURS for kind in KINDS for word in describe(colour, kind).split()}))
