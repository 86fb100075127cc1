"""No torch and no torchvision, here or in the wheel's needs; and vision is never lost without a word."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade.errors import InputError

ROOT = Path(__file__).parents[2]

ANSWER = """
import sys
for name in ("torch", "torchvision", "cv2", "transformers", "mlx_vlm"):
    sys.modules[name] = None  # importing it raises
import numpy as np
import mlx_saccade
engine = mlx_saccade.load(sys.argv[1])
answer = engine.ask(np.zeros((60, 80, 3), np.uint8), "what is it?", max_tokens=3)
assert answer.frames[0].tokens > 0 and answer.usage["image"] == answer.frames[0].tokens
print("answered", answer.usage["image"])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("f1"))


def test_an_image_is_answered_where_torch_cannot_be_imported(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ANSWER, str(folder)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("answered")


def test_a_broken_transformers_is_no_concern(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "transformers.py").write_text("raise RuntimeError('broken')")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + ANSWER.replace('"transformers", ', "")
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def needs() -> list[str]:
    """What an installation without extras brings along."""
    try:
        stated = importlib.metadata.requires("mlx-saccade") or []
    except importlib.metadata.PackageNotFoundError:  # run from the source tree
        table = re.search(r"\ndependencies = \[\n(.*?)\n\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL)
        assert table is not None
        stated = re.findall(r'"([^"]+)"', table[1])
    return [line for line in stated if "extra ==" not in line]


def test_the_package_needs_neither(folder: Path) -> None:
    names = {line.split("[")[0].split(">")[0].split("=")[0].split(";")[0].strip().lower() for line in needs()}
    assert "pillow" in names
    assert not names & {"torch", "torchvision", "opencv-python", "transformers", "mlx-vlm"}


@pytest.mark.parametrize("change", ["missing", "renamed", "no config"])
def test_a_checkpoint_without_its_tower_is_refused(tmp_path: Path, change: str) -> None:
    raw, weights = checkpoints.config(), checkpoints.weights(checkpoints.CONFIG)
    if change == "no config":
        del raw["vision_config"]
    else:
        tower = [key for key in weights if key.startswith("visual.")]
        for key in tower:
            value = weights.pop(key)
            if change == "renamed":
                weights[key.replace("visual.", "vision_model.")] = value
    checkpoints.write_whole(tmp_path)
    checkpoints.write(tmp_path, raw, weights)
    with pytest.raises(InputError, match=r"vision_config is missing|visual.*missing"):
        saccade.load(tmp_path)


def test_a_text_model_is_refused(tmp_path: Path) -> None:
    checkpoints.write_whole(tmp_path)
    checkpoints.write(tmp_path, checkpoints.config(model_type="qwen2"))
    with pytest.raises(InputError, match=r"expected model_type .* got 'qwen2'"):
        saccade.load(tmp_path).ask(np.zeros((60, 80, 3), np.uint8), "what is it?")
