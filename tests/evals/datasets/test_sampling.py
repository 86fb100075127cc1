"""The draw of a part of the targets: every size in turn, and a larger part holds the smaller one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade.evals.datasets import open_data
from mlx_saccade.evals.datasets.sampling import by_image, draw
from mlx_saccade.evals.targets import Target

SIDES = {"large": 50, "medium": 14, "small": 5, "tiny": 2}


def targets(**counts: int) -> list[Target]:
    """Return targets of each size, on three images in turn."""
    sizes = [size for size, count in counts.items() for _ in range(count)]
    return [
        Target(f"{size} {i}", f"{i % 3}.png", "it", ((0, 0, SIDES[size], SIDES[size]),), (100, 100))
        for i, size in enumerate(sizes)
    ]


def test_draw_takes_every_size_in_turn() -> None:
    drawn = draw(targets(large=2, medium=50, small=9, tiny=50), 30, 0)
    assert Counter(target.regime for target in drawn) == {"large": 2, "medium": 10, "small": 9, "tiny": 9}


@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40))
def test_draw_of_more_holds_the_fewer(seed: int, few: int, more: int) -> None:
    few, more = sorted((few, more))
    data = targets(large=3, medium=11, small=12, tiny=6)
    small, large = draw(data, few, seed), draw(data, more, seed)
    assert large[:few] == small
    assert len(large) == min(more, len(data)) == len({target.id for target in large})
    assert draw(list(reversed(data)), more, seed) == large


def test_draw_depends_on_the_seed() -> None:
    data = targets(tiny=50)
    assert draw(data, 10, 0) != draw(data, 10, 1)


def test_by_image_keeps_the_targets_of_an_image_together() -> None:
    data = targets(large=4, small=5, tiny=6)
    ordered = by_image(draw(data, 12, 3), data)
    images = [target.image for target in ordered]
    assert images == sorted(images)
    assert len(set(images)) == 3
    for image in set(images):
        kept = [target for target in ordered if target.image == image]
        assert kept == [target for target in data if target in kept]


def test_open_data_draws_and_says_so(draw: Any, write: Any) -> None:
    draw("a.png")
    lines = [f"a.png,marker {i},{i},20,{i + 20},28" for i in range(30)]
    path = write("a.csv", "\n".join(["image,description,x1,y1,x2,y2", *lines]))
    whole, part, more = open_data(path), open_data(path, n=7, seed=2), open_data(path, n=12, seed=2)
    assert len(part.targets) == 7
    assert set(part.targets) < set(more.targets) < set(whole.targets)
    assert part.identity == more.identity == whole.identity
    assert part.notes[-1] == "drew 7 of 30 targets with seed 2, one of each size in turn"
    assert not any("drew" in note for note in open_data(path, n=30).notes)


def test_open_data_names_do_not_depend_on_the_place_of_a_line(draw: Any, write: Any) -> None:
    draw("a.png")
    header = "image,description,x1,y1,x2,y2"
    lines = [f"a.png,marker {i},{i},20,{i + 20},28" for i in range(3)]
    names = [{t.description: t.id for t in open_data(write("a.csv", "\n".join([header, *order]))).targets}
             for order in (lines, lines[::-1], ["a.png,more,1,2,3,4", *lines])]  # fmt: skip
    assert names[0] == names[1] == {key: names[2][key] for key in names[0]}


@pytest.mark.parametrize("extension", ["append", "remove"])
def test_open_data_growing_file_keeps_the_identity(extension: str, draw: Any, write: Any) -> None:
    draw("a.png")
    lines = [f"a.png,marker {i},{i},20,{i + 20},28" for i in range(3)]
    text = "\n".join(["image,description,x1,y1,x2,y2", *lines])
    before = open_data(write("a.csv", text)).identity
    changed = f"{text}\na.png,more,1,2,9,9" if extension == "append" else text.rsplit("\n", 1)[0]
    assert open_data(write("a.csv", changed)).identity == before
