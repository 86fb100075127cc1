"""`mlx-saccade plan`, `runtimes`, `recommend` and `sizes` from the outside: numbers and pictures, no model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import checkpoints
import pictures
import pytest
from command_line import assert_mistake, run_command, write_picture
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.cli import costs
from mlx_saccade.cli.__main__ import main


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "picture.png")


def test_plan_of_a_size_as_json() -> None:
    plan = json.loads(run_command("plan", "3840x2160", "--json").stdout)
    assert plan["resized_size"] == [1316, 728]
    assert plan["grid_thw"] == [1, 52, 94]
    assert (plan["tokens"], plan["patches"], plan["windows"]) == (1222, 4888, 84)
    assert plan["scale"] == [3840 / 1316, 2160 / 728]
    assert plan["patch_bytes"] == 4888 * 588
    assert plan["device"] == "cpu"
    assert plan["vision_tower_bytes"]["3b"] > 1e9


def test_plan_for_a_checkpoint_is_of_its_memory_alone(tmp_path: Path) -> None:
    folder = str(checkpoints.write_whole(tmp_path))
    report = json.loads(run_command("plan", "640x480", "--model", folder, "--json").stdout)
    assert report["model_bytes"]["peak"] > 0 and "vision_tower_bytes" not in report
    printed = run_command("plan", "640x480", "--model", folder).stdout
    assert "peak memory" in printed and "vision tower" not in printed
    assert "7b vision tower" in run_command("plan", "640x480").stdout


def test_plan_draws_with_the_colors_asked_for(tmp_path: Path) -> None:
    image, drawn = tmp_path / "p3.png", []
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    Image.new("RGB", (84, 56), (234, 51, 35)).save(image, icc_profile=profile)
    for words in ([], ["--color", "convert"], ["--color", "ignore"]):
        assert run_command("plan", str(image), "--picture", str(tmp_path / "plan.png"), *words).returncode == 0
        drawn.append((tmp_path / "plan.png").read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]


def test_plan_for_people_names_what_the_json_has() -> None:
    printed = run_command("plan", "3840x2160", "--budget", "checkpoint").stdout
    assert "10,549" in printed
    assert "3836 x 2156" in printed


def test_plan_of_a_file_equals_the_plan_of_its_size(picture: Path) -> None:
    assert run_command("plan", str(picture), "--json").stdout == run_command("plan", "200x120", "--json").stdout


def test_plan_of_a_size_waits_for_no_heavy_library() -> None:
    program = (
        "import sys; from mlx_saccade.cli.__main__ import main; main(['plan', '3840x2160']); "
        "print([name for name in ('numpy', 'mlx', 'PIL', 'rich', 'jinja2', 'tokenizers') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_runtimes_survey_one_size() -> None:
    rows = json.loads(run_command("runtimes", "3840x2160", "--json").stdout)["runtimes"]
    tokens = {row["tokens"] for row in rows}
    assert {1222, 4080, 10549} <= tokens


def test_runtimes_print_what_changes_every_one_of_them() -> None:
    from mlx_saccade.preprocess import runtimes

    result = run_command("runtimes", "3840x2160")
    assert result.returncode == 0, result.stderr
    table, settings = result.stdout.split("what changes")
    assert "10,549" in table
    words = settings.split()
    for row in runtimes.survey((3840, 2160)):
        assert row.runtime in words
        assert set(row.override.split()) <= set(words), row.runtime
    assert max(map(len, settings.splitlines())) <= 100


def test_recommend_as_json_and_for_people() -> None:
    words = ("recommend", "--target", "32x32", "--image", "3840x2160")
    report = json.loads(run_command(*words, "--json").stdout)
    assert (report["size"], report["zoom"], report["measured"]["targets"]) == ("tiny", True, 43)
    assert report["resized_size"] == [1316, 728]
    assert report["share"] == pytest.approx(32 * 32 / (3840 * 2160))
    assert report["measured"]["iou"]["16384"] == 0.079
    printed = run_command(*words).stdout
    for phrase in ("tiny", "n = 43", "no flat budget serves", "4-bit", report["source"].split()[0], "36 large"):
        assert phrase in printed


def test_recommend_says_where_no_crop_holds_a_long_target() -> None:
    printed = run_command("recommend", "--target", "3000x1", "--image", "3840x2160").stdout
    assert "78.1 % of one side: no crop" in printed
    assert "keeps at most" not in printed


def test_recommend_prints_the_setting_of_a_runtime() -> None:
    words = ("recommend", "--target", "400x60", "--image", "3840x2160", "--runtime")
    assert "'{\"max_pixels\": 3211264}'" in run_command(*words, "vllm").stdout
    assert json.loads(run_command(*words, "llama.cpp", "--json").stdout)["setting"].startswith(
        "--image-max-tokens 4096"
    )
    assert "no setting found" in run_command(*words, "ollama").stdout
    printed = " ".join(run_command("recommend", "--target", "9x9", *words[3:], "vllm").stdout.split())
    assert "for each look, whose crop is yours to send" in printed
    assert_mistake(run_command(*words, "vlm"), "--runtime: unknown runtime 'vlm'. Known: transformers")


def test_recommend_reads_seconds_off_a_profile(tmp_path: Path) -> None:
    history = sorted((Path(__file__).parents[2] / "benchmarks/history").rglob("*-profile.json"))
    profile = history[-1]
    words = ("recommend", "--target", "400x60", "--image", "640x480")
    report = json.loads(run_command(*words, "--profile", str(profile), "--json").stdout)
    least, most = report["seconds"]["measured_tokens"]
    assert (report["seconds"]["seconds"] is None) == (not least <= report["tokens"] <= most)
    assert report["seconds"]["model"] == json.loads(profile.read_bytes())["model"]["name"]
    without = run_command("recommend", "--target", "4x6", "--image", "64x48", cwd=tmp_path).stdout
    assert "no profile of this machine" in " ".join(without.split())
    assert_mistake(run_command(*words, "--profile", str(tmp_path / "none.jsonl")), "none.jsonl: No such file")


def test_seconds_of_several_looks_are_named_beside_those_of_one() -> None:
    cost = {
        "seconds": 0.5, "measured_tokens": [64, 256], "estimated": False, "model": "3b", "machine": "a machine",
        "is_this_machine": True, "profile": "p.jsonl",
    }  # fmt: skip
    plan = saccade.plan((1920, 1080), budget=256)
    assert costs.seconds_text(cost, plan).startswith("0.50 for a look (p.jsonl")
    assert costs.seconds_text(cost, plan, 1.5).startswith("0.50 for a look, about 0.75 for 1.5 looks (p.jsonl")
    assert "not known" in costs.seconds_text({**cost, "seconds": None}, plan, 1.5)


def test_missing_profile_is_answered_with_the_command_that_measures_the_same_tokens() -> None:
    plan = saccade.plan((1920, 1080), budget=256)
    assert plan.tokens == 252 != saccade.plan((1920, 1080), budget=252).tokens
    for cost in (None, {"seconds": None, "measured_tokens": [60, 231], "estimated": False, "model": "m",
                        "machine": "", "is_this_machine": True, "profile": "p.jsonl"}):  # fmt: skip
        assert costs.seconds_text(cost, plan).endswith("mlx-saccade bench profile 1920x1080 --budgets 256")
    assert costs.seconds_text(None, saccade.plan((9000, 1080), budget=256)).endswith("profile --budgets 256")


def test_recommend_takes_a_box_and_an_image_file(picture: Path) -> None:
    report = json.loads(run_command("recommend", "--target", "10,20,60.5,70", "--image", str(picture), "--json").stdout)
    assert report["target_size"] == [50.5, 50]
    assert report["source_size"] == [200, 120]


def test_sizes_as_json_and_for_people() -> None:
    report = json.loads(run_command("sizes", "400x300", "112x112", "--json").stdout)["sizes"]
    assert [entry["tokens"] for entry in report] == [154, 16]
    assert [entry["partial_windows"] for entry in report] == [6, 0]
    assert sum(kind["count"] * kind["tokens"] for kind in report[0]["kinds"]) == 154
    printed = " ".join(run_command("sizes").stdout.split())
    for phrase in ("112 x 112", "3840 x 2160", "never attended", "3,136 px (4 tokens)"):
        assert phrase in printed
    assert "no windows" in run_command("sizes", "--family", "qwen3-vl", "400x300").stdout


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_plan_draws_a_picture(ending: str, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / f"plan.{ending}"
    result = run_command("plan", str(picture), "--picture", str(out), "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["picture"] == str(out)
    with Image.open(out) as image:
        assert image.format == {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[ending]
        assert min(image.size) > 400


def test_plan_never_draws_over_its_image_or_leaves_half_a_picture(picture: Path, tmp_path: Path) -> None:
    before = picture.read_bytes()
    for image in (str(picture), picture.as_uri()):
        assert_mistake(run_command("plan", image, "--picture", str(picture)), "the image itself")
        assert picture.read_bytes() == before
    picture.write_bytes(before[:2000])
    assert_mistake(run_command("plan", str(picture), "--picture", str(tmp_path / "plan.png")), picture.name)
    assert [path.name for path in tmp_path.iterdir()] == [picture.name]


@pytest.mark.parametrize("word", ["3840X2160", "3840\N{MULTIPLICATION SIGN}2160"])
def test_a_size_may_be_written_with_another_sign(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", word]) == 0
    assert main(["recommend", "--target", word.replace("3840", "38").replace("2160", "21"), "--image", word]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("source           3840 x 2160 px\n")
    assert "38 x 21 px of 3840 x 2160" in printed


@pytest.mark.parametrize("word", ["3840*2160", "3840", "99999999999x9", "3840,2160", "3840 x 2160"])
def test_what_only_looks_like_a_size_is_refused_as_one(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", word]) == 2
    assert capsys.readouterr().err.startswith(f"mlx-saccade: '{word}': expected an image file, or a size such as")


def test_a_file_with_a_size_for_its_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "picture.png").rename(tmp_path / "3840")
    assert main(["plan", "3840"]) == 0


@pytest.mark.parametrize("command", ["plan", "runtimes", "bench preprocess"])
def test_what_is_neither_a_file_nor_a_size_is_said_to_be_neither(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "abc"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("mlx-saccade: abc: no such file")
    assert "3840x2160" in line


def test_a_size_as_a_string_is_answered_with_its_spelling_in_python() -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file.*in Python \(3840, 2160\)"):
        saccade.plan("3840x2160")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["bench", "preprocess", "1x1"], "IMAGE|WIDTHxHEIGHT"),
        (["sweep", "--size", "10x10"], "--size"),
        (["scenes", "--out", "out", "--size", "9000x100"], "--size"),
    ],
)
def test_an_impossible_screen_names_the_option(
    words: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"mlx-saccade: {option}: expected sides from 56 to 8192 pixels")


def test_plan_notes_a_budget_below_the_least_once() -> None:
    done = run_command("plan", "640x480", "--budget", "3")
    assert done.returncode == 0
    assert done.stderr == (
        "mlx-saccade: a budget of 3 tokens is below the least of qwen2.5-vl, 4 tokens; answers may get worse\n"
    )


def test_recommend_from_a_run(tmp_path: Path) -> None:
    words = ("--n", "2", "--targets", "2", "--size", "640x480", "--budgets", "64,100", "--out", "run")
    assert run_command("sweep", "run", *words, cwd=tmp_path).returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "rows.jsonl").read_text().splitlines()]
    x1, y1, x2, y2 = rows[0]["expected"][0]
    target = ("recommend", "--target", f"{x2 - x1}x{y2 - y1}", "--image", "640x480", "--from", "run")
    report = json.loads(run_command(*target, "--json", cwd=tmp_path).stdout)
    assert report["chosen"] in report["rows"]
    assert report["chosen"]["budget"] == report["budget"]
    assert report["chosen"]["seconds"] > 0
    assert report["best_share"] is None
    printed = " ".join(run_command(*target, "--runtime", "vllm", cwd=tmp_path).stdout.split())
    assert f"policy flat, budget {report['budget']} of run (saccade" in printed
    assert "an interval needs 10 screens" in printed
    assert f'{{"max_pixels": {report["budget"] * 28 * 28}}}' in printed
    assert_mistake(run_command(*target[:-1], "none", cwd=tmp_path), "none: no such folder")
