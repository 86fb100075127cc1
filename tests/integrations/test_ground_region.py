"""`ground_region` by GroundingKit's contract: its scaling rule, its kinds of failure, its working directory."""

from __future__ import annotations

import dataclasses
import os
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.engine.answer import FrameInfo
from mlx_saccade.grounding import Box
from mlx_saccade.integrations.mcp import results
from mlx_saccade.integrations.mcp.ground_region import ground_region, regions
from mlx_saccade.integrations.tools import Tools

SCREEN = Path(__file__).parents[2] / "python" / "mlx_saccade" / "assets" / "demo" / "screen.png"
PROMPT = "the red dialog"


@pytest.fixture(scope="module")
def engine() -> saccade.Engine:
    return saccade.load(budget=64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "inside"
    (inside / "shots").mkdir(parents=True)
    (tmp_path / "inside2").mkdir()
    for place in (inside / "shots" / "screen.png", tmp_path / "outside.png", tmp_path / "inside2" / "screen.png"):
        Image.open(SCREEN).resize((960, 540)).save(place)
    return inside


def ask(engine: saccade.Engine, folder: Path, image_path: Any, prompt: Any = PROMPT, **more: Any) -> dict[str, Any]:
    values = {"image_path": image_path, "prompt": prompt}
    document = ground_region(Tools(lambda: engine), values, folder=folder, **more)
    jsonschema.validate(document, results.REGIONS)
    assert ("error" in document) != ("regions" in document)
    return document


@pytest.mark.parametrize("size", [(3840, 2160), (1280, 800), (1079, 1921), (960, 540), (57, 33)])
def test_the_callers_rule_lands_on_source_pixels_at_any_size(engine: saccade.Engine, size: tuple[int, int]) -> None:
    frame = FrameInfo.of(saccade.plan(size))
    source = Box((1.25, 2.5, size[0] - 0.125, float(size[1])), "a")
    answer = dataclasses.replace(engine.locate(SCREEN, PROMPT), frames=(frame,), boxes=(source, Box((0, 0, 1, 1))))
    document = regions(answer, "the prompt")
    scale = max(size) / 1280
    assert [[region[name] * scale for name in ("x1", "y1", "x2", "y2")] for region in document["regions"]] == [
        pytest.approx(list(source), rel=1e-12), pytest.approx([0, 0, 1, 1], rel=1e-12)
    ]  # fmt: skip
    assert [region["label"] for region in document["regions"]] == ["a", "the prompt"]
    assert document["regions"][0]["source_xyxy"] == list(source)
    assert (document["source_size"], document["scale"]) == (list(size), scale)


def test_a_description_is_located_and_a_whole_prompt_is_asked_as_it_is(engine: saccade.Engine, folder: Path) -> None:
    path = "shots/screen.png"
    whole = f"Locate {PROMPT}, output its bbox coordinates using JSON format."
    boxes = [list(box) for box in engine.locate(folder / path, PROMPT).boxes]
    for given in (path, str(folder / path), f"./shots/../{path}"):
        for prompt in (PROMPT, whole):
            document = ask(engine, folder, given, prompt)
            assert [region["source_xyxy"] for region in document["regions"]] == boxes
    assert engine.ask(folder / path, whole).boxes == engine.locate(folder / path, PROMPT).boxes


def test_nothing_found_is_an_empty_list_with_a_hint(engine: saccade.Engine, folder: Path) -> None:
    document = ask(engine, folder, "shots/screen.png", "the zebra")
    assert document["regions"] == []
    assert document["hint"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "image_path is missing"),
        ({"image_path": "a.png"}, "prompt is missing"),
        ({"image_path": 5, "prompt": "x"}, "image_path is not a string"),
        ({"image_path": "a.png", "prompt": ["x"]}, "prompt is not a string"),
        ({"image_path": "a.png", "prompt": " "}, "prompt is empty"),
        ({"image_path": "a\0.png", "prompt": "x"}, "zero byte"),
        ({"image_path": "a.png", "prompt": "\ud800"}, "surrogate"),
        ({"image_path": "a.png", "prompt": "x", "budget": 3}, "expected image_path and prompt"),
        ([], "expected image_path and prompt"),
    ],
)
def test_a_bad_request_says_so(engine: saccade.Engine, folder: Path, values: Any, message: str) -> None:
    error = ground_region(Tools(lambda: engine), values, folder=folder)["error"]
    assert error.startswith("Invalid arguments: ")
    assert message in error


def test_paths_outside_are_refused_by_whatever_way(engine: saccade.Engine, folder: Path) -> None:
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "away").symlink_to(folder.parent)
    (folder / "shot\u202f1.png").symlink_to(folder.parent / "outside.png")  # found for "shot 1.png"
    for path in (
        "../outside.png", str(folder.parent / "outside.png"), "link.png", "away/outside.png", "shot 1.png",
        "../inside2/screen.png", str(SCREEN), "../nowhere.png", "/etc/passwd", "away/nowhere.png",
    ):  # fmt: skip
        assert ask(engine, folder, path)["error"].startswith("Path outside working directory: "), path
    (folder / "within.png").symlink_to(folder / "shots" / "screen.png")
    through = folder.parent / "through"
    through.symlink_to(folder)
    assert ask(engine, folder, "within.png")["regions"]
    assert ask(engine, through, "shots/screen.png")["regions"]
    assert ask(engine, folder, str(through / "shots" / "screen.png"))["regions"]


def test_failures_of_a_file_are_told_apart(engine: saccade.Engine, folder: Path) -> None:
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "dangling.png").symlink_to(folder / "gone.png")
    for path in ("nowhere.png", "shots/nowhere/a.png", "shots/screen.png/a.png", "loop.png", "dangling.png",
                 "data:image/png;base64,AAAA", "http://127.0.0.1:9/a.png"):  # fmt: skip
        assert ask(engine, folder, path)["error"] == f"Image not found: {path}"
    (folder / "text.png").write_text("no image")
    (folder / "empty.png").touch()
    (folder / "cut.png").write_bytes(SCREEN.read_bytes()[:5000])
    os.mkfifo(folder / "pipe.png")
    for path in ("text.png", "empty.png", "cut.png", "shots", "pipe.png", ".", "n" * 300 + ".png"):
        error = ask(engine, folder, path)["error"]
        assert error.startswith("Could not decode image at ")
        assert "PNG" in error


def test_a_failure_of_the_model_says_so(engine: saccade.Engine, folder: Path) -> None:
    def fail() -> saccade.Engine:
        raise FileNotFoundError("model: no such file")

    values = {"image_path": "shots/screen.png", "prompt": PROMPT}
    document = ground_region(Tools(fail), values, folder=folder)
    assert document == {"error": "ground_region failed: model: no such file"}
    error = ask(engine, folder, "shots/screen.png", PROMPT * 5000)["error"]
    assert error.startswith("ground_region failed: ")


def test_cancelling_ends_the_call(engine: saccade.Engine, folder: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(saccade.CancelledError):
        ask(engine, folder, "shots/screen.png", cancel=cancel)
