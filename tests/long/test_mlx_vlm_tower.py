"""An enabled model against mlx-vlm itself, which is fed with the same pixels: tokens, log probabilities, every path.

Part of `make check-long`, since mlx-vlm needs a gigabyte of packages. In float32, where both sides can be compared.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx_vlm as upstream
import numpy as np
import pytest
from mlx.utils import tree_map
from mlx_vlm.apc import APCManager
from mlx_vlm.generate.common import PromptCacheState
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.integrations import mlx_vlm
from mlx_saccade.integrations.mlx_vlm import reuse, switch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import checkpoints

TINY = resources.files("mlx_saccade") / "assets" / "tiny"
BUDGET = 120
QUESTIONS = ("Locate the menu, output its bbox coordinates using JSON format.", "Locate the window.")
# mlx-vlm writes no token that the tokenizer lacks.
SHAPE = {"num_hidden_layers": 8, "vocab_size": 1000 + len(checkpoints.SPECIAL)}
LAYERS: dict[str, Any] = {"depth": 8}
QWEN3_TOWER = {"depth": 8, "hidden_size": 160, "intermediate_size": 192, "deepstack_visual_indexes": [1, 3, 6]}
# Of mlx-vlm's own reading; `linear_` is of layers without keys and values.
QWEN3_5_TEXT: dict[str, Any] = {
    "model_type": "qwen3_5_text", "hidden_size": 128, "intermediate_size": 344, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "rms_norm_eps": 1e-6, "max_position_embeddings": 32768,
    "tie_word_embeddings": True, "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 16,
    "linear_value_head_dim": 16, "linear_conv_kernel_dim": 4, "full_attention_interval": 2, **SHAPE,
    "rope_parameters": {"type": "default", "mrope_section": [4, 2, 2], "rope_theta": 1e6, "partial_rotary_factor": 0.5,
                        "mrope_interleaved": True},
}  # fmt: skip


def deep(base: dict[str, Any], vision: dict[str, Any]) -> dict[str, Any]:
    """Return a config with 8 layers and 8 blocks."""
    text = {"text_config": {**base["text_config"], **SHAPE}} if "text_config" in base else SHAPE
    return checkpoints.config(base, **text, vision_config={**base["vision_config"], **vision})


DEEP: dict[str, dict[str, Any]] = {
    "random-2.5": deep(checkpoints.CONFIG, {**LAYERS, "fullatt_block_indexes": [3, 7]}),
    "random-2": deep(checkpoints.QWEN2_VL, LAYERS),
    "random-3": deep(checkpoints.QWEN3_VL, QWEN3_TOWER),
    "random-3-moe": deep(checkpoints.QWEN3_VL_MOE, QWEN3_TOWER),
    "random-3.5": {
        **checkpoints.QWEN3_VL, "model_type": "qwen3_5", "text_config": QWEN3_5_TEXT, "eos_token_id": 1001,
        "vision_config": {**checkpoints.QWEN3_VL["vision_config"], **QWEN3_TOWER, "model_type": "qwen3_5",
                          "deepstack_visual_indexes": []},
    },
}  # fmt: skip
TOKENIZER = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}


@dataclass
class Run:
    """What generation gave: tokens, log probabilities of the whole vocabulary at each, reused tokens, or texts."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[np.ndarray] = field(default_factory=list)
    cached: int = 0
    texts: list[str] = field(default_factory=list)


PAIRS = (
    "packaged", "packaged 4-bit", "packaged 8-bit", *DEEP, "random-2.5 4-bit", "random-3 4-bit", "random-3 8-bit",
    "random-3.5 4-bit",
)  # fmt: skip


def write(name: str, folder: Path) -> Path:
    """Return the folder of a checkpoint; Qwen3.5's has no weights."""
    if name not in DEEP:
        return Path(str(TINY))
    raw = DEEP[name]
    limits = {**checkpoints.preprocessor(raw), "min_pixels": 3136, "max_pixels": 200704}
    if raw["model_type"].startswith("qwen3"):
        limits["size"] = {"shortest_edge": 4096, "longest_edge": 262144}
    tensors = {} if raw["model_type"] == "qwen3_5" else None
    files = {"preprocessor_config.json": limits, "tokenizer_config.json": TOKENIZER}
    checkpoints.write(folder, raw, tensors, files=files)
    checkpoints.write_tokenizer(folder)
    tokenizer = folder / "tokenizer.json"
    # mlx-vlm's detokenizer knows no space inside a token of a byte-level vocabulary.
    tokenizer.write_text(tokenizer.read_text().replace('"filler ', '"filler-'))
    return folder


