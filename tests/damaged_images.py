"""Read image files damaged as by a disk, a network or an attacker, one after another, through `media`.

    python tests/damaged_images.py --count 10000        # counts, time and memory

Every file must give a frame or an InputError of one line, the same with and without the optional decoders. File number
N is the same in every run with the same Pillow.
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

MAX_PIXELS = 1 << 22
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def sound_files() -> dict[str, bytes]:
    """Return a small file of every supported format and mode."""
    photo, gray = pictures.corners(48, 40), Image.fromarray(pictures.noise(31, 23, 1))
    rgba = Image.fromarray(pictures.noise(29, 21, 4))
    icc = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    deep = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 109)
    files = {
        "PNG": pictures.encode(photo, "PNG", icc_profile=icc, exif=pictures.exif(6)),
        "PNG RGBA": pictures.encode(rgba, "PNG"),
        "PNG gray": pictures.encode(gray, "PNG"),
        "PNG gray with alpha": pictures.encode(Image.fromarray(pictures.noise(31, 23, 2)), "PNG"),
        "PNG palette": pictures.encode(photo.convert("P"), "PNG", transparency=0),
        "PNG 1 bit": pictures.encode(gray.convert("1"), "PNG"),
        "PNG 16 bit": pictures.encode(deep, "PNG"),
        "PNG animated": pictures.encode(photo, "PNG", save_all=True, append_images=[photo.rotate(90)]),
        "JPEG": pictures.encode(photo, "JPEG", exif=pictures.exif(8), icc_profile=icc),
        "JPEG progressive": pictures.encode(photo, "JPEG", progressive=True, subsampling=0),
        "JPEG gray": pictures.encode(gray, "JPEG"),
        "JPEG CMYK": pictures.encode(photo.convert("CMYK"), "JPEG"),
        "WebP": pictures.encode(rgba, "WEBP", lossless=True),
        "WebP lossy": pictures.encode(photo, "WEBP", quality=60),
        "GIF": pictures.encode(photo, "GIF"),
        "BMP": pictures.encode(photo, "BMP"),
        "TIFF": pictures.encode(photo, "TIFF", compression="raw"),
        "TIFF LZW": pictures.encode(photo, "TIFF", compression="tiff_lzw"),
        "TIFF deflate": pictures.encode(deep, "TIFF", compression="tiff_deflate"),
        "PPM": pictures.encode(photo, "PPM"),
        "ICO": pictures.encode(rgba, "ICO", sizes=[(16, 16)]),
        "ICO bitmap": pictures.encode(rgba, "ICO", sizes=[(16, 16)], bitmap_format="bmp"),
        "TGA": pictures.encode(rgba, "TGA"),
        "TGA run lengths": pictures.encode(photo, "TGA", compression="tga_rle"),
    }
    if features.check("jpg_2000"):
        files["JPEG 2000"] = pictures.encode(photo, "JPEG2000")
    if features.check("avif"):
        files["AVIF"] = pictures.encode(photo, "AVIF")
    return files


def _damage_once(rng: random.Random, data: bytearray, others: list[bytes]) -> None:
    """Damage a file in one way; positions near the head, where the structure is, are as likely as all others."""
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


def damage_files(count: int, first: int = 0) -> Iterator[tuple[int, str, bytes]]:
    """Yield (number, name of the sound file, damaged bytes), the same for the same numbers."""
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


def read_or_refuse(data: bytes) -> np.ndarray | str:
    """Return the pixels, or the message of the refusal."""
    try:
        return media.open_image(data, max_pixels=MAX_PIXELS).pixels
    except InputError as error:
        return str(error)


def compare(data: bytes) -> str:
    """Read a file with and without the optional decoders; return "read" or "refused".

    Raises:
        AssertionError: the two differ, or a message has more than one line.
    """
    with_all = read_or_refuse(data)
    original, fast_decoders.pixels = fast_decoders.pixels, lambda stream, image: None
    try:
        plain = read_or_refuse(data)
    finally:
        fast_decoders.pixels = original
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
    for number, name, data in damage_files(options.count, options.first):
        file_start = time.monotonic()
        try:
            counts[compare(data)] += 1
        except BaseException:
            print(f"file {number} ({name}):", file=sys.stderr)
            raise
        slowest = max(slowest, (time.monotonic() - file_start, number))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1 << 20)
    versions = ", ".join(f"{name} {version}" for name, version in fast_decoders.versions().items())
    print(
        f"{options.count} files: {counts['read']} read, {counts['refused']} refused; {time.monotonic() - start:.0f} s, "
        f"slowest {slowest[0]:.2f} s (file {slowest[1]}), at most {peak} MB; Pillow {Image.__version__}, {versions}"
    )


if __name__ == "__main__":
    main()
