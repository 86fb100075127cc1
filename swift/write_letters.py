"""Writes swift/Sources/SaccadeMLX/Tokenizer/LetterRanges.swift from the Unicode classes of `tokenizers`.

python swift/write_letters.py
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tokenizers import Regex, pre_tokenizers

SOURCE = Path(__file__).parent / "Sources" / "SaccadeMLX" / "Tokenizer" / "LetterRanges.swift"
HEAD = """\
// Written by `python swift/write_letters.py` from the classes of `tokenizers`. Do not edit it.
"""
TABLES = (
    ("letterRanges", r"\p{L}", "letters"),
    ("numberRanges", r"\p{N}", "numbers"),
    ("spaceRanges", r"\s", "white space"),
)
_SEPARATOR = "\u0300"  # a mark, in none of the classes
_PER_LINE = 8


def source() -> str:
    """Return the Swift source of the tables."""
    return HEAD + "".join(_table(name, ranges(pattern), kind) for name, pattern, kind in TABLES)


def ranges(pattern: str) -> list[tuple[int, int]]:
    """Return (first, last) of each run of code points that match a pattern of one character."""
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    matches: list[int] = []
    for start in range(0, len(codes), 4096):
        text = _SEPARATOR.join(map(chr, codes[start : start + 4096]))
        pieces = split.pre_tokenize_str(text)
        matches += [ord(piece) for piece, (first, _) in pieces if len(piece) == 1 and first % 2 == 0]
    matches = [code for code in matches if len(split.pre_tokenize_str(f"{_SEPARATOR}{chr(code)}")) == 2]
    edges = [place for place, (a, b) in enumerate(pairwise(matches), 1) if b != a + 1]
    return [(matches[a], matches[b - 1]) for a, b in pairwise([0, *edges, len(matches)])]


def _table(name: str, found: list[tuple[int, int]], kind: str) -> str:
    values = [f"0x{code:X}" for pair in found for code in pair]
    lines = (values[start : start + _PER_LINE] for start in range(0, len(values), _PER_LINE))
    body = "".join(f"    {', '.join(line)},\n" for line in lines)
    return f"\n/// First and last scalar of each run of {kind}.\nlet {name}: [UInt32] = [\n{body}]\n"


if __name__ == "__main__":
    SOURCE.write_text(source(), encoding="utf-8")
