"""The choice of a device, and what happens where MLX has no GPU or cannot run a kernel."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpu_runners import StandIn
from kernel_cases import image
from mlx import core as mx

import mlx_saccade as saccade
from mlx_saccade import backend
from mlx_saccade.errors import InputError
from mlx_saccade.gpu import choice, text

GRIDS = [(1, 8, 12), (2, 6, 4)]
PLAN = saccade.plan((200, 150), budget=12)
CALLS: dict[str, Callable[[Any], Any]] = {
    "resize_patchify": lambda device: saccade.patchify(image(0, 200, 150), PLAN, device=device),
    "window_index": lambda device: saccade.window_index(GRIDS, device=device),
    "vision_positions": lambda device: saccade.vision_positions(GRIDS, device=device),
}


@pytest.fixture
def thresholds(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Thresholds of the GPU that MLX then computes on."""
    sizes: dict[str, int] = {}
    monkeypatch.setattr(choice, "_thresholds", lambda: {"Apple M9": sizes})
    monkeypatch.setattr(choice, "_chip", lambda: "Apple M9")
    return sizes


def equal(one: Any, other: Any) -> bool:
    pairs = zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


@pytest.mark.parametrize("kernel", CALLS)
def test_gpu_gives_the_bits_of_the_core(gpu: StandIn, kernel: str) -> None:
    outputs = CALLS[kernel]("gpu")
    assert gpu.launches == [kernel]
    assert equal(outputs, CALLS[kernel]("cpu"))
    assert gpu.launches == [kernel]


def test_gpu_takes_a_list_of_images_of_all_formats_in_one_launch(gpu: StandIn) -> None:
    wide = image(1, 90, 70)
    bgra = np.dstack([wide, wide[..., :1]])
    for pixels, name in ((bgra, "bgra"), (bgra, "rgbx"), (wide[..., 0], "grey"), (wide[5:60, 11:83], "rgb")):
        plan = saccade.plan((pixels.shape[1], pixels.shape[0]), budget=8)
        images, plans = [pixels, pixels[::-1]], [plan, plan]
        expected = saccade.patchify(images, plans, pixel_format=name, device="cpu")
        assert equal(saccade.patchify(images, plans, pixel_format=name, device="gpu"), expected), name
    assert gpu.launches == ["resize_patchify"] * 4


@pytest.mark.parametrize("kernel", CALLS)
def test_forced_gpu_that_is_absent_is_an_error(kernel: str) -> None:
    if choice.dialect() is not None:
        pytest.skip("MLX has a GPU here")
    with pytest.raises(InputError, match=r"^device: expected 'auto' or 'cpu', because MLX has no GPU here; got 'gpu'$"):
        CALLS[kernel]("gpu")


@pytest.mark.parametrize("kernel", CALLS)
@pytest.mark.parametrize("device", ["metal", None, 0, np.array(["gpu", "cpu"])])
def test_unknown_device_is_refused(kernel: str, device: Any) -> None:
    with pytest.raises(InputError, match=r"^device: expected 'auto', 'cpu' or 'gpu'; got "):
        CALLS[kernel](device)


def test_reference_layout_on_the_gpu_is_refused(gpu: StandIn) -> None:
    with pytest.raises(InputError, match=r"^device: expected 'auto' or 'cpu' for the reference layout; got 'gpu'$"):
        saccade.patchify(image(0, 200, 150), PLAN, "reference", device="gpu")
    assert saccade.patchify(image(0, 200, 150), PLAN, "reference").dtype == np.float32


def test_gpu_refuses_what_the_core_refuses(gpu: StandIn) -> None:
    for grids in ([], [(1, 3, 4)], [(0, 4, 4)]):
        for call in (saccade.window_index, saccade.vision_positions):
            messages = []
            for device in ("cpu", "gpu"):
                with pytest.raises(InputError) as error:
                    call(grids, device=device)  # type: ignore[operator]
                messages.append(str(error.value))
            assert messages[0] == messages[1]
    assert not gpu.launches


@pytest.mark.parametrize("kernel", CALLS)
def test_auto_takes_the_gpu_from_the_measured_size_on(gpu: StandIn, thresholds: dict[str, int], kernel: str) -> None:
    sizes = {"resize_patchify": 200 * 150, "window_index": 36, "vision_positions": 144}
    thresholds[kernel] = sizes[kernel] + 1
    CALLS[kernel]("auto")
    assert not gpu.launches
    thresholds[kernel] = sizes[kernel]
    assert equal(CALLS[kernel]("auto"), CALLS[kernel]("cpu"))
    assert gpu.launches == [kernel]


def test_plan_names_the_device_of_its_patches(thresholds: dict[str, int]) -> None:
    assert PLAN.device == "cpu"
    thresholds["resize_patchify"] = 200 * 150
    assert PLAN.device == "gpu"
    assert saccade.plan((200, 149), budget=12).device == "cpu"


