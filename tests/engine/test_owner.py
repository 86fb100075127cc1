"""The engines' thread: callers from anywhere, cancellation, the end of the process, forks."""

from __future__ import annotations

import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from thread_programs import BOXES, DESCRIPTIONS, PROGRAMS, SCENE

import mlx_saccade as saccade
from mlx_saccade.engine import owner, request
from mlx_saccade.errors import CancelledError, InputError

TESTS = Path(__file__).parents[1]
QUESTION = request.locate(DESCRIPTIONS[0])
RUNS = 5


@pytest.fixture(scope="module")
def engine() -> saccade.Engine:
    return saccade.load(budget=64)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=TESTS, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("number", range(RUNS))
def test_programs_with_many_threads_answer_and_end_cleanly(number: int) -> None:
    names = list(PROGRAMS)[:-1]
    order = [*names[number % len(names) :], *names[: number % len(names)]]  # each is once the first, and once the last
    result = run("thread_programs.py", *order)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("number", range(RUNS))
def test_a_process_that_ends_during_a_call_ends_cleanly(number: int) -> None:
    result = run("thread_programs.py", "leaving")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_method_that_computes_runs_on_the_engines_thread() -> None:
    elsewhere = {"open", "forget", "plan", "count_tokens", "estimate", "counts"}  # they need no MLX
    itself = {"stream", "close"}  # by `owner.call`
    public = {name for name in vars(saccade.Engine) if not name.startswith("_")}
    assert {
        name for name in public if hasattr(vars(saccade.Engine)[name], "__wrapped__")
    } == public - elsewhere - itself


def test_a_call_returns_or_raises_what_the_function_does_with_its_traceback() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("caller's")
    thread, value = owner.call(lambda: (threading.current_thread(), variable.get()))
    assert thread is not threading.current_thread() and thread.daemon
    assert value == "caller's"

    def fail() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here") as caught:
        owner.call(fail)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[0] == "test_a_call_returns_or_raises_what_the_function_does_with_its_traceback"
    assert names[-1] == "fail"


def test_a_progress_function_may_ask_the_engine(engine: saccade.Engine) -> None:
    inner: list[saccade.Answer] = []

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "answer" and not inner:
            inner.append(engine.locate(SCENE.image, DESCRIPTIONS[1]))
            inner.extend(chunk.answer for chunk in engine.stream(SCENE.image, QUESTION) if chunk.answer)

    answer = engine.locate(SCENE.image, DESCRIPTIONS[0], progress=progress)
    assert answer.text == engine.locate(SCENE.image, DESCRIPTIONS[0]).text == inner[1].text
    assert inner[0].text == engine.locate(SCENE.image, DESCRIPTIONS[1]).text


def test_an_exception_of_a_progress_function_stops_the_call(engine: saccade.Engine) -> None:
    stages = []

    def progress(stage: str, done: int, total: int) -> None:
        stages.append(stage)
        if stage == "prefill":
            raise KeyboardInterrupt("from within")

    with pytest.raises(KeyboardInterrupt, match="from within"):
        engine.locate(SCENE.image, DESCRIPTIONS[0], progress=progress)
    assert stages[-1] == "prefill"


STAGES = ("vision", "prefill", "answer")


def at(stage: str, act: Callable[[], Any]) -> tuple[list[tuple[str, int]], Callable[[str, int, int], None]]:
    """Return a list of all steps, and a progress function that acts in the midst of a stage."""
    steps: list[tuple[str, int]] = []

    def progress(name: str, done: int, total: int) -> None:
        steps.append((name, done))
        if name == stage and sum(step[0] == stage for step in steps) == 1:
            act()

    return steps, progress


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_stops_a_call_at_its_next_step(engine: saccade.Engine, stage: str) -> None:
    expected = engine.locate(SCENE.image, DESCRIPTIONS[0]).text
    engine.forget()
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        task = owner._get().running
        end = time.monotonic() + 30
        while task is not None and not task.stopped and time.monotonic() < end:
            time.sleep(0.001)

    steps, progress = at(stage, interrupt)
    with pytest.raises(KeyboardInterrupt):
        engine.locate(SCENE.image, DESCRIPTIONS[0], progress=progress)
    assert steps[-1][0] == stage and sum(step[0] == stage for step in steps) == 1
    assert engine.locate(SCENE.image, DESCRIPTIONS[0]).text == expected


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("question", ["locate", "ask", "ask_batch", "stream"])
def test_cancel_stops_a_call_at_its_next_step(engine: saccade.Engine, stage: str, question: str) -> None:
    engine.forget()
    cancel = threading.Event()
    steps, progress = at(stage, cancel.set)
    options: dict[str, Any] = {"progress": progress, "cancel": cancel}
    calls: dict[str, Callable[[], Any]] = {
        "locate": lambda: engine.locate(SCENE.image, DESCRIPTIONS[0], **options),
        "ask": lambda: engine.ask(SCENE.image, QUESTION, **options),
        "ask_batch": lambda: engine.ask_batch([(SCENE.image, QUESTION)], **options),
        "stream": lambda: list(engine.stream(SCENE.image, QUESTION, **options)),
    }
    with pytest.raises(CancelledError, match="was cancelled"):
        calls[question]()
    assert sum(step[0] == stage for step in steps) == 1
    cancel.clear()
    assert engine.locate(SCENE.image, DESCRIPTIONS[0], cancel=cancel).found


