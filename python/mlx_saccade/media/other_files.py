"""Name files that are given as images or films and are not: films, documents, pages, pointers, text.

Only the beginning of a file is read. The name goes into an error, with what to do.
"""

from __future__ import annotations

import re

__all__ = ["HEAD", "HEAD_OF_FILM", "brands", "film_name", "is_av1", "is_pdf", "name_of"]

HEAD = 1 << 20
"""Bytes from the beginning of a file that `name_of` may need, where a tag stands behind long comments."""

HEAD_OF_FILM = 1 << 10
"""Bytes from the beginning of a file that `film_name` needs."""

_CONVERT = "convert it to PNG or JPEG first"
_FILM = "not an image; give it as a video, or name the time of one frame (--at, media.open_frame)"
_HEIC = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"))
_HEIF = _HEIC | {b"mif1", b"mif2", b"msf1", b"miaf"}
_AV1 = frozenset((b"avif", b"avis", b"avio", b"av01", b"MA1A", b"MA1B"))
# (offset, signature, name with advice)
_SIGNATURES = (
    (0, b"\xff\x0a", f"a JPEG XL image, which is not read; {_CONVERT}"),
    (4, b"JXL \r\n\x87\n", f"a JPEG XL image, which is not read; {_CONVERT}"),
    (0, b"8BPS", f"a Photoshop document, which is not read; {_CONVERT}"),
    (0, b"PK\x03\x04", "a ZIP archive, not an image; unpack it first"),
    (0, b"\x1f\x8b", "a gzip archive, not an image; unpack it first"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the image itself; run git lfs pull"),
    (0, b"/annex/objects/", "a git-annex pointer, not the image itself; run git annex get"),
)
# (offset, signature, name)
_FILMS = (
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM film"),
    (8, b"AVI ", "an AVI film"),
    (0, b"FLV\x01", "a Flash film"),
    (0, b"\x00\x00\x01\xba", "an MPEG film"),
    (0, b"OggS", "an Ogg film or sound"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "an ASF film or sound"),
    *((4, box, "a QuickTime film") for box in (b"moov", b"mdat", b"wide", b"pnot")),
)
_TS_PACKET = 188  # bytes of a packet of MPEG-TS; each begins with the same byte
# Base64 of the first bytes of PNG, JPEG, GIF, WebP, BMP and TIFF.
_BASE64 = re.compile(rb"(iVBORw0KGgo|/9j/|R0lGOD|UklGR|Qk[0-3]|SUkqA|TU0AK)[A-Za-z0-9+/=\s]*\Z")
# Declarations, comments and a doctype, which may stand before the first tag of a page or drawing.
_PROLOG = re.compile(rb"\s*(<\?.*?\?>|<!--.*?-->|<!doctype[^>\[]*(\[.*?\]\s*)?>)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(rb"\s*<(?:[\w.-]+:)?([\w-]+)")


def brands(head: bytes) -> tuple[bytes, ...]:
    """Return the brands of a file of boxes (ISO 14496-12), the major brand first; none for other files."""
    if head[4:8] != b"ftyp":
        return ()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return (head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4)))


def is_av1(head: bytes) -> bool:
    """Return True for an AVIF file, whichever brand of its family comes first."""
    major, *compatible = brands(head) or (b"",)
    if major in (b"avif", b"avis"):
        return True
    still = major in _AV1 or major in _HEIF - _HEIC
    return still and any(brand in _AV1 for brand in (major, *compatible))


def is_pdf(head: bytes) -> bool:
    """Return True for a PDF document; other bytes may stand before its signature."""
    return b"%pdf-" in head[:1024].lower()


def film_name(head: bytes) -> str | None:
    """Return the name of a film by its first bytes, with its article; None if it is not known as one."""
    kinds = brands(head)
    if kinds:
        is_still = kinds[0] == b"crx " or any(brand in _HEIF | _AV1 for brand in kinds)
        return None if is_still else "an MP4 or QuickTime film"
    for at, signature, name in _FILMS:
        if head.startswith(signature, at):
            return name
    starts = head[: 4 * _TS_PACKET : _TS_PACKET]
    return "an MPEG-TS film" if starts in (b"G" * 3, b"G" * 4) else None


def name_of(head: bytes) -> str | None:
    """Return the name of a file that is not an image, with what to do; None if it is not known.

    Args:
        head: up to `HEAD` bytes from its beginning.
    """
    kinds = brands(head)
    if any(brand in _HEIF for brand in kinds):
        return f"a HEIC or HEIF image, which is not read; {_CONVERT}"
    if kinds and kinds[0] == b"crx ":
        return f"a Canon raw image, which is not read; {_CONVERT}"
    film = film_name(head)
    if film is not None:
        return f"{film}, {_FILM}"
    for at, signature, name in _SIGNATURES:
        if head.startswith(signature, at):
            return name
    return _name_of_text(head)


def _name_of_text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:11].lower() == b"data:image/":
        return "the text of a data URI, not an image; give the text itself"
    if _BASE64.match(text):
        return "base64 text, not an image; decode it, or give the text after 'data:image/png;base64,'"
    return _name_of_markup(text) if text.startswith(b"<") else None


def _name_of_markup(text: bytes) -> str | None:
    """Return the name of a page or drawing by its first tag."""
    at, is_page = 0, False
    while prolog := _PROLOG.match(text, at):
        is_page |= prolog[1][:14].lower() == b"<!doctype html"
        at = prolog.end()
    tag = _TAG.match(text, at)
    name = b"" if tag is None else tag[1].lower()
    if name == b"svg" or (tag is None and b"<svg" in text.lower()):
        return f"an SVG drawing, which has no pixels; {_CONVERT}"
    if is_page or name in (b"html", b"head", b"body", b"title", b"meta", b"script"):
        return "an HTML page, not an image; give the address of the image itself"
    return None
