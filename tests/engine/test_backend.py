"""The backend of an engine: whose pixels its tower reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.engine import Engine
from mlx_saccade.engine.encoder import MediaEncoder
from mlx_saccade.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def image() -> NDArray[np.uint8]:
    noise = np.random.RandomState(0).randint(0, 256, (200, 333, 3))
    return np.where(noise > 127, 255, 0).astype(np.uint8)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[Any]]:
    """Every array of patches that a tower reads."""
    arrays: list[NDArray[Any]] = []
    run = MediaEncoder._run_tower

    def noted(self: MediaEncoder, patches: NDArray[Any], *rest: Any) -> Any:
        arrays.append(patches)
        return run(self, patches, *rest)

    monkeypatch.setattr(MediaEncoder, "_run_tower", noted)
    return arrays


@pytest.mark.parametrize("backend", ["pillow", "torchvision"])
def test_tower_reads_the_patches_of_the_engines_backend(
    folder: Path, image: NDArray[np.uint8], read: list[NDArray[Any]], backend: Any
) -> None:
    with saccade.load(folder, backend=backend, cache_memory=0) as engine:
        engine.ask(image, "it", budget=60, max_tokens=1)
        plan = engine.plan(image, budget=60)
        engine.ask(media.Video([image] * 2, fps=2.0), "it", budget=60, max_tokens=1)
    assert np.array_equal(read[0], saccade.patchify(image, plan, backend=backend))
    other: Any = "pillow" if backend == "torchvision" else "torchvision"
    assert not np.array_equal(read[0], saccade.patchify(image, plan, backend=other))
    still = saccade.patchify(image, plan, "reference", backend=backend)
    assert any(array.dtype == np.float32 and np.array_equal(array, still) for array in read[1:])


def test_a_cache_folder_tells_backends_apart(
    folder: Path, image: NDArray[np.uint8], read: list[NDArray[Any]], tmp_path: Path
) -> None:
    file = tmp_path / "image.png"
    Image.fromarray(image).save(file)

    def ask(backend: Any) -> Engine:
        engine = saccade.load(folder, backend=backend, cache_dir=tmp_path / "features")
        engine.ask(file, "it", budget=60, max_tokens=1)
        return engine

    ask("pillow").close()
    ask("torchvision").close()
    assert len(read) == 2
    assert not np.array_equal(*read)
    with ask("torchvision") as engine:
        assert len(read) == 2
        assert engine.counts.decodes == 0


def test_load_refuses_an_unknown_backend(folder: Path) -> None:
    with pytest.raises(InputError, match="backend: expected 'pillow' or 'torchvision'; got 'pil'"):
        saccade.load(folder, backend="pil")  # type: ignore[arg-type]