def test_auto_stays_on_the_core_without_a_measurement(gpu: StandIn) -> None:
    for call in CALLS.values():
        call("auto")
    assert not gpu.launches


def test_auto_leaves_what_a_launch_cannot_index_to_the_core(thresholds: dict[str, int]) -> None:
    thresholds["resize_patchify"] = 1
    assert choice.choose("auto", "resize_patchify", 10, choice.MAX_INDEX) == "gpu"
    assert choice.choose("auto", "resize_patchify", 10, choice.MAX_INDEX + 1) == "cpu"


@pytest.mark.parametrize("kernel", CALLS)
@pytest.mark.parametrize("when", ["compiling", "running"])
def test_kernel_that_mlx_cannot_run_is_one_warning_and_the_core_computes(
    gpu: StandIn, thresholds: dict[str, int], monkeypatch: pytest.MonkeyPatch, kernel: str, when: str
) -> None:
    thresholds[kernel] = 1

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("[metal::Device] Unable to build metal library from source\nprogram_source:3:1: error")

    monkeypatch.setattr(mx.fast, "metal_kernel", fail if when == "compiling" else lambda *_, **__: fail)
    expected = CALLS[kernel]("cpu")
    with pytest.warns(RuntimeWarning, match=rf"GPU kernel {kernel} \(\[metal::Device\] Unable .* from source\)"):
        assert equal(CALLS[kernel]("gpu"), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert equal(CALLS[kernel]("gpu"), expected)
        assert equal(CALLS[kernel]("auto"), expected)


def test_explain_says_where_and_why(thresholds: dict[str, int]) -> None:
    assert choice.explain("resize_patchify") == "CPU core (no GPU was measured to be faster yet)"
    thresholds["window_index"] = 500
    assert choice.explain("window_index") == "GPU from 500 tokens on, else CPU core"
    assert choice.explain("window_index", 499) == "CPU core (GPU from 500 tokens on)"
    assert choice.explain("window_index", 500) == "GPU (GPU from 500 tokens on)"


def test_explain_without_a_measured_gpu(thresholds: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds["window_index"] = 500
    monkeypatch.setattr(choice, "_chip", lambda: None)
    assert choice.explain("window_index") == "CPU core (MLX has no GPU here that was measured to be faster)"


def test_auto_in_a_forked_process_stays_on_the_core(gpu: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_thresholds", lambda: {"Apple M9": {"window_index": 1}})
    monkeypatch.setattr(backend, "device", lambda: "metal")
    monkeypatch.setattr(mx, "device_info", lambda: {"device_name": "Apple M9"})
    assert choice.choose("auto", "window_index", 1) == "gpu"
    monkeypatch.setattr(backend, "is_own_process", lambda: False)
    assert choice.choose("auto", "window_index", 1) == "cpu"


def test_packaged_thresholds_name_kernels_and_sizes() -> None:
    for sizes in choice._thresholds().values():
        assert set(sizes) <= set(text.KERNELS)
        assert all(isinstance(size, int) and size > 0 for size in sizes.values())


def test_choice_without_a_measurement_imports_no_mlx() -> None:
    code = (
        "import sys; from mlx_saccade.gpu import choice; choice.choose('auto', 'window_index', 1); "
        "choice.explain('window_index'); print([m for m in ('mlx.core', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- the text ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", text.KERNELS)
@pytest.mark.parametrize("language", ["metal", "cuda", "opencl"])
def test_text_has_its_kernel_once_and_integers_only(kernel: str, language: str) -> None:
    header, body = text.text(kernel, language)
    assert header.count(f"KERNEL({kernel})") == 1
    assert body.count(f"{kernel}(") == 1
    assert not {"float", "double", "half", "long"} & set(header.split())


def test_plan_rows_fit_their_table() -> None:
    for kernel, prefix in (
        ("resize_patchify", "PLAN"), ("window_index", "WINDOW_GRID"), ("vision_positions", "POSITION_GRID"),
    ):  # fmt: skip
        constants = text.constants(kernel)
        fields = [value for name, value in constants.items() if name.startswith(prefix) and name != f"{prefix}_INTS"]
        assert sorted(fields) == list(range(len(fields)))
        assert len(fields) <= constants[f"{prefix}_INTS"]
        assert constants[f"{prefix}_FIRST"] == 0
    constants = text.constants("resize_patchify")
    assert constants["SHARED_BYTES"] == constants["STRIP"] * constants["TILE"] * 3
    assert constants["SAMPLES_PER_THREAD"] * constants["THREADS"] == constants["TILE"] ** 2 * 3


def test_thresholds_are_json() -> None:
    path = Path(choice.__file__).parents[1] / "assets" / "gpu_thresholds.json"
    assert isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
