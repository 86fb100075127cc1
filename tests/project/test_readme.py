"""Runs the examples of README and the guides, and checks what the texts say about the package."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import films
import numpy as np
import openai_stand_in
import pytest
from mlx_vlm_modules import StandInModel, stand_in_modules
from PIL import Image
from screenshots import Desktop
from serve_program import Server

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import COMMANDS, build_parser, main
from mlx_saccade.cli.commands.mlx_vlm import split_words
from mlx_saccade.cli.mistakes import UsageError
from mlx_saccade.integrations import arguments
from mlx_saccade.preprocess.recommend import TABLE

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
ADDRESS = "http://127.0.0.1:8765"
TEXT = README.read_text(encoding="utf-8")
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
# Every text by hand; docs/command-line.md and docs/python.md are written from the code.
TEXTS = [
    *sorted(ROOT.glob("*.md")),
    *(ROOT / "docs" / name for name in ("README.md", "reference.md", "swift.md")),
    *GUIDES,
    *(ROOT / name / "README.md" for name in ("benchmarks", "cpp/fuzz", "tests/long", "training")),
]
EXAMPLES = {"README.md": 3, "quickstart.md": 4, "budgets-and-coordinates.md": 3, "small-targets.md": 6, "mlx-vlm.md": 3,
            "your-own-checkpoint.md": 3, "measuring.md": 2, "messages.md": 2,
            "screenshot-to-click.md": 8, "real-checkpoint.md": 1, "agents.md": 4, "video.md": 3,
            "elements.md": 1, "real-screens.md": 0, "scale.md": 0}  # fmt: skip


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Names of a text's headings in links, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(path: Path) -> list[str]:
    """The `mlx-saccade` lines of a text's shell examples, and those between backquotes."""
    text = path.read_text(encoding="utf-8")
    shell = "".join(blocks(path, "sh")) + "\n".join(re.findall(r"^    (.*)$", text, re.MULTILINE))
    return re.findall(r"^mlx-saccade (.*)$", shell, re.MULTILINE) + re.findall(
        r"(?<!`)`mlx-saccade ([a-z][^`]*)`(?!`)", " ".join(text.split())
    )


@pytest.fixture
def mlx_vlm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules of mlx-vlm's shape, for texts that name a checkpoint nobody has; tests/long runs the real one."""
    modules = stand_in_modules()
    monkeypatch.setattr(modules["mlx_vlm.utils"], "load_model", lambda path: StandInModel())
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield
    saccade.integrations.mlx_vlm.disable()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.asarray(Image.open(Path(saccade.__file__).parent / "assets" / "demo" / "screen.png").convert("RGB"))


