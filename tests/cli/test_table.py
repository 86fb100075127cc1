"""The layout of tables: it fits the width, and no word is lost at any width."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mlx_saccade.cli.table import NBSP, lay_out_facts, lay_out_table, wrap

WORDS = st.text("abcxyz", min_size=1, max_size=12)
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[list[str]]]:
    columns = draw(st.lists(st.tuples(TEXTS, st.sampled_from(["left", "right"])), min_size=1, max_size=7))
    cells = [TEXTS if side == "left" else WORDS for _, side in columns]
    return columns, draw(st.lists(st.tuples(*cells).map(list), min_size=1, max_size=4))


@settings(max_examples=50)
@given(tables(), st.integers(40, 200))
def test_a_table_fits_any_width_and_keeps_every_word(
    table: tuple[list[tuple[str, str]], list[list[str]]], width: int
) -> None:
    columns, rows = table
    lines = lay_out_table(columns, rows, width)
    assert max(map(len, lines)) <= width
    words = {
        word
        for text in [*(heading for heading, _ in columns), *(cell for row in rows for cell in row)]
        for word in text.split()
    }
    assert words <= set(" ".join(lines).split())


def test_a_wide_terminal_gets_a_row_a_line() -> None:
    columns = [("name", "left"), ("milliseconds", "right")]
    assert lay_out_table(columns, [["the red dialog", "12"], ["it", "3"]], 80) == [
        "name            milliseconds",
        "----------------------------",
        "the red dialog            12",
        "it                         3",
    ]


def test_left_columns_wrap_before_a_row_becomes_a_block() -> None:
    columns, rows = [("name", "left"), ("box", "right")], [["the red dialog", "1, 2, 3, 4"]]
    assert lay_out_table(columns, rows, 20) == [
        "name             box",
        "--------------------",
        "the red   1, 2, 3, 4",
        "dialog",
    ]
    assert lay_out_table(columns, [*rows, ["it", "5, 6"]], 14) == [
        "name", "  the red", "  dialog", "box", "  1, 2, 3, 4", "", "name", "  it", "box", "  5, 6"
    ]  # fmt: skip


def test_empty_cells_are_left_out_of_a_block() -> None:
    columns = [("runtime", "left"), ("tokens", "right"), ("a long heading of its own", "right")]
    assert lay_out_table(columns, [["ollama", "1,222", "x" * 40], ["other", "", ""]], 50)[-1] == "runtime  other"


def test_values_of_facts_are_below_each_other() -> None:
    assert lay_out_facts([("name", "one two three four five six"), ("n", "")], 26) == [
        "name  one two three four",
        "      five six",
        "n",
    ]


def test_words_longer_than_the_width_stay_whole() -> None:
    assert wrap("see /a/path/to/copy-and-paste now", 10) == ["see", "/a/path/to/copy-and-paste", "now"]


def test_words_joined_by_a_no_break_space_stay_together() -> None:
    assert wrap(f"1{NBSP}of{NBSP}2, 3{NBSP}of{NBSP}4", 8) == ["1 of 2,", "3 of 4"]
