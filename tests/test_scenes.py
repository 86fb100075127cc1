"""The generated world: the same seed gives the same screen, and annotations tell the truth about its pixels."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from saccade import scenes
from saccade.scenes.layout import Slot, arrange
from saccade.scenes.palette import NAMED, Theme
from saccade.scenes.shapes import PAINTERS

SIZES = [(112, 112), (560, 56), (588, 336), (1280, 800), (700, 1500)]
PINNED = "95a25c3e76f7e701"


def digest(scene: scenes.Scene) -> str:
    annotations = repr([(e.box, e.description, e.kind) for e in scene.elements])
    return hashlib.sha256(scene.image.tobytes() + annotations.encode()).hexdigest()[:16]


def slots(seed: int, size: tuple[int, int]) -> list[Slot]:
    return arrange(np.random.default_rng(seed), size, 8)


def test_a_seed_is_one_screen_for_good() -> None:
    # Pixels are left out of the pinned digest: Pillow's drawing may change between releases, the layout may not.
    scene = scenes.generate(7, (588, 336))
    assert digest(scene) == digest(scenes.generate(7, (588, 336)))
    annotations = repr([(e.box, e.description, e.kind) for e in scene.elements])
    assert hashlib.sha256(annotations.encode()).hexdigest()[:16] == PINNED
    assert scenes.VERSION == 1


def test_seeds_and_sizes_differ() -> None:
    found = {digest(scenes.generate(seed, size)) for seed in range(5) for size in SIZES}
    assert len(found) == 5 * len(SIZES)


@pytest.mark.parametrize("size", SIZES)
def test_annotations_are_unique_known_and_inside(size: tuple[int, int]) -> None:
    width, height = size
    for seed in range(30):
        scene = scenes.generate(seed, size)
        assert scene.image.shape == (height, width, 3)
        assert scene.image.dtype == np.uint8
        assert scene.size == size
        descriptions = [element.description for element in scene.elements]
        assert len(descriptions) == len(set(descriptions)) >= 1
        for element in scene.elements:
            x1, y1, x2, y2 = element.box
            assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
            assert all(type(value) is int for value in element.box)
            assert element.kind in scenes.KINDS
            assert set(element.description.split()) <= set(scenes.WORDS)
            assert element.description.endswith(element.kind)


def test_screens_of_ordinary_size_have_eight_elements() -> None:
    assert min(len(scenes.generate(seed, (1280, 800)).elements) for seed in range(60)) >= 8


@pytest.mark.parametrize("size", SIZES)
def test_elements_nest_or_stand_apart(size: tuple[int, int]) -> None:
    for seed in range(30):
        boxes = [slot.box for slot in slots(seed, size)]
        for index, a in enumerate(boxes):
            for b in boxes[index + 1 :]:
                apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
                assert apart or (a[0] <= b[0] and a[1] <= b[1] and b[2] <= a[2] and b[3] <= a[3]), (seed, a, b)


@pytest.mark.parametrize("kind", sorted(PAINTERS))
@pytest.mark.parametrize(("width", "height"), [(8, 8), (41, 37), (300, 61), (64, 200)])
def test_a_drawing_fills_its_box_and_no_more(kind: str, width: int, height: int) -> None:
    if kind in ("slider", "toggle switch"):  # these lie down
        width, height = max(width, height), min(width, height)
    theme = Theme(False, (240, 240, 240), (30, 30, 30), (200, 200, 200), ((90, 90, 90), (90, 90, 90)))
    image = Image.new("RGB", (width + 20, height + 20), (90, 90, 90))
    box = (7, 9, 7 + width, 9 + height)
    PAINTERS[kind](ImageDraw.Draw(image), box, NAMED["red"], theme)
    changed = (np.asarray(image) != 90).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == box


def test_colours_on_the_screen_are_those_named() -> None:
    scene = scenes.generate(3, (1280, 800))
    for element in scene.elements:
        if element.kind not in ("diamond icon", "star icon", "cross icon", "square button"):
            continue
        x1, y1, x2, y2 = element.box
        pixel = scene.image[(y1 + 2 * y2) // 3, (x1 + x2) // 2].astype(int)
        named = np.array(NAMED[element.description.split()[1]])
        assert np.abs(pixel - named).max() <= 12, element


@pytest.mark.parametrize("size", [(0, 0), (55, 400), (400, 55), (9000, 400), (-5, 400), (400,), (400, 400, 3), ()])
def test_bad_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="size is"):
        scenes.generate(0, size)


@pytest.mark.parametrize("smallest", [3, 60])
def test_bad_smallest_is_refused(smallest: int) -> None:
    with pytest.raises(ValueError, match="smallest must"):
        scenes.generate(0, (200, 200), smallest=smallest)


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="seed must"):
        scenes.generate(-1, (200, 200))


def test_smallest_holds() -> None:
    for element in scenes.generate(1, (600, 600), smallest=40).elements:
        x1, y1, x2, y2 = element.box
        assert min(x2 - x1, y2 - y1) >= 40


def test_scenes_stand_alone() -> None:
    script = "import sys, saccade.scenes; print([m for m in sys.modules if m.split('.')[0] in ('mlx', 'torch')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
