"""Reading checkpoint folders: layouts of keys, spellings of the config, and every way a folder can be wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.models.loading import choose_dtype

IDS = [[5, 1002, *[1004] * 15, 1003, 7]]
GRID = [[1, 10, 6]]


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (60, 588)).astype(np.uint8)


def logits(folder: Path, **options: Any) -> np.ndarray:
    found = models.load(folder, **options)(IDS, pixels(), GRID)
    return np.asarray(found.astype(mx.float32))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return logits(checkpoints.write(tmp_path_factory.mktemp("flat")))


def renamed(rules: dict[str, str]) -> dict[str, np.ndarray]:
    """The seeded weights with prefixes replaced."""
    made = {}
    for key, value in checkpoints.weights(checkpoints.CONFIG).items():
        old = next(prefix for prefix in rules if key.startswith(prefix))
        made[rules[old] + key[len(old) :]] = value
    return made


# -- what loads --------------------------------------------------------------------------------------------------------


def test_the_nested_config_gives_the_same_model(tmp_path: Path, expected: np.ndarray) -> None:
    nested, tensors = checkpoints.nested_config(checkpoints.CONFIG), checkpoints.weights(checkpoints.CONFIG)
    assert (logits(checkpoints.write(tmp_path, nested, tensors)) == expected).all()


def test_the_keys_of_later_transformers_give_the_same_model(tmp_path: Path, expected: np.ndarray) -> None:
    tensors = renamed({"visual.": "model.visual.", "model.": "model.language_model.", "lm_head.": "lm_head."})
    assert (logits(checkpoints.write(tmp_path, tensors=tensors)) == expected).all()


def test_the_keys_of_mlx_community_give_the_same_model(tmp_path: Path, expected: np.ndarray) -> None:
    rules = {"visual.": "vision_tower.", "model.": "language_model.model.", "lm_head.": "language_model.lm_head."}
    tensors = renamed(rules)
    convolution = "vision_tower.patch_embed.proj.weight"
    tensors[convolution] = tensors[convolution].transpose(0, 2, 3, 4, 1).copy()
    assert (logits(checkpoints.write(tmp_path, tensors=tensors)) == expected).all()


def test_shards_give_the_same_model(tmp_path: Path, expected: np.ndarray) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    checkpoints.write(tmp_path, tensors={})
    (tmp_path / "model.safetensors").unlink()
    names = {}
    for number, keys in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2])):
        name = f"model-{number + 1:05}-of-00002.safetensors"
        checkpoints.save_tensors(tmp_path / name, {key: tensors[key] for key in keys})
        names |= dict.fromkeys(keys, name)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert (logits(tmp_path) == expected).all()


def test_a_tied_head_is_the_embedding(tmp_path: Path) -> None:
    raw = checkpoints.config(tie_word_embeddings=True)
    tensors = checkpoints.weights(raw)
    tied = logits(checkpoints.write(tmp_path / "tied", raw, tensors))
    untied = {**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"]}
    assert np.abs(logits(checkpoints.write(tmp_path / "untied", tensors=untied)) - tied).max() <= 1e-5
    assert (logits(checkpoints.write(tmp_path / "both", raw, untied)) == tied).all()


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_halves_are_computed_in_float32_on_the_cpu(tmp_path: Path, half: str) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    if half == "float16":
        stored = {key: value.astype(np.float16) for key, value in tensors.items()}
        exact = {key: value.astype(np.float32) for key, value in stored.items()}
    else:
        stored = {key: (value.view(np.uint32) >> 16).astype(np.uint16) for key, value in tensors.items()}
        exact = {key: (value.astype(np.uint32) << 16).view(np.float32) for key, value in stored.items()}
    folder = checkpoints.write(tmp_path / "half", tensors=stored)
    wide = logits(checkpoints.write(tmp_path / "wide", tensors=exact))
    assert (logits(folder, compute_dtype="float32") == wide).all()
    if mx.default_device() == mx.cpu:
        assert models.load(folder).lm_head.weight.dtype == mx.float32
    narrow = logits(folder, compute_dtype=half)
    assert np.corrcoef(narrow.ravel(), wide.ravel())[0, 1] > 0.995
    assert not (narrow == wide).all()


def test_mean_and_std_of_the_preprocessor_reach_the_native_patches(tmp_path: Path) -> None:
    normal = {"image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.75, 1.0]}
    model = models.load(checkpoints.write(tmp_path, files={"preprocessor_config.json": normal}))
    raw = pixels()
    frames = raw.reshape(60, 3, 14, 14).astype(np.float32) / 255
    frames = (frames - np.array(normal["image_mean"])[:, None, None]) / np.array(normal["image_std"])[:, None, None]
    repeated = np.stack([frames, frames], axis=2).reshape(60, 1176).astype(np.float32)
    # 10 x 6 patches: one column of windows, so that window order and merge-block order agree.
    wanted = np.asarray(model.image_features(repeated, GRID))
    assert np.abs(np.asarray(model.image_features(raw, GRID)) - wanted).max() <= 1e-4


# -- what does not -----------------------------------------------------------------------------------------------------


def one_line(error: pytest.ExceptionInfo[Any]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        models.load(tmp_path / "absent")
    assert "absent" in one_line(error)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (checkpoints.write(tmp_path) / name).unlink()
    with pytest.raises(FileNotFoundError) as error:
        models.load(tmp_path)
    assert name in one_line(error)


Change = Callable[[dict[str, Any]], object]


def vision(**changes: Any) -> Change:
    return lambda raw: raw["vision_config"].update(changes)


def top(**changes: Any) -> Change:
    return lambda raw: raw.update(changes)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (top(model_type="llama"), "llama"),
        (top(model_type=None), "model_type"),
        (lambda raw: raw.pop("vision_config"), "vision_config"),
        (top(quantization={"bits": 4}), "quantization"),
        (top(hidden_act="gelu"), "hidden_act"),
        (top(use_sliding_window=True), "use_sliding_window"),
        (top(rope_scaling={"type": "yarn", "mrope_section": [4, 6, 6]}), "yarn"),
        (top(rope_scaling={"type": "mrope", "mrope_section": [4, 6, 7]}), "mrope_section"),
        (top(rope_scaling={"type": "mrope", "mrope_section": 16}), "mrope_section"),
        (top(head_dim=64), "head_dim"),
        (top(num_attention_heads=5), "num_attention_heads"),
        (top(num_key_value_heads=3), "3 key heads"),
        (top(num_hidden_layers="3"), "num_hidden_layers"),
        (top(rms_norm_eps=0), "rms_norm_eps"),
        (top(rms_norm_eps=float("inf")), "rms_norm_eps"),
        (top(rope_theta=float("inf")), "rope_theta"),
        (top(rope_theta=float("nan")), "rope_theta"),
        (top(rope_theta=-1.0), "rope_theta"),
        (top(rope_theta=10**400), "rope_theta"),
        (top(max_position_embeddings=0), "max_position_embeddings"),
        (top(eos_token_id="<|im_end|>"), "eos_token_id"),
        (top(eos_token_id=1024), "eos_token_id 1024 is outside the vocabulary 0..1023"),
        (top(eos_token_id=[-1, 1024]), "eos_token_id -1"),
        (top(eos_token_id=None), "eos_token_id is missing"),
        (top(eos_token_id=[]), "eos_token_id is missing"),
        (lambda raw: raw.pop("eos_token_id"), "eos_token_id is missing"),
        (vision(window_size=8), "28 pixels of one token (patch_size x spatial_merge_size); got 8"),
        (
            vision(window_size=27),
            "window_size: expected at least the 28 pixels of one token (patch_size x spatial_merge_size); got 27",
        ),
        (vision(fullatt_block_indexes=[1, 4]), "fullatt_block_indexes"),
        (vision(fullatt_block_indexes=[-1]), "fullatt_block_indexes"),
        (vision(hidden_act="quick_gelu"), "quick_gelu"),
        (vision(num_heads=3), "num_heads"),
        (vision(depth=0), "depth"),
        (vision(out_hidden_size=64), "out_hidden_size"),
        (vision(fullatt_block_indexes=7), "fullatt_block_indexes"),
        (vision(deepstack_visual_indexes=[1]), "deepstack_visual_indexes"),
    ],
)
def test_a_config_that_is_not_implemented_is_refused(tmp_path: Path, change: Change, named: str) -> None:
    raw = checkpoints.config()
    change(raw)
    checkpoints.write(tmp_path, raw, tensors={})
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert named in one_line(error)
    assert "config.json" in str(error.value)


def paths(table: dict[str, Any], start: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key of nested objects, as the way to it."""
    found = [(*start, key) for key in table]
    return found + [
        way for key, value in table.items() if isinstance(value, dict) for way in paths(value, (*start, key))
    ]


