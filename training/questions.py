"""Make questions about a screen and their answers: places of descriptions, descriptions of places, and nothing."""

from dataclasses import dataclass
from typing import Final

import numpy as np

import vocabulary
from mlx_saccade.scenes import COLORS, KINDS, Element, Scene, describe
from mlx_saccade.scenes.descriptions import CONTAINERS, SURFACES
from vocabulary import END, NOTHING, Corners

# Shares of the questions: absent descriptions, points, boxes; the rest are places of descriptions.
ABSENT: Final = 0.2
POINTS: Final = 0.36
BOXES: Final = 0.1
# Shortest side in model pixels of what is pointed at, and how far from the point is to be looked, either way.
POINTED_SIDE: Final = 12.0
AROUND: Final = 3.0
# While drilled: share of the points that have something else close by, at one of these offsets: there a name is easily
# the neighbor's.
CLOSE: Final = 0.5
CORNERS: Final = ((-6, -6), (6, -6), (-6, 6), (6, 6))
# From so many model pixels on an element is plain to see. Plain ones are asked for first, small ones last: the exponent
# of an element's place in a shuffle.
PLAIN_SIDE: Final = 28.0
SMALL_SIDE: Final = 16.0
PLAIN, MIDDLING, SMALL = 2.0, 0.7, 0.3
# Share of the points and boxes that are of plain elements, and, while drilled, of those that need a relation, where
# there are any.
PLAIN_POINTED: Final = 0.8
RELATED: Final = 0.25
# Share of the points and boxes that are on the bare desktop, where there is room; the sides of such boxes in pixels.
BARE: Final = 0.12
BARE_SIDES: Final = (14.0, 112.0)
TRIES: Final = 12


@dataclass(frozen=True)
class QuestionAnswer:
    """A question and its answer, end token included.

    box: float [4] in model pixels where the answer gives a place, else None.
    look: the box that holds what has to be looked at to answer, None where that is everywhere.
    hollow: whether `look` is a container, which shows what it is at its border alone.
    names: whether the answer is a description.
    point: where the question points, in model pixels.
    twins: boxes of all else on the image that has the color and kind of what is named.
    """

    question: str
    answer: str
    box: np.ndarray | None = None
    look: np.ndarray | None = None
    hollow: bool = False
    names: bool = False
    point: tuple[int, int] | None = None
    twins: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class View:
    """A screen, or a part of one, as the model receives it.

    scene: the whole screen. pixels: uint8 [h, w, 3].
    elements and boxes (float [n, 4], model pixels, clipped to the image): all that shows, in drawing order.
    whole: bool [n], what no edge of the image cuts. gone: descriptions of what the image does not show.
    cropped: whether this is a part only.
    """

    scene: Scene
    pixels: np.ndarray
    elements: tuple[Element, ...]
    boxes: np.ndarray
    whole: np.ndarray
    gone: tuple[str, ...]
    cropped: bool

    @property
    def sides(self) -> np.ndarray:
        """Return [n], the shorter side of each box."""
        return (self.boxes[:, 2:] - self.boxes[:, :2]).min(1) if len(self.boxes) else np.zeros(0)

    def top(self, x: float, y: float) -> int | None:
        """Return the index of the topmost element at a point in model pixels."""
        holds = (self.boxes[:, :2] <= (x, y)).all(1) & (self.boxes[:, 2:] > (x, y)).all(1)
        return int(np.flatnonzero(holds)[-1]) if holds.any() else None


def corners(box: np.ndarray) -> Corners:
    """Round a box to whole pixels."""
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    return x1, y1, x2, y2


def _hollow(element: Element) -> bool:
    return element.kind in CONTAINERS and element.kind != "panel"


def _locate(view: View, index: int) -> QuestionAnswer:
    box, element = view.boxes[index], view.elements[index]
    said = vocabulary.located(corners(box), element.description)
    return QuestionAnswer(vocabulary.locate(element.description), said, box, box, _hollow(element))


def look_alike(rng: np.random.Generator, view: View) -> str:
    """Return a description that fits nothing on the image.

    Half of them share a color or a kind with something on it, some name what a crop has left out, the rest are the
    screen's own.
    """
    for _ in range(TRIES):
        kind = rng.random()
        if view.gone and kind < 0.25:
            return view.gone[int(rng.integers(len(view.gone)))]
        if kind > 0.6:
            break
        element = view.elements[int(rng.integers(len(view.elements)))]
        if rng.random() < 0.5:
            kinds = KINDS if element.color in COLORS else SURFACES
            description = describe(element.color, kinds[int(rng.integers(len(kinds)))])
        else:
            description = describe(COLORS[int(rng.integers(len(COLORS)))], element.kind)
        if not view.scene.matching(description):
            return description
    return view.scene.absent(rng)


def _absent(rng: np.random.Generator, view: View) -> QuestionAnswer:
    return QuestionAnswer(vocabulary.locate(look_alike(rng, view)), NOTHING + END)


def _pointed(rng: np.random.Generator, view: View, order: list[int], drilled: bool) -> int:
    """Choose an element, more often a plain one and, while drilled, one that needs a relation."""
    plain = [index for index in order if view.sides[index] >= PLAIN_SIDE]
    some = plain if plain and rng.random() < PLAIN_POINTED else order
    related = [index for index in some if view.elements[index].relation]
    some = related if drilled and related and rng.random() < RELATED else some
    return some[int(rng.integers(len(some)))]


