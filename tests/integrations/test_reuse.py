"""What enabled models keep for a second look at an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import families
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import reuse
from mlx_saccade.integrations.mlx_vlm.decoding import ImagePart
from mlx_saccade.integrations.mlx_vlm.processor import ImageProcessor


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    reuse.store.clear()
    yield
    reuse.store.set_limit("512MB")
    reuse.store.clear()


@pytest.fixture
def processor() -> ImageProcessor:
    original = SimpleNamespace(patch_size=14, merge_size=2, temporal_patch_size=2, min_pixels=3136, max_pixels=200704)
    made = ImageProcessor(original, families.get("qwen2.5-vl"), 64)
    made.native = True
    return made


def write(path: Path, seed: int, size: tuple[int, int] = (300, 200)) -> Path:
    pixels = np.random.RandomState(seed).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def resizes() -> int:
    return reuse.store.counts().resizes


def test_a_file_is_decoded_once(processor: ImageProcessor, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.png", 1), write(tmp_path / "b.png", 2, (90, 400))
    before = resizes()
    made = processor([str(first), str(second)])
    expected = [saccade.patchify(str(path), processor.plan(size)) for path, size in
                ((first, (300, 200)), (second, (90, 400)))]  # fmt: skip
    assert np.array_equal(made["pixel_values"], np.concatenate(expected))
    assert resizes() == before + 2
    made["pixel_values"][:] = 0  # a caller may write into its own
    copy = tmp_path / "copy.png"
    copy.write_bytes(second.read_bytes())
    again = processor([str(copy), str(first)])
    assert np.array_equal(again["pixel_values"], np.concatenate(expected[::-1]))
    assert resizes() == before + 2


def test_another_file_plan_or_fit_is_prepared_anew(processor: ImageProcessor, tmp_path: Path) -> None:
    path = str(write(tmp_path / "a.png", 1))
    before = resizes()
    first = processor(path)["pixel_values"]
    assert len(processor(path, max_pixels=16 * 784)["pixel_values"]) < len(first)
    processor(ImagePart(path, None, (100, 100)))
    assert resizes() == before + 3
    write(tmp_path / "a.png", 2)
    assert not np.array_equal(processor(path)["pixel_values"], first)
    assert resizes() == before + 4


def test_a_qwen2_vl_is_not_given_window_order(processor: ImageProcessor, tmp_path: Path) -> None:
    path = str(write(tmp_path / "a.png", 1))
    other = ImageProcessor(processor.original, families.get("qwen2-vl"), 64)
    other.native = True
    windowed, plain = processor(path)["pixel_values"], other(path)["pixel_values"]
    assert np.array_equal(np.sort(windowed, axis=0), np.sort(plain, axis=0))
    assert not np.array_equal(windowed, plain)


def test_pixels_without_a_file_are_prepared_each_time(processor: ImageProcessor, tmp_path: Path) -> None:
    image = Image.open(write(tmp_path / "a.png", 1))
    before = resizes()
    assert np.array_equal(processor(image)["pixel_values"], processor(str(tmp_path / "a.png"))["pixel_values"])
    assert resizes() == before + 1


def test_the_limit_counts_patches_and_can_be_none(processor: ImageProcessor, tmp_path: Path) -> None:
    paths = [str(write(tmp_path / f"{seed}.png", seed)) for seed in range(3)]
    for path in paths:
        processor(path)
    assert reuse.store.counts().bytes > 3 * 50 * 4 * 588
    reuse.store.set_limit(0)
    assert reuse.store.counts().bytes == 0
    before = resizes()
    processor(paths[0])
    processor(paths[0])
    assert (resizes(), reuse.store.counts().bytes) == (before + 2, 0)
    with pytest.raises(InputError, match="cache_memory"):
        reuse.store.set_limit("many")
