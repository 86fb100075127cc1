"""Qwen3-VL and Qwen3.5 in mlx-vlm, with random weights: enabled, they give mlx-vlm's own log probabilities.

Of films they get the prompts and positions of this package's engine, and Qwen3-VL its answers.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import checkpoints
import films
import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx_vlm import load, stream_generate, utils
from mlx_vlm.models.qwen3_vl.processing_qwen3_vl import (
    Qwen3VLImageProcessor,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)
from mlx_vlm.version import __version__ as mlx_vlm_version

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.checkpoint.tokenizer import TimedVideo
from mlx_saccade.integrations import mlx_vlm
from mlx_saccade.integrations.mlx_vlm import reuse

ASSETS = resources.files("mlx_saccade") / "assets"
SCREEN = str(ASSETS / "demo" / "screen.png")
IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
TEXT = {
    "hidden_size": 64, "num_hidden_layers": 4, "intermediate_size": 64, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6, "max_position_embeddings": 4096,
    "rope_theta": 1e6, "tie_word_embeddings": True,
    "rope_scaling": {"type": "default", "mrope_section": [2, 3, 3], "mrope_interleaved": True},
    # mixtures of experts
    "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
    "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True,
    # Qwen3.5
    "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
    "linear_conv_kernel_dim": 4, "full_attention_interval": 2,
    "rope_parameters": {"type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1e6, "partial_rotary_factor": 0.5,
                        "mrope_interleaved": True},
}  # fmt: skip
VISION = {
    "depth": 4, "hidden_size": 64, "intermediate_size": 64, "out_hidden_size": 64, "num_heads": 4, "patch_size": 16,
    "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 64, "in_channels": 3,
}  # fmt: skip

UNREAD = pytest.mark.skipif(
    mlx_vlm_version == "0.7.6", reason="mlx-vlm 0.7.6 reads no checkpoint whose experts are matrices of their own"
)


@pytest.fixture(autouse=True)
def disable_after_test() -> Iterator[None]:
    """Undo the integration after a test."""
    yield
    mlx_vlm.disable()


def build(kind: str) -> tuple[Any, Any]:
    """Return a model of a type with random weights, and a processor with the packaged tokenizer."""
    own = json.loads((ASSETS / "tiny" / "config.json").read_text())
    text = {**TEXT, "vocab_size": own["vocab_size"], "model_type": f"{kind}_text"}
    levels = [1] if "vl" in kind else []
    vision = {**VISION, "model_type": kind, "deepstack_visual_indexes": levels}
    values = {"model_type": kind, "text_config": text, "vision_config": vision, "vocab_size": own["vocab_size"]}
    values |= {name: own[name] for name in (*IDS, "eos_token_id") if name in own}
    code = importlib.import_module(f"mlx_vlm.models.{kind}")
    mx.random.seed(0)
    model = code.Model(code.ModelConfig.from_dict(values))
    model.eval()
    _, packaged = load(str(ASSETS / "tiny"))
    processor = Qwen3VLProcessor(
        image_processor=Qwen3VLImageProcessor(min_pixels=65536, max_pixels=16777216),
        tokenizer=packaged.tokenizer,
        video_processor=Qwen3VLVideoProcessor(),
        chat_template=packaged.chat_template,
    )
    processor.detokenizer = packaged.detokenizer
    return model, processor


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"])
def test_enabling_changes_nothing_but_the_budget(kind: str) -> None:
    model, processor = build(kind)
    if kind == "qwen3_vl_moe":  # whose GELUs mlx-vlm exchanges; `test_mlx_vlm_tower.py` shows it
        for block in model.vision_tower.blocks:
            block.mlp.act_fn = nn.GELU(approx="tanh")
        for merger in (model.vision_tower.merger, *model.vision_tower.deepstack_merger_list):
            merger.act_fn = nn.GELU()
    content = [{"type": "image"}, {"type": "text", "text": "Where?"}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )

    def run() -> np.ndarray:
        chunks = stream_generate(model, processor, prompt, image=[SCREEN], max_tokens=4, temperature=0.0)
        return np.array([np.array(chunk.logprobs.astype(mx.float32)) for chunk in chunks])

    results = {}
    for tokens in (100, 300):  # mlx-vlm 0.7.6 drops the max_pixels of a call
        processor.image_processor.max_pixels = tokens * 1024
        results[tokens] = run()
    processor.image_processor.max_pixels = 16777216
    mlx_vlm.enable(model, processor, budget=100)
    result = run()
    # The random weights are in float32; preparation and tower differ by the rounding of float32.
    assert np.abs(result - results[100]).max() < 1e-4
    assert np.abs(result - results[300]).max() > 1e-3
    frame = mlx_vlm.frames()[0]
    plan = saccade.plan((3840, 2160), family="qwen3-vl", budget=100)
    assert (frame.tokens, frame.processed_size, frame.convention) == (plan.tokens, plan.resized_size, "thousandths")
    assert mlx_vlm.read('[{"bbox_2d": [100, 100, 500, 500]}]').boxes[0].xyxy == (384, 216, 1920, 1080)


@pytest.mark.parametrize(("kind", "hits"), [("qwen3_vl", 2), ("qwen3_vl_moe", 2), ("qwen3_5", 0), ("qwen3_5_moe", 0)])
def test_a_known_beginning_of_a_prompt_changes_no_answer(kind: str, hits: int) -> None:
    """Qwen3.5 has layers whose state cannot be cut, so its prompts are read whole."""
    model, processor = build(kind)

    def run(question: str) -> tuple[list[int], np.ndarray]:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        messages = [{"role": "user", "content": content}]
        prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        chunks = list(stream_generate(model, processor, prompt, image=[SCREEN], max_tokens=4, temperature=0.0))
        return [int(chunk.token) for chunk in chunks], np.array([np.array(chunk.logprobs) for chunk in chunks])

    questions = ("Where?", "Where is the button?", "Where?")
    mlx_vlm.enable(model, processor, budget=100, prefix_reuse=False)
    expected = [run(question) for question in questions]
    mlx_vlm.enable(model, processor, budget=100)
    before = reuse.store.counts()
    actual = [run(question) for question in questions]
    assert [tokens for tokens, _ in actual] == [tokens for tokens, _ in expected]
    assert max(np.abs(one - other).max() for (_, one), (_, other) in zip(actual, expected, strict=True)) < 1e-4
    assert (reuse.store.counts() - before).prefix_hits == hits


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of six screens of variable rate."""
    screens = [saccade.scenes.generate(seed, (320, 200)).image for seed in range(6)]
    path, shown = tmp_path_factory.mktemp("film") / "screens.mkv", [0, 400, 1500, 1600, 4000, 9000]
    return films.write(path, codec="ffv1", pixel_format="bgr0", b_frames=0, gop=1, frames=screens, times=shown,
                       time_base=Fraction(1, 1000))  # fmt: skip


