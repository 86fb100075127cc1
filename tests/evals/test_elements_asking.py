"""An engine as the asker of `elements`: the same answers as its own methods, in pixels of the whole image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import scenes
from mlx_saccade.engine import Engine
from mlx_saccade.evals.elements.asking import EngineAsker, Look
from mlx_saccade.evals.elements.propose import propose
from mlx_saccade.evals.elements.regions import Settings
from mlx_saccade.evals.metrics import iou
from mlx_saccade.grounding import Box
from mlx_saccade.media import Frame, open_image
from mlx_saccade.scenes import Scene

SIZE = (700, 400)
CROP = (100, 50, 688, 386)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return saccade.load(compute_dtype="float32")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scenes.generate(14, SIZE, least=8, smallest=40)


@pytest.fixture(scope="module")
def frame(scene: Scene) -> Frame:
    return open_image(scene.image)


def inside(scene: Scene) -> list[scenes.Element]:
    """Return the elements that are wholly in the crop."""
    return [one for one in scene.elements if all(CROP[i % 2] <= v <= CROP[2 + i % 2] for i, v in enumerate(one.box))]


def test_locate_gives_the_boxes_of_the_engines_look(engine: Engine, scene: Scene, frame: Frame) -> None:
    asker = EngineAsker(engine, "points")
    words = [one.description for one in inside(scene)]
    assert len(words) >= 3
    looks = engine.look(frame, [(CROP, text) for text in words])
    several = asker.locate_each(frame, [Look(CROP, text) for text in words])
    together = asker.locate_all(frame, CROP, words)
    for look, one, other in zip(looks, several, together, strict=True):
        assert (one is None) == (other is None) == (not look.boxes)
        if one is not None and other is not None:
            np.testing.assert_allclose(one.box, look.boxes[0].xyxy, atol=1.5)
            np.testing.assert_allclose(other.box, look.boxes[0].xyxy, atol=1.5)
            assert one.label == look.boxes[0].label
    hits = [iou(one.box, element.box) > 0.5 for one, element in zip(several, inside(scene), strict=True) if one]
    assert sum(hits) >= 0.7 * len(words)


def test_names_of_points_and_boxes_are_those_of_the_screen(engine: Engine, scene: Scene, frame: Frame) -> None:
    asker = EngineAsker(engine, "points")
    plain = [one for one in inside(scene) if not one.relation]
    boxes = [(CROP, tuple(map(float, one.box))) for one in plain]
    named = asker.name_boxes(frame, boxes)  # type: ignore[arg-type]
    assert sum(name == one.description for name, one in zip(named, plain, strict=True)) >= 0.6 * len(plain)
    points = [(one.box[0] + 0.4 * (one.box[2] - one.box[0]), (one.box[1] + one.box[3]) / 2) for one in plain]
    names = asker.name_points(frame, CROP, points)
    tops = [scene.at(*point) for point in points]
    right = [top is not None and name == top.description for name, top in zip(names, tops, strict=True)]
    assert sum(right) >= 0.6 * len(right)
    assert "[]" not in names


def test_erased_region_is_not_found_where_it_was(engine: Engine, scene: Scene, frame: Frame) -> None:
    asker = EngineAsker(engine, "points")
    plain = [one for one in inside(scene) if not one.relation and "icon" in one.kind]
    assert plain
    before = asker.locate_each(frame, [Look(CROP, one.description) for one in plain])
    after = asker.locate_each(frame, [Look(CROP, one.description, one.box) for one in plain])
    seen = [iou(found.box, one.box) > 0.5 if found else False for found, one in zip(before, plain, strict=True)]
    still = [iou(found.box, one.box) > 0.5 if found else False for found, one in zip(after, plain, strict=True)]
    assert any(seen)
    assert sum(still) < sum(seen)


def test_list_of_elements_is_in_pixels_of_the_image(frame: Frame) -> None:
    asked: list[Any] = []

    def ask(image: Frame, text: str, **options: Any) -> Any:
        asked.append((image.source_size, text, options["budget"]))
        boxes = (Box((10, 20, 30, 40), " the icon "), Box((5, 5, 9, 9), ""), Box((8, 8, 8, 20), "a line"))
        return SimpleNamespace(boxes=boxes)

    asker = EngineAsker(SimpleNamespace(ask=ask), "list", 512)  # type: ignore[arg-type]
    (proposal,) = propose(asker, frame, CROP, Settings("list"))
    assert (proposal.description, proposal.box, proposal.point) == ("the icon", (110, 70, 130, 90), (120, 80))
    size, text, budget = asked[0]
    assert size == (588, 336) and budget == 512
    assert "bbox_2d" in text
    assert not asker.names_boxes


def test_nothing_is_asked_about_nothing(frame: Frame) -> None:
    asker = EngineAsker(SimpleNamespace(), "points")  # type: ignore[arg-type]
    assert asker.locate_all(frame, CROP, []) == asker.locate_each(frame, []) == asker.name_boxes(frame, []) == []
