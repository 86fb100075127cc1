"""The names of the distribution (mlx-saccade) and of the package (mlx_saccade) in every tracked text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = "sac" + "cade"  # in two pieces, so that this file holds none of what it looks for
FORBIDDEN = (
    re.escape(f"pip install {OLD}"),
    re.escape(f"import {OLD}"),
    re.escape(f"from {OLD}"),
    rf"(?<!mlx-)(?<!mlx_){OLD}\[",
)


def tracked_texts() -> dict[str, str]:
    """Return the text of every tracked file outside CHANGELOG.md, by path; files that are not UTF-8 are left out."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if name == "CHANGELOG.md" or path.is_symlink() or not path.is_file():
            continue
        try:
            texts[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return texts


def test_former_names_in_tracked_texts_are_gone() -> None:
    texts = tracked_texts()
    assert len(texts) > 200
    needle = re.compile("|".join(FORBIDDEN))
    lines = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if needle.search(line)
    ]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"pip install {OLD}", True),
        (f"import {OLD}", True),
        (f"from {OLD} import plan", True),
        (f"pip install '{OLD}[fast]'", True),
        (f"pip install 'mlx-{OLD}[fast]'", False),
        (f"import mlx_{OLD} as {OLD}", False),
        (f"import {OLD.title()}", False),
        (f"mlx_{OLD}[tower]", False),
    ],
)
def test_needles_on_single_lines_tell_old_names_from_new(line: str, expected: bool) -> None:
    assert bool(re.search("|".join(FORBIDDEN), line)) is expected
