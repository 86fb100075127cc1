"""From a checkpoint folder to a `Model`: which files, which keys, which shapes, which precision.

Three layouts of keys are read, told apart by their prefixes: `visual.` and `model.` (published Qwen2.5-VL, and what
transformers writes), `model.visual.` and `model.language_model.` (transformers 4.52 and later in memory), and
`vision_tower.` and `language_model.model.` (mlx-community, whose convolution weight has its channels last).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mlx.utils import tree_flatten

from saccade import families
from saccade.backend import mx
from saccade.errors import InputError
from saccade.nets.config import Config, token_ids
from saccade.nets.model import Model

__all__ = ["load", "pixel_limits", "read_json"]

_FLOATS = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}
# (prefix in the file, prefix here), the longest first.
_PREFIXES = (
    ("model.language_model.", "model."),
    ("language_model.lm_head.", "lm_head."),
    ("language_model.model.", "model."),
    ("model.visual.", "visual."),
    ("vision_tower.", "visual."),
)
_CONVOLUTION = "visual.patch_embed.proj.weight"


def load(path: str | os.PathLike[str], *, compute_dtype: str | None = None) -> Model:
    """Load a Qwen2.5-VL checkpoint.

    Args:
        path: folder with config.json and model.safetensors, or shards with model.safetensors.index.json;
            generation_config.json (end tokens) and preprocessor_config.json (mean and std) are read where they are.
        compute_dtype: "float32", "bfloat16" or "float16"; None: the checkpoint's own on a GPU, float32 on the CPU,
            where MLX multiplies halves slowly.

    Returns:
        The model, its weights evaluated, native and reference patches both ready.

    Raises:
        FileNotFoundError: no such folder, or no config or weights in it.
        InputError: another architecture, a config value that is not implemented, tensors that are missing,
            unexpected, of another shape or quantised; the message names file and key.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give a folder with config.json and model.safetensors")
    if compute_dtype is not None and compute_dtype not in _FLOATS:
        raise InputError(f"compute_dtype {compute_dtype!r} is unknown; choose one of {', '.join(_FLOATS)}")
    model = Model(_config(folder))
    wanted = dict(tree_flatten(model.parameters()))
    weights = _rename(_tensors(folder), folder, tied=model.config.tie_word_embeddings)
    _check(weights, wanted, folder)
    own = weights["model.embed_tokens.weight"].dtype
    dtype = _FLOATS[compute_dtype] if compute_dtype else mx.float32 if mx.default_device() == mx.cpu else own
    model.load_weights([(key, value.astype(dtype)) for key, value in weights.items()])
    model.visual.patch_embed.fold(*_normalisation(folder))
    model.eval()
    mx.eval(model.parameters(), model.visual.patch_embed.folded)
    return model


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        InputError: not UTF-8, not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: is not JSON ({error}); download the file again") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}, not an object; download the file again")
    return value


def pixel_limits(folder: Path) -> tuple[int, int] | None:
    """(min_pixels, max_pixels) of preprocessor_config.json in any of its spellings; None where it does not say.

    Raises:
        InputError: limits that are no positive whole numbers, or the lower above the upper.
    """
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        return None
    raw = read_json(path)
    nested = raw.get("size")
    size = nested if isinstance(nested, dict) else {}
    found: list[Any] = []
    for key, edge in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
        spelled = (raw.get(key), size.get(key), size.get(edge))
        found.append(next((value for value in spelled if value is not None), None))
    if found == [None, None]:
        return None
    if not all(type(value) is int and value > 0 for value in found) or found[0] > found[1]:
        raise InputError(
            f"{path}: min_pixels and max_pixels are {found[0]!r} and {found[1]!r}; write two whole numbers"
        )
    return found[0], found[1]


def _config(folder: Path) -> Config:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give a checkpoint folder, or download it with its config.json")
    raw = read_json(path)
    generation = folder / "generation_config.json"
    if generation.is_file():
        ends = read_json(generation).get("eos_token_id")
        token_ids(ends, str(generation))
        if ends is not None:
            raw["eos_token_id"] = ends
    return Config.from_dict(raw, source=str(path))