def load(folder: Path) -> tuple[Any, Any]:
    """Return mlx-vlm's model in float32, with its processor; Qwen3.5 with random weights."""
    raw = json.loads((folder / "config.json").read_text())
    if raw["model_type"] == "qwen3_5":
        code = importlib.import_module("mlx_vlm.models.qwen3_5")
        mx.random.seed(0)
        model = code.Model(code.ModelConfig.from_dict(raw))
        model.eval()
        return model, upstream.utils.load_processor(folder)
    model, processor = upstream.load(str(folder))
    model.update(tree_map(lambda weight: weight.astype(mx.float32), model.parameters()))
    return model, processor


def exchange_activations(tower: Any) -> None:
    """Give blocks the GELU's tanh form and mergers its exact one, as transformers does."""
    for block in tower.blocks:
        block.mlp.act_fn = nn.GELU(approx="tanh")
    for merger in (tower.merger, *tower.deepstack_merger_list):
        merger.act_fn = nn.GELU()


@pytest.fixture(scope="module", params=PAIRS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Return mlx-vlm's model in float32, quantized or not, and its processor."""
    name, _, bits = request.param.partition(" ")
    model, processor = load(write(name, tmp_path_factory.mktemp(name)))
    if name == "random-3-moe":
        exchange_activations(model.vision_tower)
    if bits:
        nn.quantize(model, 32, int(bits[0]), class_predicate=lambda _, layer: packs(layer))
    return model, processor


def packs(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear | nn.Embedding) and layer.weight.shape[-1] % 32 == 0


@contextmanager
def same_pixels(model: Any, processor: Any) -> Iterator[None]:
    """Give mlx-vlm's own tower, generation and caches the pixels that this package prepares."""
    original = processor.image_processor
    family = switch.FAMILIES[model.config.model_type]
    processor.image_processor = mlx_vlm.ImageProcessor(original, saccade.families.get(family), BUDGET)
    try:
        yield
    finally:
        processor.image_processor = original


@contextmanager
def enabled(model: Any, processor: Any, *, prefix_reuse: bool = True) -> Iterator[None]:
    mlx_vlm.enable(model, processor, budget=BUDGET, prefix_reuse=prefix_reuse)
    reuse.store.clear()
    try:
        yield
    finally:
        mlx_vlm.disable()


def screen(seed: int, size: tuple[int, int] = (420, 300)) -> Image.Image:
    return Image.fromarray(np.asarray(saccade.scenes.generate(seed, size=size).image))


def prompt(processor: Any, question: str, images: int = 1, system: str | None = None) -> str:
    messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    content = [*[{"type": "image"}] * images, {"type": "text", "text": question}]
    messages.append({"role": "user", "content": content})
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def stream(model: Any, processor: Any, text: str, images: list[Any] | None, **options: Any) -> Run:
    run = Run()
    for chunk in upstream.stream_generate(
        model, processor, text, image=images, max_tokens=12, temperature=0.0, **options
    ):
        run.tokens.append(int(chunk.token))
        run.logprobs.append(np.array(chunk.logprobs.astype(mx.float32)).ravel())
        run.cached = chunk.cached_tokens
    return run


def one(model: Any, processor: Any) -> list[Run]:
    return [stream(model, processor, prompt(processor, question), [screen(1)]) for question in QUESTIONS]


def several(model: Any, processor: Any) -> list[Run]:
    images = [screen(1), screen(2, (300, 500)), screen(1)]
    return [stream(model, processor, prompt(processor, QUESTIONS[0], 3), images)]


def text_only(model: Any, processor: Any) -> list[Run]:
    return [stream(model, processor, prompt(processor, "What is a dock?", 0), None)]


def system(model: Any, processor: Any) -> list[Run]:
    return [stream(model, processor, prompt(processor, QUESTIONS[0], 1, "Answer in JSON."), [screen(3)])]


def batch(model: Any, processor: Any) -> list[Run]:
    images = [screen(1), screen(2), screen(3, (300, 500))]
    made = upstream.batch_generate(
        model,
        processor,
        images=images,
        prompts=[QUESTIONS[0], QUESTIONS[1], QUESTIONS[0]],
        max_tokens=12,
        verbose=False,
    )
    return [Run(texts=list(made.texts))]


def prompt_cache(model: Any, processor: Any) -> list[Run]:
    state = PromptCacheState()
    return [
        stream(model, processor, prompt(processor, question), [screen(1)], prompt_cache_state=state)
        for question in (*QUESTIONS, QUESTIONS[0])
    ]


def chunked(model: Any, processor: Any) -> list[Run]:
    return [stream(model, processor, prompt(processor, QUESTIONS[0]), [screen(1)], prefill_step_size=32)]


def automatic_prefix_cache(model: Any, processor: Any) -> list[Run]:
    """Ask with APC; mlx-vlm 0.7.10 reuses nothing of a prompt with an image here, on either side."""
    manager = APCManager(num_blocks=256)
    asked = [(1, QUESTIONS[0]), (1, QUESTIONS[1]), (2, QUESTIONS[1]), (1, QUESTIONS[0])]
    runs = [
        stream(model, processor, prompt(processor, question), [screen(seed)], apc_manager=manager)
        for seed, question in asked
    ]
    words = prompt(processor, "What is a dock, and where on the screen is it?", 0)
    return [*runs, *(stream(model, processor, words, None, apc_manager=manager) for _ in range(2))]


PATHS: dict[str, Callable[[Any, Any], list[Run]]] = {
    path.__name__: path
    for path in (one, several, text_only, system, batch, prompt_cache, chunked, automatic_prefix_cache)
}


@pytest.mark.parametrize("path", PATHS)
def test_tokens_are_equal_and_log_probabilities_close(
    pair: tuple[Any, Any], path: str, record_property: Callable[[str, object], None]
) -> None:
    with same_pixels(*pair):
        expected = PATHS[path](*pair)
    with enabled(*pair):
        actual = PATHS[path](*pair)
    assert [run.tokens for run in actual] == [run.tokens for run in expected]
    assert [run.texts for run in actual] == [run.texts for run in expected]
    assert [run.cached for run in actual] == [run.cached for run in expected]
    pairs = [
        (ours, theirs)
        for run, other in zip(actual, expected, strict=True)
        for ours, theirs in zip(run.logprobs, other.logprobs, strict=True)
    ]
    furthest = max((float(np.abs(ours - theirs).max()) for ours, theirs in pairs), default=0.0)
    record_property("furthest", furthest)
    print(f"{path}: furthest log probability {furthest:.1e}")
    assert furthest < 1e-4
    if path in ("prompt_cache", "automatic_prefix_cache") and keeps_prompts(pair[0]):
        assert any(run.cached for run in actual)


def keeps_prompts(model: Any) -> bool:
    """Return True if each layer has keys and values: those of Qwen3.5 have a state that cannot be cut."""
    return model.config.model_type != "qwen3_5"


CONVERSATION: tuple[tuple[str, tuple[int, ...], str | None], ...] = (
    (QUESTIONS[0], (1,), None), (QUESTIONS[1], (1,), None), (QUESTIONS[1], (2,), None), (QUESTIONS[0], (2,), None),
    (QUESTIONS[0], (1,), None), (QUESTIONS[0], (1, 2), None), (QUESTIONS[1], (1, 2), None),
    (QUESTIONS[1], (1, 3), None), ("What is a dock?", (), None), ("What is a dock, then?", (), None),
    (QUESTIONS[0], (1,), "Answer in JSON."), (QUESTIONS[1], (1,), "Answer in JSON."),
)  # fmt: skip
"""Questions, the screens that they are about, and the system prompt."""


@pytest.mark.parametrize("options", [{}, {"prefill_step_size": 5}, {"repetition_penalty": 1.3}])
def test_a_known_beginning_of_a_prompt_changes_no_answer(pair: tuple[Any, Any], options: dict[str, Any]) -> None:
    def converse() -> list[Run]:
        return [
            stream(*pair, prompt(pair[1], question, len(seeds), words), [screen(seed) for seed in seeds], **options)
            for question, seeds, words in CONVERSATION
        ]

    with same_pixels(*pair):
        expected = converse()
    with enabled(*pair, prefix_reuse=False):
        before = reuse.store.counts()
        without = converse()
        assert reuse.store.counts().reused_tokens == before.reused_tokens
    with enabled(*pair):
        before = reuse.store.counts()
        actual = converse()
        spent = reuse.store.counts() - before
    assert [run.tokens for run in actual] == [run.tokens for run in without] == [run.tokens for run in expected]
    furthest = max(
        float(np.abs(ours - theirs).max())
        for run, other in zip(actual, expected, strict=True)
        for ours, theirs in zip(run.logprobs, other.logprobs, strict=True)
    )
    print(f"{spent.reused_tokens} of {spent.reused_tokens + spent.prefill_tokens} tokens reused, {furthest:.1e}")
    assert furthest < 1e-4
    if keeps_prompts(pair[0]):
        assert spent.prefix_hits == 7
        assert spent.reused_tokens > spent.prefill_tokens / 2
    else:
        assert spent.reused_tokens == 0


def test_an_image_of_the_same_size_is_not_mistaken_for_an_earlier_one(pair: tuple[Any, Any]) -> None:
    model, processor = pair
    if not keeps_prompts(model):
        pytest.skip("mlx-vlm continues no prompt of this model")

    def ask(seed: int, question: str, state: PromptCacheState | None) -> Run:
        return stream(model, processor, prompt(processor, question), [screen(seed)], prompt_cache_state=state)

    with same_pixels(model, processor):
        cold_first, cold_second = (ask(seed, QUESTIONS[1], None) for seed in (1, 2))
        assert np.abs(cold_first.logprobs[0] - cold_second.logprobs[0]).max() > 1e-2  # the images do differ
        state = PromptCacheState()
        ask(1, QUESTIONS[0], state)
        mistaken = ask(2, QUESTIONS[1], state)
        assert mistaken.cached > 0  # the fault in mlx-vlm
        assert np.abs(mistaken.logprobs[0] - cold_first.logprobs[0]).max() < 1e-3
    with enabled(model, processor):
        state = PromptCacheState()
        ask(1, QUESTIONS[0], state)
        mended = ask(2, QUESTIONS[1], state)
        assert (mended.cached, mended.tokens) == (0, cold_second.tokens)
        assert np.abs(mended.logprobs[0] - cold_second.logprobs[0]).max() < 1e-4
        again = ask(2, QUESTIONS[0], state)
        assert again.cached > 0
        assert again.tokens == ask(2, QUESTIONS[0], None).tokens


def test_an_abandoned_turn_is_not_continued_wrongly(pair: tuple[Any, Any]) -> None:
    model, processor = pair
    if not keeps_prompts(model):
        pytest.skip("mlx-vlm continues no prompt of this model")
    last = prompt(processor, QUESTIONS[1] + " Now.")

    def abandon_a_turn() -> tuple[Run, Run]:
        state = PromptCacheState()
        stream(model, processor, prompt(processor, QUESTIONS[1]), [screen(1)], prompt_cache_state=state)
        options = {"image": [screen(1)], "max_tokens": 12, "temperature": 0.0, "prompt_cache_state": state}
        chunks = upstream.stream_generate(model, processor, prompt(processor, QUESTIONS[0]), **options)
        next(chunks)
        chunks.close()
        continued = stream(model, processor, last, [screen(1)], prompt_cache_state=state)
        return continued, stream(model, processor, last, [screen(1)])

    with same_pixels(model, processor):
        continued, cold = abandon_a_turn()
        assert np.abs(continued.logprobs[0] - cold.logprobs[0]).max() > 1e-2  # the fault in mlx-vlm
    with enabled(model, processor):
        continued, cold = abandon_a_turn()
        assert continued.cached > 0
        assert np.abs(continued.logprobs[0] - cold.logprobs[0]).max() < 1e-4


def test_the_tower_runs_once_an_image_whatever_the_path(pair: tuple[Any, Any]) -> None:
    with enabled(*pair):
        before = reuse.store.counts()
        for path in PATHS.values():
            path(*pair)
        spent = reuse.store.counts() - before
    # Screens 1 to 3 at one size, 2 and 3 at another.
    assert spent.vision_calls == 5
    assert spent.feature_hits + spent.prefix_hits >= 10


@pytest.mark.parametrize("name", ["packaged", "random-3"])
@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16])
def test_half_precision_is_no_further_from_float32_than_mlx_vlms(dtype: mx.Dtype, name: str, tmp_path: Path) -> None:
    """On the CPU the tower computes in float32 and rounds its features; mlx-vlm rounds every step."""
    model, processor = load(write(name, tmp_path))
    model.update(tree_map(lambda weight: weight.astype(dtype), model.parameters()))
    plan = saccade.plan((420, 300), family=switch.FAMILIES[model.config.model_type], budget=BUDGET)
    pixels = mx.array(saccade.patchify(np.asarray(screen(1)), plan, layout="reference")).astype(dtype)
    grid = mx.array([plan.grid_thw])
    theirs = rows(model.vision_tower(pixels, grid))
    with enabled(model, processor):
        ours = rows(model.vision_tower(pixels, grid))
    model.update(tree_map(lambda weight: weight.astype(mx.float32), model.parameters()))
    exact = rows(model.vision_tower(pixels.astype(mx.float32), grid))
    distances = [float(np.abs(values - exact).mean()) for values in (ours, theirs)]
    print(json.dumps({"checkpoint": name, "dtype": str(dtype), "ours": distances[0], "theirs": distances[1]}))
    assert distances[0] < distances[1]


