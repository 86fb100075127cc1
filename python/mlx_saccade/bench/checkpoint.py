"""The checkpoint of a profile: the packaged one, a folder, a hub id, or random weights in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlx_saccade.bench import synthetic
from mlx_saccade.bench.run import Model
from mlx_saccade.checkpoint import hub
from mlx_saccade.errors import InputError

__all__ = ["Checkpoint", "open_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk.

    Attributes:
        folder: its folder.
        digest: of its files, or the name of a synthetic one: what a log resumes with.
        model: what the history says of it.
    """

    folder: Path
    digest: str
    model: Model


@contextmanager
def open_checkpoint(model: str | None, revision: str | None, random: str | None) -> Iterator[Checkpoint]:
    """Find a checkpoint; random weights are written, and deleted at the end.

    Args:
        model: folder or hub id; None: the packaged one.
        revision: of a hub id.
        random: as `mlx_saccade.bench.synthetic.parse` reads it; None: no random weights.

    Raises:
        FileNotFoundError: no such folder.
        InputError: both are given, or one cannot be used.
    """
    if random is None:
        folder, digest = hub.find(model, revision=revision), hub.digest(model, revision=revision)
        layers = _layers(folder)
        # Of a folder not even the name: it may be a person's.
        name = "packaged" if model is None else "local" if Path(model).exists() else model
        yield Checkpoint(folder, digest, Model(name, digest, layers, layers))
        return
    if model is not None or revision is not None:
        raise InputError("--synthetic: expected no --model and no --revision beside it; got one. Leave one of them out")
    shape = synthetic.parse(random)
    with tempfile.TemporaryDirectory(prefix="saccade-synthetic-") as temporary:
        folder = synthetic.write(Path(temporary), shape)
        layers = (shape.blocks, shape.layers)
        yield Checkpoint(folder, shape.name, Model(shape.name, "", layers, shape.full_layers))


def _layers(folder: Path) -> tuple[int, int]:
    """Return the layers of the tower and of the language model."""
    from mlx_saccade import models
    from mlx_saccade.checkpoint.files import read_json

    config = models.read_config(read_json(folder / "config.json"), source=str(folder / "config.json"))
    return config.vision.depth, config.text.num_hidden_layers
