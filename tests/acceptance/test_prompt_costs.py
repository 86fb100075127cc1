"""What a prompt costs is known without decoding, and one that is too long is refused or made to fit."""

from __future__ import annotations

import math
import random
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError

WORDS = "What is on these pictures?"


def header(width: int, height: int) -> bytes:
    """A PNG that ends after its header: whoever decodes it fails."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return head + struct.pack(">I", 100) + b"IDAT"


def tokens_of(width: int, height: int, budget: int) -> int:
    """The reference's rule in plain Python."""
    most = budget * 784
    high, wide = round(height / 28), round(width / 28)
    if high * wide * 784 > most:
        shrink = math.sqrt(height * width / most)
        high, wide = (max(1, math.floor(side / shrink / 28)) for side in (height, width))
    elif high * wide * 784 < 3136:
        grow = math.sqrt(3136 / (height * width))
        high, wide = (math.ceil(side * grow / 28) for side in (height, width))
    return high * wide


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("count")))


def noise(width: int, height: int) -> np.ndarray:
    return np.random.RandomState(width).randint(0, 256, (height, width, 3)).astype(np.uint8)


def test_counts_of_2000_images_whose_pixels_are_not_there(engine: Engine) -> None:
    dice = random.Random(20)
    text = engine.count_tokens([], WORDS)
    for _ in range(200):
        shown, wanted = [], text
        for _ in range(10):
            width = dice.randint(1, 8000)
            height = dice.randint(max(1, -(-width // 90)), min(8000, width * 90))
            budget = dice.choice([100, 256, 640, 1280, 4096, 16384, dice.randint(100, 20000)])
            shown.append({"image": header(width, height), "budget": budget})
            wanted += 2 + tokens_of(width, height, budget)
        assert engine.count_tokens(shown, WORDS) == wanted


def test_a_count_is_what_a_run_takes(engine: Engine) -> None:
    dice = random.Random(21)
    for _ in range(12):
        shown = [
            {"image": noise(dice.randint(10, 400), dice.randint(10, 400)), "budget": dice.randint(20, 90)}
            for _ in range(dice.randint(0, 3))
        ]
        content = [*shown, {"type": "text", "text": WORDS[: dice.randint(1, 20)]}]
        if dice.random() < 0.3:
            content.insert(0, {"type": "video", "video": [noise(60, 90)] * dice.randint(1, 4), "fps": 1.0, "budget": 8})
        messages = [{"role": "user", "content": content}]
        assert engine.count_tokens(messages) == engine.chat(messages, max_tokens=1).usage["prompt"]


def test_counting_decodes_nothing_and_runs_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = header(640, 480)
    monkeypatch.setattr(media, "open_image", None)
    for room in ("image_features", "prompt", "prefill"):
        monkeypatch.setattr(engine.model, room, None)
    before = engine.counts
    assert engine.count_tokens([broken, broken], WORDS, budget=100) > 150
    assert engine.counts == before


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine whose model reads 300 tokens."""
    folder = checkpoints.write_whole(tmp_path_factory.mktemp("short"), max_position_embeddings=300)
    return saccade.load(folder, budget=200)


def test_a_prompt_that_is_too_long_is_refused_with_numbers(short: Engine) -> None:
    pictures = [noise(400, 300), noise(300, 400), noise(40, 40)]
    counted = short.count_tokens(pictures, WORDS)
    shares = [short.plan(picture).tokens for picture in pictures]
    with pytest.raises(InputError) as error:
        short.ask(pictures, WORDS, max_tokens=20)
    said = str(error.value)
    assert f"takes {counted} tokens (images: {', '.join(map(str, shares))})" in said
    assert f"up to 20, together {counted + 20}; the model has 300" in said
    assert "280 for the prompt" in said
    assert "fit=True" in said


def test_fit_shrinks_the_large_ones_and_says_so(short: Engine) -> None:
    pictures = [noise(400, 300), noise(300, 400), noise(40, 40)]
    plain = [short.plan(picture).tokens for picture in pictures]
    answer = short.ask(pictures, WORDS, max_tokens=20, fit=True)
    assert answer.usage["prompt"] + 20 <= 300
    assert [frame.tokens_without_fit for frame in answer.frames] == plain
    assert [frame.tokens < frame.tokens_without_fit for frame in answer.frames] == [True, True, False]
    assert answer.frames[2].tokens == plain[2]
    assert re.fullmatch(r"\d+ tokens", answer.frames[0].budget)
    # A cap of one token more would not have fitted, so nothing was given away.
    cap = max(int(frame.budget.split()[0]) for frame in answer.frames[:2])
    more = [min(short.plan(picture, budget=cap + 1).tokens, one) for picture, one in zip(pictures, plain, strict=True)]
    text = answer.usage["prompt"] - answer.usage["image"]
    assert sum(more) + text + 20 > 300 or more == [frame.tokens for frame in answer.frames]
    together = short.ask_batch([(pictures, WORDS)], max_tokens=20, fit=True)
    assert together[0].frames == answer.frames


def test_fit_leaves_alone_what_fits(short: Engine) -> None:
    picture = noise(200, 200)
    plain, fitted = (short.ask(picture, WORDS, max_tokens=5, fit=fit) for fit in (False, True))
    assert plain.frames == fitted.frames
    assert plain.text == fitted.text


def test_what_no_budget_makes_fit_is_refused(short: Engine) -> None:
    with pytest.raises(InputError, match="fit cannot make it fit"):
        short.ask(noise(400, 300), WORDS, max_tokens=270, fit=True)
    with pytest.raises(InputError, match=r"images: none"):
        short.ask([], "word " * 100, max_tokens=5, fit=True)


def test_every_medium_of_a_video_fits_too(short: Engine) -> None:
    film: Any = {"video": [noise(300, 200)] * 5, "fps": 2.0}
    answer = short.ask([film, noise(400, 300)], WORDS, max_tokens=10, fit=True)
    assert answer.usage["prompt"] + 10 <= 300
    assert all(frame.tokens < frame.tokens_without_fit for frame in answer.frames)


def test_images_stay_whole_whatever_is_cut(short: Engine, tmp_path: Path) -> None:
    answer = short.ask([noise(400, 300), noise(300, 400)], WORDS, max_tokens=20, fit=True)
    for frame in answer.frames:
        assert frame.tokens == np.prod(frame.grid_thw) // 4
    assert answer.usage["image"] == sum(frame.tokens for frame in answer.frames)
