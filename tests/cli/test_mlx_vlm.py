"""`mlx-saccade mlx-vlm` with stand-ins of mlx-vlm's modules (tests/long has the real ones)."""

from __future__ import annotations

import json
import runpy
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from command_line import assert_mistake, run_command
from mlx_vlm_modules import stand_in_modules

from mlx_saccade.cli.__main__ import main
from mlx_saccade.cli.commands.mlx_vlm import split_words
from mlx_saccade.integrations import mlx_vlm as fast

Program = Callable[[], Any]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[Program], None]:
    """Put stand-ins in mlx-vlm's place, and return a function that sets what its command does."""
    for name, module in stand_in_modules().items():
        monkeypatch.setitem(sys.modules, name, module)

    def set_program(run: Program) -> None:
        monkeypatch.setattr(runpy, "run_module", lambda name, run_name: run())

    return set_program


@pytest.mark.parametrize(
    ("words", "own", "foreign"),
    [
        ("mlx-vlm", "mlx-vlm", ""),
        ("mlx-vlm --json", "mlx-vlm --json", ""),
        ("mlx-vlm generate --image a.png --json -h", "mlx-vlm generate", "--image a.png --json -h"),
        ("mlx-vlm --budget 400 generate --x 1", "mlx-vlm --budget 400 generate", "--x 1"),
        ("mlx-vlm --budget=400 chat --x", "mlx-vlm --budget=400 chat", "--x"),
        ("mlx-vlm generate --x --budget 9 y", "mlx-vlm generate --budget 9", "--x y"),
        ("mlx-vlm generate --budget=9 y", "mlx-vlm generate --budget=9", "y"),
        ("mlx-vlm generate y --budget", "mlx-vlm generate --budget", "y"),
        ("mlx-vlm chat --backend torchvision --x", "mlx-vlm chat --backend torchvision", "--x"),
        ("mlx-vlm --backend pillow chat", "mlx-vlm --backend pillow chat", ""),
        ("mlx-vlm --any-version server --port 1", "mlx-vlm --any-version server", "--port 1"),
    ],
)
def test_words_are_shared_out(words: str, own: str, foreign: str) -> None:
    assert split_words(words.split()) == (own.split(), foreign.split())


def test_the_command_runs_with_the_hooks_and_leaves_none(program: Callable[[Program], None]) -> None:
    seen = []
    program(lambda: seen.append((list(sys.argv), fast.status())))
    arguments = list(sys.argv)
    assert main(["mlx-vlm", "generate", "--budget", "64", "--image", "a.png", "--backend=torchvision"]) == 0
    assert seen[0][0] == ["mlx_vlm", "generate", "--image", "a.png"]
    assert (seen[0][1].later_models, seen[0][1].budget, seen[0][1].backend) == (True, "64", "torchvision")
    assert not fast.status().enabled
    assert sys.argv == arguments


def test_a_command_without_images_runs_without_hooks(program: Callable[[Program], None]) -> None:
    seen = []
    program(lambda: seen.append(fast.status().enabled))
    assert main(["mlx-vlm", "convert", "--hf-path", "x"]) == 0
    assert seen == [False]
    assert main(["mlx-vlm", "convert", "--backend", "torchvision"]) == 2


def test_the_exit_code_is_mlx_vlms(program: Callable[[Program], None]) -> None:
    program(lambda: sys.exit(3))
    with pytest.raises(SystemExit) as end:
        main(["mlx-vlm", "generate"])
    assert end.value.code == 3
    assert not fast.status().enabled


def test_our_mistakes_inside_mlx_vlm_are_one_line(
    program: Callable[[Program], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def wrapped() -> None:
        try:
            raise saccade_error
        except ValueError as error:
            raise ValueError(f"Failed to process inputs with error: {error}") from None

    from mlx_saccade.errors import InputError

    saccade_error = InputError("shot.png: is broken. Send another")
    program(wrapped)
    assert main(["mlx-vlm", "generate"]) == 2
    assert capsys.readouterr().err == "mlx-saccade: shot.png: is broken. Send another\n"


def test_mlx_vlms_own_errors_stay(program: Callable[[Program], None]) -> None:
    def fails() -> None:
        raise ValueError("its own")

    program(fails)
    with pytest.raises(ValueError, match="its own"):
        main(["mlx-vlm", "generate"])


def test_our_warnings_are_notes(program: Callable[[Program], None], capsys: pytest.CaptureFixture[str]) -> None:
    program(lambda: warnings.warn("mlx-saccade: too much", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["mlx-vlm", "generate"]) == 0
    assert capsys.readouterr().err == "mlx-saccade: too much\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("server --reload", "--reload: expected a server in one process"),
        ("server --rel", "--rel: expected a server in one process"),
        ("server --budget 9 --max-pixels 50000", "--budget and --max-pixels"),
        ("convert --budget 9", "--budget: expected one of generate"),
        ("generate --budget many", "budget: expected a whole number of tokens"),
        ("generate --budget", "--budget"),
    ],
)
def test_what_goes_past_the_hooks_is_refused(
    program: Callable[[Program], None], capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    program(lambda: pytest.fail("must not run"))
    assert main(["mlx-vlm", *words.split()]) == 2
    assert said in capsys.readouterr().err


def test_an_untested_version_needs_a_word(
    program: Callable[[Program], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["mlx_vlm.version"], "__version__", "9.0")
    program(lambda: None)
    assert main(["mlx-vlm", "generate"]) == 2
    assert "got 9.0" in capsys.readouterr().err
    assert main(["mlx-vlm", "--any-version", "generate"]) == 0


def test_versions_are_printed_without_a_name(
    program: Callable[[Program], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mlx-vlm", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["mlx_vlm"], printed["tested"]) == ("0.7.10", ["0.7.6", "0.7.10"])


def test_without_mlx_vlm_it_says_what_to_install() -> None:
    assert_mistake(run_command("mlx-vlm", "generate", "--image", "a.png"), "pip install 'mlx-saccade[mlx-vlm]'")
