"""Plans: budgets, limits, geometry, and the way back to source pixels."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import families, media
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import plan as budget
from mlx_saccade.preprocess import runtimes

FAMILIES = tuple(name for name in families.names() if not families.get(name).budgets)  # those of smart_resize

# width, height -> resized (width, height) and tokens under caps in tokens ("2<<20" in pixels), as transformers 5.23.0
# gave them. "=" stands for: as the cap before.
CAPS = (1280, 2048, "2097152px", 4096, 16384)
TABLE_28 = {
    (1920, 1080): ((1316, 728, 1222), (1680, 924, 1980), (1904, 1064, 2584), (1932, 1092, 2691), "="),
    (2560, 1440): (1222, 1980, 2584, (2380, 1344, 4080), (2548, 1428, 4641)),
    (3840, 2160): (1222, 1980, 2584, 4080, (3836, 2156, 10549)),
    (3456, 2234): ((1232, 784, 1232), 2016, 2624, 4029, (3444, 2240, 9840)),
    (5120, 2880): (1222, 1980, 2584, 4080, (4760, 2688, 16320)),
    (6016, 3384): (1222, 1980, 2584, 4080, 16320),
    (3840, 1080): ((1876, 504, 1206), 2040, 2619, 3960, (3836, 1092, 5343)),
    (400, 300): ((392, 308, 154), "=", "=", "=", "="),
}
TABLE_32 = {
    (1920, 1080): ((1504, 832, 1222), (1920, 1088, 2040), None, "=", "="),
    (2560, 1440): (1222, (1920, 1056, 1980), None, (2560, 1440, 3600), "="),
    (3840, 2160): (1222, 1980, None, (2720, 1536, 4080), (3840, 2176, 8160)),
    (3456, 2234): ((1408, 896, 1232), 2016, None, 4029, 7560),
    (5120, 2880): (1222, 1980, None, 4080, (5120, 2880, 14400)),
    (6016, 3384): (1222, 1980, None, 4080, (5440, 3072, 16320)),
    (3840, 1080): ((2144, 576, 1206), 2040, None, (3840, 1088, 4080), "="),
    (400, 300): ((384, 288, 108), "=", None, "=", "="),
}
# Sizes that have broken preprocessors: ties of the rounding, single pixels, exact and partial windows, extreme ratios.
SIZES = [
    (1, 1), (13, 257), (27, 257), (28, 28), (29, 29), (70, 126), (854, 480), (1078, 616), (112, 112), (224, 448),
    (252, 308), (640, 480), (1481, 874), (1512, 982), (1920, 1080), (3024, 1964), (13, 2600), (690, 15420),
]  # fmt: skip


def rows(table: dict, family: str) -> list[tuple]:
    found = []
    for size, results in table.items():
        before = None
        for cap, result in zip(CAPS, results, strict=True):
            if result is None:
                continue
            before = before if result == "=" else result
            found.append((family, size, cap, before))
    return found


@pytest.mark.parametrize(
    ("family", "size", "cap", "expected"),
    rows(TABLE_28, "qwen2.5-vl") + rows(TABLE_28, "qwen2-vl") + rows(TABLE_32, "qwen3-vl"),
)
def test_measured_sizes(family: str, size: tuple[int, int], cap: int | str, expected: int | tuple) -> None:
    plan = saccade.plan(size, family=family, budget=cap)
    assert plan.tokens == (expected if isinstance(expected, int) else expected[2])
    if not isinstance(expected, int):
        assert plan.resized_size == expected[:2]
    assert plan.source_size == size


@pytest.mark.parametrize(
    ("size", "full", "capped", "scale"),
    [
        ((1512, 982), (1512, 980, 1890), (1232, 784, 1232), (1.2273, 1.2526)),
        ((3024, 1964), (3024, 1960, 7560), (1232, 784, 1232), (2.4545, 2.5051)),
        ((4032, 3024), (4032, 3024, 15552), (1148, 840, 1230), None),
        ((1280, 720), (1288, 728, 1196), (1288, 728, 1196), None),
    ],
)
def test_screens_of_macs(size: tuple, full: tuple, capped: tuple, scale: tuple | None) -> None:
    for asked, expected in (("checkpoint", full), (None, capped)):
        plan = saccade.plan(size, budget=asked)
        assert (*plan.resized_size, plan.tokens) == expected
    if scale is not None:
        assert plan.scale == pytest.approx(scale, abs=5e-5)


@pytest.mark.parametrize(
    ("size", "cap", "expected"),
    [
        ((2000, 13), 1280, (700, 28)),
        ((20000, 100), 1280, (14140, 56)),
        ((20000, 100), 16384, (19992, 112)),
        ((639, 31), 20, (560, 28)),
        ((1, 1), None, (56, 56)),
        ((257, 27), None, (252, 28)),
        ((854, 480), None, (840, 476)),
    ],
)
def test_edges_of_the_reference(size: tuple[int, int], cap: int | None, expected: tuple[int, int]) -> None:
    assert saccade.plan(size, budget=cap).resized_size == expected


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cap", [None, 256, "checkpoint"])
def test_geometry_of_a_plan(size: tuple[int, int], family: str, cap: int | str | None) -> None:
    plan = saccade.plan(size, family=family, budget=cap)
    patch = plan.family.patch_size
    width, height = plan.resized_size
    assert plan.grid_thw == (1, height // patch, width // patch)
    assert width % plan.family.factor == height % plan.family.factor == 0
    assert plan.patches == 4 * plan.tokens == plan.grid_thw[1] * plan.grid_thw[2]
    assert plan.tokens * plan.family.factor**2 == width * height <= plan.max_pixels
    assert plan.scale == (size[0] / width, size[1] / height)
    assert (height, width) == saccade.smart_resize(
        size[1], size[0], plan.family.factor, plan.min_pixels, plan.max_pixels
    )


@pytest.mark.parametrize("size", SIZES)
def test_windows_are_those_that_hold_something(size: tuple[int, int]) -> None:
    plan = saccade.plan(size)
    _, lengths = saccade.window_index([plan.grid_thw])
    assert plan.windows == len(lengths) - 1
    assert saccade.plan(size, family="qwen2-vl").windows == saccade.plan(size, family="qwen3-vl").windows == 0


sides = st.integers(1, 9000)
budgets = st.integers(64, 20000)


@given(sides, sides, budgets, st.sampled_from(FAMILIES), st.integers(1, 64))
def test_a_plan_never_exceeds_its_budget(width: int, height: int, tokens: int, family: str, least: int) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    try:
        plan = saccade.plan((width, height), family=family, budget=tokens, min_tokens=least)
    except InputError as error:
        # Only a narrow image, or limits close together, cannot be met; the message names a budget that can.
        smallest = int(re.search(r"the smallest budget that holds it is (\d+) tokens", str(error))[1])
        assert smallest > tokens
        assert saccade.plan((width, height), family=family, budget=smallest, min_tokens=least).tokens <= smallest
        with pytest.raises(InputError):
            saccade.plan((width, height), family=family, budget=smallest - 1, min_tokens=least)
        return
    assert plan.tokens <= tokens


@given(
    st.integers(1, 400), st.integers(1, 400), st.integers(1, 300), st.integers(1, 40 * 784), st.sampled_from(FAMILIES)
)
def test_the_smallest_budget_is_the_first_that_holds(
    width: int, height: int, tokens: int, least: int, family_name: str
) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    family = families.get(family_name)
    area = family.factor**2
    try:
        budget.within((width, height), family, least, tokens * area, "it")
    except InputError as error:
        fits = (
            count
            for count in range(tokens, 10**6)
            if math.prod(saccade.smart_resize(height, width, family.factor, least, count * area)) <= count * area
        )
        assert f"holds it is {next(fits)} tokens" in str(error)


def test_a_refusal_takes_no_longer_for_a_large_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, resize = [], budget.smart_resize
    monkeypatch.setattr(budget, "smart_resize", lambda *of: calls.append(of) or resize(*of))
    with pytest.raises(InputError, match="does not fit") as caught:
        saccade.plan((3840, 2160), budget=10**13, min_tokens=10**13)
    assert len(calls) < 300
    smallest = int(re.search(r"holds it is (\d+) tokens", str(caught.value))[1])
    assert saccade.plan((3840, 2160), budget=smallest, min_tokens=10**13).tokens == smallest
    with pytest.raises(InputError, match="does not fit"):
        saccade.plan((3840, 2160), budget=smallest - 1, min_tokens=10**13)


@given(sides, sides, st.sampled_from(FAMILIES), st.lists(st.floats(-1e4, 1e5), min_size=4, max_size=4))
def test_points_and_boxes_go_there_and_back(width: int, height: int, family: str, box: list[float]) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    plan = saccade.plan((width, height), family=family)
    for xy in (box, tuple(box[:2]), np.array(box)):
        back = plan.to_source(plan.to_model(xy))
        assert isinstance(back, tuple)
        assert all(type(value) is float for value in back)
        assert back == pytest.approx(tuple(xy), rel=1e-12, abs=1e-9)
    corners = plan.to_source((0, 0, *plan.resized_size))
    assert corners == pytest.approx((0, 0, width, height), rel=1e-12)
    assert plan.to_model((width, height)) == pytest.approx(plan.resized_size, rel=1e-12)


def test_the_axes_have_scales_of_their_own() -> None:
    plan = saccade.plan((1920, 1080), budget="checkpoint")
    assert plan.to_source((100, 100)) == pytest.approx((99.3789, 98.9011), abs=1e-4)
    assert plan.to_source((10, 20, 30, 40)) == pytest.approx((9.93789, 19.78022, 29.81366, 39.56044), abs=1e-4)


@pytest.mark.parametrize(
    "xy", [(), (1,), (1, 2, 3), (1, 2, 3, 4, 5), (1, math.nan), (math.inf, 1), 5, None, ("a", 1), (10**400, 1)]
)
def test_what_is_neither_point_nor_box(xy: object) -> None:
    plan = saccade.plan((100, 100))
    for function in (plan.to_source, plan.to_model):
        with pytest.raises(InputError, match="expected a point"):
            function(xy)


@pytest.mark.parametrize(
    ("asked", "pixels", "words"),
    [
        (None, (3136, 1003520), "1280 tokens (default)"),
        (1280, (3136, 1003520), "1280 tokens"),
        ("1280", (3136, 1003520), "1280 tokens"),
        (np.int64(1280), (3136, 1003520), "1280 tokens"),
        (4, (3136, 3136), "4 tokens"),
        (16384, (3136, 12845056), "16384 tokens"),
        ("1003520px", (3136, 1003520), "1003520 pixels"),
        ("1003521px", (3136, 1003521), "1003521 pixels"),
        ("3136px", (3136, 3136), "3136 pixels"),
        ("checkpoint", (3136, 12845056), "16384 tokens (qwen2.5-vl checkpoints)"),
        ("ollama@0.13.3", (3136, 1003520), "1280 tokens (ollama 0.12.7 to 0.13.3)"),
        ("ollama", (802816, 3211264), "4096 tokens (ollama 0.30.0 and later)"),
        ("llama.cpp", (6272, 3211264), None),
        ("vllm", (3136, 12845056), None),
    ],
)
def test_what_a_budget_stands_for(asked: object, pixels: tuple[int, int], words: str | None) -> None:
    plan = saccade.plan((1920, 1080), budget=asked)
    assert (plan.min_pixels, plan.max_pixels) == pixels
    assert words is None or plan.budget == words


def test_the_default_never_spends_16384() -> None:
    for family in FAMILIES:
        assert saccade.plan((8000, 8000), family=family).tokens <= 1280 < families.get(family).max_tokens


def test_limits_of_a_loaded_checkpoint() -> None:
    small = (3136, 200 * 784)
    plan = saccade.plan((1920, 1080), checkpoint_pixels=small)
    assert (plan.max_pixels, plan.budget) == (200 * 784, "200 tokens (the cap of the checkpoint)")
    large = saccade.plan((1920, 1080), checkpoint_pixels=(3136, 12845056))
    assert large.max_pixels == 1003520
    own = saccade.plan((1920, 1080), checkpoint_pixels=(50000, 900000), budget="checkpoint")
    assert (own.min_pixels, own.max_pixels) == (50000, 900000)
    assert own.budget == "1147 tokens (the checkpoint)"
    # A runtime that follows the checkpoint follows the one that is loaded; one with limits of its own does not.
    assert saccade.plan((1920, 1080), checkpoint_pixels=small, budget="vllm").max_pixels == small[1]
    assert saccade.plan((1920, 1080), checkpoint_pixels=small, budget="ollama@0.13.4").max_pixels == 2 << 20
    for wrong in ((0, 10), (20, 10), (1.5, 10)):
        with pytest.raises(InputError, match="checkpoint_pixels"):
            saccade.plan((1920, 1080), checkpoint_pixels=wrong)


def test_min_tokens() -> None:
    assert saccade.plan((56, 56)).tokens == 4
    assert saccade.plan((20, 20), min_tokens=1).tokens == 1
    assert saccade.plan((400, 300), min_tokens=1024, budget=4096).tokens == 1036
    assert saccade.plan((400, 300), min_tokens=1, budget="ollama").tokens == 154
    assert saccade.plan((28, 28), min_tokens=1, budget=1).tokens == 1
    for wrong in (0, -1, 1.0, True, "4", math.nan):
        with pytest.raises(InputError, match="min_tokens"):
            saccade.plan((400, 300), min_tokens=wrong)
    with pytest.raises(InputError, match="a budget of 100 tokens is below min_tokens, 101 tokens"):
        saccade.plan((400, 300), min_tokens=101, budget=100)
    with pytest.raises(InputError, match="min_tokens 2000 is above the budget"):
        saccade.plan((400, 300), min_tokens=2000)
    with pytest.raises(InputError, match="min_tokens 5000 is above the budget, 4096 tokens"):
        saccade.plan((400, 300), min_tokens=5000, budget="ollama")


@pytest.mark.parametrize(
    "asked",
    [
        0, -1, True, False, 1280.0, 0.5, math.nan, math.inf, "0", "-5", "+5", "12.5", "1,280", "0px", "-3px", "1.5px",
        "px", "", " ", "many", "1280 tokens", "nan", "1280PX", "1280 px", b"1280", [1280], (1280,), 10**30, "9" * 40,
        "Checkpoint", "default", "\u0663\u0660\u0660", 10**17, "9" * 18,
    ],
)  # fmt: skip
def test_what_is_no_budget(asked: object) -> None:
    with pytest.raises(InputError, match=r"^budget") as caught:
        saccade.plan((1920, 1080), budget=asked)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("family", "asked", "least"),
    [
        ("qwen2.5-vl", 3, 4),
        ("qwen2.5-vl", "3135px", 4),
        ("qwen2-vl", 1, 4),
        ("qwen3-vl", 63, 64),
        ("qwen3-vl", "65535px", 64),
    ],
)
def test_a_budget_below_the_familys_minimum_wins_and_is_noted(family: str, asked: object, least: int) -> None:
    plan = saccade.plan((1920, 1080), family=family, budget=asked)
    assert plan.tokens * plan.family.factor**2 <= plan.max_pixels < plan.family.min_pixels
    (note,) = plan.notes
    assert note.startswith("a budget of ")
    assert f" is below the least of {family}, {least} tokens" in note
    whole = saccade.plan((1920, 1080), family=family, budget=least)
    assert (whole.tokens <= least, whole.notes) == (True, ())


@pytest.mark.parametrize(("asked", "text"), [(1, "1 token is"), ("1", "1 token is"), ("783px", "783 pixels is")])
def test_a_budget_of_one_is_written_in_the_singular(asked: object, text: str) -> None:
    if asked == "783px":
        with pytest.raises(InputError, match=r"does not fit into 783 pixels: .* budget that holds it is 1 tok"):
            saccade.plan((28, 28), budget=asked)
        return
    assert saccade.plan((28, 28), budget=asked).notes[0].startswith(f"a budget of {text} below")


@pytest.mark.parametrize(
    ("family", "size", "tokens"),
    [
        ("qwen3-vl", (128, 96), 70),
        ("qwen3-vl", (20, 20), 64),
        ("qwen3-vl", (256, 256), 64),
        ("qwen2-vl", (20, 20), 4),
        ("qwen2.5-vl", (30, 20), 6),
    ],
)
def test_the_least_of_the_family_is_the_default(family: str, size: tuple[int, int], tokens: int) -> None:
    for asked in (None, 1280, "checkpoint", "2000000px"):
        plan = saccade.plan(size, family=family, budget=asked)
        assert (plan.tokens, plan.min_pixels) == (tokens, families.get(family).min_pixels)
    assert saccade.plan(size, family=family, min_tokens=1).min_pixels == families.get(family).factor ** 2


def test_the_least_of_a_loaded_checkpoint_is_the_default() -> None:
    assert saccade.plan((56, 56), checkpoint_pixels=(200704, 1003520)).tokens == 256
    assert saccade.plan((56, 56), checkpoint_pixels=(200704, 1003520), budget=20).notes


@given(sides, sides, st.integers(1, 80), st.sampled_from(FAMILIES))
def test_a_least_gives_way_as_far_as_a_budget_needs(width: int, height: int, tokens: int, family: str) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    try:
        plan = saccade.plan((width, height), family=family, budget=tokens)
    except InputError:  # too narrow for it, with any lower limit
        with pytest.raises(InputError):
            saccade.plan((width, height), family=family, budget=tokens, min_tokens=1)
        return
    assert saccade.plan((width, height), family=family, budget=tokens, min_tokens=1).tokens <= plan.tokens <= tokens
    area = plan.family.factor**2
    if plan.min_pixels < min(plan.family.min_pixels, tokens * area):  # one token more does not fit
        more = saccade.smart_resize(height, width, plan.family.factor, plan.min_pixels + area, plan.max_pixels)
        assert math.prod(more) > plan.max_pixels


def test_unknown_names_are_errors_that_list_the_known() -> None:
    with pytest.raises(InputError, match="unknown family 'gemma'; known: qwen2-vl"):
        saccade.plan((10, 10), family="gemma")
    with pytest.raises(InputError, match=r"budget: expected .*; got 'olama@1'\. Known runtimes: transformers, vllm"):
        saccade.plan((10, 10), budget="olama@1")
    with pytest.raises(InputError, match=r"ollama at version '0\.1' is not known"):
        saccade.plan((10, 10), budget="ollama@0.1")


def test_a_narrow_image_that_a_small_budget_cannot_hold() -> None:
    with pytest.raises(InputError, match=r"1400x28 does not fit into 4 tokens.*smallest budget that holds it is 48"):
        saccade.plan((1400, 28), budget=4)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (
            (2001, 10),
            "an image of 2001x10 has a ratio of 200.1 between its sides; the model takes at most 200. Crop it first",
        ),
        ((1093, 5), "ratio of 218.6"),
        ((1, 201), "ratio of 201"),
        ((0, 10), "size: expected (width, height) in pixels, at least 1; got 0"),
        ((10, -1), "size: expected (width, height) in pixels, at least 1; got -1"),
        ((10.0, 10), "size: expected (width, height) in pixels, at least 1; got 10.0"),
        ((True, 10), "size: expected (width, height) in pixels, at least 1; got True"),
        ((10,), "size: expected (width, height); got 1 values"),
        ((1, 2, 3), "got 3 values"),
    ],
)
def test_impossible_sizes(size: tuple, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        saccade.plan(size)


def test_a_ratio_of_exactly_200_is_possible() -> None:
    assert saccade.plan((2000, 10)).tokens >= 4
    assert saccade.plan((13, 2600)).tokens >= 4


def test_images_of_every_kind_are_planned_by_their_upright_size(tmp_path: object) -> None:
    image = Image.new("RGB", (400, 300))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    image.save(path, exif=exif)
    for source in (path, str(path), path.read_bytes(), media.open_image(path)):
        plan = saccade.plan(source)
        assert plan.source_size == (300, 400)
        assert plan.resized_size == (308, 392)
    assert saccade.plan(image).source_size == (400, 300)
    assert saccade.plan(np.zeros((300, 400, 3), np.uint8)).source_size == (400, 300)
    with pytest.raises(FileNotFoundError, match=r"missing\.png: no such file"):
        saccade.plan(tmp_path / "missing.png")


def test_smart_resize_refuses_what_is_no_number() -> None:
    assert saccade.smart_resize(2160, 3840) == (728, 1316)
    assert saccade.smart_resize(2160, 3840, 32, 65536, 16777216) == (2176, 3840)
    for wrong in (0, -1, 1.5, True, None, "9", 10**30):
        with pytest.raises(InputError, match="height"):
            saccade.smart_resize(wrong, 100)
    with pytest.raises(InputError):
        saccade.smart_resize(1, 201)


def test_a_plan_of_a_size_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(InputError, match="expected positive multiples of 28; got 30x28"):
        budget.Plan(families.get("qwen2.5-vl"), (30, 28), (30, 28), 1, 1000, "none")


def test_plans_are_values() -> None:
    assert saccade.plan((100, 100)) == saccade.plan((100, 100))
    assert len({saccade.plan((100, 100)), saccade.plan((100, 100)), saccade.plan((200, 100))}) == 2
    with pytest.raises(AttributeError):
        saccade.plan((100, 100)).tokens = 3


def test_every_runtime_with_known_limits_is_a_budget() -> None:
    for name in runtimes.names():
        if name not in ("ollama-mlx", "lm-studio", "docker-model-runner", "mlx-serve", "vllm-metal"):
            assert saccade.plan((3840, 2160), budget=name).tokens <= 16384


def test_planning_a_size_imports_neither_numpy_nor_mlx_nor_pillow() -> None:
    program = (
        "import sys, mlx_saccade; print(mlx_saccade.plan((3840, 2160)).tokens, "
        "[name for name in ('numpy', 'mlx', 'PIL', 'mlx_saccade.media') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "1222 []\n"
