"""Pages of PDF files, rendered by pypdfium2."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from pathlib import Path

import checkpoints
import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.cli import chat_lines
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError
from mlx_saccade.media import ImageOptions, pdf

LEVELS = (250, 128, 20)


def scan(count: int = 3) -> bytes:
    """Return a PDF of pages of one level each, 0.5 inch wide and a little taller from page to page."""
    images = [Image.new("L", (50, 60 + 10 * number), LEVELS[number % 3]) for number in range(count)]
    stream = io.BytesIO()
    images[0].save(stream, "PDF", save_all=True, append_images=images[1:], resolution=100)
    return stream.getvalue()


def document(*objects: bytes) -> bytes:
    """Return a PDF of numbered objects; the first is its catalog."""
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, table) + end


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(content), content)


def one_page(box: bytes, *, entries: bytes = b"", content: bytes = b"") -> bytes:
    """Return a PDF of one page with a media box, in points."""
    return document(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%b]%b/Contents 4 0 R>>" % (box, entries),
        stream(content),
    )


def test_each_page_is_an_image_at_the_fixed_resolution() -> None:
    data = scan()
    for page, level in enumerate(LEVELS, 1):
        frame = media.open_image(data, page=page)
        assert np.abs(frame.pixels[2:-2, 2:-2].astype(int) - level).max() <= 1
        assert frame.source_size == media.image_size(data, page=page) == (100, 100 + 20 * page)
        assert frame.notes == (f"bytes: only page {page} of 3 pages was read",)
    assert media.open_image(scan(1)).notes == ()


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (b"0 0 612 792", (1700, 2200)),
        (b"0 0 595.276 841.89", (1654, 2339)),
        (b"-36 -36 36 0", (200, 100)),
        (b"0 0 0.01 0.01", (1, 1)),
        (b"0 0 7200 7200", (10_000, 10_000)),
        (b"0 0 0 0", (1700, 2200)),  # PDFium's default for a box that is none
    ],
)
def test_size_follows_from_the_page_alone(box: bytes, size: tuple[int, int]) -> None:
    data = one_page(box)
    assert media.image_size(data) == size == media.image_size(data, max_pixels=10**12)
    if size[0] < 5000:
        assert media.open_image(data).pixels.shape == (size[1], size[0], 3)


def test_turned_page_is_upright_and_its_colors_are_in_order() -> None:
    content = b"1 0 0 rg 0 0 18 36 re f"  # the left half, which a quarter turn brings to the top
    frame = media.open_image(one_page(b"0 0 36 36", entries=b"/Rotate 90", content=content))
    assert frame.pixels[10, 50].tolist() == [255, 0, 0]
    assert frame.pixels[90, 50].tolist() == [255, 255, 255]


def test_contents_of_form_fields_are_rendered() -> None:
    data = document(
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 36 36]/Annots[4 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/Rect[0 0 36 36]/AP<</N 5 0 R>>/F 4>>",
        stream(b"0 0 1 rg 0 0 36 36 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 36 36]"),
    )
    assert media.open_image(data).pixels[50, 50].tolist() == [0, 0, 255]


def test_open_pages_gives_all_pages(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scan())
    images = media.open_pages(path, ImageOptions(page=2))
    assert [image.size for image in images] == [(100, 120), (100, 140), (100, 160)]
    assert [int(image.frame().pixels[50, 50, 0]) for image in images] == pytest.approx(LEVELS, abs=1)


def test_page_that_is_not_there_is_refused_with_the_count() -> None:
    for function in (media.open_image, media.image_size):
        with pytest.raises(InputError, match="page: expected 1 to 3, as it has 3 pages; got 4"):
            function(scan(), page=4)
        with pytest.raises(InputError, match="page: expected 1, its only page; got 2"):
            function(scan(1), page=2)


# An empty document whose key belongs to another password than the empty one.
ENCRYPTED = document(
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    b"<</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>>" % (b"41" * 32, b"42" * 32),
).replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"%PDF-1.7\n", "is no readable PDF file"),
        (one_page(b"0 0 9 9")[:100], "is no readable PDF file"),
        (document(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"), "is no readable PDF file"),
        (ENCRYPTED, r"is no readable PDF file .it needs a password.; save it without a password"),
        (one_page(b"0 0 14400 14400"), "is 14400x14400, 207,360,000 pixels; at most"),
        (one_page(b"0 0 1000000000 1000000000"), "is 99.*pixels; at most"),
    ],
)
@pytest.mark.parametrize("function", [media.open_image, media.image_size])
def test_unreadable_document_is_an_input_error(function: object, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"^bytes: .*{message}") as error:
        function(data)  # type: ignore[operator]
    assert "\n" not in str(error.value)


def test_missing_page_object_is_an_input_error() -> None:
    data = document(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    )
    assert media.image_size(data) == (25, 25)
    with pytest.raises(InputError, match="page 2 of 2 is broken"):
        media.open_image(data, page=2)


def test_other_bytes_may_stand_before_the_document() -> None:
    assert media.image_size(b"\n\n" + one_page(b"0 0 36 36")) == (100, 100)


@pytest.mark.parametrize("data", [b"<html>%PDF-1.4", b"PK\x03\x04 %PDF-1.4", b"\x89PNG\r\n\x1a\n%PDF-1.4"])
def test_other_file_that_names_the_signature_is_no_document(data: bytes) -> None:
    with pytest.raises(InputError, match=r"an HTML page|a ZIP archive|no readable PNG"):
        media.open_image(data)


def test_document_cut_anywhere_is_pages_or_an_input_error() -> None:
    data = scan()
    for cut in range(1, len(data), 97):
        with contextlib.suppress(InputError):
            media.open_image(data[:cut])


def test_page_larger_than_memory_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    def render(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pypdfium2.PdfPage, "render", render)
    with pytest.raises(InputError, match=r"bytes: is truncated or broken.*the memory is too small"):
        media.open_image(scan())


@pytest.mark.parametrize("function", [media.open_image, media.image_size, media.open_pages])
def test_without_pypdfium2_the_error_says_how_to_install_it(
    function: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scan())
    monkeypatch.setitem(sys.modules, "pypdfium2", None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"scan\.pdf: is a PDF document, .*: pip install pypdfium2$"):
        function(path)  # type: ignore[operator]


def test_threads_render_the_same_pixels() -> None:
    data = scan()
    expected = media.open_image(data).pixels
    equal: list[bool] = []

    def render() -> None:
        equal.extend(bool((media.open_image(data).pixels == expected).all()) for _ in range(5))

    threads = [threading.Thread(target=render) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert equal == [True] * 20


def test_resolution_is_lowered_only_above_the_limit() -> None:
    width, height = media.image_size(one_page(b"0 0 10000 10000"))
    assert width == height == pdf.MAX_PAGE_PIXELS**0.5


def test_chat_finds_the_path_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scan())
    assert chat_lines.split(f"{path} what is this?")[0][0] == chat_lines.ImagePath(str(path))


def test_engine_and_command_line_read_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, path = checkpoints.write_whole(tmp_path / "model"), tmp_path / "scan.pdf"
    path.write_bytes(scan())
    engine = saccade.load(folder)
    for _ in range(2):  # the second from the cache
        answer = engine.locate(str(path), "it", budget=16, max_tokens=1)
        assert answer.frames[0].source_size == (100, 120)
        assert answer.notes[0] == f"{path}: only page 1 of 3 pages was read"
    words = ["--model", str(folder), "--max-tokens", "1"]
    assert main(["ask", str(path), "?", *words, "--page", "2"]) == 0
    assert "only page 2 of 3 pages" in capsys.readouterr().err
    assert main(["ask", str(path), "?", *words, "--page", "all", "--verbose"]) == 0
    assert capsys.readouterr().err.count("image 3") == 1