ODD = [None, 0, -1, 1, 2.5, 10**30, float("nan"), "x", True, [], [1], [4, 6, 6], {}, {"type": "mrope"}]


@pytest.mark.parametrize(
    "spelling",
    [
        checkpoints.CONFIG,
        checkpoints.nested_config(checkpoints.CONFIG),
        checkpoints.QWEN2_VL,
        checkpoints.QWEN3_VL,
        checkpoints.QWEN3_VL_MOE,
        {**checkpoints.CONFIG, "quantization": {"bits": 4, "group_size": 64, "lm_head": {"bits": 8, "group_size": 64}}},
    ],
    ids=["flat", "nested", "qwen2-vl", "qwen3-vl", "experts", "quantized"],
)
def test_an_odd_value_anywhere_is_read_or_refused_in_one_line(spelling: dict[str, Any]) -> None:
    refused = 0
    for way in paths(spelling):
        for value in ODD:
            raw = copy.deepcopy(spelling)
            place = raw
            for key in way[:-1]:
                place = place[key]
            place[way[-1]] = value
            try:
                config = models.read_config(raw)
            except InputError as error:
                assert "\n" not in str(error)
                refused += 1
            else:
                assert config.vision.depth * config.text.num_hidden_layers <= 1024**2
    assert refused > 250


