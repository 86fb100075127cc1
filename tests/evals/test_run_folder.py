"""The folder of a run: it resumes, takes more questions, names what differs, and loses no row."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sweep_stand_ins
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_stand_ins import Data, Runtime, sweep, untimed

from mlx_saccade import evals, files
from mlx_saccade.errors import InputError
from mlx_saccade.evals.run_folder import in_question_order

PROGRAM = [sys.executable, sweep_stand_ins.__file__]


def rows_of(folder: Path) -> bytes:
    return (folder / "rows.jsonl").read_bytes()


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    data = Data(6)
    sweep(tmp_path / "run", data, Runtime(data))
    return tmp_path / "run"


def test_every_question_is_asked_once_and_every_line_has_one_shape(finished: Path) -> None:
    run = evals.read_run(finished)
    assert [row.key for row in run.rows] == [(f"t{n}", budget, "flat") for n in range(6) for budget in ("64", "256")]
    assert (run.missing, run.repeated) == (0, 0)
    lines = [json.loads(line) for line in rows_of(finished).splitlines()]
    assert len(lines) == 12 and len({tuple(line) for line in lines}) == 1
    assert sorted(path.name for path in finished.iterdir()) == ["rows.jsonl", "run.json"]


def test_a_finished_run_is_left_as_it_is(finished: Path) -> None:
    before, data = rows_of(finished), Data(6)
    runtime = Runtime(data)
    sweep(finished, data, runtime)
    assert rows_of(finished) == before
    assert (runtime.questions, runtime.checked, data.opened) == ([], [], [])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_run_takes_more_targets_budgets_and_policies(order: tuple[int, ...], tmp_path: Path) -> None:
    parts = [(3, (64,), ("flat",)), (5, (256, 64, "1003520px"), ("flat",)), (5, (64,), ("zoom:share=0.4", "flat"))]
    for place in order:
        n, budgets, policies = parts[place]
        data = Data(n)
        runtime = Runtime(data)
        answered = len(evals.read_run(tmp_path / "run").rows) if (tmp_path / "run").exists() else 0
        sweep(tmp_path / "run", data, runtime, budgets, policies)
        assert len(runtime.questions) == len(evals.read_run(tmp_path / "run").rows) - answered
    run = evals.read_run(tmp_path / "run")
    assert [row.key[1:] for row in run.rows if row.target.id == "t4"] == [
        ("64", "flat"), ("256", "flat"), ("1003520px", "flat"), ("64", "zoom:share=0.4")
    ]  # fmt: skip
    assert (len(run.rows), run.missing) == (20, 0)


def test_what_differs_is_named(finished: Path) -> None:
    before = rows_of(finished)
    for data, runtime, message in (
        (Data(6), Runtime(Data(6), model="sha256 cd"), r"model: expected 'sha256 ab'; got 'sha256 cd' \(stand"),
        (Data(6, size=[1, 2]), Runtime(Data(6)), r"data: size: expected nothing; got \[1, 2\] \(stand-ins\)\. Name"),
        (Data(6), Runtime(Data(6), device="gpu", kv=8), r"runtime: device: .*; runtime: kv: expected nothing; got 8"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            sweep(finished, data, runtime)
    assert rows_of(finished) == before


def test_another_version_is_noted_and_goes_on(tmp_path: Path) -> None:
    for n, version in ((2, "0.30"), (3, "0.31"), (3, "0.31")):
        data = Data(n)
        sweep(tmp_path, data, Runtime(data, versions={"mlx": version}))
    run = evals.read_run(tmp_path)
    assert len(run.rows) == 6
    assert run.header.notes == ("mlx: '0.30', later '0.31'",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"description": "another"}, "description 'thing 1', now 'another'"),
        ({"expected": ((0.0, 0.0, 1.0, 1.0),)}, "expected .*now"),
    ],
)
def test_a_target_that_changed_is_named(finished: Path, change: dict[str, Any], message: str) -> None:
    data = Data(6)
    data.targets = tuple(replace(one, **change) if one.id == "t1" else one for one in data.targets)
    with pytest.raises(InputError, match=f"target t1: .*{message}"):
        sweep(finished, data, Runtime(data))


def test_an_image_that_changed_is_named(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Data, "image_id", lambda self, target: f"new {target.image}")
    with pytest.raises(InputError, match=r"target t0: .*image_id 'pixels of i0.png', now 'new i0.png'"):
        sweep(finished, Data(7), Runtime(Data(7)))


def test_a_run_whose_rows_are_elsewhere_keeps_its_header(finished: Path) -> None:
    header = (finished / "run.json").read_bytes()
    (finished / "rows.jsonl").rename(finished.parent / "rows.jsonl")
    data = Data(6)
    with evals.RunFolder(finished, data, Runtime(data)):
        pass
    assert (finished / "run.json").read_bytes() == header


def test_a_question_that_failed_is_asked_again(tmp_path: Path) -> None:
    data = Data(5)
    sweep(tmp_path / "run", data, Runtime(data, failing=("t1", "t3")))
    run = evals.read_run(tmp_path / "run")
    assert [row.target.id for row in run.rows if row.reply.error] == ["t1", "t1", "t3", "t3"]
    assert run.missing == 4
    again = Runtime(data)
    sweep(tmp_path / "run", data, again)
    sweep(tmp_path / "plain", data, Runtime(data))
    assert len(again.questions) == 4
    assert untimed(evals.read_run(tmp_path / "run")) == untimed(evals.read_run(tmp_path / "plain"))


def test_ten_failures_in_a_row_stop_a_sweep(tmp_path: Path) -> None:
    data = Data(20)
    runtime = Runtime(data, failing=tuple(f"t{n}" for n in range(3, 20)))
    with pytest.raises(InputError, match="10 questions in a row failed, the last with: the server said 500"):
        sweep(tmp_path, data, runtime)
    assert len(runtime.questions) == 16
    assert sum(row.reply.error is None for row in evals.read_run(tmp_path).rows) == 6


def test_ten_failures_of_a_setting_in_a_row_stop_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Data(20)
    ask = Runtime.ask

    def ask_small(runtime: Runtime, image: Any, target: Any, budget: Any, policy: str) -> evals.Reply:
        failed = budget == 256 and target.id not in ("t0", "t4")
        return evals.Reply(error="too large") if failed else ask(runtime, image, target, budget, policy)

    monkeypatch.setattr(Runtime, "ask", ask_small)
    message = "10 questions in a row with policy flat and budget 256 failed, the last with: too large"
    with pytest.raises(InputError, match=message):
        sweep(tmp_path, data, Runtime(data))
    rows = evals.read_run(tmp_path).rows
    assert (len(rows), rows[-1].target.id, sum(row.reply.error is None for row in rows)) == (30, "t14", 17)


def test_numbers_that_are_not_finite_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Data(1)
    monkeypatch.setattr(Runtime, "ask", lambda *question: evals.Reply(text="hm", confidence=float("nan")))
    sweep(tmp_path, data, Runtime(data))
    row, _ = evals.read_run(tmp_path).rows
    assert (row.reply.text, row.reply.error) == ("hm", "the answer has a number that is not finite")


def test_a_policy_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    data = Data(2)
    with pytest.raises(InputError, match="got nonsense"):
        sweep(tmp_path / "a" / "run", data, Runtime(data), policies=("nonsense",))
    assert not (tmp_path / "a" / "run").exists()


def test_questions_need_one_of_each_once() -> None:
    for data, budgets, policies, message in (
        (Data(0), (64,), ("flat",), "at least one target"),
        (Data(1), (), ("flat",), "at least one budget"),
        (Data(1), (64, "64"), ("flat",), "each budget once; got '64' twice"),
        (Data(1), (64,), ("flat", "flat"), "each policy once"),
    ):
        with pytest.raises(InputError, match=message):
            evals.questions_of(data, budgets, policies)


@given(st.permutations(range(24)))
@settings(max_examples=25)
def test_question_order_does_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    rows = [
        evals.Row(target, "", budget, policy, evals.Reply())
        for target in Data(12).targets[9:] for policy in ("flat", "zoom:share=0.05", "zoom:share=0.5", "auto")
        for budget in (64, 1000)
    ]  # fmt: skip
    assert in_question_order([rows[place] for place in order]) == in_question_order(rows)
    assert [row.target.id for row in in_question_order(rows)][::8] == ["t9", "t10", "t11"]


# What a kill leaves.


KILLS = """
import os, random, signal, sys
from sweep_stand_ins import main
folder, rng = sys.argv[1], random.Random(int(sys.argv[2]))
for _ in range(20):
    end, far_end = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(far_end, 1)
        main(folder, "40", "64,256", "0.0005")
        os._exit(0)
    os.close(far_end)
    with os.fdopen(end) as lines:
        for _ in range(rng.randrange(1, 9)):
            lines.readline()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if rng.random() < 0.3:  # and in the middle of a row
        with open(folder + "/rows.jsonl", "ab") as stream:
            stream.write(b'{"target": "t39", "bu'[: rng.randrange(1, 22)])
