"""The site that `mlx-saccade dashboard build` writes, from good, damaged and hostile files."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import webbrowser
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import dashboard_data
import pytest

from mlx_saccade import dashboard
from mlx_saccade.bench import history, profile
from mlx_saccade.bench.run import Cell, Model, Run
from mlx_saccade.cli.__main__ import main
from mlx_saccade.dashboard import figures, site
from mlx_saccade.dashboard.changes import changes
from mlx_saccade.dashboard.sources import gather
from mlx_saccade.dashboard.stages import parts
from mlx_saccade.errors import InputError

ROOT = Path(__file__).parents[2]
pytest.importorskip("plotly")


def data_in(folder: Path) -> dict[str, Any]:
    """Return the data of a site."""
    text = (folder / "data.js").read_text(encoding="ascii")
    match = re.fullmatch(r'"use strict";\nglobalThis\.saccade = \{ data: (.*) \};\n', text)
    assert match is not None
    value: dict[str, Any] = json.loads(match[1])
    return value


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dashboard.Site:
    folder = dashboard_data.write(tmp_path_factory.mktemp("data"))
    return dashboard.build(tmp_path_factory.mktemp("out") / "site", [folder, ROOT / "benchmarks" / "results"])


def test_site_is_complete_and_light(built: dashboard.Site) -> None:
    folder = built.index.parent
    page = built.index.read_text(encoding="utf-8")
    for name in re.findall(r'(?:src|href)="([^"#:]+)"', page):
        assert (folder / name).is_file(), name
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "plotly.min.js"]
    assert sum(path.stat().st_size for path in files) == built.page_bytes <= site.MAX_BYTES
    assert "http://" not in page
    assert "https://" not in page


def test_every_static_file_is_part_of_the_site() -> None:
    static = ROOT / "python" / "mlx_saccade" / "dashboard" / "static"
    names = {path.relative_to(static).as_posix() for path in static.rglob("*") if path.is_file()}
    assert names == {"style.css", *site.SCRIPTS} - {"data.js"}


def test_damaged_files_are_named_and_skipped(built: dashboard.Site) -> None:
    starts = ("damaged <b>.json: ", "not-finite.json: ", "number.jsonl: ", "table.csv: ")
    assert [problem.startswith(start) for problem, start in zip(built.problems, starts, strict=True)] == [True] * 4
    page = built.index.read_text(encoding="utf-8")
    assert "damaged &lt;b&gt;.json" in page
    assert data_in(built.index.parent)["problems"] == list(built.problems)


def test_texts_of_files_are_escaped(built: dashboard.Site) -> None:
    page = built.index.read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "<img" not in page
    machines = {one["chip"] for one in data_in(built.index.parent)["machines"]}
    assert dashboard_data.HOSTILE in machines


def test_no_script_makes_markup_from_text() -> None:
    static = ROOT / "python" / "mlx_saccade" / "dashboard" / "static"
    for path in static.rglob("*.js"):
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch("):
            assert word not in path.read_text(encoding="utf-8"), (path, word)


def test_no_path_of_the_machine_is_on_the_page(built: dashboard.Site, tmp_path: Path) -> None:
    folder = built.index.parent
    texts = built.index.read_text(encoding="utf-8") + (folder / "data.js").read_text(encoding="utf-8")
    assert "/home/somebody" not in texts
    assert str(tmp_path.parent) not in texts


def test_latency_has_every_side_and_says_what_did_not_run(built: dashboard.Site) -> None:
    latency = data_in(built.index.parent)["latency"]
    newest = latency["sets"][0]
    assert newest["date"] == "2026-11-23T10:00:00Z"
    assert {cell["side"] for cell in newest["cells"]} == {"saccade", "mlx-vlm", "mlx-vlm enabled"}
    skipped = next(cell for cell in newest["cells"] if cell["skipped"])
    assert (skipped["parts"], skipped["whole"], skipped["tokens"], skipped["peak_bytes"]) == ([], None, None, None)
    assert {one["model"] for one in latency["sets"]} == {"synthetic 3b:2", "packaged", "wide"}
    computed = {
        tuple(point["image"].split("x")): point["tokens"] for point in latency["published"] if point["computed"]
    }
    assert computed["448", "448"] == 14 * 14


def test_latency_begins_with_the_newest_run_that_has_a_peer(tmp_path: Path) -> None:
    days = [dashboard_data.profile(f"2026-11-2{day}T10:00:00Z", str(day)) for day in range(3)]
    alone = replace(days[2], cells=tuple(cell for cell in days[2].cells if cell.side == "saccade"))
    for run in (days[0], days[1], alone):
        history.append(run, tmp_path / "data")
    dashboard.build(tmp_path / "site", [tmp_path / "data"])
    assert [one["commit"] for one in data_in(tmp_path / "site")["latency"]["sets"]] == ["1", "0", "2"]


def test_parts_add_up_to_the_whole_call() -> None:
    stages = {"decode": 1.0, "vision": 2.0, "prefill": 3.0, "first token": 7.0, "tokens": 0.5, "whole": 9.0}
    assert parts(stages) == [
        ("decode", 1.0), ("vision", 2.0), ("prefill", 3.0), ("rest of the first token", 1.0),
        ("later tokens and rest", 2.0),
    ]  # fmt: skip
    assert parts({"whole": 4.0}) == [("whole call, not split", 4.0)]
    assert parts({"vision": 5.0, "whole": 4.0}) == [("vision", 5.0)]
    assert parts({}) == []


def test_accuracy_has_the_published_table_the_card_and_the_sweep(built: dashboard.Site) -> None:
    accuracy = data_in(built.index.parent)["accuracy"]
    assert [one["name"].split(":")[0].split(",")[0] for one in accuracy["sets"]] == [
        "sweep sweep", "published", "saccade-tiny",
    ]  # fmt: skip
    assert accuracy["sets"][0]["name"].endswith(", 3b")
    cells = {(cell["size"], cell["policy"], cell["budget"]): cell for cell in accuracy["sets"][0]["cells"]}
    assert [policy for size, policy, budget in cells if (size, budget) == ("tiny", 64)] == ["flat", "zoom:share=0.4"]
    tiny = cells["tiny", "flat", 64]
    assert tiny["low"] < tiny["iou"] < tiny["high"]
    assert (tiny["n"], tiny["failed"], tiny["hits_low"] is None) == (12, 1, False)
    assert tiny["size_ratio"] == pytest.approx(tiny["iou"], abs=0.1)
    assert cells["all", "flat", 256]["n"] == 48
    best = next(one for one in accuracy["sets"][0]["optima"] if (one["size"], one["policy"]) == ("tiny", "flat"))
    assert (best["best"]["label"], best["share"], best["level"]) == ("256", 1.0, [])
    published = {(cell["size"], cell["budget"]): cell for cell in accuracy["sets"][1]["cells"]}
    assert published["large", 1280]["iou"] == 0.643
    assert published["tiny", 1280]["seconds"] is None
    choices = [row["policy"] for row in accuracy["policies"][0]["rows"] if row["is_choice"]]
    assert choices == ["flat", "zoom", *(f"search, {looks} looks" for looks in (5, 8, 12, 20))]
    by_size = {one["name"].rpartition(", ")[2]: one for one in accuracy["policies"][1:]}
    assert set(by_size) == {"large", "medium", "small", "tiny", "tiny and small"}
    assert by_size["tiny"]["machine"]
    own = next(row for row in by_size["large"]["rows"] if row["policy"] == "auto")
    assert own["is_choice"] and own["right"]["low"] <= own["right"]["mean"] <= own["right"]["high"]


def test_figures_of_the_packaged_checkpoint_are_the_cards() -> None:
    card = (resources.files("mlx_saccade") / "assets" / "tiny" / "README.md").read_text(encoding="utf-8")
    for row in figures.load("packaged")["cells"]:
        values = " | ".join("{:.3f} ({:.3f}-{:.3f})".format(*one) for one in row["budgets"].values())
        assert f"| float16 | {row['size']} ({row['n']}; {row['screens']}) | {values} | 256 |" in card


def test_tables_by_side_are_those_of_the_readme() -> None:
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    table = gather([ROOT / "benchmarks" / "results" / "search_by_side.csv"]).tables[0]
    assert len(table.rows) == 20
    for row in table.rows:
        line = next(
            line for line in readme.splitlines() if line.startswith(f"| {row['policy']} | 0.") and " n " in line
        )
        interval = f" ({row['low']}-{row['high']})" if row["low"] else ""
        assert f"{row['right']}{interval} n {row['n']}" in line


def test_history_marks_the_regression_and_nothing_else(built: dashboard.Site) -> None:
    series = data_in(built.index.parent)["history"]
    profiles = [one for one in series if one["kind"] == "profile"]
    assert len({one["stage"] for one in profiles}) == len(dashboard_data.STAGES)
    for one in profiles:
        assert [point["regression"] for point in one["points"]] == [False, False, False, True]


def test_a_slower_machine_or_another_model_is_no_regression() -> None:
    first, fallen = (dashboard_data.profile(f"2026-11-2{day}T10:00:00Z", "a", fall) for day, fall in ((0, 1), (1, 2)))
    slow = replace(first, date="2026-11-22T10:00:00Z", cells=tuple(slower(cell) for cell in first.cells))
    other = replace(fallen, model=None)

    def regressions(*runs: Run) -> int:
        return sum(point["regression"] for one in changes(runs) for point in one["points"])

    assert regressions(first, fallen) > 0
    assert regressions(first, slow) == regressions(first, other) == regressions(first) == 0


def slower(cell: Cell) -> Cell:
    stages = {stage: tuple(3 * seconds for seconds in samples) for stage, samples in cell.stages.items()}
    return replace(cell, stages=stages)


def test_peers_have_machine_and_date(built: dashboard.Site) -> None:
    peers = data_in(built.index.parent)["peers"]
    engine = [case for case in peers if case["group"] == "engine"]
    assert {(case["machine"], case["date"]) for case in engine} == {("EPYC Zen 5", "2026-11-21")}
    whole = next(case for case in peers if case["group"] == "whole call" and case["case"] == "1,280 tokens, avx512")
    assert {side["side"] for side in whole["sides"]} >= {"saccade", "mlx-vlm", "transformers, Pillow"}
    cannot = next(case for case in engine if case["case"] == "wide, 4080 tokens, vision")
    assert cannot["sides"][1]["value"] is None


def test_checks_that_were_sent_in_are_shown(built: dashboard.Site) -> None:
    machines = data_in(built.index.parent)["machines"]
    assert len(machines) == 2
    assert [check["passed"] for check in machines[0]["checks"]] == [True, False]


def test_without_data_the_site_has_the_published_figures(tmp_path: Path) -> None:
    built = dashboard.build(tmp_path / "site")
    data = data_in(tmp_path / "site")
    assert (built.files, data["latency"]["sets"], data["machines"]) == ((), [], [])
    assert len(data["accuracy"]["sets"]) == 2


def test_answers_that_a_second_sweep_repeated_count_once(tmp_path: Path) -> None:
    folder = dashboard_data.write(tmp_path)
    shutil.copytree(folder / "sweep", folder / "twice")
    lines = (folder / "sweep" / "rows.jsonl").read_text()
    (folder / "twice" / "rows.jsonl").write_text(lines + lines)
    once, twice = gather([folder / "sweep"]), gather([folder / "twice" / "rows.jsonl"])
    assert once.sweeps[0].report.cells == twice.sweeps[0].report.cells
    assert twice.problems == ["rows.jsonl: 143 questions have a second answer; the first counts"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("boxes", "[[NaN, 0, 1, 1]]"), ("expected", "[[0, 0, 0, 0]]"), ("tokens", "true"), ("tokens", "1" * 400)],
)
def test_a_damaged_answer_is_named(field: str, value: str, tmp_path: Path) -> None:
    rows = dashboard_data.write(tmp_path) / "sweep" / "rows.jsonl"
    first, *others = rows.read_text().splitlines(keepends=True)
    damaged = re.sub(rf'"{field}": (\[\[.*?\]\]|[^,]+)', f'"{field}": {value}', first, count=1)
    rows.write_text("".join([damaged, *others]))
    assert gather([rows.parent]).problems[0].startswith(f"sweep/rows.jsonl: line 1: {field}: ")


def test_unusual_names_and_files_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.json").write_text("{")
    (tmp_path / "latin.csv").write_bytes(b"machine\xff\n")
    (tmp_path / "annotations.json").write_text("[]")
    (tmp_path / "short.csv").write_text("policy,from_px,below_px,right,low,high,n\nflat,1\n")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    sources = gather([tmp_path, tmp_path])
    assert [problem.split(":")[0] for problem in sources.problems] == ["deep.json", "latin.csv", "short.csv"]


def test_the_log_of_a_profile_and_its_record_are_one_run(tmp_path: Path) -> None:
    model = Model("packaged", "", (4, 5), (4, 5))
    setup = profile.Setup(
        dashboard_data.ZEN, {"mlx": "0.32.4"}, "abc", model, ("saccade",), (256,), 1, (640, 480), 4, "float32"
    )
    log = profile.open_log(tmp_path / "saccade-profile.jsonl", setup, "digest")
    log.add(profile.Turn("saccade", 256, 0, "2026-11-29T10:00:00Z", skipped="no memory"))
    history.append(profile.read_turns(log.path), tmp_path / "history")
    sources = gather([tmp_path])
    assert (len(sources.files), len(sources.runs), sources.problems) == (2, 1, [])
    assert sources.runs[0].cells[0].skipped == "no memory"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses names that are no UTF-8")
def test_a_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff\n.json")).write_text("{")
    built = dashboard.build(tmp_path / "site", [tmp_path])
    assert built.problems[0].startswith("a\\udcff")
    assert "a\\udcff" in built.index.read_text(encoding="utf-8")


@pytest.mark.parametrize("field", ["memory_bytes", "peak_bytes", "patch_bytes", "vision"])
def test_a_number_beyond_all_machines_is_named(field: str, tmp_path: Path) -> None:
    path = history.append(dashboard_data.profile("2026-11-29T10:00:00Z", "a"), tmp_path / "data")
    text = re.sub(rf'("{field}": \[?\s*)[\d.]+', rf"\g<1>{'9' * 400}", path.read_text(), count=1)
    path.write_text(text)
    assert len(dashboard.build(tmp_path / "site", [path]).problems) == 1


def test_a_run_without_a_model_or_commit_is_shown(tmp_path: Path) -> None:
    history.append(replace(dashboard_data.profile("2026-11-29T10:00:00Z", ""), model=None), tmp_path / "data")
    dashboard.build(tmp_path / "site", [tmp_path / "data"])
    assert "commit unknown" in data_in(tmp_path / "site")["latency"]["sets"][0]["name"]


def test_out_that_is_a_file_or_another_site_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder; got a file"):
        dashboard.build(tmp_path / "file")
    (tmp_path / "index.html").write_text("<p>mine")
    with pytest.raises(InputError, match="got another site"):
        dashboard.build(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<p>mine"


def test_without_plotly_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"mlx-saccade\[dashboard\]"):
        dashboard.build(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_command_line_builds_and_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    monkeypatch.chdir(tmp_path)
    data = dashboard_data.write(tmp_path / "benchmarks")
    assert main(["dashboard", "open"]) == 2
    assert "dashboard build" in capsys.readouterr().err
    assert main(["dashboard", "build", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["files"]) == 7
    assert len(result["skipped"]) == 4
    assert main(["dashboard", "build", "--data", str(data / "sweep"), "--data", str(data), "--out", "two"]) == 0
    assert "7 data files" in capsys.readouterr().out
    assert main(["dashboard", "build", "--data", str(data / "table.csv"), "--out", "two"]) == 1
    assert "skipped: table.csv: " in capsys.readouterr().err
    assert main(["dashboard", "build", "--data", "nowhere"]) == 2
    assert "nowhere: no such file or folder" in capsys.readouterr().err
    assert main(["dashboard", "open"]) == 0
    assert opened == [(tmp_path / "site" / "index.html").as_uri()]