def rows(result: Any) -> np.ndarray:
    """Return the features of each token, and beside them its deepstack levels if the tower has any."""
    arrays = [result] if isinstance(result, mx.array) else [result[0], *result[1]]
    return np.concatenate([np.array(array.astype(mx.float32)) for array in arrays], axis=-1)


GRIDS = ((1, 18, 26), (3, 4, 6), (1, 2, 2), (2, 10, 8))
"""Images and videos."""


@pytest.mark.parametrize("name", ["random-3", "random-3-moe", "random-3.5"])
def test_features_and_levels_are_those_of_mlx_vlm_with_the_right_activations(name: str, tmp_path: Path) -> None:
    folder = write(name, tmp_path)
    model, processor = load(folder)
    patches = sum(frames * height * width for frames, height, width in GRIDS)
    pixels = mx.array(np.random.RandomState(0).standard_normal((patches, 1536)).astype(np.float32))
    grids = mx.array(GRIDS)
    as_it_is = rows(model.vision_tower(pixels, grids))
    with enabled(model, processor):
        ours = rows(model.vision_tower(pixels, grids))
    if name != "random-3.5":
        own = np.array(models.load(folder).encode(pixels, grids))  # golden files by transformers prove this one
        assert np.abs(ours - own).max() < 1e-4
    scale = np.abs(ours).max()
    if name == "random-3-moe":
        print(f"{name}: {np.abs(ours - as_it_is).max():.1e} at a scale of {scale:.2g}")
        assert np.abs(ours - as_it_is).max() > 3e-4  # the fault in mlx-vlm
        exchange_activations(model.vision_tower)
        as_it_is = rows(model.vision_tower(pixels, grids))
    print(f"{name}: {np.abs(ours - as_it_is).max():.1e} at a scale of {scale:.2g}")
    assert np.abs(ours - as_it_is).max() < 1e-4


