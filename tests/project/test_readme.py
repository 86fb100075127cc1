"""What the README shows runs, and what it claims of the package is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import COMMANDS, main

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_python_examples_run_in_order() -> None:
    names: dict[str, Any] = {}
    examples = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        exec(compile(example, str(README), "exec"), names)
    assert names["answer"].frames[0].tokens <= 256
    plan = names["plan"]
    assert f"# {plan.resized_size}, {plan.grid_thw}, {plan.tokens}, {plan.windows}" in TEXT


def test_what_is_looked_for_is_on_the_screen() -> None:
    named = set(re.findall(r'"(the [a-z ]+)"', "".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))))
    targets = json.loads((Path(saccade.__file__).parent / "assets" / "demo" / "targets.json").read_text())["targets"]
    assert named
    assert named <= {target["description"] for target in targets}


def test_the_number_of_mistakes_is_that_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(README.parent / "tests" / "mutations"))
    from mutants import MUTANTS

    assert f"puts {len(MUTANTS)} mistakes" in TEXT


def test_commands_named_exist() -> None:
    named = set(re.findall(r"^    mlx-saccade ([a-z][a-z-]*)", TEXT, re.MULTILINE)) | set(
        re.findall(r"`mlx-saccade ([a-z][a-z-]*)", TEXT)
    )
    assert named
    assert named <= set(COMMANDS)


def test_files_named_exist() -> None:
    named = re.findall(r"`((?:tests|cpp|docs|training|\.github)/[\w./-]+)`", TEXT) + re.findall(
        r"\]\((\w[\w./-]+)\)", TEXT
    )
    assert len(named) > 4
    for name in named:
        assert (README.parent / name).exists(), name


def test_token_range_is_what_the_survey_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtimes", "3840x2160"]) == 0
    printed = capsys.readouterr().out
    low, high = re.findall(r"from ([\d,]+) to ([\d,]+) tokens", TEXT)[0]
    counts = {int(word.replace(",", "")) for word in re.findall(r"x \d+ +([\d,]+) *$", printed, re.MULTILINE)}
    assert (min(counts), max(counts)) == (int(low.replace(",", "")), int(high.replace(",", "")))


def test_the_public_surface_is_there() -> None:
    for name in saccade.__all__:
        assert getattr(saccade, name) is not None
    assert saccade.integrations.mlx_vlm.enable is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        saccade.nothing_of_the_kind  # noqa: B018


def test_the_packaged_checkpoint_keeps_to_its_size() -> None:
    from importlib import resources

    folder = Path(str(resources.files("mlx_saccade"))) / "assets" / "tiny"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10_000_000
    assert (folder.parent.parent / "py.typed").exists()
