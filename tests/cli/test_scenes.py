"""`mlx-saccade scenes` as a process: ScreenSpot-Pro's format, resuming, Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import assert_mistake, run_command
from PIL import Image

from mlx_saccade import scenes
from mlx_saccade.errors import InputError
from mlx_saccade.evals.packaged_range import in_range, plan_of, smallest_in_range
from mlx_saccade.evals.screenspot import Job, finished_screens
from mlx_saccade.grounding import center_inside

PROGRAM = [sys.executable, "-m", "mlx_saccade", "scenes"]
SIZE = (320, 240)
SMALLEST = smallest_in_range(SIZE)


def write(out: Path, *words: str) -> dict[str, Any]:
    command = [*PROGRAM, "--out", str(out), "--size", "320x240", "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_annotations_are_screenspot_pros(tmp_path: Path) -> None:
    written = write(tmp_path, "--n", "2", "--seed", "5")
    entries = json.loads((tmp_path / "annotations.json").read_text())
    assert written["targets"] == len(entries)
    assert written["screens"] == written["drawn"] == 2
    assert len({entry["id"] for entry in entries}) == len(entries)
    drawn = [(seed, element) for seed in (5, 6) for element in scenes.generate(seed, SIZE, smallest=SMALLEST).elements]
    for entry, (seed, element) in zip(entries, drawn, strict=True):
        assert entry["img_filename"] == f"scene-{seed:06d}.png"
        assert entry["img_size"] == [320, 240]
        assert entry["scale"] == 1
        assert tuple(entry["bbox"]) == element.box
        assert entry["instruction"] == element.description
        assert entry["ui_type"] in ("icon", "text")
        assert {entry["application"], entry["platform"], entry["group"]} >= {"saccade-scenes", element.kind}
    with Image.open(tmp_path / "scene-000006.png") as image:
        assert (np.asarray(image) == scenes.generate(6, SIZE, smallest=SMALLEST).image).all()
    assert sorted(contents(tmp_path)) == ["annotations.json", "scene-000005.png", "scene-000006.png"]


def test_ambiguous_descriptions_come_with_both_boxes(tmp_path: Path) -> None:
    written = write(tmp_path, "--n", "1", "--ambiguous", "--smallest", "1%")
    entries = json.loads((tmp_path / "ambiguous.json").read_text())
    pairs = scenes.generate(0, SIZE, ambiguous=True).ambiguous
    assert written["pairs"] == len(entries) == len(pairs) > 0
    for entry, pair in zip(entries, pairs, strict=True):
        assert entry["instruction"] == pair.description
        assert [tuple(box) for box in entry["bboxes"]] == list(pair.boxes)
        assert entry["bbox"] == entry["bboxes"][0]


def test_scale_is_in_pixels_annotations_and_what_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "--n", "2", "--scale", "2")
    before = contents(tmp_path)
    scene = scenes.generate(1, SIZE, smallest=SMALLEST, scale=2)
    with Image.open(tmp_path / "scene-000001.png") as image:
        assert (np.asarray(image) == scene.image).all()
    entries = json.loads((tmp_path / "annotations.json").read_text())
    assert {(entry["scale"], *entry["img_size"]) for entry in entries} == {(2, *SIZE)}
    found = [tuple(entry["bbox"]) for entry in entries if entry["img_filename"] == "scene-000001.png"]
    assert found == [element.box for element in scene.elements]
    assert write(tmp_path, "--n", "2", "--scale", "2")["kept"] == 2
    assert_mistake(run_command("scenes", "--out", str(tmp_path), "--size", "320x240", "--n", "2"), "scene-000000.png")
    assert contents(tmp_path) == before


def test_lists_of_another_scale_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "--n", "1")
    (tmp_path / "scene-000000.png").unlink()
    assert finished_screens(Job(tmp_path, SIZE, False, 1, SMALLEST), range(1)) == set()
    with pytest.raises(InputError, match=r"got annotations\.json of others"):
        finished_screens(Job(tmp_path, SIZE, False, 2, SMALLEST), range(1))


def test_processes_write_what_one_writes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, "--n", "9", "--jobs", "1")
    write(two, "--n", "9", "--jobs", "2")
    assert contents(one) == contents(two)


def test_whole_screens_of_the_same_arguments_are_kept_and_others_drawn(tmp_path: Path) -> None:
    write(tmp_path, "--n", "4", "--ambiguous")
    before = contents(tmp_path)
    paths = [tmp_path / f"scene-{seed:06d}.png" for seed in range(4)]
    paths[0].write_bytes(before[paths[0].name][:-7])
    paths[1].unlink()
    (tmp_path / "annotations.json").unlink()
    inode = paths[3].stat().st_ino
    written = write(tmp_path, "--n", "4", "--ambiguous")
    assert (written["drawn"], written["kept"]) == (2, 2)
    assert paths[3].stat().st_ino == inode
    assert contents(tmp_path) == before
    written = write(tmp_path, "--n", "5", "--ambiguous")
    assert (written["drawn"], written["kept"]) == (1, 4)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--n", "2", "--ambiguous"), "scene-000000.png"),
        (("--n", "2", "--size", "240x320"), "scene-000000.png"),
        (("--n", "2", "--seed", "2"), "scene-000000.png"),
        (("--n", "1"), "scene-000001.png"),
    ],
)
def test_a_folder_of_other_arguments_is_left_alone(words: tuple[str, ...], named: str, tmp_path: Path) -> None:
    write(tmp_path, "--n", "2")
    before = contents(tmp_path)
    assert_mistake(run_command("scenes", "--out", str(tmp_path), "--size", "320x240", *words), named, "empty folder")
    assert contents(tmp_path) == before


def test_lists_of_other_arguments_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "--n", "2", "--ambiguous")
    for path in tmp_path.glob("*.png"):
        path.unlink()
    before = contents(tmp_path)
    command = ("scenes", "--out", str(tmp_path), "--size", "320x240")
    assert_mistake(run_command(*command, "--n", "2"), "ambiguous.json")
    assert_mistake(run_command(*command, "--n", "1", "--ambiguous"), "annotations.json")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("text", ["[]", "{}", "no JSON", "[" * 100_000, '[{"bbox": [1, 2, 3, 4]}]', "[\n1\n]\n"])
def test_someone_elses_annotations_are_left_alone(text: str, tmp_path: Path) -> None:
    theirs = tmp_path / "annotations.json"
    theirs.write_text(text)
    with pytest.raises(InputError, match=r"got annotations\.json of others\. Name an empty folder"):
        finished_screens(Job(tmp_path, SIZE, False, 1, SMALLEST), range(3))
    assert theirs.read_text() == text


def test_someone_elses_screen_is_left_alone_and_other_names_do_not_matter(tmp_path: Path) -> None:
    job = Job(tmp_path, SIZE, False, 1, SMALLEST)
    for name in ("scene-mine.png", "scene-1.png", "scene-0000001.png", "notes.json"):
        (tmp_path / name).write_bytes(b"mine")
    assert finished_screens(job, range(3)) == set()
    Image.fromarray(scenes.generate(1, SIZE, smallest=SMALLEST).image).save(job.path(1))
    with pytest.raises(InputError, match=r"got scene-000001\.png of others"):
        finished_screens(job, range(3))


def test_another_versions_screens_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(tmp_path, SIZE, False, 1, SMALLEST)
    job.draw(1)
    assert finished_screens(job, range(2)) == {1}
    monkeypatch.setattr(scenes, "VERSION", scenes.VERSION + 1)
    with pytest.raises(InputError, match="expected files made with these arguments"):
        finished_screens(job, range(2))


def test_ctrl_c_to_all_processes_leaves_whole_files_alone(tmp_path: Path) -> None:
    command = [*PROGRAM, "--n", "9000", "--jobs", "2", "--size", "320x240", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("scene-*.png"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "mlx-saccade: interrupted\n"
    written = sorted(tmp_path.iterdir())
    job = Job(tmp_path, SIZE, False, 1, SMALLEST)
    assert len(written) >= 8
    assert all(path.suffix == ".png" and job.check(int(path.stem[-6:])) == (True, True) for path in written)
    time.sleep(0.2)
    assert sorted(tmp_path.iterdir()) == written  # nobody goes on drawing


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scene-000003.png").mkdir()
    command = [*PROGRAM, "--n", "9", "--jobs", "2", "--size", "320x240", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "scene-000003.png" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--jobs", "0"),
        ("--n", "-1"),
        ("--n", "1000000000000"),
        ("--seed", "-1"),
        ("--size", "55x400"),
        ("--scale", "3"),
        ("--size", "321x240", "--scale", "2"),
        ("--smallest", "3"),
        ("--smallest", "271"),
        ("--smallest", "30%"),
        ("--smallest", "few"),
    ],
)
def test_mistakes_are_one_line_and_make_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*PROGRAM, "--out", str(out), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("mlx-saccade") and done.stderr.count("\n") == 1
    assert words[0] in done.stderr
    assert words[1].split("x")[0] in done.stderr
    assert not out.exists()


def test_what_is_no_folder_is_one_line(tmp_path: Path) -> None:
    assert_mistake(
        run_command("scenes", "--out", "", "--n", "1", cwd=tmp_path), "--out: expected a folder; got an empty name"
    )
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "afile").write_text("mine")
    assert_mistake(
        run_command("scenes", "--out", "afile", "--n", "1", cwd=tmp_path), "--out afile: expected a folder; got a file"
    )


def test_default_elements_are_all_in_the_packaged_checkpoints_range(tmp_path: Path) -> None:
    done = run_command("scenes", "--out", str(tmp_path), "--n", "2", "--json")
    written, plan = json.loads(done.stdout), plan_of((1920, 1080))
    entries = json.loads((tmp_path / "annotations.json").read_text())
    assert written["in_range"] == written["targets"] == len(entries) > 30
    assert all(entry["in_range"] for entry in entries)
    sides = [side for entry in entries for side in _model_sides(entry["bbox"], plan.scale)]
    assert 28 <= min(sides) < 35


def _model_sides(box: list[int], scale: tuple[float, float]) -> tuple[float, float]:
    return (box[2] - box[0]) / scale[0], (box[3] - box[1]) / scale[1]


def test_smaller_elements_are_marked_and_one_percent_is_the_generators_own(tmp_path: Path) -> None:
    written = write(tmp_path, "--n", "1", "--size", "1920x1080", "--smallest", "1%")
    entries = json.loads((tmp_path / "annotations.json").read_text())
    elements = scenes.generate(0, (1920, 1080)).elements
    assert [tuple(entry["bbox"]) for entry in entries] == [element.box for element in elements]
    assert [entry["in_range"] for entry in entries] == [
        min(_model_sides(entry["bbox"], plan_of((1920, 1080)).scale)) >= 28 for entry in entries
    ]
    assert 0 < written["in_range"] < len(entries)
    assert in_range(written["example"]["bbox"], plan_of((1920, 1080)))


@pytest.mark.parametrize("size", [(1920, 1080), (640, 480), (1080, 1920), (8192, 112), (112, 112), (1000, 1000)])
@pytest.mark.parametrize("scale", [1, 2])
def test_smallest_in_range_is_what_the_generator_takes(size: tuple[int, int], scale: int) -> None:
    smallest = smallest_in_range(size, scale)
    scenes.annotate(0, size, smallest=smallest, scale=scale)
    if smallest < min(size) // 4 // scale * scale:
        assert in_range((0, 0, smallest, smallest), plan_of(size))
        assert not in_range((0, 0, smallest - scale, smallest - scale), plan_of(size))


def test_the_range_is_that_of_the_packaged_checkpoint() -> None:
    from mlx_saccade.checkpoint import hub
    from mlx_saccade.evals import packaged_range

    limits = json.loads((hub.find(None) / "preprocessor_config.json").read_text())
    assert limits["max_pixels"] == packaged_range.BUDGET * 28**2


def test_the_line_to_try_finds_its_target(tmp_path: Path) -> None:
    printed = run_command("scenes", "--out", "screens", "--n", "1", cwd=tmp_path).stdout.splitlines()
    assert printed[-2] == "try:"
    words = shlex.split(printed[-1])
    assert words[:2] == ["mlx-saccade", "locate"]
    answer = json.loads(run_command(*words[1:], "--json", cwd=tmp_path).stdout)
    boxes = json.loads((tmp_path / "screens" / "annotations.json").read_text())
    known = next(entry["bbox"] for entry in boxes if entry["instruction"] == words[3])
    assert center_inside(answer["answers"][0]["boxes"][0]["xyxy"], known)
