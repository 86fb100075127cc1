"""One policy for all images: of an engine, and of the command line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError

TAGGED = pictures.encode(
    Image.fromarray(pictures.noise(64, 40)), "PNG", icc_profile=pictures.rgb_profile(pictures.DISPLAY_P3, None)
)
TURNED = pictures.encode(Image.fromarray(pictures.noise(64, 40)), "PNG", exif=pictures.exif(6))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(TAGGED)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/screen.png"
        server.shutdown()


def test_it_is_open_image_with_these_arguments() -> None:
    for options in ({}, {"color": "ignore"}, {"orientation": False}, {"background": (1, 2, 3)}):
        for data in (TAGGED, TURNED):
            chosen = media.ImageOptions(**options)
            np.testing.assert_array_equal(chosen.open(data).pixels, media.open_image(data, **options).pixels)
            assert chosen.size(data) == chosen.open(data).source_size
    with pytest.raises(InputError, match="at most 2,559 are decoded"):
        media.ImageOptions(max_pixels=2559).open(TAGGED)


@pytest.mark.parametrize(
    ("data", "options"), [(TAGGED, {"color": "ignore"}), (TURNED, {"orientation": False})], ids=["color", "orientation"]
)
def test_an_engine_reads_by_its_own(folder: Path, tmp_path: Path, data: bytes, options: dict[str, Any]) -> None:
    """Two engines that share a folder of features differ in policy: neither may take the other's."""
    plain = saccade.load(folder, cache_dir=tmp_path)
    other = saccade.load(folder, cache_dir=tmp_path, image_options=media.ImageOptions(**options))
    answers = [engine.ask(data, "What?", max_tokens=1) for engine in (plain, other)]
    assert [engine.counts.vision_calls for engine in (plain, other)] == [1, 1]
    sizes = [media.image_size(data), media.ImageOptions(**options).size(data)]
    assert [answer.frames[0].source_size for answer in answers] == sizes
    assert [engine.plan(data).source_size for engine in (plain, other)] == sizes


def test_an_engine_fetches_only_where_it_may(folder: Path, address: str) -> None:
    with pytest.raises(InputError, match=r"is a URL; pass allow_url=True \(--allow-url\)"):
        saccade.load(folder).ask(address, "What?", max_tokens=1)
    engine = saccade.load(folder, image_options=media.ImageOptions(allow_url=True))
    assert engine.ask(address, "What?", max_tokens=1).frames[0].source_size == (64, 40)


def test_the_command_line_has_the_same_choices(
    folder: Path, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures.encode(Image.fromarray(pictures.noise(64, 40)), "PNG", icc_profile=b"none"))
    drawn = tmp_path / "drawn.png"
    words = ["it", "--model", str(folder), "--max-tokens", "1"]
    assert main(["locate", str(broken), *words]) == 0
    assert "its color profile was set aside" in capsys.readouterr().err
    assert main(["locate", str(broken), *words, "--color", "ignore"]) == 0
    assert "set aside" not in capsys.readouterr().err
    assert main(["locate", address, *words]) == 2
    assert "--allow-url" in capsys.readouterr().err
    assert main(["locate", address, *words, "--allow-url", "--save", str(drawn)]) == 0
    with Image.open(drawn) as image:
        assert image.size == (64, 40)
    capsys.readouterr()
    assert main(["plan", address]) == 2
    assert main(["plan", address, "--allow-url", "--picture", str(drawn)]) == 0
    assert "64 x 40 px" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [("runtimes",), ("recommend", "--target", "3x3", "--image"), ("bench", "preprocess", "--budgets", "64")]
)
def test_every_command_that_names_an_option_has_it(
    words: tuple[str, ...], address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, address]) == 2
    assert "--allow-url" in capsys.readouterr().err
    assert main([*words, address, "--allow-url"]) == 0


def test_a_plan_is_drawn_without_a_profile_that_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, drawn = tmp_path / "print.jpg", tmp_path / "drawn.png"
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    printed.write_bytes(pictures.encode(Image.new("CMYK", (64, 40)), "JPEG", icc_profile=profile))
    words = ["plan", str(printed), "--picture", str(drawn)]
    assert main(words) == 0
    assert "its color profile was set aside: it is for RGB" in capsys.readouterr().err
    first = drawn.read_bytes()
    assert main([*words, "--color", "ignore"]) == 0
    assert "set aside" not in capsys.readouterr().err
    assert drawn.read_bytes() == first


@pytest.mark.parametrize("words", [("plan",), ("runtimes",), ("recommend", "--target", "3x3", "--image")])
def test_what_reads_the_header_alone_takes_any_number_of_pixels(words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    path.write_bytes(pictures.png(20_000, 20_000, 8, 2, bytes(64)))
    assert main([*words, str(path)]) == 0
    with pytest.raises(InputError, match=r"at most 178,956,970 are decoded: scale it down \(in Python"):
        media.open_image(path)


@pytest.mark.parametrize("options", [{"color": "p3"}, {"background": "white"}, {"max_pixels": 0}])
def test_what_no_image_can_be_read_with_is_refused_before_one_is(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        media.ImageOptions(**options)


def test_an_engine_takes_no_name_for_image_options(folder: Path) -> None:
    with pytest.raises(InputError, match=r"image_options is 'ignore'; give a mlx_saccade.media.ImageOptions"):
        saccade.load(folder, image_options="ignore")  # type: ignore[arg-type]
