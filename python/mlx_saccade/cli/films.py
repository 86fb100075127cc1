"""The options of film files, and the parts of a message and the frames that they stand for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.media import Frame

    Arguments = argparse.ArgumentParser | argparse._ArgumentGroup

__all__ = ["add_at_argument", "add_film_arguments", "film_options", "frame_at", "is_film", "parts", "refuse_options"]

_OPTIONS = ("fps", "num_frames", "max_frames", "start", "end")


def add_film_arguments(parser: Arguments) -> None:
    """Add the options that choose the frames of a film; `film_options` reads them."""
    parser.add_argument("--fps", type=float, metavar="R", help="frames to take per second of a film (default 2)")
    parser.add_argument("--num-frames", type=int, metavar="N", help="frames to take, in place of --fps")
    parser.add_argument("--max-frames", type=int, metavar="N", help="most frames that --fps takes (default 768)")
    parser.add_argument("--start", type=float, metavar="SECONDS", help="take no frame before (default the beginning)")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="take no frame after (default the end)")
    parser.add_argument("--total", type=int, metavar="N", help="maximum visual tokens of a film (default no limit)")


def add_at_argument(parser: Arguments) -> None:
    """Add the time of the frame of a film; `frame_at` reads it."""
    parser.add_argument("--at", type=float, metavar="SECONDS", help="look at the frame of a film shown at this time")


def film_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_film_arguments` that were given, as `mlx_saccade.media.open_video` takes them."""
    return {name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None}


def is_film(word: Any) -> bool:
    """Return True if a word is the path of a film."""
    from mlx_saccade import media

    return media.is_film(word)


def parts(options: argparse.Namespace, sources: list[Any]) -> list[Any]:
    """Return the images of a question, each film among them as a part of a message with its options.

    Raises:
        InputError: options of films without a film.
    """
    films = [is_film(source) for source in sources]
    if not any(films):
        refuse_options(options, sources)
    given = {**film_options(options), **({} if options.total is None else {"total": options.total})}
    return [
        {"type": "video", "video": source, **given} if film else source
        for source, film in zip(sources, films, strict=True)
    ]


def refuse_options(options: argparse.Namespace, sources: list[Any]) -> None:
    """Refuse the options of films where there is none.

    Raises:
        InputError: naming the first of them.
        FileNotFoundError: a source that may be meant as the film is not there.
    """
    name = next((name for name in (*_OPTIONS, "total") if getattr(options, name) is not None), None)
    if name is not None:
        from mlx_saccade.media import sources as files

        for path in (files.named_file(source) for source in sources if isinstance(source, str)):
            if path is not None:
                files.find_file(path)
        raise InputError(
            f"--{name.replace('_', '-')}: expected a film, whose frames it chooses; got none. Leave it out"
        )


def frame_at(options: argparse.Namespace, source: Any, name: str) -> Frame | None:
    """Return the frame of a film that --at names; None for an image.

    Args:
        options: of the command.
        source: of the image, as `images.source` returns it.
        name: as the user wrote it.

    Raises:
        InputError: a film without --at, --at without a film, or a time after its end.
        FileNotFoundError: no such film.
    """
    if options.at is None:
        if is_film(source):
            raise InputError(
                f"{name}: expected an image; got a film. Give the time of one of its frames, such as --at 12.5"
            )
        return None
    if not isinstance(source, str):
        raise InputError(f"--at: expected a film, of whose frames it names one; got {name}. Leave it out")
    from mlx_saccade import media

    return media.open_frame(source, options.at)
