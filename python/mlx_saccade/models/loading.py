"""Loading a checkpoint folder: keys, shapes and precision of its tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlx.utils import tree_flatten

from mlx_saccade.backend import claim_process, device, mx
from mlx_saccade.checkpoint.files import optional_json, read_json
from mlx_saccade.checkpoint.safetensors import published_name, tensors
from mlx_saccade.errors import InputError
from mlx_saccade.models import preprocessor_config, quantization, video_preprocessor_config
from mlx_saccade.models.config import Config, check_token_ids
from mlx_saccade.models.families import FAMILIES, FamilySpec
from mlx_saccade.models.memory import weight_bytes
from mlx_saccade.models.model import Model

__all__ = ["choose_dtype", "load", "load_lazy", "read_checkpoint", "read_config"]

_FLOATS = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}
# Endings of tensors in other quantization schemes.
_FOREIGN = {
    ".qweight": "AWQ or GPTQ",
    ".weight_scale_inv": "FP8",
    ".weight_scale": "FP8 or compressed-tensors",
    ".weight_packed": "compressed-tensors",
    ".absmax": "bitsandbytes",
    ".SCB": "bitsandbytes",
}
_CONVOLUTION = "visual.patch_embed.proj.weight"
_EMBEDDING = "model.embed_tokens.weight"


def load(path: str | os.PathLike[str], *, compute_dtype: str | None = None, memory_limit: int | None = None) -> Model:
    """Load a checkpoint with float weights, or weights quantized as mlx-community does it.

    Args:
        path: folder with config.json and model.safetensors, or shards with model.safetensors.index.json. Without
            preprocessor_config.json the normalization is the family's. End tokens in generation_config.json replace
            those of config.json.
        compute_dtype: "float32", "bfloat16" or "float16"; default float32 on the CPU; on a GPU the checkpoint's
            own, but bfloat16 for float16.
        memory_limit: most bytes of weights; default no limit.

    Returns:
        The model, its weights evaluated, ready for native and reference patches.

    Raises:
        FileNotFoundError: no such folder, or no config or weights in it.
        InputError: another architecture; a config value that is not implemented; tensors that are missing,
            unexpected, of another shape or quantized otherwise; weights above the limit, which are not read then. The
            message names file and key.
    """
    claim_process()
    model = load_lazy(path, compute_dtype=compute_dtype)
    if memory_limit is not None and weight_bytes(model) > memory_limit:
        dtype = str(model.visual.dtype).rpartition(".")[2]
        raise InputError(
            f"{path}: the weights alone take {weight_bytes(model) / 1e6:,.0f} MB in {dtype}, and the memory limit is "
            f"{memory_limit / 1e6:,.0f} MB: no budget fits. Raise memory_limit (--memory-limit), or load a smaller or "
            "quantized checkpoint"
        )
    mx.eval(model.parameters(), model.visual.patch_embed.folded)
    return model


def load_lazy(path: str | os.PathLike[str], *, compute_dtype: str | None = None) -> Model:
    """Load as `load`, but read no weight from disk before its first use: for shapes, precision and sizes in bytes."""
    if compute_dtype is not None and compute_dtype not in _FLOATS:
        raise InputError(f"compute_dtype: expected one of {', '.join(_FLOATS)}; got {compute_dtype!r}")
    model, weights, pixels = read_checkpoint(Path(path))
    dtype = choose_dtype(compute_dtype, weights["model.norm.weight"].dtype, device())
    floats = {key: value.astype(dtype) for key, value in weights.items() if value.dtype not in (mx.uint32, mx.uint8)}
    model.load_weights(list({**weights, **floats}.items()))
    quantization.set_dtype(model, dtype)
    model.visual.patch_embed.fold(pixels.mean, pixels.std)
    model.eval()
    return model


def read_checkpoint(folder: Path) -> tuple[Model, dict[str, mx.array], preprocessor_config.Preprocessor]:
    """Read and check everything but the tensors' data.

    Returns:
        The model without its weights; the weights by published names, not yet read from disk; the normalization and
        limits of its pixels.

    Raises:
        FileNotFoundError: as `load`.
        InputError: as `load`.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. Give a folder with config.json and model.safetensors")
    raw = _raw_config(folder)
    source = str(folder / "config.json")
    family = _family(raw, source)
    _refuse_adapter(folder)
    stored = tensors(folder)
    config = Config.from_dict(raw, family, source=source, embedding_rows=_embedding_rows(stored))
    pixels = preprocessor_config.read(folder, config.vision, family.name)
    _, video_notes = video_preprocessor_config.read(folder, config.vision, family.name, pixels)
    model = Model(replace(config, notes=(*config.notes, *pixels.notes, *video_notes)), family)
    convolution = model.visual.patch_embed.proj.weight.shape
    weights = _rename(stored, folder, convolution, tied=config.tie_word_embeddings)
    if family.arrange is not None:
        weights = family.arrange(weights, config.text, str(folder))
    quantization.install(model, model.config.quantization, weights, str(folder))
    _check_tensors(weights, dict(tree_flatten(model.parameters())), folder)
    return model, weights, pixels


def _refuse_adapter(folder: Path) -> None:
    """Refuse a folder whose adapter would change the weights."""
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if (folder / name).exists():
            raise InputError(
                f"{folder / name}: expected a whole model; got an adapter (LoRA). Merge it into its base model, and "
                "give the merged checkpoint; remove the file if it is merged already"
            )


def _embedding_rows(stored: Mapping[str, mx.array]) -> int | None:
    """Return the size of the vocabulary that the weights have, packed or float."""
    rows = (value.shape[0] for key, value in stored.items() if published_name(key) == _EMBEDDING and value.ndim == 2)
    return next(rows, None)


