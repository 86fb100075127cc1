"""Threads of the core: their number, several callers, a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mlx_saccade import _core
from mlx_saccade.errors import InputError

IMAGE = np.random.RandomState(0).randint(0, 256, (1200, 1600, 3), dtype=np.uint8)


def patches(width: int = 840) -> np.ndarray:
    return _core.resize_patchify_native(IMAGE, width, 560, "pillow13", 14, 2, 112)


def child(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)


def test_results_do_not_depend_on_their_number() -> None:
    try:
        _core.limit_threads(1)
        expected = patches()
        for threads in (2, 5, 0):
            _core.limit_threads(threads)
            assert np.array_equal(patches(), expected)
    finally:
        _core.limit_threads(0)
    with pytest.raises(InputError, match="threads: expected 0 to 256; got 1000"):
        _core.limit_threads(1000)


def test_the_environment_sets_their_number() -> None:
    show = "from mlx_saccade import _core; print(_core.threads())"
    assert child(show, SACCADE_THREADS="3").stdout.strip() == "3"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert 1 <= int(child(show, SACCADE_THREADS="").stdout) <= usable
    for wrong in ("0", "many", "4.5", "-1", " 2", "2 ", "100000000000000000000"):
        done = child(show, SACCADE_THREADS=wrong)
        assert done.returncode == 1
        assert f"SACCADE_THREADS: expected 1 to 256; got '{wrong}'" in done.stderr.splitlines()[-1]
    done = child(show, SACCADE_THREADS=os.fsdecode(b"2\n\xff"))
    assert r"InputError: SACCADE_THREADS: expected 1 to 256; got '2\x0a\xff'" in done.stderr.splitlines()[-1]


def test_a_wrong_number_is_an_error_whatever_the_work() -> None:
    for side in (4, 1024):
        script = f"""
import numpy as np
from mlx_saccade import _core
_core.limit_threads(1)
_core.resize(np.zeros(({side}, {side}, 3), np.uint8), {side // 2}, {side // 2}, "pillow13")
"""
        done = child(script, SACCADE_THREADS="abc")
        assert "InputError: SACCADE_THREADS: expected 1 to 256; got 'abc'" in done.stderr


def test_callers_at_once() -> None:
    expected = {width: patches(width) for width in (840, 868)}
    wrong: list[int] = []

    def work(width: int) -> None:
        wrong.extend(width for _ in range(5) if not np.array_equal(patches(width), expected[width]))

    threads = [threading.Thread(target=work, args=(width,)) for width in (840, 868, 840, 868)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


listed = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="this system does not list a process's threads"
)


@listed
def test_first_callers_at_once_make_one_pool() -> None:
    script = """
import os, threading, time
import numpy as np
from mlx_saccade import _core
image = np.zeros((1200, 1600, 3), dtype=np.uint8)
ready = threading.Barrier(8)
def call():
    ready.wait()
    _core.resize_patchify_native(image, 840, 560, "pillow13", 14, 2, 112)
before = len(os.listdir("/proc/self/task"))
callers = [threading.Thread(target=call) for _ in range(8)]
for caller in callers: caller.start()
for caller in callers: caller.join()
time.sleep(0.5)  # a thread that was joined is listed until the system has ended it
print(len(os.listdir("/proc/self/task")) - before)
"""
    done = child(script, SACCADE_THREADS="32")
    assert done.stdout.strip() == "31", done.stderr


@listed
def test_a_small_image_does_not_pay_for_threads() -> None:
    script = """
import os
import numpy as np
from mlx_saccade import _core
def added(width, height, new_width, new_height):
    before = len(os.listdir("/proc/self/task"))
    image = np.zeros((height, width, 3), dtype=np.uint8)
    _core.resize_patchify_native(image, new_width, new_height, "pillow13", 14, 2, 112)
    return len(os.listdir("/proc/self/task")) - before
print(added(200, 200, 196, 196), added(3840, 2160, 1316, 728))
"""
    done = child(script, SACCADE_THREADS="4")
    assert done.stdout.split() == ["0", "3"], done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork_during_anothers_first_call() -> None:
    # What the environment says is kept once it is right; wrong words are read by every call, so a fork falls into it.
    script = """
import os, signal, threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from mlx_saccade import _core
from mlx_saccade.errors import InputError
image = np.zeros((20, 20, 3), dtype=np.uint8)
def refused():
    try:
        _core.resize(image, 10, 10, "pillow13")
    except InputError:
        return True
def call_on():
    while not ended.is_set(): refused()
ended = threading.Event()
other = threading.Thread(target=call_on)
other.start()
statuses = []
for _ in range(30):
    time.sleep(0.002)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if refused() else 7)
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if statuses[-1]: break
ended.set()
other.join()
print(sum(map(abs, statuses)))
"""
    done = child(script, SACCADE_THREADS="many", SACCADE_KERNEL="")
    assert done.stdout.strip() == "0", done.stderr


# A call large enough to be shared, and the threads that it adds to those there were.
HELPERS = """
import os
import numpy as np
from mlx_saccade import _core
image = np.zeros((1200, 1600, 3), dtype=np.uint8)
make = lambda: _core.resize_patchify_native(image, 840, 560, "pillow13", 14, 2, 112)
tasks = lambda: set(map(int, os.listdir("/proc/self/task")))
before = tasks()
make()
helpers = tasks() - before
cpus = sorted(os.sched_getaffinity(0))
"""

several_cpus = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="one CPU, or a system that pins no threads",
)


@several_cpus
def test_a_worker_that_pins_itself_gets_no_helpers() -> None:
    script = f"""{HELPERS}
child = os.fork()
if child == 0:
    os.sched_setaffinity(0, cpus[:1])
    make()
    os._exit(10 * len(tasks()) + _core.threads())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = child(script, SACCADE_THREADS="")
    assert done.stdout.strip() == "11", done.stderr


@several_cpus
@pytest.mark.parametrize("told", ["", "3"])
def test_helpers_stay_where_all_threads_are_pinned(told: str) -> None:
    script = f"""{HELPERS}
for cpu in cpus[:2]:
    for task in tasks(): os.sched_setaffinity(task, [cpu])
    for _ in range(3): make()
    print(_core.threads(), len(helpers), all(os.sched_getaffinity(task) == {{cpu}} for task in helpers))
"""
    done = child(script, SACCADE_THREADS=told)
    pinned = [line.split() for line in done.stdout.splitlines()]
    assert [(threads, where) for threads, _, where in pinned] == [(told or "1", "True")] * 2, done.stderr
    assert not told or {count for _, count, _ in pinned} == {"2"}


@several_cpus
def test_helpers_go_where_the_caller_went() -> None:
    script = f"""{HELPERS}
for cpu in cpus[:2]:
    os.sched_setaffinity(0, [cpu])
    make()
    print(len(helpers), all(os.sched_getaffinity(helper) == {{cpu}} for helper in helpers))
"""
    done = child(script, SACCADE_THREADS="2")
    assert done.stdout.splitlines() == ["1 True"] * 2, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork() -> None:
    script = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from mlx_saccade import _core
image = np.random.RandomState(0).randint(0, 256, (1200, 1600, 3), dtype=np.uint8)
make = lambda: _core.resize_patchify_native(image, 840, 560, "pillow13", 14, 2, 112)
before = make()
child = os.fork()
if child == 0:
    os._exit(0 if all(np.array_equal(make(), before) for _ in range(3)) else 7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert np.array_equal(make(), before)
print("done")
"""
    done = child(script, SACCADE_THREADS="2")
    assert done.stdout.strip() == "done", done.stderr
