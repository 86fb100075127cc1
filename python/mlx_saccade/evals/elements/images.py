"""Copy images into the folder of a set, so that the set and its review page can be moved as one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mlx_saccade import files, media
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.run import Step

__all__ = ["IMAGES", "SetImage", "add_images", "all_images", "check_folder"]

IMAGES: Final = "images"
_SHOWN: Final = frozenset((".png", ".jpg", ".jpeg", ".webp"))  # what every browser shows


@dataclass(frozen=True)
class SetImage:
    """An image of a set.

    Attributes:
        name: path of its file relative to the set's folder, such as "images/shot.png".
        path: of that file.
        digest: SHA-256 of that file.
    """

    name: str
    path: Path
    digest: str


def check_folder(folder: Path) -> Path:
    """Create the folder of a set.

    Raises:
        InputError: it is a file, or cannot be created.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: expected a folder; got a file. Name another folder")
    try:
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder}: {error.strerror}. Name another folder") from None
    return folder


def add_images(folder: Path, sources: Sequence[str]) -> list[SetImage]:
    """Copy image files into a set; those that it has are left.

    Formats that browsers do not show become PNG. All files are checked before the first is copied.

    Args:
        folder: of the set.
        sources: paths of image files.

    Raises:
        FileNotFoundError: no such file.
        InputError: not an image, or another image of that name is in the set or among the sources.
    """
    added: dict[str, tuple[str, bytes]] = {}
    for source in sources:
        name, data = _read(Path(source))
        target = folder / IMAGES / name
        before = added[name][1] if name in added else target.read_bytes() if target.is_file() else data
        if before != data:
            raise InputError(f"{source}: expected a name that no other image of {folder} has; got {name}. Rename it")
        added[name] = source, data
    images = []
    for name, (_, data) in added.items():
        target = folder / IMAGES / name
        if not target.is_file():
            files.write_atomically(target, data)
        images.append(SetImage(f"{IMAGES}/{name}", target, hashlib.sha256(data).hexdigest()))
    return images


def all_images(folder: Path, added: Sequence[SetImage], steps: Iterable[Step]) -> list[SetImage]:
    """Return the images of earlier runs that are still in the folder, and those that were added, each once."""
    images = {one.name: one for one in added}
    earlier = {step.image: SetImage(step.image, folder / step.image, step.digest) for step in steps}
    others = {name: one for name, one in earlier.items() if name not in images and one.path.is_file()}
    return sorted((others | images).values(), key=lambda one: one.name)


def _read(path: Path) -> tuple[str, bytes]:
    """Return the name and the content of the file of an image in a set."""
    media.image_size(path)  # its errors name what is wrong
    if path.suffix.lower() in _SHOWN:
        return path.name, path.read_bytes()
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(media.open_image(path).pixels).save(stream, "PNG", compress_level=1)
    return f"{path.name}.png", stream.getvalue()
