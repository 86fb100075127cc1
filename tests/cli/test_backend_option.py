"""`--backend` of the commands that load a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.cli import server_options
from mlx_saccade.cli.__main__ import main


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The backends of the engines that the command line loads."""
    backends: list[str] = []
    load = saccade.engine.load

    def recorded(*arguments: Any, **named: Any) -> saccade.Engine:
        engine = load(*arguments, **named)
        backends.append(engine.encoder.backend)
        return engine

    monkeypatch.setattr(saccade.engine, "load", recorded)
    return backends


@pytest.mark.parametrize("command", ["ask", "locate"])
def test_questions_take_the_backend(command: str, backends: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pictures.noise(150, 110)).save(path)
    words = [command, str(path), "it", "--max-tokens", "1"]
    assert main(words) == 0
    assert main([*words, "--backend", "torchvision"]) == 0
    assert backends == ["pillow", "torchvision"]


def test_servers_take_the_backend(backends: list[str]) -> None:
    parser = argparse.ArgumentParser()
    server_options.add_server_arguments(parser)
    options = parser.parse_args(["--backend", "torchvision"])
    access: Any = None
    tools = server_options.tools_of(options, access)
    assert tools.engine() is not None
    assert backends == ["torchvision"]


def test_an_unknown_backend_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "a.png", "it", "--backend", "pil"]) == 2
    assert "torchvision" in capsys.readouterr().err