# Options of a part, and of `open_video` for the same frames.
PARTS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"nframes": 6}, {"num_frames": 6}),
    ({"nframes": 5, "total": 60}, {"num_frames": 5}),
    ({"fps": 1, "video_start": 1}, {"fps": 1, "start": 1}),
    ({"budget": 12}, {}),
)


@pytest.mark.skipif(films.av is None, reason="PyAV is not installed")
@pytest.mark.parametrize("base", ["QWEN3_VL", pytest.param("QWEN3_VL_MOE", marks=UNREAD)])
def test_films_get_the_engines_prompt_and_answer(base: str, film: Path, tmp_path: Path) -> None:
    """In the single form, which mlx-vlm writes."""
    folder = checkpoints.write_whole(tmp_path, getattr(checkpoints, base))
    own = {"size": {"shortest_edge": 4096, "longest_edge": 600000}, "fps": 2, "min_frames": 4, "max_frames": 768}
    (folder / "video_preprocessor_config.json").write_text(json.dumps({**own, "patch_size": 16}))
    engine = saccade.load(folder, video_prompt="single")
    model, processor = load(str(folder))
    mlx_vlm.enable(model, processor)
    for options, opened in PARTS:
        part, question = {"type": "video", "video": str(film), **options}, "When is the window closed?"
        messages = [{"role": "user", "content": [part, {"type": "text", "text": question}]}]
        answer = engine.chat(messages, max_tokens=8)
        text = film_prompt(processor, question)
        inputs = utils.prepare_inputs(processor, videos=[part], prompts=text)
        frames, rows, columns = answer.frames[0].grid_thw
        assert inputs["video_grid_thw"].tolist() == [[frames, rows, columns]]
        times = media.open_video(film, family="qwen3-vl", **opened).times(2)
        ids = inputs["input_ids"][0].tolist()
        assert ids == engine.prompts.encode(messages, (), [TimedVideo(tuple(times), rows * columns // 4)])
        chunks = list(stream_generate(model, processor, text, video=[part], max_tokens=8, temperature=0.0))
        # The words of this vocabulary are no text for mlx-vlm, whose last chunk repeats a token; it ends at a token
        # that this checkpoint does not name as an end.
        tokens = {chunk.generation_tokens: int(chunk.token) for chunk in chunks}
        words = engine.prompts.decode(list(tokens.values()))
        assert answer.text == words or (words.endswith("<|endoftext|>") and answer.text.startswith(words))
        assert chunks[-1].prompt_tokens == answer.usage["prompt"] == len(ids)


@pytest.mark.skipif(films.av is None, reason="PyAV is not installed")
def test_an_image_and_a_film_in_one_prompt(film: Path, tmp_path: Path) -> None:
    """Of mlx-vlm's models `qwen3_vl` alone reads both."""
    folder = checkpoints.write_whole(tmp_path, checkpoints.QWEN3_VL)
    engine = saccade.load(folder, video_prompt="single")
    model, processor = load(str(folder))
    mlx_vlm.enable(model, processor)
    part = {"type": "video", "video": str(film), "nframes": 4, "budget": 20}
    content = [{"type": "image", "image": SCREEN}, part, {"type": "text", "text": "Which?"}]
    answer = engine.chat([{"role": "user", "content": content}], max_tokens=6)
    places = [{"type": "image"}, {"type": "video"}, content[2]]
    text = processor.apply_chat_template(
        [{"role": "user", "content": places}], tokenize=False, add_generation_prompt=True
    )
    chunks = stream_generate(model, processor, text, image=[SCREEN], video=[part], max_tokens=6, temperature=0.0)
    tokens = {chunk.generation_tokens: int(chunk.token) for chunk in chunks}
    assert engine.prompts.decode(list(tokens.values())) == answer.text


@pytest.mark.skipif(films.av is None, reason="PyAV is not installed")
@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"])
def test_two_films_and_frames_are_read(kind: str, film: Path) -> None:
    """Each with its own times in words, and answers that a second question does not change."""
    model, processor = build(kind)
    mlx_vlm.enable(model, processor)
    frames = [saccade.scenes.generate(seed, (160, 96)).image for seed in range(3)]
    videos = [str(film), {"type": "video", "video": frames, "fps": 2}]
    text = film_prompt(processor, "What?", 2)
    inputs = utils.prepare_inputs(processor, videos=videos, prompts=text)
    words = processor.tokenizer.decode(inputs["input_ids"][0].tolist())
    times = [*media.open_video(film, family="qwen3-vl").times(2), 0.2, 1.0]
    assert re.findall(r"<([\d.]+) seconds>", words) == [f"{time:.1f}" for time in times]
    answers = []
    for question in ("What?", "What is it?", "What?"):
        chunks = stream_generate(
            model, processor, film_prompt(processor, question, 2), video=videos, max_tokens=4, temperature=0.0
        )
        answers.append(np.array([np.array(chunk.logprobs.astype(mx.float32)) for chunk in chunks]))
    assert np.isfinite(answers[0].max(axis=1)).all() and np.abs(answers[0] - answers[2]).max() < 1e-5
    assert np.abs(answers[0][0] - answers[1][0]).max() > 1e-5


def film_prompt(processor: Any, question: str, videos: int = 1) -> str:
    """Return the prompt of a question about some videos."""
    content = [*[{"type": "video"}] * videos, {"type": "text", "text": question}]
    messages = [{"role": "user", "content": content}]
    text: str = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text
