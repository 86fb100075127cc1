"""The command line from the outside: results, one line and exit code 2 for a mistake, no partial files."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import PROGRAM, assert_mistake, run_command, write_picture
from PIL import Image

from mlx_saccade.checkpoint import hub
from mlx_saccade.cli.__main__ import COMMANDS, GROUPS, build_parser, main

FULL = "No space left on device. Free space, or name another place"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "picture.png")


def huge_png(path: Path, side: int = 30_000) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)))
    return path


@pytest.mark.parametrize(
    ("words", "code", "stderr"),
    [
        ("plan 3840x2160 >&-", 0, ""),
        ("runtimes 10x10 >&-", 0, ""),
        ("plan nothere.png 2>&-", 2, ""),
        pytest.param("plan 3840x2160 >/dev/full", 2, f"mlx-saccade: output: {FULL}\n", marks=needs_full),
        pytest.param("--help >/dev/full", 2, f"mlx-saccade: output: {FULL}\n", marks=needs_full),
        pytest.param("plan --help >/dev/full", 2, f"mlx-saccade: output: {FULL}\n", marks=needs_full),
        pytest.param(">/dev/full", 2, f"mlx-saccade: output: {FULL}\n", marks=needs_full),
        ("--help >&-", 0, ""),
        ("locate --help | true", 0, ""),
        ("runtimes 3840x2160 | head -c 10 >/dev/null", 0, ""),
        (f"locate x.png y --model {'m' * 300}", 2, None),
        ("locate x.png y --model '~nouser/m'", 2, None),
        (f"plan {'9' * 5000}x5", 2, None),
        ("plan ''", 2, None),
    ],
)
def test_odd_environments_give_an_exit_code_and_at_most_a_line(
    words: str, code: int, stderr: str | None, tmp_path: Path
) -> None:
    shell = f'set -o pipefail; "{sys.executable}" -m mlx_saccade {words}'
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "Traceback" not in result.stderr
    assert result.returncode == code
    if stderr is None:
        lines = [line for line in result.stderr.splitlines() if "generated screens only" not in line]
        assert len(lines) == 1, result.stderr
    else:
        assert result.stderr == stderr


def test_without_standard_error_its_lines_are_not_printed_elsewhere(picture: Path) -> None:
    shell = f'"{sys.executable}" -m mlx_saccade locate "{picture}" it --json --verbose 2>&-'
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert json.loads(result.stdout)["answers"][0]["description"] == "it"


@needs_full
def test_with_a_full_standard_error_the_answer_is_printed(picture: Path) -> None:
    shell = f'"{sys.executable}" -m mlx_saccade locate "{picture}" it --verbose 2>/dev/full'
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.partition(":")[0]) == (0, "it")


def test_mcp_without_an_open_input_says_so(tmp_path: Path) -> None:
    shell = f'"{sys.executable}" -m mlx_saccade mcp <&-'
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert_mistake(result, "expected a client on standard input")


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii", "utf-8:surrogateescape"])
@pytest.mark.parametrize("name", ["\u00f6.png", os.fsdecode(b"\xff.png")])
def test_a_picture_of_any_name_is_written_and_named(encoding: str, name: str, tmp_path: Path) -> None:
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    words = [*PROGRAM, "plan", "64x64", "--picture", name]
    for more in ([], ["--json"]):
        surroundings = {**os.environ, "PYTHONIOENCODING": encoding}
        result = subprocess.run([*words, *more], capture_output=True, cwd=tmp_path, env=surroundings, check=False)
        assert (result.returncode, result.stderr) == (0, b"")
        text = result.stdout.decode(encoding.partition(":")[0])
        if more:
            assert json.loads(text)["picture"] == name
        else:
            assert name in text or name.encode("ascii", "backslashreplace").decode() in text
    assert (tmp_path / name).stat().st_size > 0


def test_a_plan_for_a_checkpoint_takes_no_other_family() -> None:
    words = ("plan", "640x480", "--model", str(hub.find(None)))
    assert_mistake(run_command(*words, "--family", "qwen2-vl"), "--family qwen2-vl", "--model")
    assert run_command(*words).returncode == 0


def test_help_lists_every_command() -> None:
    result = run_command("--help")
    assert result.returncode == 0
    for name, summary in COMMANDS.items():
        assert name in result.stdout
        assert summary.split()[0] in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = run_command(command, "--help")
    assert result.returncode == 0
    assert "--json" in result.stdout


def test_help_of_the_program_has_a_line_for_each_command() -> None:
    lines = run_command("--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for name, summary in COMMANDS.items():
        assert any(re.fullmatch(rf"  {name} +{re.escape(summary)}", line) for line in lines), name
    titles = [line.removesuffix(":") for line in lines if line.endswith(":")]
    assert [title for title in titles if title in GROUPS] == list(GROUPS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns_and_ends_with_examples(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = help_of(command).splitlines()
    assert max(map(len, lines)) <= 80
    examples = lines[lines.index("examples:") + 1 :]
    assert examples
    assert all(line.startswith(f"  mlx-saccade {command}") for line in examples)


@pytest.mark.parametrize("command", ["locate", "ask", "chat"])
def test_help_has_what_a_newcomer_needs_before_the_groups(command: str) -> None:
    usual, _, rest = help_of(command).partition("\nmodel and memory:")
    for option in ("IMAGE", "--model", "--budget", "--json"):
        assert option in usual
    assert "--cache-memory" in rest
    assert "generation:" in rest


def help_of(command: str) -> str:
    groups = build_parser(command)._subparsers
    assert groups is not None
    choices: Any = groups._group_actions[0].choices
    return str(choices[command].format_help())


@pytest.mark.usefixtures("loaded_once")
def test_examples_of_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, in the order of first use; those that name a file nobody has are only parsed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    # The last of an option wins.
    fewer = {"sweep": ("--n", "1"), "bench": ("--budgets", "64", "--rounds", "1")}
    less = {"scenes": ("--n", "1"), **fewer}
    for command in ("scenes", *(name for name in COMMANDS if name != "scenes")):
        module = importlib.import_module(f"mlx_saccade.cli.commands.{command.replace('-', '_')}")
        for example in module.EXAMPLES:
            words = shlex.split(example)[1:]
            build_parser(command).parse_args(module.split_words(words)[0] if command == "mlx-vlm" else words)
            skipped = {"path/to/checkpoint", "shot.png", "clip.mp4", "before.json", "runs/a", "my-set", "audit"}
            if command not in ("tiny", "mcp", "serve", "screens") and not skipped & set(words):
                takes_less = command != "sweep" or words[1] == "run" or words[1].startswith("-")
                assert main([*words, *(less.get(command, ()) if takes_less else ())]) == 0, example


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_an_argument_is_at_most_twelve_words(command: str) -> None:
    command_module = importlib.import_module(f"mlx_saccade.cli.commands.{command.replace('-', '_')}")
    for module in (command_module, *getattr(command_module, "ACTIONS", {}).values()):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        for action in parser._actions:
            assert action.help and len(action.help.split()) <= 12, action.option_strings or action.dest


def test_help_imports_no_heavy_library() -> None:
    program = (
        "import sys; from mlx_saccade.cli.__main__ import main; from mlx_saccade.cli import options; main([]); "
        "print([name for name in ('numpy', 'mlx', 'PIL', 'rich', 'tokenizers') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_version_is_the_headers() -> None:
    import mlx_saccade as package

    assert run_command("--version").stdout == f"mlx-saccade {package.__version__}\n"


@pytest.mark.parametrize(
    ("words", "times"),
    [
        (("plan", "640x480"), 1),
        (("sweep", "--n", "1", "--size", "448x336", "--budgets", "16"), 3),
        (("tiny", "evaluate", "--parts", "range", "--screens", "1"), 2),
    ],
)
def test_a_revision_is_looked_for_wherever_its_checkpoint_is(
    words: tuple[str, ...], times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, packaged = [], hub.find(None)
    monkeypatch.setattr(hub, "find", lambda name, **how: calls.append((name, how["revision"])) or packaged)
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--model", "owner/name", "--revision", "v2"]) == 0
    assert calls == [("owner/name", "v2")] * times


@pytest.mark.parametrize("command", ["demo", "sweep", "tiny", "dashboard"])
def test_help_names_the_file_that_is_written_and_git_ignores_it(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")  # or the name is broken at its hyphen
    parser = argparse.ArgumentParser()
    importlib.import_module(f"mlx_saccade.cli.commands.{command}").add_arguments(parser)
    file = parser.get_default("out")
    assert f"default {file}" in parser.format_help()
    assert f"/{file}" in (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()


def test_scenes_writes_screens_and_annotations(tmp_path: Path) -> None:
    out = tmp_path / "made" / "here"
    result = run_command("scenes", "--n", "2", "--size", "640x400", "--out", str(out), "--json")
    assert result.returncode == 0, result.stderr
    annotations = json.loads((out / "annotations.json").read_text())
    assert json.loads(result.stdout)["targets"] == len(annotations) > 4
    for entry in annotations:
        x1, y1, x2, y2 = entry["bbox"]
        assert 0 <= x1 < x2 <= 640
        assert 0 <= y1 < y2 <= 400
        with Image.open(out / entry["img_filename"]) as image:
            assert image.size == (640, 400)


@pytest.mark.parametrize(
    ("words", "mentions"),
    [
        (("plan", "nothere.png"), ("nothere.png",)),
        (("plan", "0x100"), ("0",)),
        (("plan", "20100x100"), ("201", "200")),
        (("plan", "640x480", "--budget", "0"), ("0",)),
        (("plan", "640x480", "--budget", "-5"), ("-5",)),
        (("plan", "640x480", "--budget", "500px"), ("500 pixels",)),
        (("plan", "640x480", "--budget", "9" * 23), ("too large",)),
        (("plan", "640x480", "--budget", "9" * 23 + "px"), ("too large",)),
        (
            ("bench", "preprocess", "640x480", "--budgets", "0"),
            ("--budgets: expected a whole number of at least 1; got 0",),
        ),
        (("sweep", "--budgets", "16," + "9" * 23), ("--budgets: expected a whole number of at most",)),
        (("scenes", "--out", "x", "--jobs", "0"), ("--jobs: expected at least 1",)),
        (("plan", "640x480", "--budget", "lots"), ("lots",)),
        (("plan", "640x480", "--budget", "ollama@0.1.0"), ("0.1.0",)),
        (("plan", "640x480", "--budget", "nosuch@1"), ("nosuch",)),
        (("plan", "640x480", "--family", "qwen9"), ("qwen9", "qwen2.5-vl")),
        (("plan", "640x480", "--family", ""), ("unknown family ''", "qwen2.5-vl")),
        (("plan", "640x480", "--reduced-jpeg"), ("--reduced-jpeg", "640x480")),
        (("plan", "640x480", "--color", "convert"), ("--color convert", "--picture")),
        (("plan", "640x480", "--color", "ignore", "--picture", "plan.png"), ("--color ignore", "640x480")),
        (("bench", "preprocess", "640x480", "--color", "ignore"), ("--color ignore", "640x480")),
        (("plan", "640x480", "--revision", "v2"), ("--revision v2", "--model")),
        (("plan", "640x480", "--model", ".", "--revision", "v2"), ("revision 'v2'", "folder")),
        (("sweep", "--revision", "v2"), ("revision 'v2'", "hub id")),
        (("sweep", "--memory-limit", "1MB"), ("weights", "--memory-limit")),
        (("sweep", "--out", ""), ("--out: expected the name of a folder",)),
        (("tiny", "evaluate", "--revision", "v2"), ("revision 'v2'", "hub id")),
        (("tiny", "evaluate", "--memory-limit", "1MB"), ("weights", "--memory-limit")),
        (("tiny", "evaluate", "--memory-limit", "1MB", "--processes", "2"), ("weights", "--memory-limit")),
        (("plan", "640x480", "--picture", ""), ("path: expected the name of a file",)),
        (("plan", "640x480", "--picture", "missing/plan.png"), ("missing", "does not exist")),
        (("plan", "640x480", "--picture", "plan.xyz"), ("plan.xyz", ".png")),
        (("plan", "640x480", "--picture", "plan"), ("no suffix",)),
        (("plan", "640x480", "--picture", "."), ("got a folder",)),
        (("plan", "nothere.png", "--picture", "plan.png"), ("nothere.png",)),
        (("plan", "9000x9000", "--budget", "200000", "--picture", "plan.png"), ("8988x8988", "--budget")),
        (("recommend", "--image", "640x480"), ("--target",)),
        (("recommend", "--target", "32x32"), ("--image",)),
        (("recommend", "--target", "big", "--image", "640x480"), ("big", "32x32", "100,200,132,232")),
        (("recommend", "--target", "0x32", "--image", "640x480"), ("both sides above 0 px",)),
        (("recommend", "--target", "700x32", "--image", "640x480"), ("inside", "640x480")),
        (("recommend", "--target", "30,30,20,20", "--image", "640x480"), ("both sides above 0 px",)),
        (("recommend", "--target", "32x32", "--image", "nothere.png"), ("nothere.png",)),
        (("recommend", "--target", "32x32", "--image", "640x480", "--family", "qwen9"), ("qwen9", "qwen2.5-vl")),
        (("sizes", "640x480", "big"), ("big", "WIDTHxHEIGHT")),
        (("sizes", "0x5"), ("0",)),
        (("sizes", "640x480", "--min-tokens", "5000"), ("5000",)),
        (("sizes", "--family", "qwen9"), ("qwen9", "qwen2.5-vl")),
        (("locate", "nothere.png", "the red button"), ("nothere.png",)),
        (("scenes", "--out", "x", "--size", "big"), ("big",)),
        (("scenes", "--out", "x", "--n", "0"), ("0",)),
        (("bench", "preprocess", "0x0"), ("0",)),
        (("bench", "640x480"), ("640x480", "preprocess")),
        (("bench", "profile", "64x64", "--rounds", "0"), ("--rounds: expected a whole number of at least 1; got 0",)),
        (("bench", "profile", "--sides", "vllm"), ("--sides: expected some of saccade", "'vllm'")),
        (("bench", "profile", "--synthetic", "9b"), ("--synthetic: expected 3b", "9b")),
        (("bench", "profile", "--synthetic", "3b:99"), ("expected 2 to 36 layers; got 99",)),
        (("bench", "profile", "--synthetic", "3b", "--model", "x"), ("--synthetic", "--model")),
        (("bench", "profile", "--timeout", "-1"), ("--timeout: expected seconds above 0",)),
        (("bench", "profile", "--answer-tokens", "1"), ("--answer-tokens", "at least 2")),
        (("bench", "profile", "--out", "missing/p.jsonl"), ("missing", "does not exist")),
        (("bench", "profile", "notasize"), ("notasize",)),
        (("bench", "profile", "--memory-limit", "lots"), ("lots",)),
        (("bench", "record"), ("expected 1 word", "none")),
        (("bench", "record", "none.json"), ("none.json",)),
        (("bench", "compare", "a.json"), ("expected 2 words", "a.json")),
        (("bench", "send-in", "now"), ("expected 0 words", "now")),
        (("plan",), ("IMAGE",)),
        (("plan", "640x480", "--nonsense"), ("--nonsense",)),
        (
            ("locate", "x.png", "y", "--bugdet=256"),
            ("unknown option --bugdet (did you mean --budget?)", "locate --help"),
        ),
        (("scenes", "--ouy", "x"), ("unknown option --ouy (did you mean --out?)", "scenes --help")),
        (("nonsense",), ("nonsense", "plan")),
        (("scene",), ("unknown command 'scene' (did you mean scenes?)",)),
        (("mcp", "--allow-utls"), ("did you mean --allow-urls?",)),
    ],
)
def test_mistakes_are_one_line_and_exit_2(words: tuple[str, ...], mentions: tuple[str, ...], tmp_path: Path) -> None:
    assert_mistake(run_command(*words, cwd=tmp_path), *mentions)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("convert", ".", "out"), ("plan", "640x480", "--model", ".")])
def test_a_folder_without_a_name_is_named_in_full(words: tuple[str, ...], tmp_path: Path) -> None:
    assert_mistake(run_command(*words, cwd=tmp_path), f"{tmp_path.resolve()}/config.json: no such file")


@pytest.mark.parametrize("command", ["plan", "locate"])
@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "huge", "folder"])
def test_bad_image_files(command: str, kind: str, picture: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    if kind == "text":
        bad.write_text("this is no image")
    elif kind == "empty":
        bad.touch()
    elif kind == "truncated":
        bad.write_bytes(picture.read_bytes()[:2000])
    elif kind == "huge":
        huge_png(bad)
    else:
        bad.mkdir()
    if kind in ("truncated", "huge") and command == "plan":
        # The header is whole, and planning reads no more than the header: only the picture needs the pixels.
        assert run_command(command, str(bad)).returncode == 0
        words: tuple[str, ...] = ("--picture", str(tmp_path / "out.png"))
    else:
        words = ("the red button", "--save", str(tmp_path / "out.png")) if command == "locate" else ()
    assert_mistake(run_command(command, str(bad), *words), "bad.png")
    assert not (tmp_path / "out.png").exists()


def test_locate_says_that_the_packaged_checkpoint_knows_generated_screens_only(picture: Path) -> None:
    assert run_command("locate", str(picture), "it").stderr.count("generated screens only") == 1
    result = run_command("locate", str(picture), "the red round button", "--json", "--quiet")
    assert (result.returncode, result.stderr) == (0, "")
    answer = json.loads(result.stdout)["answers"][0]
    assert answer["frames"][0]["source_size"] == [200, 120]
    assert set(answer["timings"]) == {"decode", "patches", "vision", "prefill", "answer"}


def test_locate_saves_a_picture_of_the_sources_size(picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "drawn.png"
    assert run_command("locate", str(picture), "the red round button", "--save", str(out)).returncode == 0
    with Image.open(out) as image:
        assert image.size == (200, 120)


@pytest.mark.parametrize(("name", "word"), [("missing/out.png", "missing"), ("out.xyz", ".xyz"), ("out", "no suffix")])
def test_locate_refuses_an_impossible_save_before_working(name: str, word: str, picture: Path) -> None:
    result = run_command("locate", str(picture), "the red round button", "--save", str(picture.parent / name))
    assert_mistake(result, word)


def test_locate_does_not_draw_over_the_only_copy(picture: Path) -> None:
    before = picture.read_bytes()
    link = picture.with_name("link.png")
    link.symlink_to(picture)
    for image, name in ((str(picture), picture), (str(picture), link), (picture.as_uri(), picture)):
        assert_mistake(run_command("locate", image, "the red button", "--save", str(name)), "the image itself")
    assert picture.read_bytes() == before


def test_a_format_that_cannot_hold_the_picture() -> None:
    from mlx_saccade.cli.draw import draw_boxes
    from mlx_saccade.errors import InputError

    with pytest.raises(InputError, match=r"WEBP .* 17000 x 2"):
        draw_boxes(np.zeros((2, 17000, 3), np.uint8), [], file_format="WEBP")


def test_sweeps_ask_about_screens_that_were_never_trained_on() -> None:
    from mlx_saccade.cli.commands import sweep
    from mlx_saccade.cli.sweeps.data_options import open_data

    parser = argparse.ArgumentParser()
    sweep.add_arguments(parser)
    targets = open_data(parser.parse_args([])).targets
    assert all(int(target.image[-6:]) < 1_000_000 for target in targets)  # training/data.py draws from there on


@pytest.mark.parametrize("words", [("--size", "1x1"), ("--seed", "-1")])
def test_scenes_refuses_impossible_screens(words: tuple[str, ...], tmp_path: Path) -> None:
    assert_mistake(run_command("scenes", "--out", str(tmp_path), *words), words[1].split("x")[0])


def test_locate_refuses_a_folder_that_is_no_checkpoint(picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    assert_mistake(run_command("locate", str(picture), "the red button", "--model", str(folder)), "config.json")


def test_demo_prints_six_answers_and_draws_them(tmp_path: Path) -> None:
    result = run_command("demo", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [row["size"] for row in report["targets"]].count("large") == 2
    assert [row["size"] for row in report["targets"]].count("medium") == 2
    assert [row["size"] for row in report["targets"]].count("small") == 2
    for row in report["targets"]:
        x1, y1, x2, y2 = row["known_box"]
        center = None
        if row["boxes"]:
            left, top, right, bottom = row["boxes"][0]["xyxy"]
            center = ((left + right) / 2, (top + bottom) / 2)
        inside = center is not None and x1 <= center[0] <= x2 and y1 <= center[1] <= y2
        assert row["correct"] == inside
    assert report["correct"] == sum(row["correct"] for row in report["targets"])
    with Image.open(tmp_path / "saccade-demo.png") as image:
        assert image.size == (3840, 2160)


def test_ctrl_c_leaves_no_traceback_and_no_partial_file(tmp_path: Path) -> None:
    words = [*PROGRAM, "scenes", "--n", "100000", "--size", "1280x720", "--out", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "scene-000001.png").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (process.returncode, out, err)
    assert err.strip().splitlines()[-1] == "mlx-saccade: interrupted"
    assert "Traceback" not in err
    written = sorted(tmp_path.iterdir())
    assert len(written) > 1
    for path in written:
        assert path.suffix == ".png"
        with Image.open(path) as image:
            image.load()
