"""Films made by PyAV for the tests; each frame shows its own number, so that a decoded frame says which one it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

try:
    import av
except ImportError:  # the extra `video` is not installed; tests of films skip
    av = None

BITS = 12
"""Blocks of a frame, each one bit of its number, the lowest first; bright is 1."""


def picture(number: int, size: tuple[int, int] = (192, 96)) -> np.ndarray:
    """Return frame `number` of a film as uint8 [height, width, 3]: its bits along the left half of the top edge."""
    width, height = size
    rgb = np.full((height, width, 3), 90, np.uint8)
    side = width // BITS
    for bit in range(BITS):
        rgb[: height // 3, bit * side : (bit + 1) * side] = 235 if number >> bit & 1 else 20
    rgb[height // 2 :, : width // 4] = (200, 40, 40)  # marks the left lower corner, for rotations
    return rgb


def number_of(pixels: np.ndarray) -> int:
    """Return the number that an upright decoded frame shows."""
    height, width = pixels.shape[:2]
    side = width // BITS
    row = pixels[height // 6, [bit * side + side // 2 for bit in range(BITS)]].mean(axis=1)
    return sum(1 << bit for bit, value in enumerate(row) if value > 128)


def write(
    path: Path | str,
    count: int = 60,
    *,
    size: tuple[int, int] = (192, 96),
    rate: int | Fraction = 30,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    times: Iterable[int] | None = None,
    time_base: Fraction | None = None,
    rotation: float | None = None,
    flipped: bool = False,
    gop: int = 12,
    b_frames: int = 2,
    turns: int = 0,
    audio: bool = False,
    container: dict[str, str] | None = None,
    form: str | None = None,
    options: dict[str, str] | None = None,
    frames: Sequence[np.ndarray] = (),
) -> Path:
    """Write a film.

    Args:
        path: its suffix chooses the container.
        count: number of frames.
        size: (width, height) of the upright frames.
        rate: frames a second, of the header too.
        codec: encoder of FFmpeg's.
        pixel_format: of the encoded frames.
        times: presentation time of each frame in units of `time_base`; None: one frame after another.
        time_base: unit of `times`; None: 1 / rate.
        rotation: degrees that the header says; None: none.
        flipped: True if the header mirrors the frames.
        gop: frames from one key frame to the next.
        b_frames: most frames that refer to later ones.
        turns: quarter turns, counter-clockwise, of the stored frames against the upright ones.
        audio: True adds a silent audio stream.
        container: options of the muxer.
        form: name of the muxer; None: by the suffix.
        options: options of the encoder.
        frames: upright frames in place of those that show their numbers; `count` and `size` are then theirs.
    """
    path = Path(path)
    if frames:
        count, size = len(frames), (frames[0].shape[1], frames[0].shape[0])
    base = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w", format=form, options=container or {}) as out:
        stream = out.add_stream(codec, rate=rate)
        stored = np.rot90(picture(0, size), turns)
        stream.width, stream.height, stream.pix_fmt = stored.shape[1], stored.shape[0], pixel_format
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.time_base = base
        stream.codec_context.options = options or ({"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {})
        if codec == "libx264":
            stream.codec_context.options = {**stream.codec_context.options, "bf": str(b_frames)}
        if rotation is not None or flipped:
            stream.set_display_rotation(rotation or 0, hflip=flipped)
        sound = out.add_stream("aac", rate=8000) if audio else None
        for number, time in enumerate(range(count) if times is None else times):
            upright = frames[number] if frames else picture(number, size)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(upright, turns)), "rgb24")
            frame.pts, frame.time_base = time, base
            out.mux(stream.encode(frame.reformat(format=pixel_format)))
            if sound is not None:
                out.mux(sound.encode(_silence(number)))
        out.mux(stream.encode(None))
        if sound is not None:
            out.mux(sound.encode(None))
    return path


def _silence(number: int) -> Any:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 8000, number * 1024
    return frame
