"""Image files damaged in every way a disk, a network or an enemy damages them, through `media`, one after another.

    python tests/damaged_images.py --count 10000        # what was read, what was refused, how long, how much memory

Every file has to end in a frame or in an InputError of one line, and the same with the optional decoders as without
them. File number N is the same in every run with the same Pillow.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pictures
from PIL import Image, features

from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.media import fast_decoders

MOST_PIXELS = 1 << 22
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def sound_files() -> dict[str, bytes]:
    """One small file of every format and mode that is read."""
    photo, grey = pictures.corners(48, 40), Image.fromarray(pictures.noise(31, 23, 1))
    rgba = Image.fromarray(pictures.noise(29, 21, 4))
    icc = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    deep = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 109)
    files = {
        "PNG": pictures.encoded(photo, "PNG", icc_profile=icc, exif=pictures.exif(6)),
        "PNG RGBA": pictures.encoded(rgba, "PNG"),
        "PNG grey": pictures.encoded(grey, "PNG"),
        "PNG grey with alpha": pictures.encoded(Image.fromarray(pictures.noise(31, 23, 2)), "PNG"),
        "PNG palette": pictures.encoded(photo.convert("P"), "PNG", transparency=0),
        "PNG 1 bit": pictures.encoded(grey.convert("1"), "PNG"),
        "PNG 16 bit": pictures.encoded(deep, "PNG"),
        "PNG animated": pictures.encoded(photo, "PNG", save_all=True, append_images=[photo.rotate(90)]),
        "JPEG": pictures.encoded(photo, "JPEG", exif=pictures.exif(8), icc_profile=icc),
        "JPEG progressive": pictures.encoded(photo, "JPEG", progressive=True, subsampling=0),
        "JPEG grey": pictures.encoded(grey, "JPEG"),
        "JPEG CMYK": pictures.encoded(photo.convert("CMYK"), "JPEG"),
        "WebP": pictures.encoded(rgba, "WEBP", lossless=True),
        "WebP lossy": pictures.encoded(photo, "WEBP", quality=60),
        "GIF": pictures.encoded(photo, "GIF"),
        "BMP": pictures.encoded(photo, "BMP"),
        "TIFF": pictures.encoded(photo, "TIFF", compression="raw"),
        "TIFF LZW": pictures.encoded(photo, "TIFF", compression="tiff_lzw"),
        "TIFF deflate": pictures.encoded(deep, "TIFF", compression="tiff_deflate"),
        "PPM": pictures.encoded(photo, "PPM"),
    }
    if features.check("jpg_2000"):
        files["JPEG 2000"] = pictures.encoded(photo, "JPEG2000")
    if features.check("avif"):
        files["AVIF"] = pictures.encoded(photo, "AVIF")
    return files


def _damage_once(rng: random.Random, data: bytearray, others: list[bytes]) -> None:
    """One kind of damage; positions near the head are as likely as all the rest, since the structure is there."""
    end = len(data) if rng.random() < 0.5 else min(len(data), 96)
    at, kind = rng.randrange(end), rng.randrange(7)
    span = rng.randint(1, 40)
    if kind == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at : at + span] = rng.randbytes(span)
    elif kind == 2:
        del data[at : at + span]
    elif kind == 3:
        data[at:at] = data[at : at + span]
    elif kind == 4:
        width = rng.choice((1, 2, 4))
        value = rng.choice(EXTREMES) % 256**width
        data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
    elif kind == 5:
        del data[max(8, at) :]
    else:
        other = rng.choice(others)
        start = rng.randrange(len(other))
        data[at:] = other[start:]


def damaged(count: int, first: int = 0) -> Iterator[tuple[int, str, bytes]]:
    """(number, name of the sound file, damaged bytes), the same for the same numbers."""
    files = sound_files()
    names, others = list(files), list(files.values())
    for number in range(first, first + count):
        rng = random.Random(number)
        name = names[number % len(names)]
        data = bytearray(files[name])
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            if data:
                _damage_once(rng, data, others)
        yield number, name, bytes(data)


def opened(data: bytes) -> np.ndarray | str:
    """The pixels, or the message of the refusal."""
    try:
        return media.open_image(data, max_pixels=MOST_PIXELS).pixels
    except InputError as error:
        return str(error)


def compare(data: bytes) -> str:
    """Say "read" or "refused", the same with the optional decoders and without.

    Raises:
        AssertionError: the two differ, or a message has more than one line.
    """
    with_all = opened(data)
    kept, fast_decoders.pixels = fast_decoders.pixels, lambda stream, image: None
    try:
        plain = opened(data)
    finally:
        fast_decoders.pixels = kept
    if isinstance(with_all, str) or isinstance(plain, str):
        assert isinstance(with_all, str) and isinstance(plain, str), (with_all, plain)
        assert with_all == plain
        assert with_all and "\n" not in with_all, with_all
        return "refused"
    np.testing.assert_array_equal(with_all, plain)
    return "read"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    start, slowest = time.monotonic(), (0.0, -1)
    for number, name, data in damaged(options.count, options.first):
        began = time.monotonic()
        try:
            counts[compare(data)] += 1
        except BaseException:
            print(f"file {number} ({name}):", file=sys.stderr)
            raise
        slowest = max(slowest, (time.monotonic() - began, number))
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1 << 20)
    versions = ", ".join(f"{name} {version}" for name, version in fast_decoders.versions().items())
    print(
        f"{options.count} files: {counts['read']} read, {counts['refused']} refused; {time.monotonic() - start:.0f} s, "
        f"slowest {slowest[0]:.2f} s (file {slowest[1]}), at most {used} MB; Pillow {Image.__version__}, {versions}"
    )


if __name__ == "__main__":
    main()
