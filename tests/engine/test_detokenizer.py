"""Text piece by piece: together it is the whole, and no piece has to be taken back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade.engine.detokenizer import StreamDetokenizer, stop_strings
from mlx_saccade.errors import InputError


def decode(ids: Sequence[int]) -> str:
    """Each id is a byte, as in a byte-level tokenizer without merges."""
    return bytes(ids).decode("utf-8", "replace")


def pieces_of(text: bytes, stop: Sequence[str] = ()) -> tuple[list[str], StreamDetokenizer]:
    pieces = StreamDetokenizer(decode, stop)
    return [*(pieces.add(byte) for byte in text), pieces.finish()], pieces


@given(st.text(max_size=40))
def test_no_piece_is_half_a_character(text: str) -> None:
    found, pieces = pieces_of(text.encode())
    assert "".join(found) == pieces.text == text
    for place, piece in zip(range(1, len(text.encode()) + 1), found, strict=False):
        whole = text.encode()[:place].decode("utf-8", "ignore")
        assert "".join(found[:place]) == whole.rstrip("\ufffd"), piece


@given(st.binary(max_size=30))
def test_bytes_that_are_no_text_come_out_as_the_whole_does(raw: bytes) -> None:
    found, _ = pieces_of(raw)
    assert "".join(found) == decode(raw)


@given(st.text("ab\u00e9", max_size=30), st.lists(st.text("ab\u00e9", min_size=1, max_size=4), max_size=3))
def test_a_stop_string_ends_the_text_before_its_first_character(text: str, stop: list[str]) -> None:
    found, pieces = pieces_of(text.encode(), stop)
    # Read a character at a time, as it is spoken: the first stop string to be complete ends it.
    for length in range(len(text) + 1):
        ended = [said for said in stop if said in text[:length]]
        if ended:
            assert pieces.stopped in ended
            assert "".join(found) == text[: text[:length].index(str(pieces.stopped))]
            break
    else:
        assert pieces.stopped is None
        assert "".join(found) == text
    shown = ""
    for piece in found:
        shown += piece
        assert not any(said in shown for said in stop)


def test_what_may_become_a_stop_string_waits() -> None:
    found, pieces = pieces_of(b"one END two ENDED", ["ENDED"])
    assert found[3:6] == [" ", "", ""]
    assert "".join(found) == "one END two "
    assert pieces.stopped == "ENDED"


def test_the_end_shows_what_was_held() -> None:
    found, pieces = pieces_of("caf\u00e9 EN".encode()[:-1] + b"\xc3", ["END"])
    assert found[-1] == "E\ufffd"
    assert pieces.stopped is None


@pytest.mark.parametrize(("value", "found"), [(None, ()), ("a", ("a",)), (["a", "b"], ("a", "b")), ((), ())])
def test_stop_strings_come_alone_or_in_a_list(value: object, found: tuple[str, ...]) -> None:
    assert stop_strings(value) == found


@pytest.mark.parametrize("value", ["", ["a", ""], 7, [7], {"a": 1}])
def test_other_stops_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="stop is"):
        stop_strings(value)
