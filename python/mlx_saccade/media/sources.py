"""Where the bytes of an image come from, and how they are told apart.

A `str` is one of three things, decided by how it begins, never by what is on the disk: "data:" a data URI, a scheme and
"://" a URL, of which "file://" stands for a path as in Qwen's messages, anything else a path. Base64 without a prefix
is not guessed: `from_base64` turns it into bytes.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import stat
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.response import addinfourl

from mlx_saccade.errors import InputError, brief

__all__ = [
    "copied",
    "find_file",
    "from_base64",
    "from_data_uri",
    "from_url",
    "named_file",
    "open_file",
    "open_text",
    "read_object",
    "short",
]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_URL_SECONDS = 20.0
_URL_TOTAL_SECONDS = 60.0
_URL_BYTES = 64 << 20


def short(text: str, limit: int = 100) -> str:
    """Return a name that fits into one line of a message: control characters escaped, long ones cut in the middle."""
    text = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    return text if len(text) <= limit else f"{text[: limit // 2]}...{text[-limit // 4 :]}"


def open_text(source: str, *, allow_url: bool) -> tuple[BinaryIO, str]:
    """Open what a string names: a data URI, a URL or a path.

    Args:
        source: begins with "data:", with "http://", "https://" or "file://", or is a path.
        allow_url: whether the network may be used.

    Returns:
        A seekable stream that the caller closes, and the origin for messages.

    Raises:
        InputError: a URL that is not allowed or fails, a malformed data URI, a path that is no readable regular file.
        FileNotFoundError: no such file.
    """
    if source[:5].lower() == "data:":
        return io.BytesIO(from_data_uri(source)), "data URI"
    if (path := named_file(source)) is not None:
        return open_file(path), short(path)
    if source.partition("://")[0].lower() not in ("http", "https"):
        raise InputError(f"{short(source)}: only http, https and file URLs are read; for a file give its path")
    if not allow_url:
        raise InputError(
            f"{_public(source)}: is a URL; pass allow_url=True (--allow-url) to fetch it, or download it first"
        )
    return io.BytesIO(from_url(source)), _public(source)


def named_file(source: str) -> str | None:
    """Return the path that a text names, itself or as a file URL; None if it is a data URI or another URL.

    Raises:
        InputError: a file URL that names another machine, no absolute path, or has a query or fragment.
    """
    if source[:5].lower() == "data:":
        return None
    scheme = _SCHEME.match(source)
    if scheme is None:
        return source
    return _path_of_url(source) if scheme[1].lower() == "file" else None


def _path_of_url(url: str) -> str:
    """Return the path that a file URL names (RFC 8089), what is percent-encoded decoded: file:///my%20shots/a.png.

    Raises:
        InputError: it names another machine, no absolute path, or has a query or fragment.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        # By way of bytes, as pathlib's as_uri() writes it: a path need not be text.
        path = os.fsdecode(urllib.parse.unquote_to_bytes(os.fsencode(parts.path)))
    except ValueError as error:
        raise InputError(f"{short(url)}: is no usable URL ({error})") from None
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise InputError(
            f"{short(url)}: names no file of this machine; write file:///path, with %23 for # and %3F for ? in it"
        )
    return path


def find_file(path: str) -> str:
    """Return a path that exists: the given one, or the only one that looks the same.

    macOS puts U+202F or U+00A0 into the names of screenshots, and some disks store accents apart from their letters.
    A name that is typed, pasted or written by a model has neither.

    Raises:
        FileNotFoundError: no path fits, or several do, which the message names.
        OSError, ValueError: the path cannot be looked at.
    """
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        pass
    else:
        return path
    candidates = _same_looking(path)
    if len(candidates) > 1:
        names = ", ".join(short(ascii(one)) for one in candidates[:4])
        raise FileNotFoundError(
            f"{short(path)}: no such file; {len(candidates)} differ from it only in spaces or Unicode form: {names}. "
            "Give one of them"
        )
    if not candidates:
        raise FileNotFoundError(f"{short(path)}: no such file; check the path")
    return candidates[0]


def _same_looking(path: str) -> list[str]:
    """Return the paths that differ from one only in kinds of space and Unicode form, in each of its names."""
    folder, name = os.path.split(path)
    if not name:
        return []
    folders = [folder] if not folder or Path(folder).is_dir() else _same_looking(folder)
    look, paths = _look(name), []
    for one in folders:
        try:
            entries = os.listdir(one or ".")  # noqa: PTH208
        except OSError:
            continue
        paths += [str(Path(one, entry)) for entry in sorted(entries) if _look(entry) == look]
    return paths


