"""The published table as advice: bins, caps, the way to the model's pixels, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import recommend

SCREEN = (3840, 2160)


def test_the_table_is_the_published_one() -> None:
    assert [(row.size, row.targets, dict(row.iou)) for row in recommend.TABLE] == [
        ("large", 36, {256: 0.343, 1280: 0.643, 4096: 0.574, 16384: 0.526}),
        ("medium", 8, {256: 0.221, 1280: 0.295, 4096: 0.279, 16384: 0.277}),
        ("small", 9, {256: 0.029, 1280: 0.111, 4096: 0.179, 16384: 0.154}),
        ("tiny", 43, {256: 0.003, 1280: 0.040, 4096: 0.056, 16384: 0.079}),
    ]


def test_rows_cover_every_share_once_and_recommend_their_own_best() -> None:
    for above, below in zip(recommend.TABLE, recommend.TABLE[1:], strict=False):
        assert above.above == below.up_to
    assert (recommend.TABLE[0].up_to, recommend.TABLE[-1].above) == (1, 0)
    for row in recommend.TABLE:
        best = max(row.iou, key=lambda measured: measured[1])[0]
        assert row.zoom == (best == 16384)
        assert row.zoom or row.budget == best


@pytest.mark.parametrize(
    ("share", "size"),
    [
        (1, "large"),
        (0.0501, "large"),
        (0.05, "medium"),
        (0.0101, "medium"),
        (0.01, "small"),
        (0.00101, "small"),
        (0.001, "tiny"),
        (1e-9, "tiny"),
    ],
)
def test_bins(share: float, size: str) -> None:
    assert recommend.row_of(share).size == size


@pytest.mark.parametrize(
    ("target", "size", "budget", "zoom"),
    [
        ((1200, 900), "large", 1280, False),
        ((500, 400), "medium", 1280, False),
        ((200, 100), "small", 4096, False),
        ((32, 32), "tiny", 1280, True),
        ((100, 100, 300, 200), "small", 4096, False),
    ],
)
def test_targets_on_a_4k_screen(target: tuple[int, ...], size: str, budget: int, zoom: bool) -> None:
    found = saccade.recommend(target, SCREEN)
    assert (found.size, found.budget, found.zoom, found.capped) == (size, budget, zoom, False)
    assert found.plan == saccade.plan(SCREEN, budget=budget)
    assert found.resized_size == found.plan.resized_size
    assert found.row.targets == {"large": 36, "medium": 8, "small": 9, "tiny": 43}[size]
    assert "nivdvir" in found.source
    assert any("4-bit" in limit for limit in found.limits)


def test_a_target_in_the_models_pixels() -> None:
    flat, tall = saccade.recommend((300, 60), SCREEN), saccade.recommend((60, 300), SCREEN)
    assert flat.resized_size == tall.resized_size == (2380, 1344)
    assert flat.shorter_side == pytest.approx(60 * 1344 / 2160)
    assert tall.shorter_side == pytest.approx(60 * 2380 / 3840)


def test_the_zoom_advised_makes_a_tiny_target_small() -> None:
    found = saccade.recommend((32, 32), SCREEN)
    assert found.zoom_share is not None
    crop = tuple(int(side * found.zoom_share) for side in SCREEN)
    assert saccade.recommend((32, 32), crop).size == "small"
    wider = tuple(int(side * (found.zoom_share + 0.01)) for side in SCREEN)
    assert saccade.recommend((32, 32), wider).size == "tiny"
    assert saccade.recommend((500, 400), SCREEN).zoom_share is None


@pytest.mark.parametrize("target", [(3000, 1), (1, 2000)])
def test_no_zoom_is_advised_that_would_cut_the_target(target: tuple[int, int]) -> None:
    found = saccade.recommend(target, SCREEN)
    assert (found.zoom, found.zoom_share) == (True, None)
    across, down = 2000, 2
    barely = saccade.recommend((across, down), SCREEN)
    assert barely.zoom_share is not None
    assert across <= barely.zoom_share * SCREEN[0]


def test_no_more_than_the_image_needs() -> None:
    found = saccade.recommend((32, 32), (640, 480))
    assert (found.size, found.budget, found.capped) == ("small", 391, True)
    assert found.plan.resized_size == saccade.plan((640, 480), budget="checkpoint").resized_size
    assert "391 tokens hold this image at its own size" in found.reason
    assert saccade.recommend((5, 5), (10, 10)).budget == 4
    assert saccade.recommend((5, 5), (10, 10), family="qwen3-vl").budget == 64


def test_another_family_is_planned_in_its_own_tokens_and_said_not_to_be_measured() -> None:
    found = saccade.recommend((200, 100), SCREEN, family="qwen3-vl")
    assert found.plan.family.name == "qwen3-vl"
    assert "nothing was measured on qwen3-vl" in found.limits


def test_an_image_is_recommended_for_as_its_upright_size(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 300)).save(path, exif=exif)
    assert saccade.recommend((30, 40), path) == saccade.recommend((30, 40), (300, 400))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ((0, 10), "target: expected both sides above 0 px, as (width, height) or (x1, y1, x2, y2); got (0, 10)"),
        ((10, -1), "expected both sides above 0 px"),
        ((20, 20, 10, 30), "expected both sides above 0 px"),
        ((641, 10), "target: expected it inside the image of 640x480; got (641, 10)"),
        ((600, 10, 650, 20), "expected it inside the image"),
        ((-5, 10, 50, 20), "expected it inside the image"),
        ((10,), "target: expected (width, height) or a box (x1, y1, x2, y2)"),
        ((1, 2, 3), "target: expected (width, height) or a box (x1, y1, x2, y2)"),
        ((float("nan"), 10), "finite"),
        ((10, 10**400), "finite"),
        ("12", "target: expected"),
        (None, "target: expected"),
        ((None, 1), "target: expected"),
    ],
)
def test_impossible_targets(target: object, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        saccade.recommend(target, (640, 480))
    assert "\n" not in str(caught.value)


def test_shares_outside_the_frame_are_refused() -> None:
    for share in (0, -0.1, 1.01, float("nan")):
        with pytest.raises(InputError, match="share"):
            recommend.row_of(share)


@given(
    st.integers(1, 8000), st.integers(1, 8000), st.floats(0.001, 1), st.floats(0.001, 1),
    st.sampled_from(["qwen2-vl", "qwen2.5-vl", "qwen3-vl"]),
)  # fmt: skip
def test_the_budget_is_always_usable(width: int, height: int, across: float, down: float, family: str) -> None:
    if max(width, height) > 200 * min(width, height):
        return
    found = saccade.recommend((width * across, height * down), (width, height), family=family)
    own = saccade.plan((width, height), family=family, budget="checkpoint").tokens
    assert found.plan.family.min_tokens <= found.budget <= found.row.budget
    assert found.plan.tokens <= found.budget <= max(own, found.plan.family.min_tokens)
    assert found.capped == (found.budget < found.row.budget)


def test_advice_imports_neither_numpy_nor_mlx_nor_pillow() -> None:
    program = (
        "import sys, mlx_saccade; "
        "print(mlx_saccade.recommend((32, 32), (3840, 2160)).size, mlx_saccade.sizes.explain((9, 9)).enlarged, "
        "[name for name in ('numpy', 'mlx', 'PIL', 'mlx_saccade.media') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "tiny True []\n"