"""


def test_twenty_random_kills_end_with_the_rows_of_a_plain_run(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(sweep_stand_ins.__file__).parent), *sys.path])}
    words = [sys.executable, "-c", KILLS, str(tmp_path / "killed"), str(random.randrange(1000))]
    subprocess.run(words, check=True, timeout=120, env=environment)
    assert 10 < len(evals.read_run(tmp_path / "killed").rows) < 160
    for name in ("killed", "plain"):
        sweep_stand_ins.main(str(tmp_path / name), "40", "64,256")
    killed, plain = (evals.read_run(tmp_path / name) for name in ("killed", "plain"))
    assert (killed.missing, killed.repeated, len(killed.rows)) == (0, 0, 160)
    assert untimed(killed) == untimed(plain)
    lines = [
        [json.loads(line)["target"] for line in rows_of(tmp_path / name).splitlines()] for name in ("killed", "plain")
    ]
    assert lines[0] == lines[1]


def test_a_row_that_was_cut_short_is_asked_again(finished: Path) -> None:
    whole = rows_of(finished)
    for end in (len(whole) - 1, len(whole) - 30, whole.rindex(b"\n", 0, -1) + 2):
        (finished / "rows.jsonl").write_bytes(whole[:end])
        assert len(evals.read_run(finished).rows) == 11
        data = Data(6)
        runtime = Runtime(data)
        sweep(finished, data, runtime)
        assert runtime.questions == [("t5", "256", "flat")]
        assert evals.read_run(finished).missing == 0


def test_a_file_that_a_kill_left_half_written_is_removed(finished: Path) -> None:
    part = files.part_beside(finished / "rows.jsonl")
    part.write_bytes(rows_of(finished)[:100])
    sweep(finished, Data(6), Runtime(Data(6)))
    assert sorted(path.name for path in finished.iterdir()) == ["rows.jsonl", "run.json"]


def test_a_damaged_line_is_named(finished: Path) -> None:
    lines = rows_of(finished).splitlines(keepends=True)
    for damaged in (b'{"target": 1}\n', b"[]\n", b"null\n", b"\xff\n", b"\n", b"[" * 100_000 + b"\n"):
        (finished / "rows.jsonl").write_bytes(b"".join([*lines[:2], damaged, *lines[2:]]))
        with pytest.raises(InputError, match=r"rows\.jsonl: line 3: expected a row of a run; got .*Delete that line"):
            evals.read_run(finished)
        with pytest.raises(InputError, match="line 3"):
            sweep(finished, Data(6), Runtime(Data(6)))
    assert not (finished / ".lock").exists()


def test_packed_rows_are_read_and_not_added_to(finished: Path) -> None:
    plain = evals.read_run(finished)
    packed = finished / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(rows_of(finished)))
    (finished / "rows.jsonl").unlink()
    assert evals.read_run(finished).rows == plain.rows
    with pytest.raises(InputError, match=r"got packed rows\. Unpack them first: gunzip rows\.jsonl\.gz"):
        sweep(finished, Data(6), Runtime(Data(6)))
    for damaged in (packed.read_bytes()[:-9], b"not packed"):  # cut short; another file
        packed.write_bytes(damaged)
        with pytest.raises(InputError, match=r"rows\.jsonl\.gz: expected rows packed by gzip; got a damaged file"):
            evals.read_run(finished)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": "mlx-saccade/run/1"}', "[" * 100_000])
def test_a_damaged_header_is_named(text: str, finished: Path) -> None:
    (finished / "run.json").write_text(text)
    for wrong in (lambda: evals.read_run(finished), lambda: sweep(finished, Data(6), Runtime(Data(6)))):
        with pytest.raises(InputError, match=r"run\.json: expected what `mlx-saccade sweep` writes"):
            wrong()


def test_another_format_is_named(finished: Path) -> None:
    header = json.loads((finished / "run.json").read_text())
    (finished / "run.json").write_text(json.dumps(header | {"schema": "mlx-saccade/run/9"}))
    with pytest.raises(InputError, match="expected mlx-saccade/run/1; got 'mlx-saccade/run/9'"):
        evals.read_run(finished)


def test_what_is_no_run_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "saccade-sweep.jsonl").write_text('{"format": 3}\n')
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("x")
    data = Data(1)
    for name, message in (
        ("saccade-sweep.jsonl", "got a file, such as an earlier `sweep` wrote"),
        ("photos", "got a.png"),
    ):
        with pytest.raises(InputError, match=message):
            sweep(tmp_path / name, data, Runtime(data))
    with pytest.raises(InputError, match=r"without run\.json"):
        evals.read_run(tmp_path / "photos")
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        evals.read_run(tmp_path / "none")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "photos", "photos/a.png", "saccade-sweep.jsonl"
    ]  # fmt: skip


# Two processes.


def test_a_second_process_is_refused_and_named(tmp_path: Path) -> None:
    words = [*PROGRAM, str(tmp_path / "run"), "2", "64"]
    first = subprocess.Popen([*words, "60"], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        data = Data(2)
        with pytest.raises(
            InputError, match=rf"run: expected a run that nobody .* that process {first.pid} on .* writes"
        ):
            sweep(tmp_path / "run", data, Runtime(data))
        os.kill(first.pid, signal.SIGKILL)
        first.wait(timeout=60)
        assert (tmp_path / "run" / ".lock").exists()  # it stops nobody
        sweep(tmp_path / "run", data, Runtime(data))
    finally:
        first.kill()
        first.communicate(timeout=60)
    assert not (tmp_path / "run" / ".lock").exists()


def test_a_run_is_opened_once_in_a_process_too(tmp_path: Path) -> None:
    data = Data(2)
    with evals.RunFolder(tmp_path, data, Runtime(data)), pytest.raises(InputError, match="that this process writes"):
        evals.RunFolder(tmp_path, data, Runtime(data))
    with evals.RunFolder(tmp_path, data, Runtime(data)):
        pass


# A disk that is full.


def test_a_full_disk_loses_no_finished_row(tmp_path: Path) -> None:
    out, data = tmp_path / "run", Data(8)
    program = f"""
