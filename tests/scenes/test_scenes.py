"""The generated world: the same seed gives the same screen, and annotations tell the truth about its pixels."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlx_saccade import scenes
from mlx_saccade.errors import InputError
from mlx_saccade.scenes import generator, paint
from mlx_saccade.scenes.descriptions import (
    COLORS,
    CONTAINERS,
    CONTROLS,
    DESKTOP,
    ICONS,
    NEUTRALS,
    SURFACES,
    Placement,
    Relation,
    tell_apart,
)
from mlx_saccade.scenes.glyphs import OUTLINES
from mlx_saccade.scenes.palette import NAMED
from mlx_saccade.scenes.raster import Canvas, Stamp, ellipse_coverage, polygon_coverage
from mlx_saccade.scenes.shapes import DECORATIONS, PAINTERS, Brush

SIZES = [(112, 112), (560, 56), (588, 336), (1280, 800), (700, 1500)]
PINNED = "e2b68c588b9f43a5"
BACKGROUND = (90, 91, 92)

screens = st.tuples(
    st.integers(0, 2**40), st.tuples(st.integers(56, 900), st.integers(56, 900)), st.booleans(), st.integers(1, 40)
)
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def draw(screen: tuple[int, tuple[int, int], bool, int]) -> scenes.Scene:
    seed, size, ambiguous, least = screen
    return scenes.generate(seed, size, ambiguous=ambiguous, least=least)


def digest(scene: scenes.Scene) -> str:
    annotations = repr([(e.box, e.description, e.kind, e.container) for e in scene.elements])
    return hashlib.sha256(scene.image.tobytes() + annotations.encode()).hexdigest()[:16]


def nested(inner: scenes.Element, outer: scenes.Element) -> bool:
    a, b = inner.box, outer.box
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


def meet(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_a_seed_is_one_screen_for_good() -> None:
    assert digest(scenes.generate(7, (588, 336))) == PINNED, "raise VERSION with every change of what a seed gives"
    assert scenes.VERSION == 3


def test_numpy_integers_give_the_same_screen() -> None:
    plain = scenes.generate(7, (320, 240), smallest=9)
    size = np.array([320, 240])
    again = scenes.generate(np.int64(7), (size[0], size[1]), smallest=np.int32(9))  # type: ignore[arg-type]
    assert digest(plain) == digest(again)


def test_seeds_and_sizes_differ() -> None:
    found = {digest(scenes.generate(seed, size)) for seed in range(5) for size in SIZES}
    assert len(found) == 5 * len(SIZES)


@quick
@given(screens)
def test_annotations_are_known_words_and_inside(screen: tuple[int, tuple[int, int], bool, int]) -> None:
    scene = draw(screen)
    width, height = screen[1]
    assert scene.image.shape == (height, width, 3)
    assert scene.image.dtype == np.uint8
    assert scene.size == (width, height)
    for index, element in enumerate(scene.elements):
        x1, y1, x2, y2 = element.box
        assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
        assert min(x2 - x1, y2 - y1) >= 8
        assert all(type(value) is int for value in element.box)
        assert element.kind in scenes.KINDS
        assert element.color in COLORS or (element.color in NEUTRALS and element.kind in SURFACES)
        assert set(element.description.split()) <= set(scenes.WORDS)
        if element.container is not None:
            assert element.container < index
            assert nested(element, scene.elements[element.container])
            assert scene.elements[element.container].kind in CONTAINERS


@quick
@given(screens)
def test_a_description_fits_its_element_alone(screen: tuple[int, tuple[int, int], bool, int]) -> None:
    scene = draw(screen)
    plain = [f"the {e.color} {e.kind}" for e in scene.elements]
    for element, phrase in zip(scene.elements, plain, strict=True):
        assert scene.matching(element.description) == (element,)
        assert element.relation == (plain.count(phrase) > 1) == (element.description != phrase)


@quick
@given(screens)
def test_elements_nest_or_stand_apart(screen: tuple[int, tuple[int, int], bool, int]) -> None:
    scene = draw(screen)
    for index, first in enumerate(scene.elements):
        for second in scene.elements[index + 1 :]:
            a, b = first.box, second.box
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            # What comes later is drawn on top, so only the later one may lie within the other.
            assert apart or (nested(second, first) and a != b), (first, second)


@quick
@given(screens)
def test_ambiguous_descriptions_fit_two(screen: tuple[int, tuple[int, int], bool, int]) -> None:
    seed, size, _, least = screen
    assert scenes.generate(seed, size, least=least).ambiguous == ()
    scene = scenes.generate(seed, size, least=least, ambiguous=True)
    for one in scene.ambiguous:
        first, second = one.elements
        assert first < second
        found = scene.matching(one.description)
        assert found == (scene.elements[first], scene.elements[second])
        assert one.boxes == (found[0].box, found[1].box)
        assert found[0].relation and found[1].relation
    assert scenes.annotate(seed, size, least=least, ambiguous=True) == (scene.elements, scene.ambiguous)


def test_ambiguity_and_relations_are_as_common_as_said() -> None:
    clean = [scenes.annotate(seed, (1280, 800))[0] for seed in range(40)]
    assert 0.05 < np.mean([element.relation for elements in clean for element in elements]) <= 0.2
    asked = [scenes.annotate(seed, (1280, 800), ambiguous=True) for seed in range(40)]
    assert min(len(pairs) for _, pairs in asked) >= 2
    assert np.mean([element.relation for elements, _ in asked for element in elements]) > 0.3


@pytest.mark.parametrize("size", [(320, 240), (588, 336), (336, 588), (1280, 800), (3840, 2160), (1280, 6000)])
def test_ordinary_screens_have_twenty_elements(size: tuple[int, int]) -> None:
    assert min(len(scenes.annotate(seed, size)[0]) for seed in range(50)) >= 20


def test_sizes_go_from_half_the_screen_to_icons() -> None:
    shares, kinds = [], set()
    for seed in range(40):
        for element in scenes.annotate(seed, (3840, 2160))[0]:
            x1, y1, x2, y2 = element.box
            shares.append((x2 - x1) * (y2 - y1) / (3840 * 2160))
            kinds.add(element.kind)
    assert max(shares) > 0.5
    assert min(shares) < 0.0003
    assert kinds == set(scenes.KINDS)
    assert 0.02 < np.mean([share > 0.05 for share in shares]) < 0.3


@quick
@given(screens, st.data())
def test_at_gives_the_innermost_element(screen: tuple[int, tuple[int, int], bool, int], data: st.DataObject) -> None:
    scene = draw(screen)
    x, y = data.draw(st.integers(0, screen[1][0] - 1)), data.draw(st.integers(0, screen[1][1] - 1))
    holding = [e for e in scene.elements if e.box[0] <= x < e.box[2] and e.box[1] <= y < e.box[3]]
    smallest = min(holding, key=lambda e: (e.box[2] - e.box[0]) * (e.box[3] - e.box[1]), default=None)
    assert scene.at(x, y) == smallest


@quick
@given(screens, st.integers(0, 2**32))
def test_absent_descriptions_fit_nothing(screen: tuple[int, tuple[int, int], bool, int], seed: int) -> None:
    scene = draw(screen)
    phrase = scene.absent(seed)
    assert phrase == scene.absent(seed)
    assert scene.matching(phrase) == ()
    assert set(phrase.split()) <= set(scenes.WORDS)


def test_absent_takes_a_generator_and_varies() -> None:
    scene, rng = scenes.generate(4, (588, 336)), np.random.default_rng(1)
    phrases = {scene.absent(rng) for _ in range(200)}
    assert len(phrases) > 100
    assert any(" in the " in phrase for phrase in phrases) and any(DESKTOP in phrase for phrase in phrases)


@pytest.mark.parametrize("phrase", ["", "the", "red window", "the red windows", "the window", "the red star icon in"])
def test_what_is_no_phrase_matches_nothing(phrase: str) -> None:
    assert scenes.generate(1, (320, 240)).matching(phrase) == ()


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (((0, 0, 9, 9), (1,)), ((50, 0, 59, 9), (2,)), (Relation(container=1), Relation(container=2))),
        (((0, 0, 9, 9), ()), ((50, 0, 59, 9), (2,)), (Relation(), Relation(container=2))),
        (((0, 0, 9, 9), (1,)), ((50, 0, 59, 9), (2, 1)), (Relation("left"), Relation("right"))),
        (((0, 50, 9, 59), (1,)), ((0, 0, 9, 9), (1,)), (Relation("bottom"), Relation("top"))),
        (((0, 0, 9, 9), ()), ((20, 20, 29, 29), ()), None),
        (((0, 0, 9, 9), ()), ((5, 0, 14, 9), ()), None),
    ],
)
def test_relations(first: tuple, second: tuple, told: tuple[Relation, Relation] | None) -> None:  # type: ignore[type-arg]
    assert tell_apart(Placement(*first), Placement(*second)) == told


@settings(max_examples=250)
@given(
    st.sampled_from(sorted(PAINTERS)), st.integers(8, 400), st.floats(1, 4), st.integers(0, 999), st.floats(0.05, 1),
    st.sampled_from(COLORS),
)  # fmt: skip
def test_a_drawing_fills_its_box_and_no_more(
    kind: str, short: int, aspect: float, look: int, unit: float, name: str
) -> None:
    tall = kind in (*CONTAINERS, *ICONS) and look % 2
    width, height = (short, round(short * aspect)) if tall else (round(short * aspect), short)
    if kind in ("check box", "round button", "square button") or kind in ICONS:
        width, height = min(width, round(1.3 * height)), min(height, round(1.3 * width))
    canvas = Canvas((width + 20, height + 20))
    canvas.fill((0, 0, width + 20, height + 20), BACKGROUND)
    box = (7, 9, 7 + width, 9 + height)
    PAINTERS[kind](canvas, box, Brush(NAMED[name], NAMED[name], BACKGROUND, max(1, round(unit * short)), look))
    changed = (canvas.image() != BACKGROUND).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == box


@given(st.sampled_from(sorted(DECORATIONS)), *[st.integers(1, 60)] * 3, st.integers(0, 999))
def test_decorations_stay_in_their_boxes(kind: str, width: int, height: int, unit: int, look: int) -> None:
    canvas = Canvas((width + 80, height + 80))
    canvas.fill((0, 0, width + 80, height + 80), BACKGROUND)
    DECORATIONS[kind](
        canvas, (40, 40, 40 + width, 40 + height), Brush(NAMED["red"], NAMED["red"], BACKGROUND, unit, look)
    )
    image = canvas.image()
    image[40 : 40 + height, 40 : 40 + width] = BACKGROUND
    assert (image == BACKGROUND).all()


@pytest.mark.parametrize("name", sorted(OUTLINES))
@pytest.mark.parametrize(("width", "height"), [(9, 9), (23, 14), (40, 51)])
def test_coverage_of_outlines_equals_counting_points(name: str, width: int, height: int) -> None:
    """Against 32 x 32 points a pixel, each inside or not; coverage samples a pixel by four lines: the tolerance."""
    x, y = np.meshgrid((np.arange(width * 32) + 0.5) / 32, (np.arange(height * 32) + 0.5) / 32)
    points = [(a * (width + 1) - 0.5, b * (height + 1) - 0.5) for a, b in OUTLINES[name]]
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    counted = inside.reshape(height, 32, width, 32).mean((1, 3))
    difference = np.abs(polygon_coverage(OUTLINES[name], width, height) - counted)
    assert difference.max() < 0.27
    assert difference.mean() < 0.02


def test_coverage_of_ellipses_equals_counting_points() -> None:
    for width, height in ((6, 6), (17, 17), (40, 12)):
        x, y = (np.arange(side * 8) / 8 + 1 / 16 for side in (width, height))
        held = ((x[None] / width * 2 - 1) ** 2 + (y[:, None] / height * 2 - 1) ** 2) <= 1
        counted = held.reshape(height, 8, width, 8).mean((1, 3))
        assert np.abs(ellipse_coverage(width, height) - counted).max() < 0.13


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6), st.tuples(*[st.integers(0, 255)] * 3))
def test_a_stamp_blends_by_its_share(shares: list[float], color: tuple[int, int, int]) -> None:
    canvas = Canvas((5, 4))
    canvas.fill((0, 0, 5, 4), BACKGROUND)
    coverage = np.array(shares).reshape(2, 3)
    canvas.stamp(1, 2, Stamp.of(coverage), color)
    exact = np.array(BACKGROUND) + (np.array(color) - BACKGROUND) * coverage[:, :, None]
    image = canvas.image()
    assert np.abs(image[2:4, 1:4] - exact).max() <= 1.01
    image[2:4, 1:4] = BACKGROUND
    assert (image == BACKGROUND).all()


WIDE, TALL = [(320, 240), (588, 336), (3840, 2160), (5120, 2880)], [(240, 320), (1080, 1920), (1280, 6000)]


@pytest.mark.parametrize("size", [*WIDE, *TALL, (112, 112), (560, 56), (56, 560)])
def test_no_decoration_lies_over_what_it_is_not_part_of(size: tuple[int, int]) -> None:
    seen = 0
    for seed in range(15):
        slots = generator._plan(seed, size, None, 20, False)[1].slots
        for place, slot in enumerate(slots):
            around, outer = set(), slot.parent
            while outer is not None:
                around.add(outer)
                outer = slots[outer].parent
            if slot.color is None:
                seen += 1
                under = [i for i, other in enumerate(slots[:place]) if other.color and meet(slot.box, other.box)]
                assert around.issuperset(under), (seed, slot)
    assert seen


@pytest.mark.parametrize(
    ("size", "seeds"),
    [((112, 112), range(6)), ((56, 300), range(3)), ((320, 240), (5, 55)), ((240, 320), (3, 26)), ((588, 336), (11,))],
)
def test_every_element_shows_at_all_four_edges(size: tuple[int, int], seeds: Sequence[int]) -> None:
    """Leave one element out of a screen: what changes reaches its box on all sides, and only its shadow beyond."""
    for seed in seeds:
        dice, layout = generator._plan(seed, size, None, 20, False)
        state = paint.prepare(dice, layout)
        whole = paint.draw(layout, state)
        for index, slot in enumerate(layout.slots):
            if slot.color is None:
                continue
            without = paint.draw(layout, state, leave_out=index)
            x1, y1, x2, y2 = slot.box
            changed = (whole != without).any(-1)[y1:y2, x1:x2]
            edges = changed[0], changed[-1], changed[:, 0], changed[:, -1]
            assert all(edge.any() for edge in edges), (seed, slot)


def test_colors_on_the_screen_are_those_named() -> None:
    found = 0
    for seed in range(6):
        scene = scenes.generate(seed, (1280, 800))
        for element in scene.elements:
            if element.kind in ("diamond icon", "star icon", "cross icon", "triangle icon", "heart icon"):
                x1, y1, x2, y2 = element.box
                pixel = scene.image[(4 * y1 + 5 * y2) // 9, (x1 + x2) // 2].astype(int)
                assert np.abs(pixel - NAMED[element.color]).max() <= 12, element
                found += 1
    assert found > 20


@pytest.mark.parametrize("size", [(0, 0), (55, 400), (400, 55), (9000, 400), (-5, 400), (400,), (400, 400, 3), ()])
def test_bad_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="size: expected"):
        scenes.generate(0, size)


@pytest.mark.parametrize("smallest", [3, 60])
def test_bad_smallest_is_refused(smallest: int) -> None:
    with pytest.raises(ValueError, match="smallest: expected"):
        scenes.generate(0, (200, 200), smallest=smallest)


@pytest.mark.parametrize("least", [0, 71])
def test_bad_least_is_refused(least: int) -> None:
    with pytest.raises(ValueError, match="least: expected"):
        scenes.generate(0, (200, 200), least=least)


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="seed: expected"):
        scenes.generate(-1, (200, 200))


@pytest.mark.parametrize("size", [5, None, "640x480", b"ab", {200, 300}, {200: 300}])
def test_what_is_no_pair_is_refused_as_a_size(size: object) -> None:
    with pytest.raises(InputError, match=r"size: expected \(width, height\), two whole numbers of pixels") as refused:
        scenes.generate(1, size)  # type: ignore[arg-type]
    assert str(refused.value).endswith(f"got {size!r}")


@pytest.mark.parametrize("ambiguous", ["no", 1, None])
def test_ambiguous_is_true_or_false(ambiguous: object) -> None:
    with pytest.raises(InputError, match="ambiguous: expected True or False; got "):
        scenes.annotate(1, (200, 200), ambiguous=ambiguous)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1.7, -1, "3", None, True])
def test_absent_takes_whole_seeds_alone(seed: object) -> None:
    scene = scenes.generate(1, (200, 200))
    with pytest.raises(InputError, match="seed: expected a whole number from 0"):
        scene.absent(seed)  # type: ignore[arg-type]
    assert scene.absent(np.int64(3)) == scene.absent(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", [(1.5, (200, 200)), (True, (200, 200)), (1, (200.0, 200)), ("1", (200, 200)), (1, ("200", "200"))]
)
def test_what_is_no_whole_number_is_refused(arguments: tuple) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="whole numbers"):
        scenes.generate(*arguments)


def test_the_theme_said_is_the_one_drawn() -> None:
    """Bare wallpaper, at the very top of those screens that have no dock there, is dark in dark themes alone."""
    themes = []
    for seed in range(30):
        scene = scenes.generate(seed, (320, 240))
        if scene.at(0, 0) is None:
            assert (scene.theme == "dark") == (scene.image[0, 0].mean() < 112), seed
            themes.append(scene.theme)
    assert set(themes) == {"light", "dark"}


def test_smallest_holds() -> None:
    for element in scenes.generate(1, (600, 600), smallest=40).elements:
        x1, y1, x2, y2 = element.box
        assert min(x2 - x1, y2 - y1) >= 40


def test_only_controls_and_icons_have_twins() -> None:
    for seed in range(20):
        for element in scenes.annotate(seed, (1280, 800), ambiguous=True)[0]:
            assert not element.relation or element.kind in CONTROLS + ICONS


def test_scenes_stand_alone() -> None:
    script = (
        "import sys, mlx_saccade.scenes; print([m for m in sys.modules if m.split('.')[0] in ('mlx', 'torch', 'PIL')])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
