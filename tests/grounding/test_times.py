"""The times that answers about films name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade.grounding.times import TimeSpan, on_film, read_times


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (
            '[{"start_time": "00:12.50", "end_time": "00:20.10", "description": "a man sits"}]',
            [(12.5, 20.1, "a man sits")],
        ),
        (
            '```json\n[{"start": 3, "end": 5.5, "label": "jump"}, {"start": 7, "end": 9}]\n```',
            [(3, 5.5, "jump"), (7, 9, "")],
        ),
        ('{"timestamp": "01:02:03", "event": "goal"}', [(3723, 3723, "goal")]),
        ("{'start': '<3.0 seconds>', 'end': '5.0 seconds'}", [(3, 5, "")]),
        ("The event happens in 12.5 - 20.3 seconds.", [(12.5, 20.3, "")]),
        ("<3.0 seconds> to <5.0 seconds>", [(3, 5, "")]),
        ("It opens at 4.0 seconds, and closes at 7s.", [(4, 4, ""), (7, 7, "")]),
        ("from 1:05 to 1:10, and again between 3 and 5 seconds", [(65, 70, ""), (3, 5, "")]),
        ("at 0:12–0:15.5", [(12, 15.5, "")]),
        ("3s–5s and 3s–5s", [(3, 5, "")]),
        ("It happens at <0.3 seconds>.", [(0.3, 0.3, "")]),
        ("<think>at 3 seconds</think> at 4 seconds", [(4, 4, "")]),
        ("two people, 3 cars, box [10, 20, 30, 40], 1920x1080, at 50% or 5 steps", []),
        ("The score is 3:2 and the ratio 16:9.", []),
        ("in 2 sets of 5 streets, 4 scenes", []),
        ('{"bbox_2d": [1, 2, 3, 4], "label": "x"}', []),
        ("", []),
    ],
)
def test_read_times_reads_each_form(text: str, spans: list[tuple[float, float, str]]) -> None:
    assert read_times(text) == [TimeSpan(*span) for span in spans]


def test_on_film_maps_and_clips_times() -> None:
    spans = [TimeSpan(1, 2, "a"), TimeSpan(2, 1), TimeSpan(4, 5.25), TimeSpan(9, 12), TimeSpan(6, 6)]
    kept, notes = on_film(spans, lambda seconds: seconds * 2 + 10, end=20)
    assert kept == [TimeSpan(12, 14, "a"), TimeSpan(18, 20)]
    assert notes == [
        "the text names 2 to 1 s, which the film of 20.0 s has not",
        "the text names 9 to 12 s, which the film of 20.0 s has not",
        "the text names 6 to 6 s, which the film of 20.0 s has not",
    ]


@given(st.text(alphabet="0123456789:.s -to{}\"'startend_<>secondsé", max_size=200))
def test_no_text_raises(text: str) -> None:
    for span in read_times(text):
        assert span.start >= 0 and span.end >= 0


def test_long_texts_are_read_in_linear_time() -> None:
    for piece in ("1:", '{"start": ', "12.5 - ", "9" * 9 + " ", "3 to ", "{" * 5, "0:"):
        read_times(piece * (100_000 // len(piece)))
