"""From a checkpoint folder to a `Model`: which keys, which shapes, which precision."""

from __future__ import annotations

import os
from pathlib import Path

from mlx.utils import tree_flatten

from mlx_saccade.backend import device, mx
from mlx_saccade.checkpoint.files import optional_json, read_json
from mlx_saccade.checkpoint.safetensors import published_name, tensors
from mlx_saccade.errors import InputError
from mlx_saccade.models import preprocessor_config, quantization
from mlx_saccade.models.config import Config, token_ids
from mlx_saccade.models.memory import weight_bytes
from mlx_saccade.models.model import Model

__all__ = ["choose_dtype", "load", "outline", "read"]

_FLOATS = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}
# Endings of tensors that other schemes of quantization write: FP8, GPTQ and AWQ, bitsandbytes.
_FOREIGN = (".weight_scale", ".weight_scale_inv", ".qweight", ".absmax")
_CONVOLUTION = "visual.patch_embed.proj.weight"


def load(path: str | os.PathLike[str], *, compute_dtype: str | None = None, memory_limit: int | None = None) -> Model:
    """Load a Qwen2-VL or Qwen2.5-VL checkpoint, its weights float or quantized as mlx-community does it.

    Args:
        path: folder with config.json and model.safetensors, or shards with model.safetensors.index.json;
            preprocessor_config.json (mean and std, see `mlx_saccade.models.preprocessor_config`) and
            generation_config.json (end tokens) are read where they are.
        compute_dtype: "float32", "bfloat16" or "float16"; None: as `choose_dtype`, which never takes float16.
        memory_limit: bytes that the weights may take; None: any.

    Returns:
        The model, its weights evaluated, native and reference patches both ready.

    Raises:
        FileNotFoundError: no such folder, or no config or weights in it.
        InputError: another architecture, a config value that is not implemented, tensors that are missing,
            unexpected, of another shape or quantized otherwise; the message names file and key. Or weights that take
            more than the limit, which are not read then.
    """
    model = outline(path, compute_dtype=compute_dtype)
    if memory_limit is not None and weight_bytes(model) > memory_limit:
        dtype = str(model.visual.merger.ln_q.weight.dtype).rpartition(".")[2]
        raise InputError(
            f"{path}: the weights alone take {weight_bytes(model) / 1e6:,.0f} MB in {dtype}, and the memory limit is "
            f"{memory_limit / 1e6:,.0f} MB: no budget fits; raise memory_limit (--memory-limit), or load a smaller or "
            "quantized checkpoint"
        )
    mx.eval(model.parameters(), model.visual.patch_embed.folded)
    return model


def outline(path: str | os.PathLike[str], *, compute_dtype: str | None = None) -> Model:
    """As `load`, but no weight is read from disk before it is used: for shapes, precision and sizes in bytes."""
    if compute_dtype is not None and compute_dtype not in _FLOATS:
        raise InputError(f"compute_dtype {compute_dtype!r} is unknown; choose one of {', '.join(_FLOATS)}")
    model, weights, pixels = read(Path(path))
    dtype = choose_dtype(compute_dtype, weights["model.norm.weight"].dtype, device())
    floats = {key: value if value.dtype == mx.uint32 else value.astype(dtype) for key, value in weights.items()}
    model.load_weights(list(floats.items()))
    model.visual.patch_embed.fold(pixels.mean, pixels.std)
    model.eval()
    return model