def _twins(view: View, index: int) -> tuple[np.ndarray, ...]:
    """Return the boxes of the other elements with an element's color and kind."""
    one = view.elements[index]
    alike = [(e.color, e.kind) == (one.color, one.kind) and i != index for i, e in enumerate(view.elements)]
    return tuple(view.boxes[alike])


def _visible(rng: np.random.Generator, view: View, index: int, drilled: bool) -> tuple[int, int] | None:
    """Choose an uncovered pixel of an element's inner four fifths, some close to other elements while drilled."""
    box, close, found = view.boxes[index], drilled and rng.random() < CLOSE, None
    for _ in range(TRIES):
        x, y = (round(float(v)) for v in box[:2] + rng.uniform(0.1, 0.9, 2) * (box[2:] - box[:2]))
        if view.top(x, y) == index:
            found = x, y
            if not close or any(view.top(x + across, y + down) != index for across, down in CORNERS):
                break
    return found


def _bare_point(rng: np.random.Generator, view: View) -> tuple[int, int] | None:
    """Choose a pixel of the bare desktop; return None if none is found."""
    height, width = view.pixels.shape[:2]
    for _ in range(TRIES):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        if view.top(x, y) is None:
            return x, y
    return None


def _bare_box(rng: np.random.Generator, view: View) -> np.ndarray | None:
    """Choose a box of the bare desktop, in whole pixels; return None if none is found."""
    height, width = view.pixels.shape[:2]
    for _ in range(TRIES):
        sides = np.minimum(np.round(rng.uniform(*BARE_SIDES, 2)), [width, height])
        corner = np.floor(rng.uniform(0, 1, 2) * ([width, height] - sides + 1))
        box = np.concatenate([corner, corner + sides])
        if not ((view.boxes[:, :2] < box[2:]) & (view.boxes[:, 2:] > box[:2])).all(1).any():
            return box
    return None


def _around(point: tuple[int, int]) -> np.ndarray:
    """Return the box around a point; parts beyond the edges of the image have no tokens."""
    return np.array([point[0] - AROUND, point[1] - AROUND, point[0] + AROUND, point[1] + AROUND])


def _point(rng: np.random.Generator, view: View, order: list[int], drilled: bool) -> QuestionAnswer | None:
    """Ask for the topmost element at a point, some points being on the bare desktop."""
    if rng.random() < BARE or not order:
        if (point := _bare_point(rng, view)) is None:
            return None
        return QuestionAnswer(vocabulary.what_is_at(*point), NOTHING + END, look=_around(point), point=point)
    for _ in range(TRIES):
        index = _pointed(rng, view, order, drilled)
        if (point := _visible(rng, view, index, drilled)) is not None:
            said = view.elements[index].description + END
            twins = _twins(view, index)
            return QuestionAnswer(vocabulary.what_is_at(*point), said, None, _around(point), False, True, point, twins)
    return None


def _box(rng: np.random.Generator, view: View, order: list[int], drilled: bool) -> QuestionAnswer | None:
    """Ask for the content of a box: an element's own box, a pixel or two off, or some of the bare desktop."""
    if rng.random() < BARE or not order:
        if (box := _bare_box(rng, view)) is None:
            return None
        return QuestionAnswer(vocabulary.what_is_in(corners(box)), NOTHING + END, look=box)
    index = _pointed(rng, view, order, drilled)
    box = view.boxes[index]
    shown = np.clip(np.round(box + rng.normal(0, 1.0, 4)), 0, [*view.pixels.shape[1::-1]] * 2)
    element = view.elements[index]
    question = vocabulary.what_is_in(corners(shown))
    said = element.description + END
    return QuestionAnswer(question, said, None, box, _hollow(element), True, twins=_twins(view, index))


def _order(rng: np.random.Generator, view: View, least_side: float) -> list[int]:
    """Return whole elements of `least_side` model pixels both ways, shuffled so that small ones tend to come late."""
    sides = view.sides
    exponents = np.where(sides >= PLAIN_SIDE, PLAIN, np.where(sides < SMALL_SIDE, SMALL, MIDDLING))
    late = rng.random(len(sides)) ** exponents
    return [int(i) for i in np.argsort(late) if view.whole[i] and sides[i] >= least_side]


def ask(
    rng: np.random.Generator, view: View, least_side: float, count: int, *, drilled: bool = False
) -> list[QuestionAnswer]:
    """Choose at most `count` questions; places are asked of whole elements of `least_side` model pixels both ways.

    `drilled`: names that are hard to give are asked for more often than they come.
    """
    sides = view.sides
    order = _order(rng, view, least_side)[::-1]  # taken from the end
    pointable = [i for i in order if sides[i] >= POINTED_SIDE]
    asked: list[QuestionAnswer] = []
    for kind in rng.random(count):
        one: QuestionAnswer | None = None
        if kind < ABSENT and view.elements:
            one = _absent(rng, view)
        elif kind < ABSENT + POINTS and not view.cropped:
            one = _point(rng, view, pointable, drilled)
        elif ABSENT + POINTS <= kind < ABSENT + POINTS + BOXES and not view.cropped:
            one = _box(rng, view, pointable, drilled)
        if one is None and order:
            one = _locate(view, order.pop())
        if one is not None:
            asked.append(one)
    return asked


def places(view: View, least_side: float, count: int, rng: np.random.Generator) -> list[QuestionAnswer]:
    """Ask for the places of up to `count` elements and nothing else, for measuring."""
    order = [int(i) for i in rng.permutation(len(view.boxes)) if view.whole[i] and view.sides[i] >= least_side]
    return [_locate(view, index) for index in order[:count]]