def read_config(raw: Mapping[str, Any], *, source: str = "config.json") -> Config:
    """Read a config.json of any family.

    Args:
        raw: the parsed file.
        source: name of the file in messages.

    Raises:
        InputError: another architecture, or a value that is missing, malformed or not implemented.
    """
    return Config.from_dict(raw, _family(raw, source), source=source)


def _family(raw: Mapping[str, Any], source: str) -> FamilySpec:
    family = FAMILIES.get(str(raw.get("model_type")))
    if family is None:
        raise InputError(
            f"{source}: expected model_type {' or '.join(FAMILIES)}; got {raw.get('model_type')!r}. "
            "Give a checkpoint of one of these families"
        )
    return family


def choose_dtype(requested: str | None, own: mx.Dtype, device: str) -> mx.Dtype:
    """Choose the precision to compute in.

    A float16 checkpoint computes in bfloat16 on a GPU unless the caller requests float16: the tower's activations pass
    65,504 on some images, and float16 then answers "!!!!" without an error.

    Args:
        requested: "float32", "bfloat16" or "float16"; None for the default.
        own: the checkpoint's precision.
        device: "cpu", "metal" or "cuda".

    Returns:
        The requested one; else float32 on the CPU, where MLX multiplies halves slowly; else the checkpoint's own, but
        bfloat16 for float16.
    """
    if requested is not None:
        return _FLOATS[requested]
    if device == "cpu":
        return mx.float32
    return mx.bfloat16 if own == mx.float16 else own


def _raw_config(folder: Path) -> dict[str, Any]:
    """Return config.json with the end tokens of generation_config.json, if that has any."""
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Give a checkpoint folder, or download it with its config.json")
    raw = read_json(path)
    generation = folder / "generation_config.json"
    ends = (optional_json(generation) or {}).get("eos_token_id")
    check_token_ids(ends, str(generation))
    if ends is not None:
        raw["eos_token_id"] = ends
    return raw


def _rename(
    stored: dict[str, mx.array], folder: Path, convolution: tuple[int, ...], *, tied: bool
) -> dict[str, mx.array]:
    """Return the tensors by published names, a convolution weight with its channels first."""
    channels_last = (convolution[0], *convolution[2:], convolution[1])
    mlx = any(key.startswith("vision_tower.") for key in stored)
    weights: dict[str, mx.array] = {}
    for key, value in stored.items():
        name = published_name(key)
        if name.endswith("rotary_emb.inv_freq") or name.endswith("rotary_pos_emb.inv_freq"):
            continue  # constants in old exports
        if name in weights:
            raise InputError(f"{folder}: {key} and another key both mean {name}. Keep one of them")
        # The shape tells the layout, unless both layouts have one shape; then the keys do.
        if name == _CONVOLUTION and value.shape == channels_last and (mlx or channels_last != convolution):
            value = value.transpose(0, 4, 1, 2, 3)
        weights[name] = value
    if tied:
        _drop_tied_head(weights, folder)
    return weights


def _drop_tied_head(weights: dict[str, mx.array], folder: Path) -> None:
    """Remove a head that repeats the embedding; refuse one that differs."""
    for key in [key for key in weights if key.startswith("lm_head.")]:
        head, embedding = weights.pop(key), weights.get(key.replace("lm_head", "model.embed_tokens"))
        if embedding is None or head.shape != embedding.shape or not mx.array_equal(head, embedding):
            raise InputError(
                f"{folder}: config.json ties the head to the embedding, but {key} differs from it. "
                "Set tie_word_embeddings to false or remove the head"
            )


def _check_tensors(weights: dict[str, mx.array], parameters: dict[str, mx.array], folder: Path) -> None:
    """Refuse tensors that are missing, unexpected, or of another shape or type than the model's parameters."""
    foreign = sorted((key, scheme) for key in weights for ending, scheme in _FOREIGN.items() if key.endswith(ending))
    if foreign:
        raise InputError(
            f"{folder}: {foreign[0][0]} belongs to weights quantized in another scheme, {foreign[0][1]}. Convert the "
            "float checkpoint that it was made from (mlx-saccade convert), or give an MLX conversion"
        )
    missing = sorted(set(parameters) - set(weights))
    if missing:
        advice = "Download the checkpoint again"
        if missing == ["lm_head.weight"]:
            advice += ", or set tie_word_embeddings to true if its head is the embedding"
        raise InputError(f"{folder}: {_some(missing)} missing from the weights. {advice}")
    unexpected = sorted(set(weights) - set(parameters))
    if unexpected:
        raise InputError(
            f"{folder}: {_some(unexpected)} not part of the model that config.json describes. "
            "Check that config and weights belong together"
        )
    for key, value in sorted(weights.items()):
        expected = parameters[key]
        if value.shape != expected.shape:
            raise InputError(
                f"{folder}: {key}: expected shape {tuple(expected.shape)} by config.json; got {tuple(value.shape)}. "
                "Check that config and weights belong together"
            )
        packed = expected.dtype in (mx.uint32, mx.uint8)
        if value.dtype not in ((expected.dtype,) if packed else _FLOATS.values()):
            width = "uint32" if expected.dtype == mx.uint32 else "uint8"
            kinds = f"{width} for a quantized layer" if packed else "float32, bfloat16 or float16"
            raise InputError(f"{folder}: {key}: expected {kinds}; got {value.dtype}")


def _some(keys: list[str]) -> str:
    """Return `a is`, or `a and 3 more are`."""
    return f"{keys[0]} is" if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more are"
