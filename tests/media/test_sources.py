"""Where images come from, and how a string is told to be a path, a URL or a data URI."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pictures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise
from PIL import Image

from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.media import sources

PIXELS = noise(13, 9)
DATA = encode(Image.fromarray(PIXELS), "PNG")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if path == "/missing":
            return self.send_error(404)
        if path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", urllib.parse.unquote(path[4:]))
            return self.end_headers()
        self.send_response(200)
        if path == "/short":
            self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        if path == "/slow":
            for _ in range(400):
                self.wfile.write(b"x")
                time.sleep(0.05)
        elif path == "/page":
            self.wfile.write(b"<!doctype html><p>no image</p>")
        else:
            self.wfile.write(DATA[:-20] if path == "/short" else DATA)
        return None

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        # The client of the slow server goes before the end, as it is meant to.
        with contextlib.suppress(OSError):
            super().handle()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "screen shot.png"
    file.write_bytes(DATA)
    return file


def test_every_kind_of_source_gives_the_same_frame(path: Path) -> None:
    text = base64.b64encode(DATA).decode()
    kinds = {
        str(path): str(path),
        path: str(path),
        DATA: "bytes",
        f"data:image/png;base64,{text}": "data URI",
        f"DATA:;base64,{text}": "data URI",
        f"data:image/jpeg,{urllib.parse.quote_from_bytes(DATA)}": "data URI",
        sources.from_base64(text): "bytes",
    }
    for source, origin in kinds.items():
        frame = media.open_image(source)
        np.testing.assert_array_equal(frame.pixels, PIXELS)
        assert frame.source_size == (13, 9) == media.image_size(source)
        assert frame.origin == origin
    gaps = memoryview(bytes(byte for value in DATA for byte in (value, 0)))[::2]
    for source in (bytearray(DATA), memoryview(DATA), gaps):
        np.testing.assert_array_equal(media.open_image(source).pixels, PIXELS)


def test_a_released_memoryview_is_refused() -> None:
    released = memoryview(DATA)
    released.release()
    for read in (media.open_image, media.image_size, media.from_base64):
        with pytest.raises(InputError, match="the memoryview was released"):
            read(released)  # type: ignore[operator]


def test_a_frame_is_upright_rgb_read_only_and_contiguous(path: Path) -> None:
    pixels = media.open_image(path).pixels
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 0


def test_a_path_may_say_its_name_in_bytes(path: Path, tmp_path: Path) -> None:
    class Named:
        def __init__(self, name: bytes) -> None:
            self.name = name

        def __fspath__(self) -> bytes:
            return self.name

    frame = media.open_image(Named(os.fsencode(path)))  # type: ignore[arg-type]
    np.testing.assert_array_equal(frame.pixels, PIXELS)
    assert frame.origin == str(path)
    with pytest.raises(FileNotFoundError, match="missing: no such file"):
        media.image_size(Named(os.fsencode(tmp_path / "missing")))  # type: ignore[arg-type]


def test_names_that_look_like_something_else_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("http", "httpx.png", "database64,abc.png", base64.b64encode(DATA[:30]).decode().replace("/", "_")):
        Path(name).write_bytes(DATA)
        np.testing.assert_array_equal(media.open_image(name).pixels, PIXELS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.png", "missing.png: no such file; check the path"),
        ("missing/folder.png", "missing/folder.png: no such file"),
        ("file.txt/inside.png", "file.txt/inside.png: no such file"),
        ("", ": no such file"),
    ],
)
def test_a_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("x")
    for function in (media.open_image, media.image_size):
        with pytest.raises(FileNotFoundError, match=re.escape(message)) as caught:
            function(name)
        assert "\n" not in str(caught.value)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; give the path of a file"):
        media.open_image(tmp_path)
    with pytest.raises(InputError, match="/dev/zero: is not a regular file"):
        media.open_image("/dev/zero")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is not a regular file"):
        media.open_image(pipe)


def test_a_file_without_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Not by the file's mode: root may read everything.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="no permission to read it"):
        media.open_image(path)


def test_base64_given_as_a_path_says_what_to_do() -> None:
    text = base64.b64encode(noise(40, 40).tobytes()).decode().replace("/", "+")
    with pytest.raises(InputError, match=r"is no usable path .*data:image/png;base64,"):
        media.open_image(text)
    with pytest.raises(InputError, match="is no usable path"):
        media.open_image("a\x00b.png")


def test_messages_stay_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        media.open_image(tmp_path / "two\nlines.png")
    assert "two\\nlines.png" in str(caught.value)
    with pytest.raises(InputError) as refused:
        media.open_image("data:" + "x" * 5000)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "image: expected a path, bytes, a file object, a data URI, a PIL.Image or an array; got None"),
        (3, "got an int"),
        (2.5, "got a float"),
        ({"a": 1}, "got a dict"),
        (object(), "got an object"),
        (["a.png"], "image: expected one image; got a list of 1. Give one, or an array"),
        (("a.png", "b.png"), "got a tuple of 2"),
    ],
)
def test_open_image_of_something_else_names_it(source: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        media.open_image(source)


@given(st.binary(min_size=1, max_size=60), st.sampled_from(["", "\n", " ", "\t\r\n"]), st.booleans())
def test_base64_round_trips_with_white_space_and_without_padding(data: bytes, space: str, padded: bool) -> None:
    text = base64.b64encode(data).decode()
    text = text if padded else text.rstrip("=")
    assert media.from_base64(space.join(text)) == data


@pytest.mark.parametrize("text", ["", "   ", "=", "a", "abcd$", "ab=cd", "ü", "_-_-"])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(InputError, match="base64"):
        media.from_base64(text)
    with pytest.raises(InputError, match="base64"):
        media.open_image(f"data:image/png;base64,{text}")


@pytest.mark.parametrize("head", ["data:image/png;base64,", "data:,", "data:\udcff"])
def test_a_data_uri_of_bytes_that_are_no_text(head: str) -> None:
    with pytest.raises(InputError, match=r"^data URI .*\\udcff") as caught:
        media.open_image(f"{head}\udcff")
    assert str(caught.value).isascii()


def test_urls_need_permission() -> None:
    with pytest.raises(InputError, match=r"http://example.org/a.png: is a URL; pass allow_url=True") as caught:
        media.open_image("http://me:secret@example.org/a.png?token=secret")
    assert "secret" not in str(caught.value)
    for url in ("ftp://example.org/a.png", "gopher://x"):
        with pytest.raises(InputError, match="only http, https and file URLs are read"):
            media.open_image(url, allow_url=True)


@pytest.mark.parametrize("name", ["a.png", "a b.png", "ü#1?.png", "50%.png"])
def test_a_file_url_is_a_path(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    Image.fromarray(PIXELS).save(path)
    frame = media.open_image(path.as_uri())
    np.testing.assert_array_equal(frame.pixels, PIXELS)
    assert frame.origin == media.open_image(path).origin
    assert media.image_size(path.as_uri().replace("file://", "FILE://localhost")) == (13, 9)


def test_a_file_url_of_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe %.png")
    try:
        Image.fromarray(PIXELS).save(path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert path.as_uri().endswith("%FF%FE%20%25.png")
    for url in (path.as_uri(), f"file://{str(path).replace('%', '%25')}"):
        np.testing.assert_array_equal(media.open_image(url).pixels, PIXELS)


@pytest.mark.parametrize(
    "url",
    [
        "file://", "file://host/a.png", "file://a.png", "file:///a.png?x", "file:///a#1.png", "file://[/a.png",
        "file:///\ud800.png",
    ],
)  # fmt: skip
def test_a_file_url_that_names_no_file_of_this_machine(url: str) -> None:
    with pytest.raises(InputError, match=r"file://.*: (names no file of this machine|is no usable URL)"):
        media.open_image(url)


def test_a_file_url_of_a_missing_file_names_its_path() -> None:
    with pytest.raises(FileNotFoundError, match=r"^/no/such file.png: no such file"):
        media.open_image("file:///no/such%20file.png")


def test_a_url_is_fetched(server: str) -> None:
    frame = media.open_image(f"{server}/a.png?token=secret", allow_url=True)
    np.testing.assert_array_equal(frame.pixels, PIXELS)
    assert frame.origin == f"{server}/a.png"
    assert media.image_size(f"{server}/a.png", allow_url=True) == (13, 9)
    redirected = media.open_image(f"{server}/to/{urllib.parse.quote(server, safe='')}", allow_url=True)
    np.testing.assert_array_equal(redirected.pixels, PIXELS)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing", "the server answers 404"),
        ("/page", "is an HTML page"),
        ("/short", "ended after"),
        ("/to/file%3A%2F%2F%2Fetc%2Fpasswd", "not allowed"),
        ("/to/ftp%3A%2F%2F127.0.0.1%2Fa.png", "redirects to ftp://127.0.0.1/a.png, which is not http or https"),
    ],
)
def test_a_url_that_fails(server: str, path: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        media.open_image(server + path, allow_url=True)
    assert server in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        media.open_image("http://127.0.0.1:1/a.png", allow_url=True)
    for url in ("http://", "http://[::", "http://127.0.0.1:port/", "http://a b/"):
        with pytest.raises(InputError):
            media.open_image(url, allow_url=True)


def test_limits_of_a_url(server: str) -> None:
    with pytest.raises(InputError, match="is larger than 100 bytes"):
        sources.from_url(f"{server}/a.png", max_bytes=100)
    start = time.monotonic()
    with pytest.raises(InputError, match="the server is too slow"):
        sources.from_url(f"{server}/slow", total_seconds=0.2)
    assert time.monotonic() - start < 10


def open_files() -> set[str]:
    """The regular files that this process holds open; empty where the system does not tell."""
    folder = Path("/proc/self/fd")
    links = (str(link.readlink()) for link in folder.iterdir() if link.is_symlink()) if folder.is_dir() else ()
    return {link for link in links if link.startswith("/") and not link.startswith("/dev")}


def test_no_file_stays_open(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(DATA[:60])
    tiff = tmp_path / "a.tiff"
    tiff.write_bytes(encode(pictures.corners(), "TIFF", compression="tiff_lzw"))
    text = tmp_path / "text"
    text.write_text("no image")
    before = open_files()
    for _ in range(5):
        assert media.open_image(path).source_size == media.image_size(path)
        assert media.open_image(tiff).source_size == media.image_size(tiff)
        assert media.image_size(broken) == (13, 9)
        with pytest.raises(InputError) as kept:
            media.open_image(broken)
        for function in (media.open_image, media.image_size):
            with pytest.raises(InputError):
                function(text)
    # The exception keeps its frames, and with them whatever they held.
    assert kept.value is not None
    assert open_files() == before
    # Nor is a file locked or in use: it can be replaced at once.
    path.unlink()


def written(image: Image.Image) -> io.BytesIO:
    """A buffer as `Image.save` leaves it: at its end."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream


