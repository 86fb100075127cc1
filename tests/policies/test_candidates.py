"""Places of looks: what their labels say, where they are cut off, and which are the same."""

from __future__ import annotations

import pytest
from oracle import Oracle, Screen

from mlx_saccade.policies.candidates import Candidate, agreement, candidate, is_same_place

SCREEN = Screen((3840, 2160))


@pytest.mark.parametrize(
    ("description", "label", "expected"),
    [
        ("the red star icon", "the red star icon", 1),
        ("the red star icon", "red star", 1),
        ("the left red star icon", "the red star icon", 1),
        ("the red star icon", "The Red STAR, icon.", 1),
        ("the red star icon", "", 1),
        ("the red star icon", "...", 1),
        ("the red star icon", "the blue star icon", 2 / 3),
        ("the button that sends", "Submit", 0),
        ("die Schaltfläche", "schaltfläche", 1),
        ("红色按钮", "红色按钮", 1),
        ("红色按钮", "蓝色按钮", 0),
    ],
)
def test_agreement_is_the_share_of_the_labels_words(description: str, label: str, expected: float) -> None:
    assert agreement(description, label) == pytest.approx(expected)


def place(box: tuple[float, ...], crop: tuple[int, int, int, int] = (0, 0, 3840, 2160), **how: object) -> Candidate:
    """Return the candidate of a look at a crop."""
    (answer,) = Oracle({"it": [box]}, smallest=0.1, cuts=0, **how).look(SCREEN, [(crop, "it")])
    one = candidate(answer, crop, SCREEN.source_size, "it", 0)
    assert one is not None
    return one


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((900, 900, 1500, 950), True),
        ((500, 900, 1010, 950), True),
        ((1100, 200, 1120, 400), True),
        ((1100, 1080, 1120, 1200), True),
        ((1100, 900, 1120, 950), False),
        ((1010, 900, 1120, 950), False),
        ((1100, 320, 1120, 350), False),
    ],
)
def test_a_box_that_ends_with_its_crop_is_cut(box: tuple[int, ...], expected: bool) -> None:
    assert place(box, (1000, 300, 2000, 1100)).is_cut is expected


def test_a_box_that_ends_with_the_image_is_not_cut() -> None:
    assert not place((0, 0, 30, 30), (0, 0, 1000, 1000)).is_cut
    assert not place((3800, 2130, 3840, 2160), (2840, 1160, 3840, 2160)).is_cut


def test_boxes_of_one_place_are_the_same() -> None:
    assert is_same_place(place((100, 100, 200, 200)), place((110, 90, 210, 195)))
    assert is_same_place(place((100, 100, 200, 200)), place((120, 120, 180, 180)))  # one in the other's middle
    assert not is_same_place(place((100, 100, 200, 200)), place((100, 100, 130, 130)))
    assert not is_same_place(place((100, 100, 200, 200)), place((210, 100, 310, 200)))


def test_a_box_that_holds_a_cut_one_is_the_same() -> None:
    whole, part = place((100, 100, 900, 200)), place((100, 100, 900, 200), (0, 0, 300, 600))
    assert part.is_cut
    assert part.box.xyxy == (100, 100, 300, 200)
    assert is_same_place(whole, part)
    assert not is_same_place(part, whole)


def test_points_near_one_another_are_the_same() -> None:
    one, near, far = (place((x, 100, x + 2, 102), points=True) for x in (100, 150, 400))
    assert one.side is None
    assert is_same_place(one, near)
    assert not is_same_place(one, far)