Tensors = dict[str, np.ndarray]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("model.norm.weight"), "model.norm.weight is missing"),
        (lambda t: [t.pop(key) for key in list(t) if key.startswith("visual.")], "and 53 more are missing"),
        (
            lambda t: t.update({"visual.pos_embed.weight": np.zeros((2, 2), np.float32)}),
            "visual.pos_embed.weight is not",
        ),
        (lambda t: t.update({"model.norm.weight": np.zeros(64, np.float32)}), "(64,)"),
        (lambda t: t.update({"model.norm.weight": np.zeros(128, np.int32)}), "int32"),
        (lambda t: t.update({"model.layers.0.mlp.up_proj.scales": np.zeros(2, np.float32)}), "quantized"),
        (lambda t: t.update({"model.visual.merger.ln_q.weight": np.zeros(160, np.float32)}), "merger.ln_q.weight"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path: Path, change: Callable[[Tensors], Any], named: str) -> None:
    tensors = checkpoints.weights(checkpoints.CONFIG)
    change(tensors)
    checkpoints.write(tmp_path, tensors=tensors)
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert named in one_line(error)


@pytest.mark.parametrize(("key", "value"), [("tie_word_embeddings", "false"), ("tokens_per_second", 0)])
def test_a_value_that_would_be_misread_is_refused_by_name(key: str, value: object) -> None:
    raw = copy.deepcopy(checkpoints.CONFIG)
    (raw["vision_config"] if key == "tokens_per_second" else raw)[key] = value
    with pytest.raises(InputError, match=key):
        models.read_config(raw)


def test_a_head_that_contradicts_the_config_is_refused(tmp_path: Path) -> None:
    checkpoints.write(tmp_path, checkpoints.config(tie_word_embeddings=True), checkpoints.weights(checkpoints.CONFIG))
    with pytest.raises(InputError, match=r"lm_head\.weight differs"):
        models.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"\xff" * 7])
