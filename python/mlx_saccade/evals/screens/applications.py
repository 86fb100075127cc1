"""The programs that can be shown: how each is started, and which of its states are visited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

__all__ = ["APPLICATIONS", "Application", "Panel", "State", "Step"]


@dataclass(frozen=True)
class Step:
    """Something that a user does.

    Attributes:
        kind: "press" keys, "act" on an element (its first action), "click" an element or "click at" a point,
            "wait" seconds, or "close others", every window but the largest.
        words: keys such as "alt+f"; role and name of an element; x and y in pixels; seconds.
    """

    kind: str
    words: tuple[str, ...] = ()


def press(*keys: str) -> tuple[Step, ...]:
    """Return the steps that press keys one after the other."""
    return tuple(Step("press", (one,)) for one in keys)


def act(role: str, *names: str) -> tuple[Step, ...]:
    """Return the steps that press elements of a role one after the other."""
    return tuple(Step("act", (role, name)) for name in names)


def click(role: str, *names: str) -> tuple[Step, ...]:
    """Return the steps that click elements of a role one after the other."""
    return tuple(Step("click", (role, name)) for name in names)


def wait(seconds: float) -> tuple[Step, ...]:
    """Return the step that waits."""
    return (Step("wait", (str(seconds),)),)


@dataclass(frozen=True)
class State:
    """A state of a program.

    Attributes:
        name: for the screen's file.
        steps: from the start.
        undo: what leads back besides closing windows and Escape; default nothing.
    """

    name: str
    steps: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()


MAIN: Final = State("main")
CLOSE_OTHERS: Final = (Step("close others"),)


@dataclass(frozen=True)
class Panel:
    """A large part of a program's window that has no name in its accessibility tree.

    Attributes:
        phrase: its description.
        role: in AT-SPI's words; of nested ones the innermost is meant.
        place: "largest" (default), or of the large ones the one most to the "left", "right", "top" or "bottom".
    """

    phrase: str
    role: str
    place: str = "largest"


@dataclass(frozen=True)
class Application:
    """A program in one setting.

    Attributes:
        name: for the files of its screens; before a "@" the program, as `--apps` takes it, after it the setting.
        title: name for people.
        command: its words; "@" stands for the folder of the documents.
        package: the package of Debian.
        group: ScreenSpot-Pro's kind of program.
        states: the states to record, in this order.
        start_up: steps after the start, such as the closing of a welcome.
        variables: of its environment.
        settings: texts of files, by path in the home folder.
        panels: parts without a name.
        phrases: descriptions of elements whose names say nothing, by name; "" drops the element.
        corrections: names of functions of `corrections`, applied to its trees.
    """

    name: str
    title: str
    command: tuple[str, ...]
    package: str
    group: str
    states: tuple[State, ...] = (MAIN,)
    start_up: tuple[Step, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    panels: tuple[Panel, ...] = ()
    phrases: Mapping[str, str] = field(default_factory=dict)
    corrections: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """Return the name without the setting."""
        return self.name.partition("@")[0]

    @property
    def scale(self) -> int:
        """Return the pixels of a point, in which GTK reports places."""
        return int(self.variables.get("GDK_SCALE", "1"))


def menus(*names: str, role: str = "menu") -> tuple[State, ...]:
    """Return the states with a menu of the menu bar open."""
    return tuple(State(f"menu-{name.lower()}", click(role, name)) for name in names)


def dialog(name: str, *items: str, role: str = "menu item") -> State:
    """Return the state after an item of a menu, which needs not be open."""
    return State(name, act(role, *items))


def keys(name: str, *words: str) -> State:
    """Return the state after keys."""
    return State(name, press(*words))


def twice(application: Application, *states: State) -> Application:
    """Return a program of GTK 3 at two pixels a point."""
    return replace(
        application,
        name=f"{application.name}@2x",
        states=states or application.states,
        variables={**application.variables, "GDK_SCALE": "2"},
        corrections=("double", *application.corrections),
    )


GIMP: Final = Application(
    "gimp", "GIMP", ("gimp", "--no-splash", "@shapes.png"), "gimp", "Creative",
    states=(
        MAIN, *menus("Image", "Colors", "Select"), dialog("new", "New..."), dialog("scale", "Scale Image..."),
        dialog("preferences", "Preferences"),
    ),
    panels=(Panel("the canvas with the picture", "panel"),),
)  # fmt: skip
INKSCAPE: Final = Application(
    "inkscape", "Inkscape", ("inkscape", "@tiles.svg"), "inkscape", "Creative",
    states=(
        MAIN, *menus("Path", "Object", "Text"), keys("preferences", "ctrl+shift+p"), keys("export", "ctrl+shift+e"),
    ),
    panels=(Panel("the canvas with the drawing", "drawing area"),),
    phrases={"pixels": ""},
)  # fmt: skip
_OFFICE: Final = ("--norestore", "--nologo")
CALC: Final = Application(
    "calc", "LibreOffice Calc", ("soffice", "--calc", *_OFFICE, "@boats.csv"), "libreoffice-calc", "Office",
    states=(
        MAIN, *menus("Insert", "Data", "Sheet"), keys("format", "ctrl+1"), keys("find", "ctrl+h"),
        keys("options", "alt+F12"), keys("function", "ctrl+F2"),
    ),
    start_up=press("Return"),
    corrections=("lower_document",),
)  # fmt: skip
WRITER: Final = Application(
    "writer", "LibreOffice Writer", ("soffice", "--writer", *_OFFICE, "@harbor.txt"), "libreoffice-writer", "Office",
    states=(MAIN, *menus("Insert", "Table", "Tools"), keys("find", "ctrl+h"), keys("styles", "F11")),
    corrections=("lower_document",),
)  # fmt: skip
IMPRESS: Final = Application(
    "impress", "LibreOffice Impress", ("soffice", "--impress", *_OFFICE), "libreoffice-impress", "Office",
    states=(MAIN, *menus("Slide", "Shape", "Format")),
    start_up=press("Escape"),
    corrections=("lower_document",),
    phrases={"PageShape: Slide 1": "the slide", "PresentationTitle": "the title placeholder of the slide",
             "PresentationSubtitle": "the subtitle placeholder of the slide"},
)  # fmt: skip
KRITA: Final = Application(
    "krita", "Krita", ("krita", "--nosplash", "@shapes.png"), "krita", "Creative",
    states=(
        MAIN, *menus("Image", "Layer", "Filter", role="menu item"), keys("new", "ctrl+n"),
        dialog("configure", "Configure Krita..."),
    ),
    panels=(
        Panel("the canvas with the picture", "layered pane"), Panel("the list of brush presets", "list"),
        Panel("the list of layers", "tree"),
    ),
    corrections=("drop_numbers", "drop_group_names"),
)  # fmt: skip
SCRIBUS: Final = Application(
    "scribus", "Scribus", ("scribus", "--no-splash"), "scribus", "Creative",
    states=(MAIN, *menus("Item", "Insert", "Page", role="menu item"), keys("properties", "F2")),
    start_up=press("Return"),
    panels=(Panel("the canvas with the page", "layered pane"),),
    corrections=("drop_group_names",),
)  # fmt: skip
AUDACITY: Final = Application(
    "audacity", "Audacity", ("audacity",), "audacity", "Creative",
    states=(MAIN, *menus("Tracks", "Transport", "Effect"), keys("preferences", "ctrl+p")),
    start_up=(*wait(3), *CLOSE_OTHERS),
    panels=(Panel("the area for the audio tracks", "panel"),),
)  # fmt: skip
GNUMERIC: Final = Application(
    "gnumeric", "Gnumeric", ("gnumeric", "@boats.csv"), "gnumeric", "Office",
    states=(
        MAIN, *menus("Insert", "Statistics", "Data"), keys("format", "ctrl+1"), dialog("preferences", "Preferences"),
    ),
    panels=(Panel("the grid of cells", "panel"),),
)  # fmt: skip
_CHROMIUM: Final = (
    "chromium", "--no-sandbox", "--test-type", "--disable-gpu", "--force-renderer-accessibility", "--no-first-run",
    "--password-store=basic",
)  # fmt: skip
CHROMIUM: Final = Application(
    "chromium", "Chromium", (*_CHROMIUM, "@booking.html"), "chromium", "OS",
    states=(MAIN, State("menu", act("push button", "Chromium"))),
    corrections=("drop_memory_usage",),
)  # fmt: skip
_CHROMIUM_TWICE: Final = (*_CHROMIUM, "--force-device-scale-factor=2")
MOUSEPAD: Final = Application(
    "mousepad", "Mousepad", ("mousepad", "@harbor.txt"), "mousepad", "Dev",
    states=(MAIN, *menus("Edit", "Document"), dialog("preferences", "Preferences..."), keys("find", "ctrl+h")),
    panels=(Panel("the text area", "text"),),
)  # fmt: skip
PCMANFM: Final = Application(
    "pcmanfm", "PCManFM", ("pcmanfm", "@"), "pcmanfm", "OS",
    states=(MAIN, *menus("View", "Go"), dialog("preferences", "Preferences")),
    panels=(Panel("the area with the files", "layered pane"),),
    phrases={"Shows list of common places, devices, and bookmarks in sidebar": "the list of places"},
)  # fmt: skip
# The items of its menus are made when a menu opens.
PREFERENCES_IN_EDIT: Final = State("preferences", (*click("menu", "Edit"), *click("menu item", "Preferences")))
THUNAR: Final = Application(
    "thunar", "Thunar", ("thunar", "@"), "thunar", "OS",
    states=(MAIN, *menus("View", "Go"), PREFERENCES_IN_EDIT),
    panels=(Panel("the list of places", "table"),),
    phrases={"Icon view": "the area with the files"},
)  # fmt: skip
EVINCE: Final = Application(
    "evince",
    "Evince",
    ("evince", "@report.pdf"),
    "evince",
    "Office",
    states=(MAIN, State("menu", act("toggle button", "File options")), keys("properties", "alt+Return")),
    phrases={"Document View": "the area with the document"},
)
ABIWORD: Final = Application(
    "abiword",
    "AbiWord",
    ("abiword", "@harbor.txt"),
    "abiword",
    "Office",
    states=(MAIN, *menus("Insert", "Format"), keys("find", "ctrl+f")),
    panels=(Panel("the area with the document", "drawing area"),),
)
GALCULATOR: Final = Application(
    "galculator", "Galculator", ("galculator",), "galculator", "Scientific",
    states=(MAIN, *menus("View")), panels=(Panel("the display with the result", "text"),),
)  # fmt: skip
GEANY: Final = Application(
    "geany", "Geany", ("geany", "@harbor.c"), "geany", "Dev",
    states=(MAIN, *menus("Document", "Build", "Tools"), keys("preferences", "ctrl+alt+p"), keys("find", "ctrl+f")),
    panels=(Panel("the editor with its tabs", "page tab list"),),
)  # fmt: skip
MELD: Final = Application(
    "meld",
    "Meld",
    ("meld", "@harbor.txt", "@harbor-old.txt"),
    "meld",
    "Dev",
    states=(MAIN, keys("find", "ctrl+f")),
    panels=(Panel("the left text", "text", "left"), Panel("the right text", "text", "right")),
)
FILEZILLA: Final = Application(
    "filezilla", "FileZilla", ("filezilla",), "filezilla", "OS",
    states=(MAIN, *menus("View", "Transfer"), keys("sites", "ctrl+s")),
    start_up=CLOSE_OTHERS,
    panels=(
        Panel("the list of local files", "panel", "left"), Panel("the list of remote files", "panel", "right"),
        Panel("the message log", "text"),
    ),
)  # fmt: skip

APPLICATIONS: Final = (
    GIMP,
    INKSCAPE,
    twice(INKSCAPE, MAIN, keys("preferences", "ctrl+shift+p")),
    replace(CALC, name="calc@import", states=(MAIN,), start_up=()),
    CALC,
    WRITER,
    replace(IMPRESS, name="impress@templates", states=(MAIN,), start_up=()),
    IMPRESS,
    KRITA,
    replace(SCRIBUS, name="scribus@new", states=(MAIN,), start_up=(), panels=()),
    SCRIBUS,
    AUDACITY,
    GNUMERIC,
    twice(GNUMERIC, MAIN, keys("format", "ctrl+1")),
    CHROMIUM,
    replace(CHROMIUM, name="chromium@timetable", command=(*_CHROMIUM, "@timetable.html"), states=(MAIN,)),
    replace(
        CHROMIUM,
        name="chromium@2x",
        command=(*_CHROMIUM_TWICE, "@booking.html"),
        states=(MAIN,),
        corrections=("double_outside_pages", "drop_memory_usage"),
    ),
    replace(
        CHROMIUM,
        name="chromium@timetable-2x",
        command=(*_CHROMIUM_TWICE, "@timetable.html"),
        states=(MAIN,),
        corrections=("double_outside_pages", "drop_memory_usage"),
    ),
    MOUSEPAD,
    twice(MOUSEPAD, MAIN, *menus("Edit")),
    PCMANFM,
    THUNAR,
    twice(THUNAR, MAIN, PREFERENCES_IN_EDIT),
    EVINCE,
    ABIWORD,
    GALCULATOR,
    twice(GALCULATOR, MAIN),
    GEANY,
    twice(GEANY, MAIN, keys("preferences", "ctrl+alt+p")),
    MELD,
    twice(MELD, MAIN),
    FILEZILLA,
    twice(FILEZILLA, MAIN, keys("sites", "ctrl+s")),
)
