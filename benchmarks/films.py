"""Measure the time and the peak memory of a film of one minute, ten minutes and one hour, for as many frames.

    python benchmarks/films.py                    # writes films of 1.4 GB in all to a temporary folder
    python benchmarks/films.py --frames 64 --csv films.csv

The films repeat the packets of ten seconds of moving noise, 1280x720 at 30 frames a second, so an hour is written in
seconds and is as large as a real one. Each is measured in a process of its own: `plan` is `media.open_video` and the
plan of its frames, `frames` decodes all of them and makes them patches, one pair at a time, as an engine does. Memory
is the highest resident size less that before the film was opened. On a busy machine the seconds of the CPU say more.
Linux only.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from peak import resident

from mlx_saccade import families, files, media
from mlx_saccade.preprocess import limits, patchify

SIZE, RATE, CLIP = (1280, 720), 30, 300
MINUTES = (1, 10, 60)
HEADER = (
    *("minutes", "megabytes", "frames", "plan_seconds", "plan_cpu_seconds", "frames_seconds"),
    *("plan_peak_mb", "frames_peak_mb"),
)
BIT_RATE = 3_000_000


def write_clip(path: Path) -> None:
    """Write ten seconds of moving noise."""
    import av

    random = np.random.RandomState(0)
    texture = random.randint(0, 256, (SIZE[1] * 2, SIZE[0] * 2, 3), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *SIZE, "yuv420p", BIT_RATE
        stream.codec_context.options = {"preset": "ultrafast", "g": "60"}
        for number in range(CLIP):
            rows = texture[number : number + SIZE[1], number : number + SIZE[0]]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rows // 8 + 100), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame.reformat(format="yuv420p")))
        out.mux(stream.encode(None))


def write(path: Path, minutes: int, clip: Path) -> None:
    """Write a film that repeats the packets of a clip."""
    import av

    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        template = source.streams.video[0]
        stream = out.add_stream_from_template(template)
        packets = [packet for packet in source.demux(template) if packet.size]
        data = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        length = int(CLIP / RATE / template.time_base)
        for turn in range(minutes * 60 * RATE // CLIP):
            for content, pts, dts, is_key in data:
                packet = av.Packet(content)
                packet.pts, packet.dts, packet.time_base = pts + turn * length, dts + turn * length, template.time_base
                packet.is_keyframe, packet.stream = is_key, stream
                out.mux(packet)


def measure(path: str, count: int) -> dict[str, float]:
    """Return seconds and peak megabytes of one film, in this process."""
    import av  # noqa: F401  (not measured)

    family = families.get("qwen2.5-vl")
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start, cpu = time.perf_counter(), time.process_time()
    video = media.open_video(path, family=family, num_frames=count)
    level = limits.read({"budget": 256}, "budget")
    plan = limits.choose(video.size, family, [level], None, frames=len(video))
    planned, plan_peak = time.perf_counter() - start, resident("VmHWM") - before
    cpu = time.process_time() - cpu
    still = limits.choose(video.size, family, [level], None)
    start, seen = time.perf_counter(), 0
    for pair in video.groups(2):
        seen += sum(len(patchify.patchify(media.open_image(frame), still)) for frame in pair)
    assert seen == 2 * plan.patches
    return {
        "plan_seconds": planned,
        "plan_cpu_seconds": cpu,
        "frames_seconds": time.perf_counter() - start,
        "plan_peak_mb": plan_peak / 1e6,
        "frames_peak_mb": (resident("VmHWM") - before) / 1e6,
    }


def main() -> None:
    """Print the table, or with --one the figures of one film."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=64, help="frames taken of each film (default 64)")
    parser.add_argument("--csv", metavar="FILE", help="write the table (default none)")
    parser.add_argument("--one", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.frames)))
        return
    rows = [HEADER]
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "clip.mp4")
        write_clip(clip)
        for minutes in MINUTES:
            path = Path(folder, f"{minutes}.mp4")
            write(path, minutes, clip)
            words = [sys.executable, __file__, "--one", str(path), "--frames", str(options.frames)]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            values = json.loads(done.stdout)
            size = path.stat().st_size / 1e6
            figures = [f"{values[name]:.2f}" if "seconds" in name else f"{values[name]:.0f}" for name in HEADER[3:]]
            rows.append((str(minutes), f"{size:.0f}", str(options.frames), *figures))
            print(" | ".join(rows[-1]), flush=True)
            path.unlink()
    if options.csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        files.write_atomically(options.csv, text.getvalue().encode())


if __name__ == "__main__":
    main()
