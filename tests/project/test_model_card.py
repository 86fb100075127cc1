"""The model card is written from the summary of the evaluation, and its verdicts follow from the intervals."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mlx_saccade.evals import tiny

Row = dict[str, Any]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "training"))
    return importlib.import_module("model_card")


def evaluated() -> dict[str, Any]:
    """Return figures of ten screens each, in which the zoom doubles the IoU and ambiguity costs nothing."""
    common = {"relation": False, "share": 0.02, "budget": 76, "tokens": 66}
    place = {**common, "asked": "place", "iou": 0.5, "hit": True, "found": True, "nothing": False}
    others = ("absent", "point", "box", "bare point", "bare box")
    answers = [place, *({**common, "asked": name, "right": True, "looks": True, "found": False} for name in others)]
    tiny_one = {"asked": "law", "share": 0.0001, "hit": False, "found": True}
    law: list[Row] = [{**tiny_one, "budget": budget, "iou": 0.2} for budget in (64, 256, 1024, 4096)]
    law += [{**tiny_one, "asked": "zoom", "crop": 0.5, "iou": 0.5}]
    kinds: list[Row] = [
        {**tiny_one, "asked": "ambiguity", "ambiguous": kind, "budget": budget, "iou": iou}
        for kind in (True, False) for budget, iou in ((256, 0.6), (1024, 0.2), (4096, 0.001))
    ]  # fmt: skip
    parts = {"range": answers, "law": law, "ambiguity": kinds}
    return tiny.summarize({part: [(unit, row) for unit in range(10) for row in some] for part, some in parts.items()})


def test_the_card_is_written_from_figures(
    card: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(evaluated()))
    command = [
        "model_card.py",
        str(path),
        "--converted",
        "8 bits",
        str(path),
        "--trained",
        "a day",
        "--agreement",
        "all alike",
    ]
    monkeypatch.setattr(sys, "argv", command)
    card.main()
    card_text = capsys.readouterr().out
    assert "66 to 66 tokens" in " ".join(card_text.split())
    assert "| `[]` at a bare point | 10 (10) | 1.000 (1.000-1.000) | - | - |" in card_text
    assert "| `[]` in a bare box | 10 (10) | 1.000 (1.000-1.000) | - | - |" in card_text
    assert "| 8 bits | tiny (10; 10) | 0.200" in card_text
    flat = " ".join(card_text.split())
    assert "With a crop of 0.5 of each side the aim of at least double is met by the mean (2.500) and met by" in flat
    assert "With a crop of 0.25 of each side there is no ratio to judge." in flat
    assert "To 1024 tokens the loss of ambiguous descriptions is not told apart from that of clean ones" in flat
    assert "at 4096 the IoU of both is about 0, so the drop is only the loss of everything." in flat
    assert all(len(line) <= 120 for line in card_text.splitlines() if not line.startswith("|"))


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ([0.01, 0.2], "is larger than that of clean ones."),
        ([-0.3, -0.1], "is smaller than that of clean ones."),
        ([-0.1, 0.1], "is not told apart from that of clean ones: the interval holds 0."),
        ([0.0, 0.1], "is not told apart from that of clean ones: the interval holds 0."),
        (None, "cannot be told from that of clean ones: there is no interval."),
    ],
)
def test_ambiguity_is_judged_by_the_interval(card: ModuleType, ends: list[float] | None, verdict: str) -> None:
    one = {"budget": 1024, "excess_interval": ends, "iou": [0.6, 0.2, 0.6, 0.005]}
    assert card.ambiguity_verdict(one).endswith(verdict)


@pytest.mark.parametrize(
    ("ratio", "ends", "verdict"),
    [
        (2.879, [1.783, 8.743], "is met by the mean (2.879) and not met by the interval's low end (1.783)."),
        (1.5, [1.2, 1.9], "is not met by the mean (1.500) and not met by the interval's low end (1.200)."),
        (2.0, None, "is met by the mean (2.000); there is no interval."),
    ],
)
def test_the_zoom_is_judged_by_the_mean_and_the_low_end(
    card: ModuleType, ratio: float, ends: list[float] | None, verdict: str
) -> None:
    assert card.zoom_verdict({"crop": 0.5, "ratio": ratio, "ratio_interval": ends}).endswith(verdict)