def _tensors(folder: Path) -> dict[str, mx.array]:
    """All tensors by their key in the files; nothing is read from disk before it is used."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return _shard(single)
    if not index.is_file():
        raise FileNotFoundError(f"{single}: no such file, nor {index.name}; only safetensors are read, convert others")
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise InputError(f"{index}: weight_map is missing or malformed; download the file again")
    tensors: dict[str, mx.array] = {}
    for name in sorted(set(table.values())):
        if Path(name).name != name:
            raise InputError(f"{index}: weight_map names {name!r}, which is not a file of this folder")
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name}: no such file, though {index.name} names it; download it")
        tensors.update(_shard(folder / name))
    absent = sorted(set(table) - set(tensors))
    if absent:
        raise InputError(f"{index}: {absent[0]} is not in {table[absent[0]]}; download both files again")
    return tensors


def _shard(path: Path) -> dict[str, mx.array]:
    try:
        tensors = mx.load(str(path), format="safetensors")
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "unreadable"
        raise InputError(f"{path}: is not a whole safetensors file ({reason}); download it again") from None
    assert isinstance(tensors, dict)
    return tensors


def _rename(tensors: dict[str, mx.array], folder: Path, *, tied: bool) -> dict[str, mx.array]:
    """Bring the keys, and the convolution of the mlx layout, to the published form."""
    channels_last = any(key.startswith("vision_tower.") for key in tensors)
    weights: dict[str, mx.array] = {}
    for key, value in tensors.items():
        name = next((new + key[len(old) :] for old, new in _PREFIXES if key.startswith(old)), key)
        if name.endswith("rotary_emb.inv_freq") or name.endswith("rotary_pos_emb.inv_freq"):
            continue  # old exports store these constants
        if name in weights:
            raise InputError(f"{folder}: {key} and another key both mean {name}; keep one of them")
        if name == _CONVOLUTION and channels_last and value.ndim == 5:
            value = value.transpose(0, 4, 1, 2, 3)
        weights[name] = value
    if tied and "lm_head.weight" in weights:
        head, embedding = weights.pop("lm_head.weight"), weights.get("model.embed_tokens.weight")
        if embedding is None or head.shape != embedding.shape or not mx.array_equal(head, embedding):
            raise InputError(
                f"{folder}: config.json ties the head to the embedding, but lm_head.weight differs from it; "
                "set tie_word_embeddings to false or remove lm_head.weight"
            )
    return weights


def _check(weights: dict[str, mx.array], wanted: dict[str, mx.array], folder: Path) -> None:
    scales = sorted(key for key in weights if key.endswith((".scales", ".weight_scale", ".qweight")))
    if scales:
        raise InputError(f"{folder}: {scales[0]} is of quantised weights, which are not read yet; give float weights")
    missing = sorted(set(wanted) - set(weights))
    if missing:
        raise InputError(f"{folder}: {_some(missing)} missing from the weights; download the checkpoint again, whole")
    unexpected = sorted(set(weights) - set(wanted))
    if unexpected:
        raise InputError(
            f"{folder}: {_some(unexpected)} not part of the model that config.json describes; "
            "check that config and weights belong together"
        )
    for key, value in weights.items():
        if value.shape != wanted[key].shape:
            raise InputError(
                f"{folder}: {key} has shape {tuple(value.shape)}, config.json asks for {tuple(wanted[key].shape)}; "
                "check that config and weights belong together"
            )
        if value.dtype not in _FLOATS.values():
            raise InputError(f"{folder}: {key} is {value.dtype}; weights have to be float32, bfloat16 or float16")


def _some(keys: list[str]) -> str:
    """`a is`, or `a and 3 more are`."""
    return f"{keys[0]} is" if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more are"


def _normalisation(folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of preprocessor_config.json, else the family's."""
    family = families.get("qwen2.5-vl")
    path = folder / "preprocessor_config.json"
    raw = read_json(path) if path.is_file() else {}
    for key, only in (("do_rescale", True), ("do_normalize", True)):
        if raw.get(key, only) is not only:
            raise InputError(f"{path}: {key} is {raw[key]!r}, which is not implemented; it has to be true")
    factor = raw.get("rescale_factor", 1 / 255)
    if not isinstance(factor, float) or abs(factor * 255 - 1) > 1e-6:
        raise InputError(f"{path}: rescale_factor is {factor!r}, which is not implemented; it has to be 1/255")
    mean = _three(path, "image_mean", raw.get("image_mean", family.mean))
    std = _three(path, "image_std", raw.get("image_std", family.std))
    if min(std) <= 0:
        raise InputError(f"{path}: image_std is {list(std)}; each has to be above 0")
    return mean, std


def _three(path: Path, key: str, value: Any) -> tuple[float, ...]:
    numbers = isinstance(value, list | tuple) and all(isinstance(item, int | float) for item in value)
    if not numbers or len(value) != 3:
        raise InputError(f"{path}: {key} is {value!r}; write three numbers")
    return tuple(float(item) for item in value)