def _look(name: str) -> str:
    """Return a name with accents on their letters and all kinds of space as one."""
    return re.sub(r"\s", " ", unicodedata.normalize("NFC", name))


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; the caller closes it.

    Args:
        path: as it is on the disk, or with other kinds of space or another Unicode form, if exactly one file fits.

    Raises:
        InputError: a folder, a device, a pipe, no permission, or no valid name.
        FileNotFoundError: no such file, or several that differ only in spaces or Unicode form.
    """
    path = os.fsdecode(path)
    name = short(path)
    try:
        # Looked at before it is opened, because opening a pipe waits for its writer.
        path = find_file(path)
        mode = os.stat(path).st_mode  # noqa: PTH116
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise InputError(f"{name}: is {what}; give the path of a file")
        return Path(path).open("rb")
    except FileNotFoundError:
        raise
    except PermissionError:
        raise InputError(f"{name}: no permission to read it; change its mode or copy it") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"{name}: is no usable path ({reason}); base64 needs 'data:image/png;base64,' before it or from_base64()"
        ) from None


def read_object(file: Any) -> tuple[BinaryIO, str]:
    """Read a binary file object from its position, and leave it open.

    One that can seek is put back where it was, so that it is the same image for every reader. One at its end is read
    from its start: it has just been written.

    Returns:
        A seekable stream of its bytes, and its name for messages.

    Raises:
        InputError: it is closed, cannot be read, or gives text.
    """
    name = getattr(file, "name", None)
    origin = short(os.fsdecode(name)) if isinstance(name, str | bytes) else "file object"
    try:
        position = file.tell() if getattr(file, "seekable", bool)() else None
        data = file.read()
        if position is not None:
            if position and not data:
                file.seek(0)
                data = file.read()
            file.seek(position)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{origin}: cannot be read ({short(str(error))}); open it again") from None
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InputError(f"{origin}: gives {type(data).__name__}, not bytes; open it in mode 'rb'")
    return io.BytesIO(data), origin


def copied(data: bytes | bytearray | memoryview) -> bytes:
    """Return the bytes that a caller lends.

    Raises:
        InputError: a memoryview that was released.
    """
    try:
        return bytes(data)
    except ValueError:
        raise InputError("the memoryview was released and has no bytes; give it before that, or give bytes") from None


def from_base64(text: str | bytes) -> bytes:
    """Decode base64 as browsers do: ASCII white space is ignored and the padding may be left out.

    Args:
        text: standard alphabet ("+" and "/").

    Returns:
        The bytes, for `open_image`.

    Raises:
        InputError: empty, no text or bytes, or not base64.
    """
    if not isinstance(text, (str, bytes, bytearray, memoryview)):
        raise InputError(f"base64 is {brief(text)}; give it as text or bytes")
    raw = text.encode("ascii", "replace") if isinstance(text, str) else copied(text)
    raw = raw.translate(None, b" \t\n\r\f").rstrip(b"=")
    try:
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError):
        hint = "; translate '-' and '_' to '+' and '/'" if b"-" in raw or b"_" in raw else ""
        raise InputError(f"base64 of {len(raw)} characters cannot be decoded; send standard base64{hint}") from None
    if not data:
        raise InputError("base64 is empty; send the bytes of an image")
    return data


def from_data_uri(uri: str) -> bytes:
    """Return the bytes of a data URI (RFC 2397). Its media type is not trusted: the bytes say what they are.

    Raises:
        InputError: no comma, bytes that are no text, or base64 that cannot be decoded.
    """
    head, comma, payload = uri.partition(",")
    if not comma:
        raise InputError(f"data URI {short(uri, 60)!r} has no comma; the form is data:image/png;base64,...")
    try:
        data = urllib.parse.unquote_to_bytes(payload)
    except UnicodeEncodeError:  # what a command line had that is not UTF-8
        raise InputError(f"data URI '{short(uri, 60)}' holds bytes that are no text; write them as base64") from None
    if head.lower().rstrip().endswith(";base64"):
        return from_base64(data)
    return data


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to http and https, to nothing else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> urllib.request.Request | None:
        """Refuse a redirect to another scheme."""
        if not newurl.lower().startswith(("http://", "https://")):
            fp.close()
            raise InputError(f"{_public(req.full_url)}: redirects to {short(newurl, 60)}, which is not http or https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def from_url(
    url: str, *, seconds: float = _URL_SECONDS, total_seconds: float = _URL_TOTAL_SECONDS, max_bytes: int = _URL_BYTES
) -> bytes:
    """Fetch a URL.

    Args:
        url: http or https.
        seconds: longest wait for the server's next bytes.
        total_seconds: longest time for the whole.
        max_bytes: largest body.

    Raises:
        InputError: the server cannot be reached, answers with an error, is too slow or sends too much.
    """
    name = _public(url)
    opener = urllib.request.build_opener(_WebOnly)
    deadline = time.monotonic() + total_seconds
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "mlx-saccade", "Accept": "image/*,*/*;q=0.5"})
        with opener.open(request, timeout=seconds) as response:
            return _body(response, name, deadline, max_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        raise InputError(f"{name}: the server answers {error.code} {error.reason}; check the URL") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(f"{name}: cannot be fetched ({reason}); check the URL or download it first") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: is no valid URL ({error})") from None


def _body(response: addinfourl, name: str, deadline: float, max_bytes: int) -> bytes:
    parts, length = [], 0
    while part := response.read1(1 << 16):
        parts.append(part)
        length += len(part)
        if length > max_bytes:
            raise InputError(f"{name}: is larger than {max_bytes:,} bytes; download it and give its path")
        if time.monotonic() > deadline:
            raise InputError(f"{name}: the server is too slow; download it and give its path")
    expected = response.headers.get("Content-Length")
    if expected is not None and expected.isdigit() and length < int(expected):
        raise InputError(f"{name}: ended after {length:,} of {int(expected):,} bytes; try again")
    return b"".join(parts)


def _public(url: str) -> str:
    """Return a URL without what may be secret in it: user, password, query."""
    scheme, _, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return short(f"{scheme}://{host.rpartition('@')[2]}{slash}{path}")
