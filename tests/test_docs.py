"""What docs/ says of the code is so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_the_swift_example_is_the_one_that_is_compiled() -> None:
    compiled = (ROOT / "swift" / "Tests" / "SaccadeTests" / "ExampleTests.swift").read_text(encoding="utf-8")
    example = re.findall(r"// example\n(.*?)// end of the example", compiled, re.DOTALL)
    assert len(example) == 1
    assert f"```swift\n{example[0]}```" in (DOCS / "swift.md").read_text(encoding="utf-8")


def test_the_swift_names_are_those_of_the_package() -> None:
    said = (DOCS / "swift.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "swift" / "Sources" / "Saccade").glob("*.swift")]
    public = {name for text in sources for name in re.findall(r"^public (?:struct|enum|func|var) (\w+)", text, re.M)}
    public |= {name for text in sources for name in re.findall(r"public (?:static let|func) (\w+)", text)}
    assert len(public) > 15
    assert public <= set(re.findall(r"\w+", said))