@pytest.fixture
def desktop(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    """Two Retina monitors with the demo's screen, one to the left of the primary one, through mss and PyAutoGUI."""
    desktop = Desktop([picture, picture], left=-1920, scale=2)
    for name, module in desktop.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return desktop


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the guide to agents, whose address is put in the place of the default one."""
    running = Server(tmp_path_factory.mktemp("server") / "log.txt", "--budget", "256")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "openai", openai_stand_in)
        yield running
    assert running.end() == 0


@pytest.mark.usefixtures("mlx_vlm", "desktop")
@pytest.mark.parametrize("path", [README, *GUIDES], ids=lambda path: path.name)
def test_python_examples_in_order_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (3840, 2160)).save("shot.png")
    names: dict[str, Any] = {}
    examples = blocks(path, "python")
    assert len(examples) == EXAMPLES[path.name]
    if path.name == "video.md":
        if films.av is None:
            pytest.skip("PyAV is not installed")
        films.write("clip.mp4", rate=2, frames=[request.getfixturevalue("picture")] * 8)
    if path.name == "agents.md":
        server = request.getfixturevalue("server")
        examples = [example.replace(ADDRESS, server.url) for example in examples]
    for example in examples:
        exec(compile(example, str(path), "exec"), names)
    if examples:
        CHECKS[path.name](names)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_shell_examples_of_the_server_run(server: Server, picture: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "shot.png")
    outputs = []
    for example in blocks(ROOT / "docs" / "guides" / "agents.md", "sh"):
        code = re.sub(r"(^|\| )mlx-saccade ", rf"\1{sys.executable} -m mlx_saccade ", example, flags=re.MULTILINE)
        words = ["sh", "-e", "-c", code.replace(ADDRESS, server.url)]
        outputs.append(subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    located, chat, batch = outputs
    assert '"found":true' in located and '"resized_size":[' in located
    assert chat.startswith("data: {") and chat.endswith("data: [DONE]\n\n")
    assert batch.count('"found": true') == 1 and "scene-000002.png: " in batch
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 3


def check_readme(names: dict[str, Any]) -> None:
    assert names["answer"].found
    assert names["answer"].frames[0].tokens <= 256
    plan = names["plan"]
    assert f"# {plan.resized_size}, {plan.grid_thw}, {plan.tokens}, {plan.windows}" in TEXT
    assert f"# {plan.to_source((658, 364))}" in TEXT
    assert names["processor"].image_processor.plan((3840, 2160)) == plan


def check_quickstart(names: dict[str, Any]) -> None:
    assert len(names["answers"]) == 2


def check_budgets(names: dict[str, Any]) -> None:
    assert names["plan"].tokens == 1222


def check_small_targets(names: dict[str, Any]) -> None:
    zoomed, advice, answer = names["zoomed"], names["advice"], names["answer"]
    text = (ROOT / "docs" / "guides" / "small-targets.md").read_text(encoding="utf-8")
    assert zoomed.boxes
    assert f"# {zoomed.crop}, {zoomed.tokens} tokens" in text
    assert f"# {advice.zoom} {round(advice.zoom_share, 3)}" in text
    assert f"# {[round(edge) for edge in answer.boxes[0]]}, pixels of the whole image" in text
    assert not answer.looks[0].box
    assert names["part"].found
    assert names["engine"].locate(names["shot"], "the orange triangle icon", budget=256, policy=names["halves"]).found


def check_mlx_vlm(names: dict[str, Any]) -> None:
    plan = saccade.plan((3840, 2160), budget=1280)
    assert names["box"].xyxy == pytest.approx(plan.to_source((28, 28, 56, 84)))
    assert not isinstance(names["processor"].image_processor, saccade.integrations.mlx_vlm.ImageProcessor)


def check_your_own_checkpoint(names: dict[str, Any]) -> None:
    assert names["conversion"].bytes < names["conversion"].source_bytes
    assert names["small"].model.config.quantization is not None


def check_measuring(names: dict[str, Any]) -> None:
    assert names["hits"] > 0
    assert [target.regime for target in names["data"].targets] == ["tiny"]


def check_messages(names: dict[str, Any]) -> None:
    assert names["answer"].text == names["same"].text
    assert len(names["answer"].frames) == 1


def check_screenshot_to_click(names: dict[str, Any]) -> None:
    """Every click is in the known box of its target, in points of the monitor that was captured."""
    targets = json.loads((Path(saccade.__file__).parent / "assets" / "demo" / "targets.json").read_text())["targets"]
    boxes = {target["description"]: target["box"] for target in targets}

    def is_on(click: tuple[float, float], description: str, left: int = 0) -> bool:
        x1, y1, x2, y2 = (edge / 2 for edge in boxes[description])
        return left + x1 <= click[0] <= left + x2 and y1 <= click[1] <= y2

    desktop, engine = names["mss"].MSS(), names["engine"]
    assert is_on(desktop.clicks[0], "the red dialog")
    assert is_on(desktop.clicks[1], "the purple push button")
    for description, answer in zip(names["descriptions"], names["answers"], strict=True):
        assert is_on(answer.screen_click, description)
    assert is_on(names["clicks"][0], "the red dialog")
    assert is_on(names["clicks"][1], "the red dialog", left=-1920)
    assert is_on(names["find"]("the red dialog", names["window"]).screen_click, "the red dialog")
    assert is_on(names["find"]("the red dialog", 2).screen_click, "the red dialog", left=-1920)
    assert names["answer"].found
    desktop.blank = 2
    assert is_on(names["wait_for"]("the red dialog").screen_click, "the red dialog")
    assert desktop.blank == 0
    desktop.blank = 1
    nothing = engine.locate(names["capture"]()[0], "the red dialog")
    assert not names["is_sure"](nothing)
    assert nothing.screen_click is None
    assert names["wait_for"]("the red dialog", seconds=0) is None
    assert len(desktop.clicks) == 2


def check_real_checkpoint(names: dict[str, Any]) -> None:
    assert names["estimate"].peak > names["estimate"].weights


def check_agents(names: dict[str, Any]) -> None:
    """The clients get answers; the configuration's command parses; the table has every argument of the tools."""
    assert names["completion"].choices[0].message.content
    assert names["own"]["frames"][0]["source_size"] == names["answer"]["frames"][0]["source_size"] == [3840, 2160]
    assert names["answer"]["frames"][0]["region"] == [0, 0, 1920, 2160]
    assert 0 < names["result"].structured_content["tokens"] <= 256
    path = ROOT / "docs" / "guides" / "agents.md"
    [configuration] = map(json.loads, blocks(path, "json"))
    server = configuration["mcpServers"]["saccade"]
    assert server["command"] == "mlx-saccade"
    assert build_parser("mcp").parse_args(server["args"]).budget == "1280"
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", path.read_text(encoding="utf-8"), re.MULTILINE))
    raw = {"raw_size", "pixel_format"}
    for name, tool in (("locate", arguments.LOCATE), ("ask", arguments.ASK), ("plan", arguments.PLAN)):
        assert set(re.findall(r"`(\w+)`", rows[name])) == set(tool.properties) - raw


def check_video(names: dict[str, Any]) -> None:
    assert names["video"].seconds == [0, 1, 2, 3]
    assert names["answer"].usage["video"] <= 400
    assert names["engine"].locate(names["frame"], "the red dialog").found


def check_elements(names: dict[str, Any]) -> None:
    assert len(names["scene"].matching(names["pair"].description)) == 2


CHECKS = {
    "elements.md": check_elements,
    "video.md": check_video,
    "agents.md": check_agents,
    "screenshot-to-click.md": check_screenshot_to_click,
    "real-checkpoint.md": check_real_checkpoint,
    "README.md": check_readme,
    "quickstart.md": check_quickstart,
    "budgets-and-coordinates.md": check_budgets,
    "small-targets.md": check_small_targets,
    "mlx-vlm.md": check_mlx_vlm,
    "your-own-checkpoint.md": check_your_own_checkpoint,
    "measuring.md": check_measuring,
    "messages.md": check_messages,
}


def test_budgets_guide_run_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "docs" / "guides" / "budgets-and-coordinates.md"
    code = "".join(blocks(path, "python"))
    exec(compile(code, str(path), "exec"), {})
    comments = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert len(comments) == 9
    assert [comment.partition(":")[0] for comment in comments] == capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("path", [README, *GUIDES], ids=lambda path: path.name)
def test_descriptions_in_python_examples_are_on_the_demo_screen(path: Path) -> None:
    described = set(re.findall(r'"(the [a-z ]+)"', "".join(blocks(path, "python"))))
    targets = json.loads((Path(saccade.__file__).parent / "assets" / "demo" / "targets.json").read_text())["targets"]
    assert described or path.stem in (
        "budgets-and-coordinates",
        "mlx-vlm",
        "your-own-checkpoint",
        "real-checkpoint",
        "measuring",
        "messages",
        "elements",
        "real-screens",
        "scale",
    )
    known = {target["description"] for target in targets}
    if path.stem == "small-targets":
        known |= {element.description for element in saccade.scenes.generate(0, size=(3840, 2160)).elements}
    assert described <= known


@pytest.mark.parametrize("path", [README, ROOT / "docs" / "guides" / "quickstart.md"], ids=lambda path: path.name)
def test_generated_screens_have_what_the_text_looks_for(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [shlex.split(line, comments=True) for line in commands(path)]
    assert main([*next(words for words in lines if words[:2] == ["scenes", "--out"]), "--n", "1"]) == 0
    known = json.loads((tmp_path / "screens" / "annotations.json").read_text())
    questions = [words for words in lines if words[0] == "locate" and words[1].startswith("screens/")]
    assert questions
    for words in questions:
        capsys.readouterr()
        assert main([*words, "--json"]) == 0
        box = json.loads(capsys.readouterr().out)["answers"][0]["boxes"][0]["xyxy"]
        assert saccade.grounding.center_inside(box, next(e["bbox"] for e in known if e["instruction"] == words[2]))


def test_number_of_mistakes_is_that_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(README.parent / "tests" / "mutations"))
    from mutants import MUTANTS

    assert f"puts {len(MUTANTS)} mistakes" in TEXT


def test_readme_has_at_most_1000_words() -> None:
    assert len(TEXT.split()) <= 1000


def test_every_text_has_its_commands() -> None:
    assert {path.name for path in GUIDES} == set(EXAMPLES) - {"README.md"}
    for path in (README, *GUIDES):
        assert commands(path), path.name


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_options_parse(path: Path) -> None:
    """Whole lines by the parser itself; a bare command, as prose names it, by its name."""
    for line in commands(path):
        words = shlex.split(line, comments=True)
        assert words[0] in {*COMMANDS, "--help", "--version"}, line
        if len(words) == 1:
            continue
        if words[0] == "mlx-vlm":
            words, _ = split_words(words)
        try:
            build_parser(words[0]).parse_args(words)
        except UsageError as error:
            pytest.fail(f"{line}: {error}")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tests|cpp|docs|training|benchmarks|swift|python|\.github|\.ci)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name
    for link, anchor in re.findall(r"\]\(([^)#:]+)(?:#([\w-]+))?\)", text):
        assert (path.parent / link).exists(), link
        assert not anchor or anchor in anchors(path.parent / link), f"{link}#{anchor}"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_named_exist(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"^(?:    )?make ([a-z][a-z0-9-]*)", text, re.MULTILINE) + re.findall(
        r"`make ([a-z][a-z0-9-]*)", text
    )
    assert set(named) <= targets