def test_features_without_their_levels_change_the_answer(tmp_path: Path) -> None:
    """`cached_image_features` of mlx-vlm's Qwen3-VL sets deepstack aside; a second look at an image here does not."""
    model, processor = load(write("random-3", tmp_path))
    text = prompt(processor, QUESTIONS[0])

    def ask(**options: Any) -> np.ndarray:
        return stream(model, processor, text, [screen(1)], **options).logprobs[0]

    with enabled(model, processor, prefix_reuse=False):
        cold, before = ask(), reuse.store.counts()
        assert np.array_equal(ask(), cold)
        assert (reuse.store.counts() - before).feature_hits == 1
        plan = saccade.plan((420, 300), family="qwen3-vl", budget=BUDGET)
        pixels = mx.array(saccade.patchify(np.asarray(screen(1)), plan, layout="native"))
        features, _ = model.vision_tower(pixels, mx.array([plan.grid_thw]))
        assert np.abs(ask(cached_image_features=features) - cold).max() > 1e-2  # the fault in mlx-vlm


@pytest.mark.parametrize("name", ["packaged", "random-3"])
def test_the_server_runs_the_tower_once_an_image(name: str, tmp_path: Path) -> None:
    from mlx_vlm import server
    from starlette.testclient import TestClient

    folder = str(write(name, tmp_path))

    def ask(client: TestClient, seed: int, question: str) -> str:
        png = io.BytesIO()
        screen(seed).save(png, format="PNG")
        url = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        body = {"model": folder, "messages": [{"role": "user", "content": content}], "max_tokens": 12}
        response = client.post("/v1/chat/completions", json={**body, "temperature": 0})
        assert response.status_code == 200, response.text
        return str(response.json()["choices"][0]["message"]["content"])

    asked = [(1, QUESTIONS[0]), (1, QUESTIONS[1]), (2, QUESTIONS[1]), (1, QUESTIONS[0])]
    with mlx_vlm.enable(budget=BUDGET), TestClient(server.app) as client:
        reuse.store.clear()
        before = reuse.store.counts()
        kept = [ask(client, *one) for one in asked]
        spent = reuse.store.counts() - before
        assert (spent.vision_calls, spent.feature_hits, spent.resizes) == (2, 2, 2)
        reuse.store.set_limit(0)
        try:
            assert [ask(client, *one) for one in asked] == kept
        finally:
            reuse.store.set_limit("512MB")
