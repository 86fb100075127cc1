"""Films on the command line: `ask`, `locate --at` and `plan`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import checkpoints
import films
import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import main

pytestmark = [
    pytest.mark.usefixtures("loaded_once"),
    pytest.mark.skipif(films.av is None, reason="PyAV is not installed"),
]
FOUND = "the green moon icon"


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    return [saccade.scenes.generate(seed, (640, 400)).image for seed in range(3, 7)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, scenes: list[np.ndarray]) -> Path:
    """Return a film of four screens, one a second and each bit as it was."""
    path = tmp_path_factory.mktemp("films") / "screens.mkv"
    return films.write(path, rate=1, codec="ffv1", pixel_format="bgr0", b_frames=0, gop=1, frames=scenes)


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def only(result: tuple[int, str, str]) -> Any:
    (answer,) = json.loads(result[1])["answers"]
    return answer


def refused(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    code, out, err = run(capsys, *words)
    lines = [line for line in err.splitlines() if "knows generated screens only" not in line]
    assert (code, out, len(lines)) == (2, "", 1)
    return lines[0]


def test_locate_at_a_time_is_locate_on_that_frame(
    path: Path, scenes: list[np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(scenes[0]).save(tmp_path / "screen.png")
    still = only(run(capsys, "locate", tmp_path / "screen.png", FOUND, "--json"))
    moving = only(run(capsys, "locate", path, FOUND, "--at", "0.5", "--json"))
    assert still["boxes"] and moving["boxes"] == still["boxes"] and moving["text"] == still["text"]
    code, _, _ = run(capsys, "locate", path, FOUND, "--at", "2", "--save", tmp_path / "drawn.png")
    assert code == 0
    drawn = np.asarray(Image.open(tmp_path / "drawn.png").convert("RGB"))
    assert (drawn == scenes[2]).mean() > 0.9


def test_a_line_of_a_batch_names_a_frame(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"image": str(path), "description": FOUND, **more} for more in ({"at": 0.5}, {"at": 2}, {"at": 9}, {})]
    lines.append({"image": str(tmp_path / "none.mp4"), "description": FOUND, "at": "1"})
    batch = tmp_path / "batch.jsonl"
    batch.write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = run(capsys, "locate", "--batch", batch, "--max-tokens", "40")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 2 and len(rows) == 5
    for row, at in zip(rows[:2], ("0.5", "2"), strict=True):
        alone = only(run(capsys, "locate", path, FOUND, "--at", at, "--json", "--max-tokens", "40"))
        assert row["text"] == alone["text"] and row["boxes"] == alone["boxes"] and row["options"] == {"at": float(at)}
    errors = [row["error"]["message"] for row in rows[2:]]
    assert "at: expected a time in its 4.000 s; got 9" in errors[0] and "not an image" in errors[1]
    assert "none.mp4: no such file" in errors[2]


def test_ask_about_a_film(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = only(run(capsys, "ask", path, "what?", "--fps", "1", "--json", "--max-tokens", "4"))
    assert answer["images"] == [str(path)]
    assert answer["frames"][0]["grid_thw"][0] == 2 and answer["frames"][0]["seconds"] == [0.5, 2.5]
    assert answer["usage"]["video"] == answer["frames"][0]["tokens"]
    code, _, err = run(capsys, "ask", path, "what?", "--end", "1", "--verbose", "--max-tokens", "2")
    assert code == 0 and "film 1" in err and "640 x 400" in err


def test_chat_about_a_film(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("what?\nand then?\n"))
    code, out, _ = run(capsys, "chat", path, "--jsonl", "--max-tokens", "2", "--num-frames", "2")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(answers) == 2 and answers[0]["frames"][0]["grid_thw"][0] == 1
    assert [answer["images"] for answer in answers] == [[str(path)]] * 2
    assert answers[0]["frames"][0]["fps"] is not None


def test_films_and_options_that_do_not_fit_are_refused(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64)).save(picture)
    assert "expected an image; got a film. Give the time" in refused(capsys, "locate", path, FOUND)
    assert "a.png: is not a film; supported: MP4" in refused(capsys, "locate", picture, FOUND, "--at", "1")
    assert "none.mp4: no such file" in refused(capsys, "locate", "none.mp4", FOUND, "--at", "1")
    assert "none.mp4: no such file" in refused(capsys, "ask", "none.mp4", FOUND, "--fps", "1")
    assert "none.mp4: no such file" in refused(capsys, "plan", "none.mp4", "--fps", "1")
    assert "at: expected a time in its 4.000 s; got 9" in refused(capsys, "locate", path, FOUND, "--at", "9")
    assert "at: expected seconds from the film's first frame" in refused(capsys, "locate", path, FOUND, "--at", "nan")
    assert "--at: expected one film" in refused(capsys, "locate", path, picture, "--find", FOUND, "--at", "1")
    assert "--fps: expected a film" in refused(capsys, "ask", picture, "what?", "--fps", "1")
    assert "--fps: expected a film, whose frames it chooses; got" in refused(capsys, "plan", picture, "--fps", "1")
    assert "--num-frames: expected a film" in refused(capsys, "ask", "what?", "--num-frames", "3")
    assert "--page 2: expected a TIFF or PDF; got the film" in refused(capsys, "ask", path, "what?", "--page", "2")
    assert "--page 2: expected" in refused(capsys, "locate", path, FOUND, "--at", "1", "--page", "2")
    assert "num_frames: expected at most the film's 4" in refused(capsys, "ask", path, "?", "--num-frames", "9")
    assert "start before end" in refused(capsys, "ask", path, "what?", "--start", "3", "--end", "2")
    assert "fps: expected frames per second" in refused(capsys, "ask", path, "what?", "--fps", "-1")
    damaged = tmp_path / "cut.mp4"
    damaged.write_bytes(films.write(tmp_path / "whole.mp4").read_bytes()[:1500])
    assert "without its index" in refused(capsys, "ask", damaged, "what?")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty; give a film"), (b"hello", "is not a film; supported: MP4")]
)
@pytest.mark.parametrize("words", [("ask", "what?"), ("plan",), ("chat",)])
def test_a_file_with_the_name_of_a_film_is_reported_as_one(
    content: bytes, reason: str, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = tmp_path / "clip.mp4"
    named.write_bytes(content)
    command, *text = words
    assert f"clip.mp4: {reason}" in refused(capsys, command, named, *text)
    still = tmp_path / "still.mov"
    Image.new("RGB", (64, 64)).save(still, "PNG")
    assert run(capsys, "plan", still)[0] == 0


def test_a_gif_is_a_film_where_its_frames_are_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moving = tmp_path / "a.gif"
    first, *others = (Image.fromarray(films.picture(number)) for number in range(8))
    first.save(moving, save_all=True, append_images=others, duration=250)
    plan = json.loads(run(capsys, "plan", moving, "--fps", "2", "--json")[1])
    assert plan["video"]["frames"] == 4 and plan["video"]["total_frames"] == 8
    assert "video" not in json.loads(run(capsys, "plan", moving, "--json")[1])


def test_video_prompt_of_qwen3(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkpoints.write_whole(tmp_path, checkpoints.QWEN3_VL)
    words = ("ask", path, "what?", "--model", folder, "--json", "--max-tokens", "1")
    outer, single = (only(run(capsys, *words, *more))["usage"] for more in ((), ("--video-prompt", "single")))
    assert outer["prompt"] - single["prompt"] == 2 and outer["video"] == single["video"] > 0
    assert "--video-prompt: invalid choice: 'none'" in refused(capsys, "ask", path, "what?", "--video-prompt", "none")


def test_plan_of_a_film(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "plan", path, "--fps", "1", "--json")
    plan = json.loads(out)
    assert code == 0
    assert plan["video"]["indices"] == [0, 1, 2, 3] and plan["video"]["seconds"] == [0.5, 2.5]
    assert plan["video"]["total_frames"] == 4 and plan["video"]["rate"] == 1 and plan["video"]["length"] == 4
    assert plan["grid_thw"][0] == 2 and plan["source_size"] == [640, 400]
    capped = json.loads(run(capsys, "plan", path, "--total", "100", "--json")[1])
    assert capped["tokens"] <= 100 < plan["tokens"]
    text = run(capsys, "plan", path, "--num-frames", "3", "--family", "qwen3-vl")[1]
    assert "4 frames, 4.0 s, 1 a second" in text and "3 taken" in text and "2 times" in text


@pytest.mark.parametrize("words", [(), ("--total", "300"), ("--budget", "checkpoint"), ("--budget", "64")])
def test_plan_of_a_film_equals_what_the_engine_shows(
    words: tuple[str, ...], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saccade.load().folder
    plan = json.loads(run(capsys, "plan", path, "--model", folder, *words, "--json")[1])
    answer = only(run(capsys, "ask", path, "what?", *words, "--json", "--max-tokens", "1"))
    (frame,) = answer["frames"]
    assert [plan[name] for name in ("tokens", "grid_thw", "budget")] == [
        frame[name] for name in ("tokens", "grid_thw", "budget")
    ]
    assert frame["processed_size"] == plan["resized_size"]
    assert plan["model_bytes"]["peak"] > plan["model_bytes"]["vision"] > 0


def test_plan_refuses_what_does_not_fit_a_film(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--picture: expected an image" in refused(capsys, "plan", path, "--picture", tmp_path / "a.png")
    assert "--reduced-jpeg: expected an image" in refused(capsys, "plan", path, "--reduced-jpeg")
    assert "--total: expected a film" in refused(capsys, "plan", "640x480", "--total", "100")
    assert "less than a token for each 2 frames" in refused(capsys, "plan", path, "--total", "1")
