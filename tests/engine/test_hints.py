"""Hints, notes and short forms of answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pictures import noise

import mlx_saccade as saccade
from mlx_saccade.engine import Answer, Engine, Look, hints, policy
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box, Point

FOUND = "the light window"


@pytest.fixture(scope="module")
def loaded() -> Engine:
    return saccade.load()


@pytest.fixture(scope="module")
def answer(loaded: Engine) -> Answer:
    """An answer about a 4K screen with nothing in it, at a quarter of the checkpoint's cap."""
    whole = loaded.locate(saccade.scenes.generate(3, (3840, 2160)).image, "it", budget=64, max_tokens=8)
    return replace(whole, boxes=(), points=(), text="[]", finish="stop", rejected=(), notes=())


def test_a_hint_names_the_shrinking_and_a_larger_budget(loaded: Engine, answer: Answer) -> None:
    frame = answer.frames[0]
    assert answer.hint is not None
    assert "no such target" in answer.hint
    (width, height), scale = frame.processed_size, frame.scale[0]
    assert f"3840 x 2160 as {width} x {height}, one pixel for {scale:.2g} of yours" in answer.hint
    whole = loaded.plan((3840, 2160), budget="checkpoint")
    assert f"under about {28 * max(frame.scale):.0f} px" in answer.hint
    assert answer.hint.endswith(
        f'Try policy "search" (--policy search), a budget of up to {whole.tokens} tokens or a crop of the image.'
    )
    assert whole.tokens > frame.tokens


def test_at_the_cap_a_hint_advises_no_budget(loaded: Engine, answer: Answer) -> None:
    at_cap = replace(answer.frames[0], tokens_at_cap=answer.frames[0].tokens)
    hint = replace(answer, frames=(at_cap,)).hint
    assert hint is not None
    assert hint.endswith('Try policy "search" (--policy search) or a crop of the image.')
    assert "a budget of" not in hint
    assert loaded.locate(noise(200, 120), "it", max_tokens=1).frames[0].tokens_at_cap >= 1


@pytest.mark.parametrize(
    ("changes", "expected", "absent"),
    [
        ({"finish": "length"}, "tokens. Raise max_tokens (--max-tokens).", "shrunk"),
        ({"text": "I cannot do that."}, "in words", "no such target"),
        ({"text": "```json\n[]\n```"}, "no such target", "in words"),
        ({"text": ""}, "no such target", "in words"),
        ({"text": "see page 7"}, "no coordinates that can be read", "in words"),
    ],
)
def test_a_hint_tells_kinds_of_failure_apart(
    answer: Answer, changes: dict[str, Any], expected: str, absent: str
) -> None:
    hint = replace(answer, **changes).hint
    assert hint is not None
    assert expected in hint
    assert absent not in hint
    assert "\n" not in hint


def test_a_hint_counts_one_token_in_the_singular(answer: Answer) -> None:
    cut = replace(answer, finish="length", usage={**answer.usage, "answer": 1}).hint
    assert cut is not None and "cut off after 1 token." in cut


@pytest.mark.parametrize("changes", [{}, {"finish": "length"}])
def test_above_the_cap_a_hint_advises_a_smaller_budget(loaded: Engine, changes: dict[str, Any]) -> None:
    whole = loaded.locate(saccade.scenes.generate(3, (960, 540)).image, "it", budget=512, max_tokens=8)
    cap = loaded.plan((960, 540), budget="checkpoint").tokens
    hint = replace(whole, **{"boxes": (), "points": (), "text": "[]", "finish": "stop", "rejected": ()} | changes).hint
    assert hint is not None
    assert cap < whole.frames[0].tokens
    assert hint.startswith(
        f"The image took {whole.frames[0].tokens} tokens; the checkpoint's own cap allows {cap}. Try a smaller budget."
    )
    assert "larger budget" not in hint
    assert "Raise" not in hint


def test_an_enlarged_image_is_not_above_the_cap(loaded: Engine) -> None:
    frame = loaded.ask(noise(100, 60), "it", budget={"min_pixels": 64 * 28 * 28}, max_tokens=2).frames[0]
    hint = replace(
        loaded.locate(noise(100, 60), "it", max_tokens=2),
        boxes=(), points=(), text="[]", finish="stop", rejected=(), frames=(frame,),
    ).hint  # fmt: skip
    assert frame.tokens > frame.tokens_at_cap
    assert hint is not None
    assert "cap" not in hint


