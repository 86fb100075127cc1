"""The tests of mlx-vlm with the other versions that the hooks claim to fit.

`MLX_VLM_VERSIONS` names folders, each with one version: `pip install --no-deps --target FOLDER mlx-vlm==0.7.6`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDERS = [folder for folder in os.environ.get("MLX_VLM_VERSIONS", "").split(os.pathsep) if folder]
FILES = ("test_mlx_vlm.py", "test_mlx_vlm_families.py", "test_mlx_vlm_gemma4.py", "test_mlx_vlm_server.py")


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("file", FILES)
def test_another_version_passes(folder: str, file: str) -> None:
    path = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
    words = ["-q", "-W", "ignore", "-p", "no:cacheprovider", "-o", "norecursedirs=.git"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(Path(__file__).parent / file)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