import resource, sys
sys.path.insert(0, {str(Path(sweep_stand_ins.__file__).parent)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
from sweep_stand_ins import main
try:
    main({str(out)!r}, "8", "64,256")
except OSError as error:
    sys.exit(f"{{error.filename}}: {{error.strerror}}")
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert result.stderr == f"{out / 'rows.jsonl'}: File too large\n"
    assert 2 < len(evals.read_run(out).rows) < 32
    assert rows_of(out).endswith(b"}\n")
    sweep(out, data, Runtime(data), policies=("flat", "zoom"))
    sweep(tmp_path / "plain", data, Runtime(data), policies=("flat", "zoom"))
    assert untimed(evals.read_run(out)) == untimed(evals.read_run(tmp_path / "plain"))


def test_a_disk_that_is_full_in_the_middle_of_a_row_takes_it_back(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, data, write = rows_of(finished), Data(7), os.write

    def half(handle: int, part: memoryview) -> int:
        if len(part) < 100:
            raise OSError(28, "No space left on device")
        return write(handle, part[: len(part) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space left on device") as caught:
        sweep(finished, data, Runtime(data))
    assert caught.value.filename == str(finished / "rows.jsonl")
    assert rows_of(finished) == before


# Merging.


def test_merged_runs_have_the_rows_of_a_plain_one(tmp_path: Path) -> None:
    whole = Data(9)
    for name, some in (("b", whole.targets[4:]), ("a", whole.targets[:6])):
        part = Data(0)
        part.targets = some
        sweep(tmp_path / name, part, Runtime(part))
    sweep(tmp_path / "plain", whole, Runtime(whole))
    merged = evals.merge([tmp_path / "b", tmp_path / "a"], tmp_path / "out" / "c")
    assert (merged.repeated, merged.run.missing) == (4, 0)
    assert untimed(merged.run) == untimed(evals.read_run(tmp_path / "plain"))
    first = {row.key: row for row in evals.read_run(tmp_path / "b").rows}
    assert all(first.get(row.key, row) == row for row in merged.run.rows)
    runtime = Runtime(whole)
    sweep(tmp_path / "out" / "c", whole, runtime, budgets=(64, 256, 512))
    assert len(runtime.questions) == 9


def test_an_answer_counts_before_an_error_when_runs_are_merged(tmp_path: Path) -> None:
    data = Data(3)
    sweep(tmp_path / "a", data, Runtime(data, failing=("t1",)))
    sweep(tmp_path / "b", data, Runtime(data))
    for names in (("a", "b"), ("b", "a")):
        merged = evals.merge([tmp_path / name for name in names], tmp_path / "-".join(names))
        assert merged.run.missing == 0
        assert merged.repeated == 4


def test_runs_of_other_subjects_are_not_merged(tmp_path: Path) -> None:
    data, other = Data(2), Data(2)
    other.targets = tuple(replace(one, description="else") for one in other.targets)
    sweep(tmp_path / "a", data, Runtime(data))
    sweep(tmp_path / "b", data, Runtime(data, model="sha256 cd"))
    sweep(tmp_path / "c", other, Runtime(other))
    for name, message in (
        ("b", r"b: runtime: model: expected 'sha256 ab', as in .*a; got 'sha256 cd'"),
        ("c", r"c: target 't0': description: expected 'thing 0', as in .*a; got 'else'"),
    ):
        with pytest.raises(InputError, match=message):
            evals.merge([tmp_path / "a", tmp_path / name], tmp_path / "out")
    with pytest.raises(InputError, match="at least two runs; got 1"):
        evals.merge([tmp_path / "a"], tmp_path / "out")
    with pytest.raises(InputError, match="got one that exists"):
        evals.merge([tmp_path / "a", tmp_path / "a"], tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
