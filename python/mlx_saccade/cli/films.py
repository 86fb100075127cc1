"""The options of film files, and the parts of a message and the frames that they stand for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import image_files
from mlx_saccade.errors import InputError
from mlx_saccade.files import is_film_name

if TYPE_CHECKING:
    from mlx_saccade.media import Frame

    Arguments = argparse.ArgumentParser | argparse._ArgumentGroup

__all__ = [
    "add_at_argument",
    "add_film_arguments",
    "add_video_prompt_argument",
    "film_options",
    "frame_at",
    "is_film",
    "part",
    "parts",
    "refuse_options",
]

_OPTIONS = ("fps", "num_frames", "min_frames", "max_frames", "start", "end")


def add_film_arguments(parser: Arguments) -> None:
    """Add the options that choose the frames of a film; `film_options` reads them."""
    parser.add_argument("--fps", type=float, metavar="R", help="frames to take per second of a film (default 2)")
    parser.add_argument("--num-frames", type=int, metavar="N", help="frames to take, in place of --fps")
    parser.add_argument("--min-frames", type=int, metavar="N", help="fewest frames that --fps takes (default 4)")
    parser.add_argument("--max-frames", type=int, metavar="N", help="most frames that --fps takes (default 768)")
    parser.add_argument("--start", type=float, metavar="SECONDS", help="take no frame before (default the beginning)")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="take no frame after (default the end)")
    parser.add_argument("--total", type=int, metavar="N", help="maximum visual tokens of a film (default no limit)")


def add_video_prompt_argument(parser: Arguments) -> None:
    """Add the form of what stands around the frames of a film in a prompt; `load_engine` reads it."""
    parser.add_argument(
        "--video-prompt",
        choices=("outer", "single"),
        default="outer",
        help="Qwen3-VL: a pair of vision tokens around all frames (default), or none",
    )


def add_at_argument(parser: Arguments) -> None:
    """Add the time of the frame of a film; `frame_at` reads it."""
    parser.add_argument("--at", type=float, metavar="SECONDS", help="look at the frame of a film shown at this time")


def film_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_film_arguments` that were given, as `mlx_saccade.media.open_video` takes them."""
    return {name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None}


def is_film(options: argparse.Namespace, source: Any) -> bool:
    """Return True for the path of a film, or of what by its name is meant as one; of a GIF with an option of films."""
    from mlx_saccade import media

    if media.is_film(source, gif=_first_option(options) is not None):
        return True
    return isinstance(source, str) and is_film_name(source) and not image_files.is_image(source)


def part(options: argparse.Namespace, source: Any) -> dict[str, Any]:
    """Return the part of a message that shows an image, or a film with the options for its frames."""
    if not is_film(options, source):
        return {"type": "image", "image": source}
    given = {**film_options(options), **({} if options.total is None else {"total": options.total})}
    return {"type": "video", "video": source, **given}


def parts(options: argparse.Namespace, sources: list[Any]) -> list[Any]:
    """Return the images and films of a question as parts of a message.

    Raises:
        InputError: options of films without a film, or --page with nothing else.
        FileNotFoundError: options of films, and a source that may be meant as the film is not there.
    """
    shown = [part(options, source) for source in sources]
    if not any(one["type"] == "video" for one in shown):
        refuse_options(options, sources)
    elif all(one["type"] == "video" for one in shown):
        _refuse_page(options, sources[0])
    return shown


def refuse_options(options: argparse.Namespace, sources: list[Any]) -> None:
    """Refuse the options of films where there is none.

    Raises:
        InputError: naming the first of them.
        FileNotFoundError: a source that may be meant as the film is not there.
    """
    name = _first_option(options)
    if name is not None:
        from mlx_saccade.media import sources as files

        words = [source for source in sources if isinstance(source, str)]
        for path in map(files.named_file, words):
            if path is not None:
                files.find_file(path)
        got = files.short(words[0]) if len(sources) == len(words) == 1 else "none"
        raise InputError(f"{name}: expected a film, whose frames it chooses; got {got}. Leave it out")


def _first_option(options: argparse.Namespace) -> str | None:
    """Return the first option of films that was given, as it is written; None if there is none."""
    name = next((name for name in (*_OPTIONS, "total") if getattr(options, name, None) is not None), None)
    return None if name is None else f"--{name.replace('_', '-')}"


def _refuse_page(options: argparse.Namespace, film: Any) -> None:
    if options.page not in ("1", "all"):
        raise InputError(f"--page {options.page}: expected a TIFF or PDF; got the film {film}. Leave it out")


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
    from mlx_saccade import media

    if options.at is None:
        if media.is_film(source):
            raise InputError(
                f"{name}: expected an image; got a film. Give the time of one of its frames, such as --at 12.5"
            )
        return None
    if not isinstance(source, str):
        raise InputError(f"--at: expected a film, of whose frames it names one; got {name}. Leave it out")
    _refuse_page(options, name)
    return media.open_frame(source, options.at)
