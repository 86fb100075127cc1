"""The history of measurements: appending, reading, and naming what cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlx_saccade.bench import history
from mlx_saccade.bench.run import Cell, Check, Machine, Model, Run
from mlx_saccade.errors import InputError

EXAMPLE = Path(__file__).parent / "example_run.json"
RUN = Run(
    kind="profile",
    date="2026-11-29T16:50:00Z",
    commit="82a0ef0c1d2e3f405162738495a6b7c8d9e0f123",
    machine=Machine("Apple M4 Max", 16, 48 * 2**30, "macOS 26.1", "arm64", "gpu", "Apple M4 Max", "neon-i8mm", 12),
    versions={"mlx-saccade": "0.3.0", "mlx": "0.32.4"},
    cells=(
        Cell(
            "saccade", 1280, 1,
            {"decode": (0.05, 0.051), "patchify": (0.004, 0.004), "vision": (2.1, 2.2), "prefill": (3.0, 3.1),
             "first token": (5.2, 5.4), "tokens": (0.02, 0.02), "whole": (6.0, 6.1)},
            1222, (1, 52, 94), (3840, 2160), 81234, 2874144, 1260, 9_000_000_000, 8_500_000_000, {"whole": 9.7},
        ),
        Cell("mlx-vlm", 16384, 1, skipped="predicted 61 GB of memory; 24 GB are free"),
    ),
    model=Model("synthetic 7b:2", "", (2, 2), (32, 28)),
    settings={"rounds": 2, "answer_tokens": 16},
    checks=(Check("resize against Pillow", "neon-i8mm", True, "12 sizes"),),
)  # fmt: skip


def pytest_json(**changes: object) -> dict[str, object]:
    extra = {"side": "saccade", "stage": "vision", "budget": 256, "tokens": 252, "grid_thw": [1, 24, 42]}
    benchmarks = [
        {"name": "test_a", "group": "g", "stats": {"data": [0.1, 0.2], "median": 0.15}, "extra_info": extra},
        {"name": "test_b", "group": "g", "stats": {"data": [0.3]}, "extra_info": {**extra, "stage": "prefill"}},
        {"name": "test_c", "group": "other", "stats": {"median": 0.5}, "extra_info": {}},
    ]
    info = {"node": "my-laptop", "system": "Darwin", "release": "25.1", "machine": "arm64",
            "cpu": {"brand_raw": "Apple M2", "count": 8}}  # fmt: skip
    whole = {"machine_info": info, "commit_info": {"id": "abc", "dirty": True}, "benchmarks": benchmarks,
             "datetime": "2026-11-29T16:50:00.123+00:00", "version": "5.1.0"}  # fmt: skip
    return {**whole, **changes}


def test_a_run_is_read_as_it_was_appended(tmp_path: Path) -> None:
    path = history.append(RUN, tmp_path)
    assert path.parent.name == "apple-m4-max-16-cores-48-gib"
    assert history.read(path) == RUN


def test_the_example_is_of_this_schema() -> None:
    assert history.read(EXAMPLE) == RUN


def test_append_never_overwrites(tmp_path: Path) -> None:
    paths = [history.append(RUN, tmp_path) for _ in range(3)]
    assert len(set(paths)) == 3
    assert sorted(one for one in paths[0].parent.iterdir()) == sorted(paths)  # and leaves no part behind


def test_a_malformed_file_is_named_and_skipped(tmp_path: Path) -> None:
    good = history.append(RUN, tmp_path)
    (tmp_path / "cut.json").write_bytes(good.read_bytes()[:300])
    (tmp_path / "list.json").write_text("[]")
    runs, problems = history.read_folder(tmp_path)
    assert runs == [RUN]
    assert [problem.partition(": ")[0] for problem in problems] == [
        str(tmp_path / "cut.json"), str(tmp_path / "list.json")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "expected schema 1; got 2"),
        ({"kind": "other"}, "kind: expected one of"),
        ({"date": 5}, "date: expected a text; got 5"),
        ({"cells": [{"side": "x"}]}, "cells[0]: grid_thw"),
        ({"machine": None}, "machine: expected an object"),
        ({"settings": {"a": []}}, "settings: expected"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], words: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**json.loads(history.dumps(RUN)), **change}))
    with pytest.raises(InputError, match=r"run\.json") as error:
        history.read(path)
    assert words in str(error.value)


def test_any_damaged_byte_is_an_input_error_or_a_run(tmp_path: Path) -> None:
    data = history.dumps(replace(RUN, cells=RUN.cells[:1]))
    path = tmp_path / "run.json"
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + b"[" + data[place + 1 :])
        try:
            history.read(path)
        except InputError as error:
            assert str(path) in str(error)


def test_a_file_of_pytest_benchmark_is_a_run_without_its_hostname(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(pytest_json()))
    run = history.read(path)
    assert run.kind == "pytest-benchmark"
    assert run.commit == "abc+"
    assert run.cells[0].stages == {"vision": (0.1, 0.2), "prefill": (0.3,)}
    assert run.cells[0].tokens == 252
    assert run.cells[1].stages == {"other": (0.5,)}
    assert b"my-laptop" not in history.dumps(run)


def test_stages_that_a_benchmark_measured_itself_are_its_cells(tmp_path: Path) -> None:
    extra = {"side": "saccade", "stage": "whole", "budget": 64, "stages": {"vision": [0.2], "whole": [0.5]},
             "device": "cpu", "versions": {"mlx": "0.32"}}  # fmt: skip
    turns = [{"name": "a", "group": "g", "stats": {"data": [9.0]}, "extra_info": extra}] * 2
    path = tmp_path / "run.json"
    path.write_text(json.dumps(pytest_json(benchmarks=turns)))
    run = history.read(path)
    assert run.cells[0].stages == {"vision": (0.2, 0.2), "whole": (0.5, 0.5)}
    assert (run.machine.device, run.versions["mlx"]) == ("cpu", "0.32")


@pytest.mark.parametrize("change", [{"benchmarks": [{}]}, {"datetime": 3}, {"machine_info": 4}, {"benchmarks": 5}])
def test_a_damaged_file_of_pytest_benchmark_is_named(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(pytest_json(**change)))
    with pytest.raises(InputError, match=r"run\.json: expected the JSON of pytest-benchmark"):
        history.read(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        history.read(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError):
        history.read_folder(tmp_path / "none")
