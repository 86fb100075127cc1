from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gpu_runners import COMPILER, SANITIZE, CppRunner, StandIn, compile_cpp


def _runner(folder: Path, *flags: str) -> CppRunner:
    if COMPILER is None:
        pytest.skip("no C++ compiler on the path")
    return CppRunner(compile_cpp(folder, flags=flags))


@pytest.fixture(scope="session")
def cpp_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CppRunner]:
    runner = _runner(tmp_path_factory.mktemp("gpu"))
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def sanitized_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CppRunner]:
    runner = _runner(tmp_path_factory.mktemp("gpu"), *SANITIZE)
    yield runner
    runner.close()


@pytest.fixture
def gpu(cpp_runner: CppRunner, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """MLX with a GPU, whose kernels run as C++."""
    stand_in = StandIn(cpp_runner)
    stand_in.install(monkeypatch)
    return stand_in


@pytest.fixture
def sanitized_gpu(sanitized_runner: CppRunner, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The same under ASan and UBSan."""
    stand_in = StandIn(sanitized_runner)
    stand_in.install(monkeypatch)
    return stand_in
