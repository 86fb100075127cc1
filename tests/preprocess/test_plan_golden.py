"""Plans against the golden file that the tests of the plan in C also read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
import plans as recorded  # noqa: E402


def test_plans_are_those_that_c_is_compared_with() -> None:
    rows = json.loads((GOLDEN / "plans.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) == recorded.COUNT
    wrong = [row for row in rows if recorded.row(*row[:5]) != row]
    assert wrong == []
