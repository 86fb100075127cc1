"""Read a line of a chat: the paths of images and films, however a terminal writes them, and the text around them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlx_saccade.cli.image_files import is_image
from mlx_saccade.files import is_film_name, is_image_name

__all__ = ["ImagePath", "paths", "split"]

# A word in quotes, or one whose spaces are escaped, as macOS writes a file that is dropped on a terminal.
_WORD = re.compile(r""""[^"]+"|'[^']+'|(?:\\.|[^ \t\\])+""")
_AFTER_A_WORD = "?!.,;:)"
_MAX_SPACES = 30


@dataclass(frozen=True)
class ImagePath:
    """A path in a line that is the path of an image or film."""

    path: str


def split(line: str) -> tuple[list[str | ImagePath], list[str]]:
    """Return the texts, images and films of a line in order, and notes on paths of those that do not exist.

    A path may be quoted, have escaped spaces, or begin with ~ or file://. At the beginning of the line, a path with
    plain spaces is recognized too.
    """
    parts: list[str | ImagePath] = []
    notes: list[str] = []
    text_start = position = 0
    leading = _leading_path(line)
    if leading is not None:
        parts.append(leading[0])
        text_start = position = leading[1]
    for start, end, word in _words(line, position):
        path = _image_path(word, notes)
        if path is not None:
            parts += [line[text_start:start].strip(), ImagePath(path)]
            text_start = end
    parts.append(line[text_start:].strip())
    return [part for part in parts if part], notes


def paths(text: str) -> list[str]:
    """Return the paths that follow a command: one with plain spaces, or several in quotes or with escaped spaces."""
    from mlx_saccade.media import sources

    try:
        return [sources.find_file(_from_home(text))]
    except (OSError, ValueError):
        return [_from_home(word) for _, _, word in _words(text, 0)]


def _leading_path(line: str) -> tuple[ImagePath, int] | None:
    """Return the longest beginning of a line that is the path of an image with plain spaces, and its end."""
    if not line.startswith(("/", "~", ".")):
        return None
    ends = [match.start() for match in re.finditer(r"[ \t]|$", line)][1 : _MAX_SPACES + 1]
    for end in reversed(ends):
        if _has_name(line[:end].rstrip(_AFTER_A_WORD)):
            path = _image_path(line[:end], []) or _image_path(line[:end].rstrip(_AFTER_A_WORD), [])
            if path is not None:
                return ImagePath(path), end
    return None


def _words(line: str, position: int) -> Iterator[tuple[int, int, str]]:
    """Yield the start, end and content of each word; of one that ends a sentence, without its punctuation."""
    for match in _WORD.finditer(line, position):
        start, end, word = match.start(), match.end(), match[0]
        if word[0] == word[-1] and word[0] in "'\"" and len(word) > 2:
            yield start, end, word[1:-1]
            continue
        without = len(word.rstrip(_AFTER_A_WORD))
        if without < len(word) and not _exists(_unescaped(word)):
            end = start + without
        yield start, end, _unescaped(line[start:end])


def _unescaped(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word)


def _has_name(path: str) -> bool:
    return is_image_name(path) or is_film_name(path)


def _image_path(word: str, notes: list[str]) -> str | None:
    """Return the path of an image or film that a word names; None for any other word.

    Args:
        word: without quotes and escapes.
        notes: gets a line where the word can only be the path of an image or film, and there is none.
    """
    from mlx_saccade.media import is_film, sources

    has_suffix = _has_name(word)
    if not has_suffix and "/" not in word:
        return None
    try:
        path = sources.named_file(word)
        if path is None:
            return None
        path = sources.find_file(_from_home(path))
        if not Path(path).is_file():
            return None
    except FileNotFoundError as error:
        if has_suffix and "/" in word:
            notes.append(f"{error}; it was read as text")
        return None
    except (OSError, ValueError):  # a name that no file can have
        return None
    return path if has_suffix or is_image(path) or is_film(path) else None  # a broken image is reported as such


def _exists(word: str) -> bool:
    """Return True if a word is the path of a file as it is."""
    return "\0" not in word and os.path.isfile(_from_home(word))  # noqa: PTH113  (a Path's raises for a long word)


def _from_home(path: str) -> str:
    """Return a path with the user's folder in place of a leading ~/."""
    return str(Path.home() / path[2:]) if path.startswith("~/") else path
