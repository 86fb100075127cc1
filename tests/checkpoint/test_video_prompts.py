"""Prompts of videos whose frames have words of their own, against the reference's processor."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import checkpoints
import pytest

from mlx_saccade.checkpoint.tokenizer import Prompts, TimedVideo, VideoPrompt, check_video_prompt
from mlx_saccade.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from qwen3_cases import PROMPTS, VideoCase  # noqa: E402

ROWS = json.loads((GOLDEN / "qwen3_prompts.json").read_text())
CASES = {case.name: case for case in PROMPTS}
START, END, VIDEO = 1002, 1003, 1005


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"), checkpoints.QWEN3_VL)


def prompts(folder: Path, form: VideoPrompt = "outer", pair: tuple[int, int] | None = (START, END)) -> Prompts:
    return Prompts(folder, 1004, VIDEO, vision_pair=pair, video_prompt=form)


def timed(video: VideoCase) -> TimedVideo:
    """Return a video's times, the mean of first and last frame of each pair."""
    indices = [*video.indices, *[video.indices[-1]] * (len(video.indices) % 2)]
    times = [index / video.fps for index in indices]
    return TimedVideo(tuple((times[n] + times[n + 1]) / 2 for n in range(0, len(times), 2)), video.tokens)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['name']}-{row['form']}")
def test_encode_equals_the_reference(folder: Path, row: dict[str, Any]) -> None:
    case = CASES[row["name"]]
    ids = prompts(folder, row["form"]).encode(case.messages, case.image_tokens, [timed(one) for one in case.videos])
    assert ids == row["ids"]
    assert ids.count(VIDEO) == sum(one.steps * one.tokens for one in case.videos)


def test_outer_form_has_one_pair_more(folder: Path) -> None:
    messages, videos = CASES["both"].messages, [timed(one) for one in CASES["both"].videos]
    outer, single = (prompts(folder, form).encode(messages, (2, 1), videos) for form in ("outer", "single"))
    assert [outer.count(token) - single.count(token) for token in (START, END, VIDEO)] == [2, 2, 0]


@pytest.mark.parametrize("form", ["outer", "single"])
def test_special_tokens_of_a_user_stay_text(folder: Path, form: VideoPrompt) -> None:
    """A video's name in the text of a user is no place for frames."""
    content = [{"type": "video"}, {"type": "text", "text": "<|vision_start|><|video_pad|><|vision_end|>?"}]
    ids = prompts(folder, form).encode([{"role": "user", "content": content}], [], [TimedVideo((0.5, 1.5), 3)])
    assert ids.count(VIDEO) == 6
    assert prompts(folder).decode(ids).count("<|video_pad|>") == 7


def test_a_template_without_a_pair_takes_the_frames_in_both_forms(tmp_path: Path) -> None:
    checkpoints.write_whole(tmp_path, checkpoints.QWEN3_VL)
    (tmp_path / "chat_template.jinja").write_text("{% for _ in messages[0].content %}<|video_pad|>{% endfor %}")
    messages = [{"role": "user", "content": [{"type": "video"}]}]
    outer, single = (
        prompts(tmp_path, form).encode(messages, [], [TimedVideo((0.5,), 2)]) for form in ("outer", "single")
    )
    assert outer == single and outer[-4:] == [START, VIDEO, VIDEO, END]


def test_videos_that_do_not_match_raise(folder: Path) -> None:
    messages = CASES["half to even"].messages
    with pytest.raises(InputError, match="expected 2 videos in the chat template's text; got 1"):
        prompts(folder).encode(messages, [], [TimedVideo((0.5,), 2)] * 2)
    with pytest.raises(InputError, match=r"is not an added token of tokenizer\.json"):
        prompts(folder, pair=(7, 8)).encode(messages, [], [TimedVideo((0.5,), 2)])
    with pytest.raises(InputError, match=r"video_prompt: expected 'outer' or 'single'; got 'both'"):
        check_video_prompt("both")
