"""`mlx-saccade sweep --data`: targets on images of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mlx_saccade import evals, scenes
from mlx_saccade.cli.__main__ import main

pytestmark = pytest.mark.usefixtures("loaded_once")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of the elements of one screen, corner and size of each in a column."""
    scene = scenes.generate(3, (480, 320), smallest=40)
    Image.fromarray(scene.image).save(tmp_path / "screen.png")
    lines = [{"image": "screen.png", "description": one.description, "box": [*one.box[:2], x2 - x1, y2 - y1]}
             for one in scene.elements for x1, y1, x2, y2 in [one.box]]  # fmt: skip
    path = tmp_path / "table.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_sweep_own_data_finds_elements_and_extends(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = table.parent / "run"
    words = ["sweep", "--data", str(table), "--boxes", "xywh", "--budgets", "256", "--out", str(out), "--json"]
    assert main([*words, "--n", "2"]) == 0
    few = evals.read_run(out).rows
    assert main([*words, "--n", "6", "--size", "640x480"]) == 0
    printed = capsys.readouterr()
    assert "read as a table: box x, y, width, height in pixels" in printed.err
    assert "with seed 0, one of each size in turn" in printed.err
    assert "not used with --data: --size" in printed.err
    run = evals.read_run(out)
    assert len(few) == 2 and len(run.rows) == 6
    assert all(row in run.rows for row in few)
    # The packaged checkpoint sees elements of this size, if their boxes are read as they were meant.
    ious = [evals.iou(row.reply.boxes[0], row.target.expected[0]) for row in run.rows if row.reply.boxes]
    assert sum(iou > 0.5 for iou in ious) >= 4


def test_sweep_boxes_of_the_other_order_are_refused(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--data", str(table), "--out", str(table.parent / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "table.jsonl: expected box x1, y1, x2, y2 in pixels; got" in line
    assert "boxes='xywh'" in line
    assert not (table.parent / "run").exists()


def test_sweep_missing_images_are_refused_or_left_out(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = {"image": "lost.png", "description": "it", "box": [1, 2, 30, 40]}
    table.write_text(f"{table.read_text(encoding='utf-8')}\n{json.dumps(lost)}", encoding="utf-8")
    words = ["sweep", "--data", str(table), "--boxes", "xywh", "--budgets", "16", "--n", "1"]
    words += ["--out", str(table.parent / "run")]
    assert main(words) == 2
    assert "1 of them missing or unreadable, the first 'lost.png'" in capsys.readouterr().err
    assert main([*words, "--skip-missing"]) == 0
    assert "left out 1 target with a missing or unreadable image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv: no such file or folder"),
        (["--data", ""], "data: expected the path of a file or folder; got ''"),
        (["--data", ".", "--data-format", "coco"], "data_format: expected one of screenspot-pro"),
        (["--n", "0"], "n: expected a whole number of at least 1; got 0"),
    ],
)
def test_sweep_bad_data_options_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["sweep", *words])
    except SystemExit as stop:
        code = stop.code  # type: ignore[assignment]
    assert code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