@pytest.mark.parametrize(("box", "expected"), [(None, "gave a box"), (Box((1, 2, 3, 4)), "reasons")])
def test_a_hint_about_looks_mentions_boxes_only_if_there_are_some(
    answer: Answer, box: Box | None, expected: str
) -> None:
    look = Look.of(replace(answer, boxes=() if box is None else (box,)), (0, 0, 10, 10), "")
    hint = replace(answer, looks=(look, look)).hint
    assert hint is not None
    assert hint.startswith("None of 2 looks gave a ")
    assert expected in hint
    assert ("--verbose" in hint) is (box is not None)


def test_there_is_no_hint_with_a_place_or_for_another_question(loaded: Engine, answer: Answer) -> None:
    assert replace(answer, points=(Point((1, 2)),)).hint is None
    assert replace(answer, boxes=(Box((1, 2, 3, 4)),)).hint is None
    assert loaded.ask(noise(200, 120), "what?", max_tokens=2).hint is None


def test_a_hint_names_only_policies_that_exist(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "_policies", {})
    assert answer.hint is not None
    assert "search" not in answer.hint
    assert "Try a budget of up to" in answer.hint


def test_an_image_that_was_not_shrunk_is_said_so(loaded: Engine, answer: Answer) -> None:
    small = replace(loaded.locate(noise(112, 84), "it", max_tokens=2), boxes=(), points=(), text="[]", finish="stop")
    assert small.hint is not None
    assert "not shrunk" in small.hint
    # Rounded down to whole tokens, 192x96 is shown as 196x84, and no budget shows more.
    rounded = replace(loaded.locate(noise(192, 96), "it", max_tokens=2), boxes=(), points=(), text="[]", finish="stop")
    assert max(rounded.frames[0].scale) > 1 and "not shrunk" in (rounded.hint or "")


@pytest.mark.parametrize(
    ("label", "description", "same"),
    [
        ("The red  button", "red button.", True),
        ("a Button", '"the button"', True),
        ("the blue list", "the blue window", False),
        ("button", "", False),
    ],
)
def test_names_are_compared_after_normalization(label: str, description: str, same: bool) -> None:
    assert hints.is_same_name(label, description) is same


def test_another_label_and_a_tiny_box_are_notes(answer: Answer) -> None:
    boxes = (Box((0, 0, 1000, 1000), "The Red Button"), Box((0, 0, 1000, 30), "the blue list"))
    notes = hints.locating(replace(answer, boxes=boxes), "red button").notes
    assert notes[0] == "the model's label: the blue list"
    assert "uncertain" in notes[1]
    assert hints.locating(replace(answer, boxes=boxes[:1]), "red button").notes == ()


def test_short_forms_are_one_line(loaded: Engine, answer: Answer, tmp_path: Path) -> None:
    placed = replace(answer, boxes=(Box((10, 20, 30, 40)),), text="x" * 500 + "\n")
    plan = saccade.plan((3840, 2160), budget=1280)
    shorts = [repr(one) for one in (loaded, placed, answer, answer.frames[0], plan)]
    for short in shorts:
        assert "\n" not in short
        assert len(short) < 160
    assert "4.484M parameters" in shorts[0]
    assert "1 box, click=(20, 30)" in shorts[1]
    assert "no box" in shorts[2]
    assert "3840x2160 as " in shorts[3]
    assert "1222 tokens" in shorts[4]


@pytest.mark.parametrize("method", ["locate", "ask", "chat", "stream", "ask_batch"])
def test_a_misspelt_option_names_all_that_exist(loaded: Engine, method: str) -> None:
    given: tuple[Any, ...] = {
        "chat": ([{"role": "user", "content": "x"}],), "ask_batch": ([([], "x")],)
    }.get(method, ([], "x"))  # fmt: skip
    with pytest.raises(InputError, match=rf"'bugdet' of {method}. Did you mean 'budget'\? Known: ") as error:
        getattr(loaded, method)(*given, bugdet=64)
    known = str(error.value).partition("Known: ")[2].split(", ")
    assert {"budget", "fit", "max_tokens", "seed"} <= set(known)
    assert ("constrained" in known) is (method == "locate")
