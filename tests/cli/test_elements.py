"""`mlx-saccade elements` with the packaged checkpoint on small screens, and its answers to mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import write_picture
from PIL import Image

from mlx_saccade import scenes
from mlx_saccade.cli.__main__ import main
from mlx_saccade.evals.elements import audit
from mlx_saccade.evals.metrics import iou
from mlx_saccade.scenes import Scene

SIZE = (588, 336)
FEWER = ("--grids", "1", "--stride", "28")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scenes.generate(14, SIZE, ambiguous=True, least=8, smallest=28)


@pytest.fixture(scope="module")
def folder(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that was made in two runs, the first of which ended after the zooms."""
    folder = tmp_path_factory.mktemp("made")
    Image.fromarray(scene.image).save(folder / "shot.png")
    words = ["elements", "run", str(folder / "shot.png"), "--out", str(folder / "set"), *FEWER]
    assert main([*words, "--until", "localize"]) == 0
    assert not (folder / "set" / "set.json").exists()
    assert main(words) == 0
    return folder / "set"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_run_keeps_elements_that_are_there_and_alone(folder: Path, scene: Scene) -> None:
    accepted, rejected = read(folder / "annotations.json"), read(folder / "rejected.json")
    good = 0
    for entry in accepted:
        matching = scene.matching(entry["instruction"])
        good += len(matching) == 1 and iou(matching[0].box, entry["bbox"]) > 0.5
    assert good >= 4
    assert good >= 0.8 * len(accepted)
    assert len(accepted) + len(rejected) == len(read(folder / "set.json")["elements"])
    ambiguous = [entry for entry in rejected if entry["verdict"] == "ambiguous"]
    assert ambiguous
    for entry in ambiguous:
        assert len(scene.matching(entry["instruction"])) == 2, entry


def test_run_again_asks_nothing_and_gives_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert main(["elements", "run", str(folder / "images/shot.png"), "--out", str(folder), *FEWER, "--json"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 1
    assert figures["accepted"] + figures["rejected"] == sum(figures["verdicts"].values())


def test_run_of_a_model_that_names_nothing_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlx_saccade.evals.elements.asking.EngineAsker.list_elements", lambda *words: [])
    write_picture(tmp_path / "shot.png")
    words = ["elements", "run", str(tmp_path / "shot.png"), "--out", str(tmp_path / "set"), "--proposer", "list"]
    assert main(words) == 0
    assert "no region in 1 image: the model named nothing" in " ".join(capsys.readouterr().out.split())
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 1
    assert read(tmp_path / "set" / "annotations.json") == []


def test_review_and_merge_take_a_decision_into_the_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["elements", "review", str(folder)]) == 0
    assert (folder / "review.html").is_file()
    entry = read(folder / "annotations.json")[0]
    judged = {name: entry[name] for name in ("id", "img_filename", "bbox", "instruction")}
    decisions = [{**judged, "decision": "reject", "reason": "not an element"}]
    path = folder / "from-page.json"
    path.write_text(json.dumps({"schema": "mlx-saccade/decisions/1", "decisions": decisions}))
    capsys.readouterr()
    assert main(["elements", "merge", str(folder), str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["merged"] == 1
    assert entry["id"] in {one["id"] for one in read(folder / "rejected.json")}
    decisions[0]["bbox"] = [0, 0, 1, 1]
    path.write_text(json.dumps({"schema": "mlx-saccade/decisions/1", "decisions": decisions}))
    assert main(["elements", "merge", str(folder), str(path)]) == 2
    assert f"got {entry['id']}, whose bbox is [0, 0, 1, 1]" in capsys.readouterr().err


def test_audit_resumes_and_counts_its_screens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "audit_screens", stand_in)
    words = ["elements", "audit", "--out", str(tmp_path / "audit.jsonl"), "--json", "--n"]
    assert main([*words, "1"]) == 0
    assert json.loads(capsys.readouterr().out)["screens"] == 1
    assert main([*words, "3"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["screens"] == 3
    assert figures["good_lost"] == {"n": 3, "screens": 3, "value": 0.0, "interval": None}
    assert [json.loads(line)["seed"] for line in (tmp_path / "audit.jsonl").read_text().splitlines()[1:]] == [
        audit.FIRST_SEED, audit.FIRST_SEED + 1, audit.FIRST_SEED + 2
    ]  # fmt: skip
    assert main([*words[:-2], "--n", "3"]) == 0
    assert "good that were lost" in capsys.readouterr().out


def stand_in(model: Any, options: Any, settings: Any, seeds: Any, processes: int) -> Any:
    region = {"truth": "good", "verdict": "accepted", "iou": 0.9, "side": 30, "description": "the icon"}
    return (audit.ScreenAudit(seed, 4, 2, [region]) for seed in seeds)


def test_audit_in_a_process_of_its_own_gives_what_it_gives_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_saccade.evals.elements.regions import Settings

    (one,) = audit.audit_screens(None, {}, Settings("points", grids=(1,), stride=120), [audit.FIRST_SEED + 6], 1)
    assert one.seed == audit.FIRST_SEED + 6
    assert any(region["truth"] == "good" for region in one.regions)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        list(audit.audit_screens("nowhere/at all/x", {}, Settings("points"), [1], 1))


def test_pairs_are_written_with_the_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["elements", "pairs", "--out", str(tmp_path / "pairs"), "--n", "3", "--size", "640x360", "--share", "0.5"]
    assert main([*words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert len(read(tmp_path / "pairs" / "clean.json")) == figures["targets"]
    assert sum(one["ambiguous"] for one in read(tmp_path / "pairs" / "contaminated.json")) == figures["ambiguous"]
    assert main(words) == 0
    assert f"{figures['ambiguous']} of them ambiguous" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("run", "shot.png"), ("--out",)),
        (("run", "missing.png", "--out", "set"), ("missing.png", "no such file")),
        (("run", "shot.png", "--out", "shot.png"), ("--out", "expected a folder; got a file")),
        (("run", "shot.png", "--out", "set", "--grids", "2,1"), ("--grids", "rising numbers from 1 to 8", "2,1")),
        (("run", "shot.png", "--out", "set", "--grids", "0"), ("--grids",)),
        (("run", "shot.png", "--out", "set", "--grids", "1,9"), ("--grids",)),
        (("run", "shot.png", "--out", "set", "--grids", ""), ("--grids",)),
        (("run", "shot.png", "--out", "set", "--stride", "2"), ("--stride", "at least 8")),
        (("run", "shot.png", "--out", "set", "--budget", "much"), ("budget", "much")),
        (("run", "shot.png", "--out", "set", "--model", "no/such/folder"), ("no/such/folder",)),
        (("review", "nowhere"), ("nowhere/set.json", "elements run")),
        (("merge", "nowhere", "x.json"), ("nowhere/set.json",)),
        (("pairs", "--out", "p", "--share", "0"), ("--share", "above 0")),
        (("pairs", "--out", "p", "--n", "0"), ("--n",)),
        (("pairs", "--out", "shot.png", "--n", "1"), ("--out", "got a file")),
        (("audit", "--n", "0"), ("--n",)),
        (("audit", "--processes", "0"), ("--processes",)),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...],
    parts: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "shot.png")
    assert main(["elements", *words]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    (line,) = (line for line in errors.splitlines() if "knows generated screens only" not in line)
    assert line.startswith("mlx-saccade")
    for part in parts:
        assert part in line
    assert {path.name for path in tmp_path.iterdir()} <= {"shot.png", "set"}
    assert not (tmp_path / "set" / "set.json").exists()
