"""Pillow's own memory, lent: the same pixels, alive as long as they are used."""

from __future__ import annotations

import gc
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import _core, media
from mlx_saccade.errors import InputError
from mlx_saccade.media import arrays, fast_decoders

LENDS = hasattr(Image.Image, "__arrow_c_array__")


@given(st.integers(1, 80), st.integers(1, 80), st.sampled_from((3, 4)), st.integers(0, 99))
def test_it_is_the_image(width: int, height: int, channels: int, seed: int) -> None:
    pixels = noise(width, height, channels, seed)
    lent = arrays.borrow(Image.fromarray(pixels))
    assert (lent is not None) == LENDS
    if lent is not None:
        np.testing.assert_array_equal(lent[:, :, :channels], pixels)
        assert lent.shape == (height, width, 4)
        assert not lent.flags.writeable


def test_it_outlives_the_image() -> None:
    pixels = noise(300, 200)
    image = Image.fromarray(pixels)
    frame = media.open_image(image)
    image.close()
    del image
    gc.collect()
    others = [Image.new("RGB", (300, 200), (1, 2, 3)) for _ in range(50)]
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert others


def test_what_cannot_be_lent_is_copied() -> None:
    large = Image.new("RGB", (3000, 2000), (3, 200, 77))
    assert arrays.borrow(large) is None  # it lies in more than one of Pillow's blocks
    assert arrays.borrow(Image.new("L", (3, 3))) is None
    assert arrays.borrow(Image.new("CMYK", (3, 3))) is None
    frame = media.open_image(large)
    assert frame.stored.shape == (2000, 3000, 3)
    assert (frame.pixels == (3, 200, 77)).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_file_is_decoded_into_one_block(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_decoders, "pixels", lambda *of: None)
    data = encode(Image.fromarray(noise(210, 201).repeat(10, 0).repeat(10, 1)), kind)  # more than a block of Pillow's
    frame = media.open_image(data)
    with Image.open(io.BytesIO(data)) as plain:
        np.testing.assert_array_equal(frame.pixels, np.asarray(plain))
    opened = Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(media.open_image(opened).pixels, frame.pixels)
    if LENDS:
        assert frame.stored.shape == (2010, 2100, 4)  # as Pillow stores it: nothing was copied


def test_without_the_function_that_allocates_one_block_pixels_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_decoders, "pixels", lambda *of: None)
    monkeypatch.delattr(Image.core, "new_block", raising=False)
    data = encode(Image.new("RGB", (3000, 2000), (3, 200, 77)), "PNG")
    frame = media.open_image(data)
    assert frame.stored.shape == (2000, 3000, 3)
    assert (frame.pixels == (3, 200, 77)).all()


def test_patches_read_a_pillow_image_as_media_does(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.fromarray(noise(90, 60))
    plan, copies = saccade.plan(image), []
    tobytes = Image.Image.tobytes
    monkeypatch.setattr(Image.Image, "tobytes", lambda *of: copies.append(of) or tobytes(*of))
    for read in (lambda: saccade.patchify(image, plan), lambda: saccade.resize(image, (28, 28))):
        read()
        assert len(copies) == (0 if LENDS else 1)
        copies.clear()


def unreadable(kind: str) -> Image.Image:
    """A Pillow image that nothing has been decoded of."""
    data = encode(Image.fromarray(noise(90, 60)), "PNG")
    image = Image.open(io.BytesIO(data[:2000] if kind == "truncated" else data))
    if kind == "closed":
        image.close()
    if kind == "too large":
        image._size = (20_000, 20_000)
    return image


@pytest.mark.parametrize("kind", ["truncated", "closed", "too large"])
def test_patches_refuse_a_pillow_image_as_media_does(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images, plan = [unreadable(kind) for _ in range(3)], saccade.plan((90, 60))
    if kind == "too large":  # it is refused for what its header says
        monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decodes it"))
        monkeypatch.setattr(Image.Image, "tobytes", lambda _: pytest.fail("decodes it"))
    said = []
    reads = (
        media.open_image,
        lambda image: saccade.resize(image, (28, 28)),
        lambda image: saccade.patchify(image, plan),
    )
    for read, image in zip(reads, images, strict=True):
        with pytest.raises(InputError, match=r"^PIL image: ") as caught:
            read(image)
        said.append(str(caught.value))
    assert len(set(said)) == 1


def test_patches_are_made_of_four_bytes_a_pixel_as_of_three() -> None:
    rgba = noise(90, 60, 4)
    rgba[:, :, 3] = 255
    rgb = np.ascontiguousarray(rgba[:, :, :3])
    plan = saccade.plan((90, 60))
    sources = [rgb, Image.fromarray(rgb), encode(Image.fromarray(rgba), "PNG"), media.open_image(rgb)]
    for layout in ("native", "reference"):
        expected = saccade.patchify(rgb, plan, layout)
        for source in sources:
            np.testing.assert_array_equal(saccade.patchify(source, plan, layout), expected)
        together = saccade.patchify(sources, [plan] * 4, layout)
        np.testing.assert_array_equal(together, np.concatenate([expected] * 4))
    np.testing.assert_array_equal(saccade.resize(sources[2], (31, 17)), saccade.resize(rgb, (31, 17)))


def test_formats_of_several_images_are_as_many_as_the_images() -> None:
    image = noise(28, 28)
    with pytest.raises(InputError, match=r"pixel_formats: expected one entry per image \(2\) or one for all; got 3"):
        _core.resize_patchify_native_batch([image] * 2, [(28, 28)] * 2, "pillow13", 14, 2, 112, ["rgb"] * 3)
