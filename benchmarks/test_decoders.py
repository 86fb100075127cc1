"""What each well-kept decoder on PyPI makes of a 4K screen as PNG and as JPEG, and what `media.open_image` takes.

    python benchmarks/test_decoders.py                  one table: milliseconds (best of 7), and Pillow's time over it
    python -m pytest benchmarks/test_decoders.py        pytest-benchmark's statistics

Every decoder starts from the bytes in memory and ends with a uint8 RGB array, which is compared with Pillow's before it
is timed. Peers: the extra `bench`.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import saccade
from saccade.media import faster

Decode = Callable[[bytes], NDArray[np.uint8]]
REPEATS = 7


def _photo(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    steps = np.random.default_rng(seed).integers(-6, 7, (height, width, 3))
    return np.clip(np.cumsum(steps, axis=1) + 128, 0, 255).astype(np.uint8)


def files() -> dict[str, bytes]:
    """A generated 4K screen with a photograph-like part, in the forms that screens and cameras write."""
    screen = saccade.scenes.generate(3, size=(3840, 2160)).image.copy()
    screen[:700, :1200] = _photo(0, 700, 1200)
    image = Image.fromarray(screen)
    made = {}
    for name, mode, options in (
        ("PNG", "RGB", {"format": "PNG"}),
        ("PNG RGBA", "RGBA", {"format": "PNG"}),
        ("JPEG", "RGB", {"format": "JPEG", "quality": 92}),
    ):
        stream = io.BytesIO()
        image.convert(mode).save(stream, **options)
        made[name] = stream.getvalue()
    return made


def _pillow(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _pillow_only(data: bytes) -> NDArray[np.uint8]:
    kept, faster.pixels = faster.pixels, lambda stream, image: None
    try:
        return saccade.media.open_image(data).pixels
    finally:
        faster.pixels = kept


def decoders(name: str) -> dict[str, Decode | None]:
    """By name; None where the package is not installed."""
    found: dict[str, Decode | None] = {
        "Pillow": _pillow,
        "saccade.media": lambda data: saccade.media.open_image(data).pixels,
        "saccade.media, Pillow alone": _pillow_only,
    }
    png = name.startswith("PNG")
    peers: dict[str, Callable[[Any, bytes], NDArray[np.uint8]]] = {
        "imagecodecs": lambda m, data: (m.png_decode(data) if png else m.jpeg8_decode(data))[:, :, :3],
        "cv2": lambda m, data: m.imdecode(np.frombuffer(data, np.uint8), m.IMREAD_COLOR_RGB),
    }
    if png:
        peers["pyspng"] = lambda m, data: m.load(data)[:, :, :3]
    else:
        peers["simplejpeg"] = lambda m, data: m.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False)
    for package, decode in peers.items():
        module = importlib.import_module(package) if importlib.util.find_spec(package) else None
        found[package] = None if module is None else (lambda data, m=module, d=decode: d(m, data))
    return found


def best(call: Callable[[], object]) -> float:
    """Milliseconds of the fastest of a few calls."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


CASES = [(name, decoder) for name in ("PNG", "PNG RGBA", "JPEG") for decoder in decoders(name)]


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return files()


@pytest.mark.parametrize(("name", "decoder"), CASES)
def test_decode(benchmark: Any, made: dict[str, bytes], name: str, decoder: str) -> None:
    decode = decoders(name)[decoder]
    if decode is None:
        pytest.skip(f"{decoder} is not installed: missing from the table")
    benchmark.group = f"decode {name}"
    assert np.array_equal(benchmark(decode, made[name]), _pillow(made[name]))


def main() -> None:
    made = files()
    print(f"{'':28}" + "".join(f"{name:>24}" for name in made))
    print(f"{'bytes':28}" + "".join(f"{len(data):>24,}" for data in made.values()))
    rows = dict.fromkeys(decoder for _, decoder in CASES)
    cells: dict[tuple[str, str], str] = {}
    for name, data in made.items():
        expected, base = _pillow(data), best(lambda data=data: _pillow(data))
        for decoder, decode in decoders(name).items():
            if decode is None:
                cells[decoder, name] = "missing"
                continue
            same = "" if np.array_equal(decode(data), expected) else ", differs"
            took = best(lambda data=data, decode=decode: decode(data))
            cells[decoder, name] = f"{took:.1f} ({base / took:.2f}{same})"
    for decoder in rows:
        print(f"{decoder:28}" + "".join(f"{cells.get((decoder, name), '-'):>24}" for name in made))


if __name__ == "__main__":
    main()
