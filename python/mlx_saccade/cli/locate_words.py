"""Tell the images from the descriptions among the words of `mlx-saccade locate`."""

from __future__ import annotations

import argparse
import os

from mlx_saccade.cli import images, output
from mlx_saccade.cli.image_files import is_image
from mlx_saccade.cli.mistakes import UsageError
from mlx_saccade.errors import InputError
from mlx_saccade.files import is_image_name

__all__ = ["check_many", "note_single_words", "split_words"]


def split_words(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the images and the descriptions of a command line.

    With --batch all words are descriptions; with --find all words are images; else the first is the image.

    Raises:
        UsageError: a word is missing.
        InputError: a description is the path of an image.
    """
    words = [word for word in (options.image, *options.descriptions) if word is not None]
    find = options.find or []
    if options.batch is not None:
        return [], [*words, *find]
    if find:
        if not words:
            raise _usage("the following arguments are required: IMAGE")
        return words, find
    if len(words) < 2:
        missing = ("IMAGE", "DESCRIPTION")[len(words) :]
        raise _usage(f"the following arguments are required: {', '.join(missing)}")
    for word in words[1:]:
        if _is_image(word):
            raise InputError(
                f"{word}: expected a description; got an image file. For several images, write what to find after "
                '--find, as in: a.png b.png --find "the menu"'
            )
    return words[:1], words[1:]


def note_single_words(descriptions: list[str]) -> None:
    """Print a note if descriptions may be the words of one whose quotes were forgotten: three or more of one word."""
    if len(descriptions) < 3 or any(len(words.split()) != 1 for words in descriptions):
        return
    quoted = output.shorten(" ".join(descriptions))
    output.note(f'each of the {len(descriptions)} words is asked on its own; for one description write "{quoted}"')


def check_many(options: argparse.Namespace, words: list[str], descriptions: list[str]) -> None:
    """Refuse what one image alone can have, before anything is loaded.

    Raises:
        InputError: an option that does not go with many images, an empty description, or standard input named twice.
    """
    images.check_words(options, words)
    if options.save is not None:
        raise InputError("--save: expected one image; got several. Leave it out, or name one image")
    if options.at is not None:
        raise InputError("--at: expected one film; got several images. Leave it out, or name one film")
    if options.out is not None and options.json:
        raise InputError("--json: not allowed with --out, whose file has JSON lines. Leave out one of them")
    if options.out is not None and options.batch is None and not options.find:
        raise InputError("--out: expected --batch or --find; got neither. Write what to find after --find")
    if descriptions:
        from mlx_saccade.engine import request

        for description in descriptions:
            request.locate(description)


def _usage(message: str) -> UsageError:
    return UsageError(f"mlx-saccade locate: {message}; see 'mlx-saccade locate --help'")


def _is_image(word: str) -> bool:
    """Return True if a word is the path of an existing image."""
    # os.path, since a Path raises for a long word.
    return os.path.isfile(word) and (is_image_name(word) or is_image(word))  # noqa: PTH113
