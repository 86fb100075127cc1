"""A closer look by default: a small target on a 4K screen, found the same way from every side of the package."""

from __future__ import annotations

import json
from pathlib import Path

import films
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import main
from mlx_saccade.grounding import iou
from mlx_saccade.integrations.tools import Tools

MISSED = "the green push button"  # by one look at the whole screen, which takes another one for it
ABSENT = "the polka dotted zebra"


@pytest.fixture(scope="module")
def screen() -> saccade.scenes.Scene:
    return saccade.scenes.generate(3, size=(3840, 2160))


@pytest.fixture(scope="module")
def shot(screen: saccade.scenes.Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("screens") / "shot.png"
    Image.fromarray(screen.image).save(path)
    return path


@pytest.fixture(scope="module")
def engine() -> saccade.Engine:
    return saccade.load()


def true_box(screen: saccade.scenes.Scene) -> tuple[float, ...]:
    (box,) = [element.box for element in screen.elements if element.description == MISSED]
    return tuple(map(float, box))


def test_python_looks_closer_and_is_right_where_one_look_is_wrong(
    engine: saccade.Engine, screen: saccade.scenes.Scene
) -> None:
    truth = true_box(screen)
    flat, closer = engine.locate(screen.image, MISSED, policy="flat"), engine.locate(screen.image, MISSED)
    assert iou(flat.boxes[0].xyxy, truth) == 0
    assert iou(closer.boxes[0].xyxy, truth) > 0.8
    assert closer.looks[0].verdict.startswith("small: ")
    assert len(closer.looks) == 2
    assert closer.usage["image"] == sum(look.tokens for look in closer.looks)


def test_command_line_and_servers_give_pythons_answers(
    engine: saccade.Engine, shot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [MISSED, ABSENT]
    expected = [
        ([box.xyxy for box in answer.boxes], [look.crop for look in answer.looks])
        for answer in engine.locate(shot, names)
    ]
    assert [len(crops) for _, crops in expected] == [2, 1]
    assert main(["locate", str(shot), *names, "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)["answers"]
    served = Tools(lambda: engine).locate({"image": str(shot), "description": names})["answers"]
    for answers in (printed, served):
        assert expected == [
            ([tuple(box["xyxy"]) for box in one["boxes"]], [tuple(look["crop"]) for look in one["looks"]])
            for one in answers
        ]


def test_a_folder_is_looked_at_as_one_image_is(
    engine: saccade.Engine, shot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["locate", "--batch", str(shot.parent), MISSED, "--jsonl", "--quiet"]) == 0
    row = json.loads(capsys.readouterr().out)
    expected = engine.locate(shot, MISSED)
    assert [tuple(box["xyxy"]) for box in row["boxes"]] == [box.xyxy for box in expected.boxes]
    assert len(row["looks"]) == 2


def test_a_region_is_looked_into_more_closely_too(engine: saccade.Engine, screen: saccade.scenes.Scene) -> None:
    region = (1900, 1000, 1900, 1100)
    answer = engine.locate(screen.image, MISSED, region=region)
    assert iou(answer.boxes[0].xyxy, true_box(screen)) > 0.8
    for x1, y1, x2, y2 in (look.crop for look in answer.looks):
        assert region[0] <= x1 < x2 <= region[0] + region[2]
        assert region[1] <= y1 < y2 <= region[1] + region[3]


@pytest.mark.skipif(films.av is None, reason="needs PyAV")
def test_a_frame_of_a_film_is_looked_into_more_closely_too(
    screen: saccade.scenes.Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = films.write(tmp_path / "film.mp4", 2, size=(3840, 2160), frames=[screen.image] * 2)
    assert main(["locate", str(film), MISSED, "--at", "0", "--json", "--quiet"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert len(answer["looks"]) == 2
    assert iou(tuple(answer["boxes"][0]["xyxy"]), true_box(screen)) > 0.8