def test_index_links_every_text() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    links = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", index)}
    texts = {*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {ROOT / "docs" / "README.md"}
    assert texts <= links


def test_token_range_is_what_the_survey_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtimes", "3840x2160"]) == 0
    printed = capsys.readouterr().out
    low, high = re.findall(r"from ([\d,]+) to ([\d,]+) tokens", TEXT)[0]
    counts = {int(word.replace(",", "")) for word in re.findall(r"^\S+ +([\d,]+) +\d+ x \d+", printed, re.MULTILINE)}
    assert (min(counts), max(counts)) == (int(low.replace(",", "")), int(high.replace(",", "")))


def test_table_of_budgets_is_the_one_that_recommend_uses() -> None:
    rows = re.findall(r"^\| (large|medium|small|tiny), [^|]* \| (\d+) \| (.*?) \|[^|]*\|$", TEXT, re.MULTILINE)
    shown = [(size, int(n), [float(cell.strip("* ")) for cell in cells.split("|")]) for size, n, cells in rows]
    assert shown == [(row.size, row.targets, [iou for _, iou in row.iou]) for row in TABLE]


def test_public_names_are_there() -> None:
    for name in saccade.__all__:
        assert getattr(saccade, name) is not None
    assert saccade.integrations.mlx_vlm.enable is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        saccade.nothing_of_the_kind  # noqa: B018


def test_packaged_checkpoint_keeps_to_its_size() -> None:
    from importlib import resources

    folder = Path(str(resources.files("mlx_saccade"))) / "assets" / "tiny"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10_000_000
    assert (folder.parent.parent / "py.typed").exists()


def test_layers_of_the_architecture_are_those_of_the_contract() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## The import contract")[2]
    shown = re.findall(r"^    (.+)$", text.partition("\n## ")[0], re.MULTILINE)
    contract = re.search(r"^layers = \[\n(.*?)\n\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M | re.S)
    assert contract is not None
    assert shown == re.findall(r'"(.*?)"', contract[1])


def test_public_names_of_the_architecture_are_all_of_them() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Public names")[2].partition("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == set(saccade.__all__) - {"__version__"}
