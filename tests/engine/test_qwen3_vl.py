"""Qwen3-VL through the engine: whatever is cached, batched or read in chunks, the answer is that of a fresh engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import media, models
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError
from mlx_saccade.models import generation

IMAGE = np.random.RandomState(0).randint(0, 256, (200, 333, 3)).astype(np.uint8)
OTHER = np.random.RandomState(1).randint(0, 256, (120, 100, 3)).astype(np.uint8)
FILM = np.random.RandomState(2).randint(0, 256, (5, 70, 100, 3)).astype(np.uint8)
MOST = 6
BASES = {"dense": checkpoints.QWEN3_VL, "experts": checkpoints.QWEN3_VL_MOE}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"), checkpoints.QWEN3_VL)


@pytest.fixture
def cold(folder: Path) -> Engine:
    return saccade.load(folder, cache_memory=0)


@pytest.fixture
def loaded(folder: Path) -> Engine:
    return saccade.load(folder)


def messages(question: str) -> list[dict[str, Any]]:
    video = {"type": "video", "video": media.Video(FILM, 2.0)}
    parts = [{"type": "image", "image": IMAGE}, video, {"type": "image", "image": OTHER}]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": question}]}]


def chat(engine: Engine, question: str, **options: Any) -> str:
    return engine.chat(messages(question), max_tokens=MOST, **options).text


@pytest.mark.parametrize("base", BASES)
def test_chat_equals_the_model_alone(tmp_path: Path, base: str) -> None:
    """Prompt, patches and positions, put together by hand."""
    engine = saccade.load(checkpoints.write_whole(tmp_path, BASES[base]))
    answer = engine.chat(messages("Where?"), max_tokens=MOST)
    plans = [engine.plan(image) for image in (IMAGE, OTHER)]
    stills = [saccade.patchify(image, plan) for image, plan in zip((IMAGE, OTHER), plans, strict=True)]
    frame = answer.frames[1]
    frames, rows, columns = frame.grid_thw
    assert frames == 3
    one = saccade.plan((100, 70), family="qwen3-vl", budget=rows * columns // 4, min_tokens=1)
    assert one.resized_size == frame.processed_size
    padded = [*FILM, FILM[-1]]
    pairs = [
        [saccade.patchify(part, one, "reference").reshape(-1, 3, 2, 256) for part in padded[n : n + 2]]
        for n in (0, 2, 4)
    ]
    moving = np.concatenate([np.stack([a[:, :, 0], b[:, :, 1]], axis=2).reshape(len(a), -1) for a, b in pairs])
    words = "".join(
        f"<{time:.1f} seconds><|vision_start|>{'<|video_pad|>' * (rows * columns // 4)}<|vision_end|>"
        for time in (0.25, 1.25, 2.0)
    )
    first, last = ("<|image_pad|>" * plan.tokens for plan in plans)
    start, end = "<|vision_start|>", "<|vision_end|>"
    text = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        f"{start}{first}{end}{start}{words}{end}{start}{last}{end}Where?<|im_end|>\n<|im_start|>assistant\n"
    )
    ids = engine.prompts._tokenizer.encode(text, add_special_tokens=False).ids
    tokens = engine.model.generate(
        ids,
        MOST,
        pixel_values=np.concatenate(stills),
        image_grid_thw=[plan.grid_thw for plan in plans],
        pixel_values_videos=moving,
        video_grid_thw=[frame.grid_thw],
    )
    assert answer.usage["prompt"] == len(ids)
    assert answer.text == engine.prompts.decode(tokens)


def test_later_questions_equal_those_of_a_fresh_engine(loaded: Engine, cold: Engine, tmp_path: Path) -> None:
    """Features and prompts from memory and from the folder have their deepstack levels."""
    expected = [chat(cold, question) for question in ("Where?", "Where is it?", "Where?")]
    assert [chat(loaded, question) for question in ("Where?", "Where is it?", "Where?")] == expected
    counts = loaded.counts
    assert counts.vision_calls == 3 and counts.prefix_hits == 2 and counts.reused_tokens > 200
    for _ in range(2):
        stored = saccade.load(loaded.folder, cache_memory=0, cache_dir=tmp_path / "features")
        assert chat(stored, "Where?") == expected[0]
    assert stored.counts.disk_hits == 3 and stored.counts.vision_calls == 0


def test_prompts_that_part_after_the_first_image_share_it(loaded: Engine, cold: Engine) -> None:
    """The second image is read on from the cached beginning, its levels at their own places."""
    for engine in (loaded, cold):
        engine.ask([IMAGE, OTHER], "What?", max_tokens=MOST)
    one, other = (engine.ask([IMAGE, IMAGE], "What?", max_tokens=MOST).text for engine in (loaded, cold))
    assert one == other and loaded.counts.prefix_hits == 1


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_change_nothing(cold: Engine, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    prompt = cold.model.prompt(*_inputs(cold))
    whole = np.asarray(cold.model.prefill(prompt, cold.model.model.make_cache()))
    monkeypatch.setattr(generation, "PREFILL_CHUNK", chunk)
    parts = np.asarray(cold.model.prefill(prompt, cold.model.model.make_cache()))
    assert np.abs(whole - parts).max() < 2e-5


def _inputs(engine: Engine) -> tuple[list[int], np.ndarray, list[tuple[int, int, int]]]:
    plan = engine.plan(OTHER)
    ids = [5, 6, 1002, *[1004] * plan.tokens, 1003, 7, 8]
    return ids, saccade.patchify(OTHER, plan), [plan.grid_thw]


def test_rows_equal_each_prompt_alone(cold: Engine) -> None:
    questions = [(IMAGE, "What is this?"), (OTHER, "And this?"), (IMAGE, "Where?")]
    together = [answer.text for answer in cold.ask_batch(questions, max_tokens=MOST)]
    assert together == [cold.ask(image, text, max_tokens=MOST).text for image, text in questions]


def test_a_shared_image_equals_each_question_alone(cold: Engine) -> None:
    questions = ["What?", "Where is it, then?", "When"]
    together = [answer.text for answer in cold.shared_image(OTHER).ask(questions, max_tokens=MOST)]
    assert together == [cold.ask(OTHER, question, max_tokens=MOST).text for question in questions]


def test_boxes_are_thousandths(loaded: Engine) -> None:
    answer = loaded.locate(IMAGE, "the red button", constrained=True, max_tokens=200)
    (frame,) = answer.frames
    assert frame.convention == "thousandths"
    if answer.boxes:
        numbers = json.loads(answer.text)[0]["bbox_2d"]
        assert max(numbers) <= 1000
        assert answer.boxes[0].xyxy == pytest.approx(
            [number * side / 1000 for number, side in zip(numbers, (333, 200) * 2, strict=True)]
        )
    else:
        assert answer.text == "[]"


def test_video_prompt_single_leaves_the_outer_pair_out(folder: Path, cold: Engine) -> None:
    single = saccade.load(folder, cache_memory=0, video_prompt="single")
    counts = [engine.chat(messages("Where?"), max_tokens=1).usage["prompt"] for engine in (cold, single)]
    assert counts[0] - counts[1] == 2
    with pytest.raises(InputError, match="video_prompt: expected 'outer' or 'single'"):
        saccade.load(folder, video_prompt="none")  # type: ignore[arg-type]


def test_features_without_their_levels_raise(cold: Engine) -> None:
    ids, pixels, grids = _inputs(cold)
    with pytest.raises(InputError, match=r"image_features: expected \[tokens, 512\], 3 deepstack levels included"):
        cold.model.prompt(ids, image_grid_thw=grids, image_features=cold.model.image_features(pixels, grids))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_near(folder: Path, cold: Engine, dtype: str) -> None:
    half = models.load(folder, compute_dtype=dtype)
    ids, pixels, grids = _inputs(cold)
    exact = np.asarray(cold.model(ids, pixels, grids))[0, -1]
    near = np.asarray(half(ids, pixels, grids).astype(mx.float32))[0, -1]
    assert np.corrcoef(exact, near)[0, 1] > 0.99


def test_memory_of_a_request_is_predicted(cold: Engine) -> None:
    """Within a fifth for a picture of 576 tokens, levels and positions included."""
    grids = [(1, 48, 48)]
    pixels = np.random.RandomState(0).randint(0, 256, (2304, 768)).astype(np.uint8)
    mx.clear_cache()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    mx.eval(cold.model.encode(mx.array(pixels), grids))
    measured = mx.get_peak_memory() - before
    config = cold.model.config
    predicted = models.memory.tower_bytes(config.vision, 2304, 1, mx.float32, config.family)
    assert 0.8 < predicted / measured < 1.25
