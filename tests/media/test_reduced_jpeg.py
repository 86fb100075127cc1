"""A JPEG decoded at a part of its size, where that was asked for and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pictures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.errors import InputError

PHOTO = Image.fromarray(np.tile(pictures.noise(16, 12), (40, 50, 1))[:480, :800])
JPEG = encode(PHOTO, "JPEG")


def drafted(data: bytes, size: tuple[int, int]) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", size)
        return np.asarray(image)


@pytest.mark.parametrize(
    ("at_least", "decoded"),
    [
        ((800, 480), (800, 480)),
        ((401, 240), (800, 480)),
        ((400, 240), (400, 240)),
        ((101, 9), (200, 120)),
        ((9, 9), (100, 60)),
    ],
)
def test_the_smallest_of_its_own_sizes_that_is_large_enough(
    at_least: tuple[int, int], decoded: tuple[int, int]
) -> None:
    assert media.image_sizes(JPEG, at_least=at_least) == ((800, 480), decoded)
    frame = media.open_image(JPEG, at_least=at_least)
    assert frame.source_size == (800, 480)
    assert frame.pixels.shape == (decoded[1], decoded[0], 3)
    np.testing.assert_array_equal(frame.pixels, drafted(JPEG, at_least))


@given(st.integers(1, 130), st.integers(1, 130), st.integers(1, 130), st.integers(1, 130))
def test_both_sides_stay_large_enough(width: int, height: int, wide: int, high: int) -> None:
    data = encode(Image.new("RGB", (width, height), (9, 99, 200)), "JPEG")
    source, decoded = media.image_sizes(data, at_least=(wide, high))
    assert source == (width, height)
    assert decoded[0] >= min(width, wide)
    assert decoded[1] >= min(height, high)
    assert media.open_image(data, at_least=(wide, high)).pixels.shape == (decoded[1], decoded[0], 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_at_least_speaks_of_the_upright_image(orientation: int) -> None:
    data = encode(PHOTO, "JPEG", exif=pictures.exif(orientation))
    upright = (480, 800) if orientation >= 5 else (800, 480)
    at_least = (upright[0] // 4, upright[1] // 4)
    frame = media.open_image(data, at_least=at_least)
    assert frame.source_size == upright
    assert frame.pixels.shape[1::-1] == at_least


def test_other_formats_and_other_sources_are_decoded_whole() -> None:
    array = np.asarray(PHOTO)
    for source in (encode(PHOTO, "PNG"), PHOTO, array, Image.open(io.BytesIO(JPEG)), media.open_image(JPEG)):
        assert media.image_sizes(source, at_least=(9, 9)) == ((800, 480), (800, 480))
        assert media.open_image(source, at_least=(9, 9)).pixels.shape == (480, 800, 3)


@pytest.mark.parametrize("at_least", [(0, 5), (2.5, 5), (True, 5), (-1, 5)])
def test_what_is_no_size(at_least: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="at_least"):
        media.open_image(JPEG, at_least=at_least)


def test_a_plan_says_so_and_its_boxes_stay_in_source_pixels(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(JPEG)
    whole, plan = saccade.plan(path, budget=64), saccade.plan(path, budget=64, reduced_jpeg=True)
    assert whole.decoded_size is None
    assert plan.decoded_size == (400, 240)
    assert (plan.source_size, plan.resized_size, plan.scale) == (whole.source_size, whole.resized_size, whole.scale)
    expected = saccade.resize(drafted(JPEG, plan.resized_size), plan.resized_size)
    patches = saccade.patchify(path, plan)
    np.testing.assert_array_equal(patches, saccade.patchify(media.open_image(path, at_least=plan.resized_size), plan))
    np.testing.assert_array_equal(patches, saccade.patchify(expected, saccade.plan(plan.resized_size, budget=64)))
    with pytest.raises(InputError, match="expected the planned size"):
        saccade.patchify(np.asarray(PHOTO), plan)


def test_a_plan_of_a_small_image_decodes_it_whole() -> None:
    assert saccade.plan(JPEG, reduced_jpeg=True).decoded_size is None
    assert saccade.plan(encode(PHOTO, "PNG"), budget=64, reduced_jpeg=True).decoded_size is None


def test_a_size_alone_says_nothing_of_its_file() -> None:
    with pytest.raises(InputError, match="reduced_jpeg: expected an image"):
        saccade.plan((800, 480), reduced_jpeg=True)


def test_a_reduced_frame_is_not_cropped() -> None:
    frame = media.open_image(JPEG, at_least=(100, 60))
    with pytest.raises(InputError, match="reduced size"):
        frame.crop((0, 0, 10, 10))


def test_the_command_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mlx_saccade.cli.__main__ import main

    path = tmp_path / "photo.jpg"
    path.write_bytes(JPEG)
    assert main(["plan", str(path), "--budget", "64"]) == 0
    assert "decoded" not in capsys.readouterr().out
    assert main(["plan", str(path), "--budget", "64", "--reduced-jpeg"]) == 0
    assert "400 x 240 px, reduced by the JPEG decoder" in capsys.readouterr().out
    assert main(["plan", "800x480", "--reduced-jpeg"]) == 2
    assert "--reduced-jpeg: expected an image file; got the size 800x480" in capsys.readouterr().err