def test_a_broken_weights_file_is_named(tmp_path: Path, content: bytes) -> None:
    (checkpoints.write(tmp_path) / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert "model.safetensors" in one_line(error)


def test_a_truncated_weights_file_is_named(tmp_path: Path) -> None:
    path = checkpoints.write(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert "model.safetensors" in one_line(error)


@pytest.mark.parametrize("content", ["", "[]", "{", '"config"'])
def test_a_config_that_is_no_json_object_is_named(tmp_path: Path, content: str) -> None:
    (checkpoints.write(tmp_path) / "config.json").write_text(content)
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert "config.json" in one_line(error)


@pytest.mark.parametrize(
    ("table", "named"),
    [({}, "weight_map"), ({"weight_map": {"a": "../a.safetensors"}}, "expected safetensors files of this folder")],
)
def test_a_broken_index_is_named(tmp_path: Path, table: dict[str, Any], named: str) -> None:
    (checkpoints.write(tmp_path) / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(table))
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert named in one_line(error)


def test_an_absent_shard_is_named(tmp_path: Path) -> None:
    (checkpoints.write(tmp_path) / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}))
    with pytest.raises(FileNotFoundError, match=r"one\.safetensors"):
        models.load(tmp_path)


@pytest.mark.parametrize("name", ["generation_config.json", "preprocessor_config.json"])
@pytest.mark.parametrize(
    "content",
    [None, b"\xff\xfe", b"[" * 100_000, b'{"eos_token_id": %s}' % (b"9" * 5000)],
    ids=["folder", "not-utf-8", "deep", "long-number"],
)
def test_a_file_beside_the_config_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = checkpoints.write(tmp_path) / name
    path.unlink(missing_ok=True)
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(InputError) as error:
        models.load(tmp_path)
    assert name in one_line(error)


def test_a_missing_preprocessor_takes_the_familys_normalization(tmp_path: Path, expected: np.ndarray) -> None:
    (checkpoints.write(tmp_path) / "preprocessor_config.json").unlink()
    assert (logits(tmp_path) == expected).all()


def test_end_tokens_outside_the_vocabulary_are_refused_wherever_they_are_written(tmp_path: Path) -> None:
    checkpoints.write(tmp_path, files={"generation_config.json": {"eos_token_id": [5000, 1024]}})
    with pytest.raises(InputError, match=r"5000 .*generation_config\.json"):
        models.load(tmp_path)


@pytest.mark.parametrize("ids", [[1001, 5000], [-1, 1001], [151645, 1001, 151643]])
def test_an_end_token_outside_the_vocabulary_is_noted_beside_one_inside(tmp_path: Path, ids: list[int]) -> None:
    config = models.load(checkpoints.write(tmp_path, checkpoints.config(eos_token_id=ids))).config
    assert config.eos_token_ids == (1001,)
    assert len(config.notes) == len(ids) - 1
    assert all("is outside the vocabulary 0..1023 and never occurs" in note for note in config.notes)


@pytest.mark.parametrize(
    ("asked", "own", "device", "chosen"),
    [
        (None, mx.float16, "metal", mx.bfloat16),
        (None, mx.float16, "cuda", mx.bfloat16),
        (None, mx.bfloat16, "metal", mx.bfloat16),
        (None, mx.float32, "cuda", mx.float32),
        (None, mx.float16, "cpu", mx.float32),
        (None, mx.bfloat16, "cpu", mx.float32),
        ("float16", mx.float32, "metal", mx.float16),
        ("bfloat16", mx.float32, "cpu", mx.bfloat16),
    ],
)
def test_float16_is_computed_in_only_where_it_is_asked_for(
    asked: str | None, own: mx.Dtype, device: str, chosen: mx.Dtype
) -> None:
    assert choose_dtype(asked, own, device) == chosen


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float64"):
        models.load(checkpoints.write(tmp_path), compute_dtype="float64")
