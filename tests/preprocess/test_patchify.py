"""Patches: the reference layout against transformers' pixel values, and the native layout against the reference one."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import torchvision_reference
from captures import FORMATS, as_rgb, capture
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from kernel_choice import use_kernel
from numpy.typing import NDArray
from pillow_reference import ORDERS, in_order, pillow

import mlx_saccade as saccade
from mlx_saccade import _core, families
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess.plan import Plan

FOLDER = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(FOLDER))
import torchvision_pixels as recorded  # noqa: E402

TORCHVISION = json.loads((FOLDER / "torchvision_pixels.json").read_text(encoding="utf-8"))["processor"]
GOLDEN = json.loads((FOLDER / "pixels.json").read_text(encoding="utf-8"))
MEAN, STD = GOLDEN["cases"][0]["mean"], GOLDEN["cases"][0]["std"]


def golden_image(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image from which golden/geometry.py made case `seed`."""
    noise = np.random.RandomState(seed).randint(0, 256, (*size, 3), dtype=np.uint8)
    return np.where(noise > 127, 255, 0).astype(np.uint8) if seed % 2 else noise


@pytest.mark.parametrize("seed", range(len(GOLDEN["cases"])))
def test_pixel_values_are_the_references(seed: int) -> None:
    case = GOLDEN["cases"][seed]
    image = golden_image(seed, case["size"])
    patch_size = case["patch_size"]
    height, width = _core.smart_resize(*case["size"], 2 * patch_size, case["min_pixels"], case["max_pixels"])
    assert [1, height // patch_size, width // patch_size] == case["grid"]
    resized = _core.resize(image, width, height, GOLDEN["pass_order"])
    patches = _core.patchify_reference(resized, patch_size, 2, 2, case["mean"], case["std"])
    assert patches.dtype == np.float32
    assert patches.shape == (height * width // patch_size**2, 6 * patch_size**2)
    with np.load(FOLDER / "pixels.npz") as arrays:
        at = np.random.RandomState(seed).randint(0, patches.size, 64)
        assert np.array_equal(patches.reshape(-1)[at], arrays[f"samples_{seed}"])
        if f"values_{seed}" in arrays.files:
            assert np.array_equal(patches, arrays[f"values_{seed}"])
    assert hashlib.sha256(patches.tobytes()).hexdigest() == case["sha256"]


@pytest.mark.parametrize("kernel", _core.kernels())
@pytest.mark.parametrize("number", range(len(TORCHVISION)))
def test_pixel_values_are_those_of_the_torchvision_processor(number: int, kernel: str) -> None:
    case = TORCHVISION[number]
    image, patch_size = recorded.picture(number, *case["size"]), case["patch_size"]
    family = replace(families.get("qwen2-vl"), patch_size=patch_size, mean=case["mean"], std=case["std"])
    limits = {"budget": f"{case['max_pixels']}px", "min_tokens": case["min_pixels"] // family.factor**2}
    plan = saccade.plan(case["size"][::-1], family=family, **limits)
    assert list(plan.grid_thw) == case["grid"]
    with use_kernel(kernel):
        patches = saccade.patchify(image, plan, "reference", backend="torchvision")
    assert recorded.digest(patches) == case["digest"]
    assert recorded.digest(saccade.patchify(image, plan, "reference")) != case["digest"]


def normalized(pixels: NDArray[np.uint8], mean: Any = MEAN, std: Any = STD) -> NDArray[np.float32]:
    """(channels last) transformers' rescale and normalize."""
    rescaled = (pixels.astype(np.float64) * (1 / 255)).astype(np.float32)
    return (rescaled - np.array(mean, np.float32)) / np.array(std, np.float32)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    patch=st.sampled_from([1, 3, 14, 16]),
    merge=st.integers(1, 3),
    window=st.integers(1, 4),
    frames=st.integers(1, 3),
)
def test_the_layouts_agree(
    seed: int, rows: int, columns: int, patch: int, merge: int, window: int, frames: int
) -> None:
    """Native patches, brought back from window order, repeated and normalized, are the reference's."""
    grid = (1, rows * merge, columns * merge)
    image = np.random.RandomState(seed).randint(0, 256, (grid[1] * patch, grid[2] * patch, 3), dtype=np.uint8)
    native = _core.patchify_native(image, patch, merge, window * merge * patch)
    reference = _core.patchify_reference(image, patch, merge, frames, MEAN, STD)
    index, _ = saccade.window_index([grid], merge_size=merge, window_size=window * merge * patch, patch_size=patch)
    in_block_order = np.empty_like(native).reshape(rows * columns, -1)
    in_block_order[index] = native.reshape(rows * columns, -1)
    pixels = in_block_order.reshape(-1, 3, 1, patch, patch)
    expected = np.moveaxis(normalized(np.moveaxis(pixels, 1, -1)), -1, 1).repeat(frames, axis=2)
    assert np.array_equal(reference, expected.reshape(len(expected), -1))


@pytest.mark.parametrize("size", [(28, 28), (56, 84), (140, 252), (252, 140), (308, 28)])
def test_positions_say_where_a_native_patch_is_from(size: tuple[int, int]) -> None:
    height, width = size
    image = np.random.RandomState(0).randint(0, 256, (height, width, 3), dtype=np.uint8)
    native = _core.patchify_native(image, 14, 2, 112)
    grid = (1, height // 14, width // 14)
    index, _ = saccade.window_index([grid])
    positions = saccade.vision_positions([grid]).reshape(-1, 4, 2)[index].reshape(-1, 2)
    for patch, (row, column) in zip(native, positions, strict=True):
        there = image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14]
        assert np.array_equal(patch.reshape(3, 14, 14), there.transpose(2, 0, 1))


def test_without_windows_native_patches_come_in_merge_block_order() -> None:
    image = np.random.RandomState(0).randint(0, 256, (64 * 5, 64 * 3, 3), dtype=np.uint8)
    native = _core.patchify_native(image, 16, 2, 0)
    reference = _core.patchify_reference(image, 16, 2, 1, [0.0] * 3, [1.0] * 3)
    assert np.array_equal(np.rint(reference * 255).astype(np.uint8), native)


def resized_by_pillow(image: NDArray[np.uint8], size: tuple[int, int], pass_order: str) -> NDArray[np.uint8]:
    """In one call where the installed version has this order, else each pass in a call of its own."""
    version = tuple(int(part) for part in PIL.__version__.split(".")[:2])
    # 12.2 and 12.3 have neither.
    own = "pillow13" if version >= (13, 0) else "horizontal" if version < (12, 2) else None
    return pillow(image, size) if pass_order == own else in_order(image, size, pass_order)


def cut(pixels: NDArray[np.uint8], plan: Plan, layout: str, normalized: Any = normalized) -> NDArray[Any]:
    """Patches by NumPy alone: tokens row by row, in the native layout window by window."""
    family, (height, width) = plan.family, pixels.shape[:2]
    patch, merge, rows, columns = family.patch_size, family.merge_size, height // family.factor, width // family.factor
    cells = pixels.reshape(rows, merge, patch, columns, merge, patch, 3)
    if layout == "reference":
        floats = normalized(cells, family.mean, family.std).transpose(0, 3, 1, 4, 6, 2, 5)
        return floats[:, :, :, :, :, None].repeat(family.temporal_patch_size, axis=5).reshape(plan.patches, -1)
    tokens = cells.transpose(0, 3, 1, 4, 6, 2, 5).reshape(rows * columns, -1)
    if family.window_size is not None:
        side = family.window_size // family.factor
        row, column = np.divmod(np.arange(len(tokens)), columns)
        tokens = tokens[np.lexsort((column, row, column // side, row // side))]
    return tokens.reshape(plan.patches, -1)


@settings(max_examples=200)
@given(data=st.data())
def test_patches_are_those_of_the_image_that_the_backend_resizes(data: st.DataObject) -> None:
    """Any size, budget, pixel format, row stride, backend, pass order, layout and kernel, plan and all."""
    side = st.one_of(st.integers(1, 40), st.integers(1, 600))
    size = data.draw(st.tuples(side, side).filter(lambda size: max(size) <= 200 * min(size)))
    family = families.get(data.draw(st.sampled_from(["qwen2-vl", "qwen2.5-vl", "qwen3-vl"])))
    try:
        plan = saccade.plan(size, family=family, budget=data.draw(st.integers(family.min_tokens, 600)))
    except InputError as error:  # a long shape that is more than the budget in whole tokens
        assert "does not fit into" in str(error)
        reject()
    pixel_format: Any = data.draw(st.sampled_from(FORMATS))
    pixels = capture(data.draw(st.integers(0, 2**32 - 1)), *size, pixel_format, gap=data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        pixels[:] = np.where(pixels > 127, 255, 0)  # sums below 0 and above 255
    order: Any = data.draw(st.sampled_from([*ORDERS, None]))
    layout: Any = data.draw(st.sampled_from(["native", "reference"]))
    named: Any = {"backend": "torchvision"} if order is None else {"pass_order": order}
    with use_kernel(data.draw(st.sampled_from(_core.kernels()))):
        patches = saccade.patchify(pixels, plan, layout, pixel_format=pixel_format, **named)
    rgb = as_rgb(pixels, pixel_format)
    if order is None:
        resized = torchvision_reference.resize(rgb, plan.resized_size)
        expected = cut(resized, plan, layout, torchvision_reference.normalized)
    else:
        expected = cut(resized_by_pillow(rgb, plan.resized_size, order), plan, layout)
    assert patches.dtype == expected.dtype
    assert np.array_equal(patches, expected)


@pytest.mark.parametrize("family", ["qwen2-vl", "qwen2.5-vl", "qwen3-vl"])
def test_patchify_resizes_as_planned(family: str) -> None:
    image = golden_image(1, (300, 410))
    plan = saccade.plan((410, 300), family=family, budget=100)
    resized = saccade.resize(image, plan.resized_size)
    patch_size = plan.family.patch_size
    native = saccade.patchify(image, plan)
    reference = saccade.patchify(image, plan, layout="reference")
    assert native.shape == (plan.patches, 3 * patch_size**2)
    assert reference.shape == (plan.patches, 6 * patch_size**2)
    assert np.array_equal(native, _core.patchify_native(resized, patch_size, 2, plan.family.window_size or 0))
    family_values = (2, plan.family.mean, plan.family.std)
    assert np.array_equal(reference, _core.patchify_reference(resized, patch_size, 2, *family_values))


def test_patchify_takes_the_pass_order() -> None:
    image = golden_image(1, (900, 120))
    plan = saccade.plan((120, 900), budget=64)
    first = saccade.patchify(image, plan)
    assert np.array_equal(first, saccade.patchify(image, plan, pass_order="pillow13"))
    assert not np.array_equal(first, saccade.patchify(image, plan, pass_order="horizontal"))


def test_patchify_takes_the_backend() -> None:
    image = golden_image(1, (300, 410))
    plan = saccade.plan((410, 300), budget=100)
    resized = saccade.resize(image, plan.resized_size, backend="torchvision")
    assert not np.array_equal(resized, saccade.resize(image, plan.resized_size))
    native = saccade.patchify(image, plan, backend="torchvision")
    assert np.array_equal(native, _core.patchify_native(resized, 14, 2, 112))
    as_pillow, as_torchvision = (
        _core.patchify_reference(resized, 14, 2, 2, MEAN, STD, backend=core) for core in ("pillow13", "torchvision")
    )
    reference = saccade.patchify(image, plan, "reference", backend="torchvision")
    assert np.array_equal(reference, as_torchvision)
    assert not np.array_equal(reference, as_pillow)
    assert np.allclose(as_pillow, as_torchvision, rtol=0, atol=1e-6)


def test_patchify_takes_what_media_opens(tmp_path: Path) -> None:
    from PIL import Image

    pixels = golden_image(0, (60, 90))
    plan = saccade.plan((90, 60))
    expected = saccade.patchify(pixels, plan)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    for form in (path, str(path), path.read_bytes(), Image.fromarray(pixels), saccade.media.open_image(path)):
        assert np.array_equal(saccade.patchify(form, plan), expected)


def test_patchify_refuses_an_image_of_another_size() -> None:
    plan = saccade.plan((90, 60))
    with pytest.raises(InputError, match="image: expected the planned size, 90x60; got 60x90"):
        saccade.patchify(np.zeros((90, 60, 3), np.uint8), plan)


def test_patchify_refuses_the_plan_of_a_video() -> None:
    image, plan = np.zeros((60, 90, 3), np.uint8), replace(saccade.plan((90, 60)), frames=3)
    with pytest.raises(InputError, match=r"^plan: expected the plan of one image; got that of a video, 3 frames"):
        saccade.patchify(image, plan)
    with pytest.raises(InputError, match=r"^images\[1\]: plan: expected the plan of one image; got that of a video"):
        saccade.patchify([image, image], [replace(plan, frames=1), plan], "reference")


def test_patchify_refuses_unknown_layouts_and_broken_families() -> None:
    image, plan = np.zeros((60, 90, 3), np.uint8), saccade.plan((90, 60))
    with pytest.raises(InputError, match="layout: expected 'native' or 'reference'; got 'nchw'"):
        saccade.patchify(image, plan, layout="nchw")  # type: ignore[arg-type]
    broken = replace(plan, family=replace(plan.family, std=(0.2, 0.0, 0.2)))
    with pytest.raises(InputError, match=r"std\[1\]: expected a finite float32 other than 0; got 0"):
        saccade.patchify(image, broken, layout="reference")


def test_patchify_refuses_what_is_no_plan_and_no_pass_order() -> None:
    image, plan = np.zeros((60, 90, 3), np.uint8), saccade.plan((90, 60))
    with pytest.raises(InputError, match=r"plan: expected the result of mlx_saccade.plan\(...\); got None"):
        saccade.patchify(image, None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"plans\[1\]: expected .*; got 'native'"):
        saccade.patchify([image, image], [plan, "native"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="pass_order: expected 'pillow13' or 'horizontal'; got 13"):
        saccade.patchify(image, plan, pass_order=13)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="backend: expected 'pillow' or 'torchvision'; got 'pil'"):
        saccade.patchify(image, plan, backend="pil")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="pass_order: expected 'horizontal' or None for backend 'torchvision'"):
        saccade.patchify(image, plan, backend="torchvision", pass_order="pillow13")


def test_a_mask_is_not_passed_over() -> None:
    masked = np.ma.masked_equal(np.zeros((60, 90, 3), np.uint8), 0)
    for call in (lambda: saccade.resize(masked, (28, 28)), lambda: saccade.patchify(masked, saccade.plan((90, 60)))):
        with pytest.raises(InputError, match=r"array is masked; fill it first: array\.filled"):
            call()


SQUARE = np.zeros((56, 56, 3), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.zeros((56, 57, 3), np.uint8), 14, 2, 112),
            "width: expected a multiple of patch_size 14 x merge_size 2 = 28; got 57",
        ),
        ((SQUARE, 0, 2, 112), "patch_size: expected 1 to 67108864; got 0"),
        ((SQUARE, 14, 0, 112), "merge_size: expected 1 to 67108864; got 0"),
        ((SQUARE, 14, 2, 20), "window_size: expected at least merge_size 2 x patch_size 14 = 28 pixels; got 20"),
        ((SQUARE, 14, 2, -1), "window_size: expected 1 to 67108864; got -1"),
        ((SQUARE, 2**40, 2, 112), "patch_size: expected 1 to 67108864; got 1099511627776"),
        ((SQUARE.astype(np.float32), 14, 2, 112), r"got float32 \(56, 56, 3\)"),
    ],
)
def test_native_refuses(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _core.patchify_native(*arguments)


@pytest.mark.parametrize(
    ("frames", "mean", "std", "message"),
    [
        (0, MEAN, STD, "temporal_patch_size: expected 1 to 67108864; got 0"),
        (2**26 + 1, MEAN, STD, "temporal_patch_size: expected 1 to 67108864; got 67108865"),
        (2, [float("nan"), 0, 0], STD, r"mean\[0\]: expected a finite float32; got nan"),
        (2, MEAN, [1, 1, float("inf")], r"std\[2\]: expected a finite float32 other than 0; got inf"),
        (2, MEAN, [1e-60, 1, 1], r"std\[0\]: expected a finite float32 other than 0; got 1e-60"),
    ],
)
def test_reference_refuses(frames: int, mean: list[float], std: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _core.patchify_reference(SQUARE, 14, 2, frames, mean, std)