def test_file_object_is_read_from_its_position_and_put_back() -> None:
    first, second = pictures.corners(48, 40), pictures.corners(30, 20)
    stream = io.BytesIO(pictures.encode(first, "PNG") + pictures.encode(second, "PNG"))
    stream.seek(len(pictures.encode(first, "PNG")))
    for _ in range(2):
        assert media.image_size(stream) == (30, 20)
        np.testing.assert_array_equal(media.open_image(stream).pixels, np.asarray(second))
    stream.seek(0)
    assert media.image_size(stream) == (48, 40)


def test_file_object_that_was_just_written_is_read_from_its_start() -> None:
    stream = written(pictures.corners(48, 40))
    end = stream.tell()
    np.testing.assert_array_equal(media.open_image(stream).pixels, np.asarray(pictures.corners(48, 40)))
    assert stream.tell() == end
    with pytest.raises(InputError, match="file object: is empty"):
        media.open_image(io.BytesIO())


def test_file_object_that_cannot_seek_is_read_once() -> None:
    reads = []

    class Pipe:
        def read(self) -> bytes:
            reads.append(1)
            return pictures.encode(pictures.corners(48, 40), "PNG")

    lazy = media.LazyImage(Pipe())
    assert lazy.size == lazy.frame().source_size == (48, 40)
    assert len(reads) == 1
