"""What is no image, or only part of one, or far too much of one."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pictures
import pytest
from command_line import assert_mistake, run_command
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, noise
from PIL import Image, ImageFile

from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.media import decode

PHOTO = pictures.corners(48, 40)
FILES = {
    "PNG": encode(PHOTO, "PNG"),
    "JPEG": encode(PHOTO, "JPEG"),
    "progressive JPEG": encode(PHOTO, "JPEG", progressive=True),
    "WebP": encode(PHOTO, "WEBP", lossless=True),
    "GIF": encode(PHOTO, "GIF"),
    "BMP": encode(PHOTO, "BMP"),
    "TIFF": encode(PHOTO, "TIFF"),
    "TIFF LZW": encode(PHOTO, "TIFF", compression="tiff_lzw"),
    "PPM": encode(PHOTO, "PPM"),
}


def attempt(function: Callable[..., object], *args: object, **options: object) -> object:
    """What the function returns, or its InputError; anything else that it raises fails the test."""
    try:
        return function(*args, **options)
    except InputError as error:
        return error


def huge_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A sound header, and the beginning of rows of zeros: small on the disk, 2.7 GB in memory."""
    return pictures.png(width, height, 8, 2, bytes(1 << 16))


@pytest.mark.parametrize("function", [media.open_image, media.image_size])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "bytes: is empty; give an image"),
        (b"\x00", "bytes: is not an image; supported formats: PNG, JPEG"),
        (b"hello, this is a text file\n", "bytes: is not an image"),
        (b"<!doctype html><html></html>", "bytes: is an HTML page"),
        (b"%PDF-1.7\n", "bytes: is no readable PDF file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "bytes: is an SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "bytes: is an SVG drawing"),
        (b"<?xml version='1.0'?>\n<feed/>", "bytes: is not an image"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "bytes: is a HEIC or HEIF image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "bytes: is not an image"),
        (b"\x89PNG\r\n\x1a\n", "bytes: is no readable PNG file (truncated); save or download it again"),
        (b"\xff\xd8\xff", "bytes: is no readable JPEG file"),
        (b"GIF89a", "bytes: is no readable GIF file"),
        (b"BM", "bytes: is no readable BMP file"),
        (b"II*\x00", "bytes: is no readable TIFF file"),
        (b"RIFF\x00\x00\x00\x00WEBP", "bytes: is no readable WebP file"),
        (b"P6 nonsense", "bytes: is no readable PPM file"),
    ],
)
def test_what_is_no_image(function: object, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        function(data)
    assert "\n" not in str(caught.value)


def test_an_empty_file_and_a_text_file_are_named(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.write_bytes(b"")
    text.write_text("hello")
    with pytest.raises(InputError, match=r"empty\.png: is empty"):
        media.open_image(empty)
    with pytest.raises(InputError, match=r"text\.png: is not an image"):
        media.open_image(text)


def test_the_bytes_decide_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(FILES["PNG"])
    np.testing.assert_array_equal(media.open_image(path).pixels, np.asarray(PHOTO))


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_in_half(name: str) -> None:
    data = FILES[name]
    with pytest.raises(InputError, match=r"bytes: is (truncated or broken|no readable)"):
        media.open_image(data[: len(data) // 2])


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_an_error_or_the_whole_picture(name: str) -> None:
    """Metadata may be missing at the end; a pixel may not."""
    data = FILES[name]
    whole = media.open_image(data).pixels
    step = max(1, len(data) // 150)
    for length in [*range(0, len(data), step), *range(max(0, len(data) - 30), len(data))]:
        result = attempt(media.open_image, data[:length])
        if isinstance(result, media.Frame):
            np.testing.assert_array_equal(result.pixels, whole, err_msg=f"{name} cut to {length} of {len(data)} bytes")


@settings(max_examples=300)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damaged_bytes_never_end_in_anything_but_an_input_error(name: str, data: st.DataObject) -> None:
    broken = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    for function in (media.open_image, media.image_size):
        result = attempt(function, broken, max_pixels=1 << 22)
        assert isinstance(result, (InputError, media.Frame, tuple))
        assert not isinstance(result, InputError) or "\n" not in str(result)


def test_a_huge_png_is_refused_quickly_and_without_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(huge_png())
    assert path.stat().st_size < 1000
    start = time.monotonic()
    for function in (media.open_image, media.image_size):
        with pytest.raises(InputError, match=r"huge\.png: is 30000x30000, 900,000,000 pixels; at most 178,956,970"):
            function(path)
    assert time.monotonic() - start < 5


def test_the_limit_on_pixels_is_ours_and_can_be_moved() -> None:
    data = encode(Image.new("L", (40, 30)), "PNG")
    with pytest.raises(InputError, match="is 40x30, 1,200 pixels; at most 1,199 are decoded"):
        media.open_image(data, max_pixels=1199)
    assert media.open_image(data, max_pixels=1200).source_size == (40, 30)
    # Pillow by itself would warn above 89 million pixels and refuse above 178 million.
    assert media.image_size(huge_png(10_000, 10_000)) == (10_000, 10_000)
    assert media.image_size(huge_png(), max_pixels=900_000_000) == (30_000, 30_000)
    with pytest.raises(InputError, match="PIL image: is 40x30"):
        media.open_image(Image.new("L", (40, 30)), max_pixels=10)
    for wrong in (0, -1, 2.5, True, None):
        with pytest.raises(InputError, match="max_pixels"):
            media.open_image(data, max_pixels=wrong)


def test_more_alphas_than_a_palette_has_colors() -> None:
    colors, alphas = (pictures.chunk(name, bytes(count)) for name, count in ((b"PLTE", 768), (b"tRNS", 257)))
    with pytest.raises(InputError, match="bytes: its transparency cannot be read"):
        media.open_image(pictures.png(1, 1, 8, 3, b"\x00\x00", colors, alphas))


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (12, 8), color) for color in ("red", "green", "blue")]
    for format_name, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        data = encode(frames[0], format_name, save_all=True, append_images=frames[1:], **options)
        frame = media.open_image(data)
        assert frame.source_size == (12, 8)
        assert (frame.pixels == (255, 0, 0)).all()


def damaged_tiff(compression: str, seed: int) -> bytes:
    data = bytearray(encode(Image.fromarray(noise(90, 60)), "TIFF", compression=compression))
    data[len(data) // 2 : len(data) // 2 + 4] = bytes([0xFF, seed, 0xFF, 0xFF])
    return bytes(data)


def test_what_libtiff_prints_is_part_of_the_refusal(tmp_path: Path) -> None:
    path, drawn = tmp_path / "scan.tif", tmp_path / "drawn.png"
    data = damaged_tiff("tiff_lzw", 0xFF)
    path.write_bytes(data)
    result = run_command("plan", str(path), "--picture", str(drawn))
    assert_mistake(result, "scan.tif: is truncated or broken (")
    assert not drawn.exists()


def test_what_only_libtiff_tells_of_is_damage_to_who_listens(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_listening", threading.Event())
    data = damaged_tiff("jpeg", 0xC8)
    whole = media.open_image(data)
    assert "JPEGLib" in capfd.readouterr().err, "else this file shows nothing: Pillow read it all the same"
    decode.listen()
    with pytest.raises(InputError, match=r"bytes: is truncated or broken \(JPEGLib: "):
        media.open_image(data)
    print("heard", file=sys.stderr, flush=True)
    assert capfd.readouterr().err == "heard\n"
    sound = encode(Image.fromarray(whole.pixels), "TIFF", compression="tiff_lzw")
    np.testing.assert_array_equal(media.open_image(sound).pixels, whole.pixels)


def test_a_closed_pillow_image_is_an_error_that_says_so(tmp_path: Path) -> None:
    made, path = Image.fromarray(noise(4, 4)), tmp_path / "photo.png"
    path.write_bytes(FILES["PNG"])
    stream = io.BytesIO(FILES["PNG"])
    streamed = Image.open(stream)
    stream.close()
    made.close()
    with Image.open(path) as left:
        pass
    with Image.open(path) as loaded:
        loaded.load()
    for image in (made, left, streamed):
        with pytest.raises(InputError, match="PIL image: is closed; open it again"):
            media.open_image(image)
    assert media.open_image(loaded).source_size == PHOTO.size


def test_a_handling_of_color_that_there_is_not() -> None:
    with pytest.raises(InputError, match="color is 'srgb'; it is 'convert' or 'ignore'"):
        media.open_image(FILES["PNG"], color="srgb")


@pytest.mark.parametrize("background", ["white", (1, 2), (1, 2, 256), (1, 2, -1), (1, 2, 3.0), 7, (True, 1, 1)])
def test_a_background_that_is_no_color(background: object) -> None:
    with pytest.raises(InputError, match="is no color"):
        media.open_image(FILES["PNG"], background=background)


def test_pillows_settings_are_left_alone_and_threads_do_not_disturb_each_other() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        pixels = noise(64, 48, seed=number)
        data = encode(Image.fromarray(pixels), "PNG", icc_profile=pictures.rgb_profile(pictures.DISPLAY_P3, None))
        try:
            first = media.open_image(data).pixels
            for _ in range(10):
                np.testing.assert_array_equal(media.open_image(data).pixels, first)
                with pytest.raises(InputError):
                    media.open_image(data[:-200])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_a_size_is_read_without_numpy(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(FILES["PNG"])
    program = (
        f"import sys; from mlx_saccade import media; print(media.image_size({str(path)!r}), 'numpy' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "(48, 40) False\n"