def test_ctrl_c_right_after_the_end_of_a_call_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = owner._Task.wait

    def interrupted(task: Any, seconds: float = -1) -> bool:
        wait(task, seconds)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(owner._Task, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        owner.call(lambda: None)


def test_cancel_stops_a_video_at_its_next_frames(engine: saccade.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    cancel, decoded = threading.Event(), []
    decode = engine.encoder._decode

    def recorded(*arguments: Any) -> Any:
        decoded.append(1)
        cancel.set()
        return decode(*arguments)

    monkeypatch.setattr(engine.encoder, "_decode", recorded)
    with pytest.raises(CancelledError):
        engine.ask(saccade.media.Video([SCENE.image] * 6, fps=2), "what?", cancel=cancel)
    assert len(decoded) == 2


@pytest.mark.parametrize("policy", [None, "search"])
def test_cancel_stops_while_descriptions_are_planned(
    engine: saccade.Engine, policy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, planned, count = threading.Event(), [], engine.runner.count

    def count_and_cancel(*arguments: Any) -> Any:
        planned.append(1)
        if len(planned) == 3:
            cancel.set()
        return count(*arguments)

    monkeypatch.setattr(engine.runner, "count", count_and_cancel)
    with pytest.raises(CancelledError):
        engine.locate(SCENE.image, list(DESCRIPTIONS[:1]) * 100, policy=policy, cancel=cancel)
    assert len(planned) == 3


def test_cancel_ends_a_policy_in_the_midst_of_its_looks(engine: saccade.Engine) -> None:
    cancel, looks = threading.Event(), []

    def look_on(asked: Any, frame: Any, descriptions: Any, /, **options: Any) -> Any:
        while True:
            looks.append(asked.look(frame, [((0, 0, 448, 336), descriptions[0])], **options))
            if len(looks) == 3:
                cancel.set()

    with pytest.raises(CancelledError):
        engine.locate(SCENE.image, DESCRIPTIONS[0], policy=look_on, cancel=cancel)
    assert len(looks) == 3


def test_cancel_is_refused_where_it_is_no_event(engine: saccade.Engine) -> None:
    with pytest.raises(InputError, match=r"cancel is 3; give a threading.Event"):
        engine.locate(SCENE.image, DESCRIPTIONS[0], cancel=3)  # type: ignore[arg-type]


def test_a_waiting_call_that_is_cancelled_never_runs() -> None:
    begun, go, cancel = threading.Event(), threading.Event(), threading.Event()
    ran: list[int] = []
    errors: list[BaseException] = []

    def occupy() -> None:
        begun.set()
        go.wait()

    def wait() -> None:
        try:
            owner.call(lambda: ran.append(1), cancel)
        except CancelledError as error:
            errors.append(error)

    first = threading.Thread(target=owner.call, args=(occupy,))
    second = threading.Thread(target=wait)
    first.start()
    begun.wait()
    second.start()
    cancel.set()
    second.join(30)
    assert not second.is_alive() and len(errors) == 1  # while the first still runs
    go.set()
    first.join()
    owner.call(lambda: None)
    assert ran == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stream_closed_from_another_thread_ends_at_its_next_step(engine: saccade.Engine, stage: str) -> None:
    engine.forget()
    streams: list[Any] = []

    def close() -> None:
        other = threading.Thread(target=streams[0].close)
        other.start()
        other.join()

    steps, progress = at(stage, close)
    streams.append(engine.stream(SCENE.image, QUESTION, progress=progress))
    with pytest.raises(CancelledError):
        list(streams[0])
    assert sum(step[0] == stage for step in steps) == 1
    with pytest.raises(CancelledError):
        next(streams[0])


def test_streams_that_are_closed_or_dropped_leave_nothing(engine: saccade.Engine) -> None:
    closed, dropped, unread = (engine.stream(SCENE.image, QUESTION) for _ in range(3))
    next(closed)
    next(dropped)
    closed.close()
    closed.close()
    assert list(closed) == []
    loop: list[Any] = [dropped]
    loop.append(loop)
    del dropped, unread, loop
    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()
    owner.call(lambda: None)  # after them
    assert not owner._get().generators


def test_a_stream_is_a_generator(engine: saccade.Engine) -> None:
    stream = engine.stream(SCENE.image, QUESTION)
    next(stream)
    with pytest.raises(LookupError, match="mine"):
        stream.throw(LookupError("mine"))
    with pytest.raises(StopIteration):
        next(stream)

    def within() -> Any:
        yield from engine.stream(SCENE.image, QUESTION)

    assert "".join(chunk.text for chunk in within()) == engine.locate(SCENE.image, DESCRIPTIONS[0]).text


def test_a_closed_engine_frees_its_memory_and_refuses_calls() -> None:
    from mlx_saccade.backend import mx

    owner.call(gc.collect)
    before = owner.call(mx.get_active_memory)
    with saccade.load(budget=64) as engine:
        assert engine.locate(SCENE.image, DESCRIPTIONS[0]).found
        stream, shared = engine.stream(SCENE.image, QUESTION), engine.shared_image(SCENE.image)
        next(stream)
        assert owner.call(mx.get_active_memory) - before > 1e6
    assert owner.call(mx.get_active_memory) - before < 1e5
    engine.close()
    calls: list[Callable[[], Any]] = [
        lambda: engine.locate(SCENE.image, DESCRIPTIONS[0]),
        lambda: engine.ask(SCENE.image, QUESTION),
        lambda: engine.stream(SCENE.image, QUESTION),
        lambda: engine.shared_image(SCENE.image),
        lambda: engine.plan((64, 64)),
        lambda: engine.count_tokens([], "what?"),
        lambda: engine.counts,
        lambda: shared.ask(["what?"]),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"expected an open one; got one that was closed"):
            call()
    with pytest.raises(CancelledError, match="its engine was closed"):
        next(stream)
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        engine.colour  # type: ignore[attr-defined]  # noqa: B018


FORK = """
import multiprocessing, os, sys
import mlx_saccade as saccade
from thread_programs import DESCRIPTIONS, SCENE, ask, engine

def child(name):
    try:
        print(name, ask(DESCRIPTIONS[0])[:2], flush=True)
    except saccade.InputError as error:
        print(name, error, flush=True)

def run(method, name):
    process = multiprocessing.get_context(method).Process(target=child, args=(name,))
    process.start()
    process.join(60)
    print(process.exitcode, flush=True)

if __name__ == "__main__":
    import mlx_saccade.engine
    run("fork", "before")
    stream = engine().stream(SCENE.image, DESCRIPTIONS[0])
    next(stream)
    run("fork", "after")
    run("spawn", "spawned")
    print(next(stream) is not None)
"""


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="this system does not fork safely")
def test_a_child_process_loads_anew_or_is_told_that_it_cannot(tmp_path: Path) -> None:
    program = tmp_path / "fork.py"
    program.write_text(FORK)
    environment = {**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}{os.pathsep}{TESTS}"}
    result = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[:2] == ["before [{", "0"]
    assert lines[2].startswith("after mlx_saccade: expected a process of its own; got one forked after")
    assert lines[3:] == ["0", "spawned [{", "0", "True"]


def test_a_forked_model_refuses_too(monkeypatch: pytest.MonkeyPatch, engine: saccade.Engine) -> None:
    from mlx_saccade import backend

    model = engine.model
    monkeypatch.setattr(backend, "_process", os.getpid() + 1)
    calls: list[Callable[[], Any]] = [
        lambda: model.generate([1, 2], 1),
        lambda: saccade.models.load("nowhere"),
        lambda: saccade.convert("nowhere", "elsewhere"),
    ]
    for call in calls:
        with pytest.raises(InputError, match="spawn"):
            call()


def test_the_places_of_the_programs_are_on_the_screen() -> None:
    assert set(DESCRIPTIONS) <= set(BOXES)
