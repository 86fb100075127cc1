"""Film files: frames and times against the reference's, and a film for each trap that decoders fall into."""

from __future__ import annotations

import gc
import json
import random
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import films
import numpy as np
import pytest
from pytest import MonkeyPatch

from mlx_saccade import families, media
from mlx_saccade.errors import InputError
from mlx_saccade.media import Video, display_matrix, film, film_decoder, other_files, timeline

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "films.json").read_text(encoding="utf-8"))["films"]
FAMILIES = ("qwen2-vl", "qwen2.5-vl", "qwen3-vl")

pytestmark = pytest.mark.skipif(films.av is None, reason="PyAV is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Return `films.write`, which makes each film once."""

    def make(name: str, *arguments: Any, **options: Any) -> Path:
        path = folder / name
        return path if path.exists() else films.write(path, *arguments, **options)

    return make


def numbers(video: Video) -> list[int]:
    return [films.number_of(media.open_image(frame).pixels) for frame in video.frames]


def every(path: Path, **options: Any) -> Video:
    """Return all frames of a film."""
    return media.open_video(path, family="qwen3-vl", fps=1000, max_frames=100_000, **options)


# Against the reference.


def test_open_video_equals_the_reference(write: Callable[..., Path]) -> None:
    for count, rate, family, arguments, total, fps, indices, shown, sampled_fps, times in GOLDEN:
        path = write(f"golden{count}.mp4", count, rate=Fraction(rate))
        video = media.open_video(path, family=family, **arguments)
        assert list(video.indices) == indices and len(video) == len(indices)
        assert numbers(video) == shown == [index % 4096 for index in indices]
        assert video.fps == sampled_fps == len(indices) / total * fps
        assert video.times(2) == times
        assert list(video.seconds) == [index / fps for index in indices]
    assert len(GOLDEN) == 60


def test_open_video_by_default_takes_two_frames_a_second(write: Callable[..., Path]) -> None:
    path = write("ten.mp4", 300)
    assert list(media.open_video(path, family="qwen2.5-vl").indices) == [15 * place for place in range(20)]
    assert len(media.open_video(path, family="qwen3-vl")) == 20
    assert len(media.open_video(path, family="qwen3-vl", max_frames=8)) == 8
    assert len(media.open_video(path, family="qwen2-vl", fps=0.1, min_frames=6)) == 6


def test_a_familys_own_sampling_is_the_default(write: Callable[..., Path]) -> None:
    path, family = write("ten.mp4", 300), families.get("qwen3-vl")
    slow = replace(family, video=replace(family.video, fps=1.0))
    few = replace(family, video=replace(family.video, fps=None, num_frames=5))
    assert [len(media.open_video(path, family=one)) for one in (family, slow, few)] == [20, 10, 5]
    assert [len(media.open_video(path, family=one, fps=2)) for one in (slow, few)] == [20, 20]


# Traps.

TRAPS: dict[str, tuple[str, dict[str, Any]]] = {
    "b-frames": ("b.mp4", {"b_frames": 3, "gop": 60}),
    "no count in the header": ("count.mkv", {}),
    "no count and no duration": ("live.mkv", {"container": {"live": "1"}}),
    "transport stream": ("stream.ts", {}),
    "mpeg4 in avi": ("avi.avi", {"codec": "mpeg4", "b_frames": 0}),
    "b-frames in avi, which has no times for them": ("h264.avi", {"b_frames": 2}),
    "vp8": ("vp8.webm", {"codec": "libvpx", "b_frames": 0}),
    "vp9": ("vp9.webm", {"codec": "libvpx-vp9", "b_frames": 0}),
    "gif": ("gif.gif", {"codec": "gif", "pixel_format": "rgb8", "b_frames": 0, "rate": 25}),
    "ten bits": ("ten.mkv", {"codec": "libx265", "pixel_format": "yuv420p10le", "b_frames": 0}),
    "odd sides": ("odd.mkv", {"codec": "ffv1", "pixel_format": "yuv444p", "size": (193, 97), "b_frames": 0}),
    "audio beside": ("audio.mp4", {"audio": True}),
    "fragments": ("fragments.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
    "index first": ("front.mp4", {"container": {"movflags": "faststart"}}),
    "one key frame": ("one_key.mp4", {"gop": 1000}),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_open_video_reads_every_frame_at_its_time(trap: str, write: Callable[..., Path]) -> None:
    name, options = TRAPS[trap]
    path = write(name, 50, **options)
    rate = options.get("rate", 30)
    video = every(path)
    assert list(video.indices) == list(range(50))
    assert numbers(video) == list(range(50))
    assert np.allclose(video.seconds, np.arange(50) / rate, atol=0.006)
    assert video.size == options.get("size", (192, 96))
    assert {frame.pixels.shape for frame in video.frames} == {(video.size[1], video.size[0], 3)}
    some = media.open_video(path, family="qwen2.5-vl", num_frames=6)
    assert numbers(some) == [0, 8, 16, 25, 33, 41]
    assert video.notes == ()


@pytest.mark.parametrize("suffix", ["mkv", "ts", "mp4"])
def test_open_video_counts_time_from_the_first_frame(suffix: str, write: Callable[..., Path]) -> None:
    path = write(f"late.{suffix}", times=range(300, 350), container={"use_editlist": "0"} if suffix == "mp4" else None)
    video = every(path)
    assert numbers(video) == list(range(50))
    assert video.seconds[0] == 0 and abs(video.seconds[-1] - 49 / 30) < 0.002
    part = every(path, start=1)
    assert numbers(part)[0] == 30 and part.indices[0] == 30 and part.seconds[0] == pytest.approx(1, abs=0.002)


def test_open_video_leaves_out_what_an_edit_list_cuts(write: Callable[..., Path]) -> None:
    cut = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    video = every(write("edit.mp4", times=range(-10, 40), container=cut))
    assert numbers(video) == list(range(10, 50))
    assert list(video.indices) == list(range(40)) and video.seconds[0] == 0


def test_seconds_of_a_variable_rate_are_those_at_which_frames_are_shown(write: Callable[..., Path]) -> None:
    ticks = [number * number for number in range(50)]
    video = every(write("variable.mp4", 50, times=ticks, time_base=Fraction(1, 600)))
    assert numbers(video) == list(range(50))
    assert np.allclose(video.seconds, np.array(ticks) / 600)
    assert video.times(2)[3] == pytest.approx((36 + 49) / 1200)
    late = every(write("variable.mp4"), start=2)
    assert late.seconds[0] >= 2 and late.indices[0] == 35  # 35 ** 2 / 600 is 2.04


@pytest.mark.parametrize(("degrees", "turns"), [(90, -1), (-90, 1), (180, 2), (0, 0)])
def test_rotation_is_applied(degrees: int, turns: int, write: Callable[..., Path]) -> None:
    video = every(write(f"turned{degrees}.mp4", 20, rotation=degrees, turns=turns))
    assert video.size == (192, 96)
    assert numbers(video) == list(range(20))
    corner = media.open_image(video.frames[3]).pixels[-10:, :30].reshape(-1, 3).mean(axis=0)
    assert corner[0] > 150 and corner[1] < 90  # the red corner, left and below


def test_mirror_is_applied(write: Callable[..., Path]) -> None:
    video = every(write("mirror.mp4", 8, flipped=True))
    assert [films.number_of(frame.pixels[:, ::-1]) for frame in video.frames] == list(range(8))


@pytest.mark.parametrize("turn", range(1, 9))
def test_display_matrix_turns_as_its_arithmetic_says(turn: int) -> None:
    (a, b, c, d) = next(signs for signs, number in display_matrix._TURNS.items() if number == turn)
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    places = {}
    for y in range(2):
        for x in range(3):
            places[a * x + c * y, b * x + d * y] = stored[y, x]
    left, top = min(x for x, _ in places), min(y for _, y in places)
    turned = display_matrix.turned(stored, turn)
    assert turned.shape[:2] == ((2, 3) if turn < 5 else (3, 2))
    for (x, y), value in places.items():
        assert (turned[y - top, x - left] == value).all()


def test_display_matrix_of_another_angle_is_noted(write: Callable[..., Path]) -> None:
    video = every(write("slanted.mp4", 8, rotation=30))
    assert numbers(video) == list(range(8))
    assert len(video.notes) == 1 and "display matrix is no quarter turn" in video.notes[0]


# Damage.


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        numbers(every(path, **options))
    message = str(error.value)
    assert path.name in message and "\n" not in message
    return message


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mp4: no such file"):
        media.open_video(tmp_path / "none.mp4", family="qwen3-vl")


def test_an_mp4_without_its_index_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    data = write("whole.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: len(data) // 2])
    assert "without its index" in refused(path)


def test_an_mp4_that_lists_more_than_it_has_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    data = write("front.mp4", 50, container={"movflags": "faststart"}).read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(data[: len(data) * 3 // 4])
    assert "is cut off: it lists 50 frames" in refused(path)


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_cut_stream_gives_what_is_there(suffix: str, write: Callable[..., Path], tmp_path: Path) -> None:
    data = write(f"long.{suffix}", 400).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(data[: len(data) * 2 // 3])
    video = every(path)
    assert numbers(video) == list(range(len(video)))
    assert 200 < len(video) < 350


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\0" * 5000, "is not a film; supported: MP4"),
        (b"not a film at all " * 500, "is not a film"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "is not a film"),
        (b"ffconcat version 1.0\nfile whole.mp4\n", "is not a film"),
        (b"<html><body>404</body></html>", "an HTML page"),
        (b"\x1aE\xdf\xa3" + bytes(400), "a Matroska or WebM film that is damaged"),
    ],
)
def test_what_is_no_film_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_picture_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "picture.png"
    Image.new("RGB", (64, 48)).save(path)
    assert "is not a film" in refused(path)
    assert "is a folder" in refused(tmp_path)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with films.av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=8000)
        for number in range(20):
            out.mux(sound.encode(films._silence(number)))
        out.mux(sound.encode(None))
    assert "got a file of audio" in refused(path)


def test_damage_in_the_middle_is_an_error_and_not_a_shorter_film(write: Callable[..., Path], tmp_path: Path) -> None:
    data = bytearray(write("big.mp4", 120, size=(384, 192), container={"movflags": "faststart"}).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    message = refused(path)
    assert "cannot be decoded" in message and "start and end" in message
    before = every(path, end=1.2)
    assert numbers(before) == list(range(37))
    assert numbers(media.open_video(path, family="qwen2.5-vl", start=3.5)) == [105, 108, 112, 116]


def test_a_stream_that_begins_between_key_frames_begins_at_the_next(write: Callable[..., Path], tmp_path: Path) -> None:
    data = write("long.ts", 400).read_bytes()
    path = tmp_path / "middle.ts"
    path.write_bytes(data[188 * 60 :])
    video = every(path)
    shown = numbers(video)
    assert shown[0] % 12 == 0 and shown == list(range(shown[0], 400)) and video.seconds[0] == 0


def test_streams_one_after_another_with_the_same_times_are_noted(write: Callable[..., Path], tmp_path: Path) -> None:
    path = tmp_path / "twice.ts"
    path.write_bytes(write("stream.ts", 50).read_bytes() * 2)
    video = every(path, end=1.5)
    assert numbers(video) == list(range(46))
    assert any("50 packets have the time of another" in note for note in video.notes)


def test_a_change_of_size_is_an_error_at_its_time(write: Callable[..., Path], tmp_path: Path) -> None:
    later = write("later.ts", size=(240, 120), times=range(80, 100))
    path = tmp_path / "sizes.ts"
    path.write_bytes(write("sixty.ts", 60).read_bytes() + later.read_bytes())
    assert numbers(every(path, end=1.91)) == list(range(58))
    assert "the frame at 1.933 s cannot be decoded" in refused(path)  # FFmpeg cannot tell that it ends at the joint
    assert "expected frames of 192x96; got 240x120 at 3.000 s. Cut it there" in refused(path, start=2.99)


def test_what_a_stream_lost_is_an_error(write: Callable[..., Path], tmp_path: Path) -> None:
    data = write("long.ts", 400).read_bytes()
    middle = len(data) // 2 // 188 * 188
    path = tmp_path / "hole.ts"
    path.write_bytes(data[:middle] + data[middle + 188 * 10 :])
    message = refused(path)
    assert "cannot be decoded" in message
    lost = float(message.partition("the frame at ")[2].partition(" s")[0])
    assert 5 < lost < 8
    shown = numbers(every(path, end=lost - 0.01))
    assert shown == list(range(len(shown))) and len(shown) > 150


def test_hdr_is_noted(write: Callable[..., Path]) -> None:
    options = {"x265-params": "transfer=smpte2084:colorprim=bt2020:log-level=none"}
    path = write("hdr.mkv", 8, codec="libx265", pixel_format="yuv420p10le", b_frames=0, options=options)
    assert [note for note in every(path).notes if "HDR (PQ)" in note]


def test_any_damage_is_an_input_error_or_nothing(write: Callable[..., Path], tmp_path: Path) -> None:
    generator = random.Random(0)
    path = tmp_path / "any"
    outcomes = set()
    for name in ("b.mp4", "count.mkv", "stream.ts", "avi.avi", "vp9.webm", "gif.gif"):
        whole = write(name, 50, **next((options for trap, options in TRAPS.values() if trap == name))).read_bytes()
        for _ in range(8):
            data = bytearray(whole)
            for _ in range(generator.randrange(1, 30)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            path.write_bytes(data[: generator.randrange(1, len(data))] if generator.random() < 0.3 else data)
            try:
                numbers(media.open_video(path, family="qwen3-vl", fps=5))
                outcomes.add("read")
            except InputError:
                outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_large_frames_are_refused_before_they_are_decoded(write: Callable[..., Path]) -> None:
    assert "192x96, 18,432 pixels; at most 18,431" in refused(write("whole.mp4"), max_pixels=18_431)
    assert len(every(write("whole.mp4"), max_pixels=18_432)) == 60


def test_too_many_packets_are_refused(write: Callable[..., Path], monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_PACKETS", 59)
    assert "has more than 59 frames" in refused(write("whole.mp4"))


# Parts, single frames, and single-frame films.


def test_start_and_end_choose_a_part(write: Callable[..., Path]) -> None:
    path = write("ten.mp4", 300)
    part = media.open_video(path, family="qwen3-vl", start=2, end=4)
    assert part.indices == [60, 80, 100, 120] and part.seconds == [2, 80 / 30, 100 / 30, 4]
    assert part.fps == 4 / 61 * 30
    assert numbers(part) == [60, 80, 100, 120]
    for arguments in ({"start": 11}, {"start": 3, "end": 2}, {"start": -1}, {"end": float("nan")}, {"start": True}):
        with pytest.raises(
            InputError, match=r"ten\.mp4: (start: |)expected (start before|at most)|expected seconds from"
        ):
            media.open_video(path, family="qwen3-vl", **arguments)
    with pytest.raises(
        InputError, match=r"ten\.mp4: start: expected at most 9\.967, where the film's last .* got 11\."
    ):
        media.open_video(path, family="qwen3-vl", start=11)
    assert media.open_video(path, family="qwen3-vl", start=9.96).indices == [299, 299]


@pytest.mark.parametrize("source", [None, 7, b"clip.mp4", ["clip.mp4"]])
def test_what_is_no_path_is_refused(source: Any) -> None:
    with pytest.raises(InputError, match="video: expected the path of a film; got"):
        media.open_video(source, family="qwen3-vl")
    with pytest.raises(InputError, match="video: expected the path of a film; got"):
        media.open_frame(source, 0)


def test_another_rate_in_the_header_is_noted(write: Callable[..., Path]) -> None:
    path = write(
        "slow.mkv", 10, times=[0, 100, 120, 500, 1000, 1900, 2000, 2100, 4000, 6000], time_base=Fraction(1, 1000)
    )
    (note,) = media.open_video(path, family="qwen3-vl", fps=1).notes
    assert "slow.mkv: its header states 30 frames a second, and on average it has 1.5" in note
    assert media.open_video(path, family="qwen3-vl", num_frames=6).notes == ()
    assert media.open_video(write("ten.mp4", 300), family="qwen3-vl", fps=1).notes == ()


def test_a_single_frame_is_repeated_and_noted(write: Callable[..., Path]) -> None:
    for family in FAMILIES:
        video = media.open_video(write("one.mp4", 1), family=family)
        assert numbers(video) == [0, 0] and video.times(2) == [0]
        assert any("one frame, which is repeated" in note for note in video.notes)
    video = media.open_video(write("ten.mp4", 300), family="qwen3-vl", num_frames=1)
    assert video.indices == [0, 0] and "repeated" in video.notes[0]


def test_more_frames_than_the_film_has(write: Callable[..., Path]) -> None:
    path = write("nine.mp4", 9)
    assert numbers(media.open_video(path, family="qwen3-vl", num_frames=12)) == [0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8]
    with pytest.raises(InputError, match=r"nine\.mp4: num_frames: expected at most the film's 9 frames"):
        media.open_video(path, family="qwen2.5-vl", num_frames=12)


def test_open_frame_gives_the_frame_that_is_shown(write: Callable[..., Path]) -> None:
    path = write("ten.mp4", 300)
    for at, number in ((0, 0), (0.0333, 0), (1 / 30, 1), (2.5, 75), (2.51, 75), (9.97, 299), (10, 299)):
        frame = media.open_frame(path, at)
        assert films.number_of(frame.pixels) == number, at
    assert frame.origin.endswith("ten.mp4 at 9.967 s")
    with pytest.raises(InputError, match=r"at: expected a time in its 10\.000 s; got 10\.1"):
        media.open_frame(path, 10.1)


# Decoding.


@pytest.mark.parametrize("name", ["jumps.mp4", "jumps.mkv"])
def test_jumps_give_the_same_frames_as_one_pass(
    name: str, write: Callable[..., Path], monkeypatch: MonkeyPatch
) -> None:
    path = write(name, 300, gop=40)
    indices = [0, 1, 90, 130, 131, 250, 299]
    jumps: list[bool] = []
    jump = film_decoder.Decoder.jump

    def recorded(decoder: film_decoder.Decoder, tick: int) -> bool:
        jumps.append(jump(decoder, tick))
        return jumps[-1]

    monkeypatch.setattr(film_decoder.Decoder, "jump", recorded)
    jumping = [films.number_of(picture.pixels) for picture in film.Film(path).pictures(indices)]
    monkeypatch.setattr(film, "_SEEKABLE", frozenset())
    plain = [films.number_of(picture.pixels) for picture in film.Film(path).pictures(indices)]
    assert jumping == plain == indices
    assert jumps == [False, False, True, False, False, True, False]  # to 80 and to 240; 120 is too near


def test_a_jump_that_misses_starts_over(write: Callable[..., Path], monkeypatch: MonkeyPatch) -> None:
    path = write("jumps.mp4", 300, gop=40)
    one = film.Film(path)
    one.timeline.keys[:] += 512 * 7  # key frames that are none: the container seeks behind the frame
    assert [films.number_of(picture.pixels) for picture in one.pictures([0, 87, 250])] == [0, 87, 250]


def test_frames_are_decoded_as_they_are_iterated(write: Callable[..., Path], monkeypatch: MonkeyPatch) -> None:
    video = every(write("ten.mp4", 300))
    alive: list[int] = []
    original = film.Film._upright
    monkeypatch.setattr(film.Film, "_upright", lambda *a: (alive.append(a[2]), original(*a))[1])
    frames = iter(video.frames)
    assert alive == []
    for _ in range(3):
        next(frames)
    assert alive == [0, 1, 2]
    assert films.number_of(video.frames[-1].pixels) == 299
    assert [films.number_of(frame.pixels) for frame in video.frames[10:20:4]] == [10, 14, 18]
    with pytest.raises(IndexError):
        video.frames[300]


def test_groups_repeat_the_last_frame(write: Callable[..., Path]) -> None:
    video = media.open_video(write("nine.mp4", 9), family="qwen3-vl", num_frames=5)
    groups = [[films.number_of(frame.pixels) for frame in group] for group in video.groups(2)]
    assert groups == [[0, 2], [4, 6], [8, 8]]
    assert video.times(2) == [1 / 30, 5 / 30, 8 / 30] or np.allclose(video.times(2), [1 / 30, 5 / 30, 8 / 30])


def test_video_of_frames_has_times_of_its_rate() -> None:
    video = Video(np.zeros((5, 8, 8, 3), np.uint8), fps=4)
    assert list(video.indices) == [0, 1, 2, 3, 4]
    assert video.times(2) == [0.125, 0.625, 1.0] and list(video.seconds) == [0, 0.25, 0.5, 0.75, 1]


def test_films_are_read_from_many_threads(write: Callable[..., Path]) -> None:
    video, wrong = media.open_video(write("ten.mp4", 300), family="qwen3-vl", num_frames=7), []

    def read() -> None:
        if numbers(video) != list(video.indices):
            wrong.append(1)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_stays_open(write: Callable[..., Path]) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("needs /proc")
    path = write("ten.mp4", 300)
    gc.collect()
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        next(iter(media.open_video(path, family="qwen3-vl").frames))
    gc.collect()
    assert len(list(descriptors.iterdir())) == before


# Without PyAV, and names of films.


def test_without_pyav_the_error_names_the_extra(write: Callable[..., Path], monkeypatch: MonkeyPatch) -> None:
    path = write("whole.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"whole\.mp4: .*PyAV.*pip install 'mlx-saccade\[video\]'"):
        media.open_video(path, family="qwen3-vl")


@pytest.fixture
def named(write: Callable[..., Path]) -> Iterator[list[Path]]:
    yield [write(name, 50, **options) for name, options in TRAPS.values() if not name.endswith("gif")]


def test_films_are_known_by_their_first_bytes(named: list[Path], tmp_path: Path) -> None:
    for path in named:
        assert media.is_film(path) and media.is_film(str(path)) and media.is_film(path.as_uri()), path
        with pytest.raises(InputError, match="film, not an image"):
            media.open_image(path)
    (tmp_path / "text").write_text("G" * 4000)
    assert not media.is_film(tmp_path / "none") and not media.is_film(tmp_path) and not media.is_film(b"")
    assert not media.is_film("data:video/mp4;base64,AAAA") and not media.is_film("https://a.b/c.mp4")
    assert other_files.film_name(b"\0\0\0\x1cftypavif" + bytes(100)) is None
