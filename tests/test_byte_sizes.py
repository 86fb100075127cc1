"""Amounts of memory as users write them."""

from __future__ import annotations

import numpy as np
import pytest

from mlx_saccade import validation
from mlx_saccade.errors import InputError


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (0, 0),
        ("0", 0),
        (np.int64(7), 7),
        ("512MB", 512_000_000),
        (" 512 mb ", 512_000_000),
        ("1.5GiB", 3 * 2**29),
        ("0.1KB", 100),
        ("1.0005KB", 1000),
        ("16KiB", 16384),
        ("2TB", 2 * 10**12),
        ("12B", 12),
        (2**60, 2**60),
    ],
)
def test_amounts(written: object, wanted: int) -> None:
    assert validation.parse_bytes(written, "--cache-memory") == wanted


@pytest.mark.parametrize(
    "written",
    ["", "MB", "-1", -1, True, None, 1.5, "1e9", "512XB", "5 5", "1.", "٣MB", 2**60 + 1, "9" * 400, [], "2000000TB"],
)
def test_what_is_no_amount_is_refused_in_one_line(written: object) -> None:
    with pytest.raises(InputError, match="--cache-memory") as error:
        validation.parse_bytes(written, "--cache-memory")
    assert len(str(error.value)) < 240
    assert "\n" not in str(error.value)
