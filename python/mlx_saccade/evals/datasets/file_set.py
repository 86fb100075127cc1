"""A data set of image files, read from the lists beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_saccade.evals.datasets.images import digest
from mlx_saccade.evals.targets import Target

__all__ = ["FileDataSet"]


@dataclass(frozen=True)
class FileDataSet:
    """Targets on image files; an implementation of `mlx_saccade.evals.targets.DataSet`.

    Attributes:
        name: short name, for people.
        identity: what the targets are, for JSON.
        targets: those to ask for; those of one image follow each other.
        notes: how the boxes were read, and what was set aside, in words.
        files: file of each image by its name.
    """

    name: str
    identity: dict[str, Any]
    targets: Sequence[Target]
    notes: Sequence[str]
    files: Mapping[str, Path]

    def open(self, target: Target) -> Path:
        """Return the file of a target's image.

        Raises:
            FileNotFoundError: it is gone, or was missing when the data were read and kept.
        """
        path = self.files.get(target.image)
        if path is None or not path.exists():
            place = target.image if path is None else path
            raise FileNotFoundError(f"{place}: no such file; it is the image of {target.id}. Put it back")
        return path

    def image_id(self, target: Target) -> str:
        """Return 16 hexadecimal digits of the SHA-256 of the file of a target's image.

        Raises:
            FileNotFoundError: as `open`.
            InputError: it cannot be read.
        """
        return digest(self.open(target))