def read(folder: Path) -> tuple[Model, dict[str, mx.array], preprocessor_config.Preprocessor]:
    """Read and check everything but the tensors' data.

    Returns:
        The network without its weights; the weights, by published names, not yet read from disk; what the checkpoint
        wants of pixels.

    Raises:
        FileNotFoundError, InputError: as `load`.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give a folder with config.json and model.safetensors")
    model = Model(_config(folder))
    pixels = preprocessor_config.read(folder, model.config.vision, model.config.family)
    convolution = model.visual.patch_embed.proj.weight.shape
    weights = _rename(tensors(folder), folder, convolution, tied=model.config.tie_word_embeddings)
    quantization.install(model, model.config.quantization, weights, str(folder))
    _check(weights, dict(tree_flatten(model.parameters())), folder)
    return model, weights, pixels


def choose_dtype(asked: str | None, own: mx.Dtype, device: str) -> mx.Dtype:
    """What to compute in.

    A float16 checkpoint computes in bfloat16 on a GPU: the tower's activations pass 65,504 on some images, and float16
    then answers "!!!!" without an error. float16 is taken where it is asked for.

    Args:
        asked: "float32", "bfloat16", "float16", or None.
        own: the checkpoint's precision.
        device: "cpu", "metal" or "cuda".

    Returns:
        What was asked; else float32 on the CPU, where MLX multiplies halves slowly; else the checkpoint's own, but
        bfloat16 for float16.
    """
    if asked is not None:
        return _FLOATS[asked]
    if device == "cpu":
        return mx.float32
    return mx.bfloat16 if own == mx.float16 else own


def _config(folder: Path) -> Config:
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give a checkpoint folder, or download it with its config.json")
    raw = read_json(path)
    generation = folder / "generation_config.json"
    ends = (optional_json(generation) or {}).get("eos_token_id")
    token_ids(ends, str(generation))
    if ends is not None:
        raw["eos_token_id"] = ends
    return Config.from_dict(raw, source=str(path))


def _rename(
    found: dict[str, mx.array], folder: Path, convolution: tuple[int, ...], *, tied: bool
) -> dict[str, mx.array]:
    """Bring the keys, and a convolution weight whose channels are last, to the published form."""
    channels_last = (convolution[0], *convolution[2:], convolution[1])
    mlx = any(key.startswith("vision_tower.") for key in found)
    weights: dict[str, mx.array] = {}
    for key, value in found.items():
        name = published_name(key)
        if name.endswith("rotary_emb.inv_freq") or name.endswith("rotary_pos_emb.inv_freq"):
            continue  # old exports store these constants
        if name in weights:
            raise InputError(f"{folder}: {key} and another key both mean {name}; keep one of them")
        # The shape tells, unless both are the same; then the layout of the keys does.
        if name == _CONVOLUTION and value.shape == channels_last and (mlx or channels_last != convolution):
            value = value.transpose(0, 4, 1, 2, 3)
        weights[name] = value
    if tied:
        _drop_tied_head(weights, folder)
    return weights


def _drop_tied_head(weights: dict[str, mx.array], folder: Path) -> None:
    """Take out a head that repeats the embedding; one that differs is refused."""
    for key in [key for key in weights if key.startswith("lm_head.")]:
        head, embedding = weights.pop(key), weights.get(key.replace("lm_head", "model.embed_tokens"))
        if embedding is None or head.shape != embedding.shape or not mx.array_equal(head, embedding):
            raise InputError(
                f"{folder}: config.json ties the head to the embedding, but {key} differs from it; "
                "set tie_word_embeddings to false or remove the head"
            )


def _check(weights: dict[str, mx.array], wanted: dict[str, mx.array], folder: Path) -> None:
    foreign = sorted(key for key in weights if key.endswith(_FOREIGN))
    if foreign:
        raise InputError(
            f"{folder}: {foreign[0]} is of weights quantized in a way that is not read; give float weights, or an MLX "
            "conversion"
        )
    missing = sorted(set(wanted) - set(weights))
    if missing:
        raise InputError(f"{folder}: {_some(missing)} missing from the weights; download the checkpoint again, whole")
    unexpected = sorted(set(weights) - set(wanted))
    if unexpected:
        raise InputError(
            f"{folder}: {_some(unexpected)} not part of the model that config.json describes; "
            "check that config and weights belong together"
        )
    for key, value in sorted(weights.items()):
        if value.shape != wanted[key].shape:
            raise InputError(
                f"{folder}: {key} has shape {tuple(value.shape)}, config.json asks for {tuple(wanted[key].shape)}; "
                "check that config and weights belong together"
            )
        packed = wanted[key].dtype == mx.uint32
        if value.dtype not in ((mx.uint32,) if packed else _FLOATS.values()):
            kinds = "uint32, as a quantized layer's are" if packed else "float32, bfloat16 or float16"
            raise InputError(f"{folder}: {key} is {value.dtype}; weights have to be {kinds}")


def _some(keys: list[str]) -> str:
    """`a is`, or `a and 3 more are`."""
    return f"{keys[0]} is" if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more are"
