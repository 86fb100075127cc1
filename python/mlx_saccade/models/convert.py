"""Conversion of a float checkpoint to a quantized one in mlx-community's form, which mlx-vlm and mlx-swift read too.

`mlx.core.quantize` quantizes layers in their stored precision. Layers whose width is not a multiple of the group stay
float, for example the tower's MLP of width 3,420. So does the whole tower by default: it is a small part of the bytes,
and the language model cannot recover what it loses.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_saccade.backend import claim_process, mx
from mlx_saccade.checkpoint.files import check_size, read_json
from mlx_saccade.checkpoint.safetensors import mlx_name
from mlx_saccade.errors import InputError
from mlx_saccade.files import part_beside
from mlx_saccade.models import loading
from mlx_saccade.models.config import Config, TextConfig
from mlx_saccade.models.families import FAMILIES
from mlx_saccade.models.quantization import GROUPS, PACKABLE, QuantSpec

__all__ = ["BITS", "GROUPS", "SHARD_BYTES", "Conversion", "convert"]

BITS = (3, 4, 5, 6, 8)
SHARD_BYTES = 5_000_000_000
"""Most bytes of tensors in one file, as on the hub."""

_COPIED = (".json", ".jinja", ".txt", ".model")
_LEGAL = ("LICENSE", "NOTICE")
_POSITIONS = "visual.pos_embed"
_ROUTER_BITS = 8
"""Bits of a router of experts, as in mlx-community's checkpoints: a wrong expert costs more than a rounded one."""
_MARGIN = 64 * 2**20  # bytes for files other than tensors


@dataclass(frozen=True)
class Conversion:
    """A finished conversion.

    Attributes:
        folder: the new checkpoint.
        files: names of its weights files.
        source_bytes: bytes of the source's tensors.
        bytes: bytes of the new tensors.
        quantized: packing of the quantized layers, by published name.
        kept: layers that stay float because their width is not a multiple of the group.
        ignored: keys of config.json that change nothing.
    """

    folder: Path
    files: tuple[str, ...]
    source_bytes: int
    bytes: int
    quantized: Mapping[str, QuantSpec]
    kept: tuple[str, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the source with its packing, None for float."""

    name: str
    value: mx.array
    spec: QuantSpec | None

    @property
    def bytes(self) -> int:
        if self.spec is None:
            return int(self.value.nbytes)
        scales = 2 * self.value.size // self.spec.group_size * self.value.itemsize
        return int(self.value.size * self.spec.bits // 8 + scales)

    def parts(self) -> dict[str, mx.array]:
        """Return the tensors to write, by mlx-community's names, evaluated."""
        name, value = mlx_name(self.name), self.value
        written: dict[str, mx.array] = {}
        if self.spec is None:
            # The convolution's channels are last there.
            written[name] = mx.contiguous(value.transpose(0, 2, 3, 4, 1) if value.ndim == 5 else value)
        else:
            packed = mx.quantize(value, group_size=self.spec.group_size, bits=self.spec.bits)
            layer = name.removesuffix("weight")
            written = dict(zip((name, f"{layer}scales", f"{layer}biases"), packed, strict=True))
        mx.eval(written)
        return written


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    bits: int = 4,
    group_size: int = 64,
    vision_bits: int | None = None,
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> Conversion:
    """Quantize a checkpoint.

    Args:
        source: folder of a float checkpoint; `huggingface_hub.snapshot_download` returns that of a hub id.
        target: new folder. It appears whole or not at all.
        bits: bits of the language model's weights, embedding and head included: 3, 4, 5, 6 or 8; default 4.
        group_size: weights that share a scale: 32, 64 or 128; default 64.
        vision_bits: bits of the tower's weights; default None leaves them float.
        shard_bytes: most bytes of tensors in one file; default 5 GB.
        progress: called with (bytes done, bytes in all) of the source.

    Raises:
        FileNotFoundError: as `mlx_saccade.models.load`.
        InputError: a source that does not load, is quantized already or has weights that are not finite; a target that
            exists or cannot be written, a full disk, other bits or groups.
    """
    claim_process()
    for name, value, known in (("bits", bits, BITS), ("group_size", group_size, GROUPS)):
        _check_choice(name, value, known)
    if vision_bits is not None:
        _check_choice("vision_bits", vision_bits, BITS)
    folder, place = Path(source), _new_folder(Path(target))
    work = _work(folder, QuantSpec(bits, group_size), vision_bits, shard_bytes)
    free = shutil.disk_usage(place.parent).free
    if free < work.bytes + _MARGIN:
        needed = f"needs {work.bytes + _MARGIN:,} bytes, and the disk has {free:,}"
        raise InputError(f"{place}: {needed}. Name a folder on another disk")
    part = part_beside(place)
    part.mkdir()
    try:
        files = _write_shards(folder, part, work.shards, work.source_bytes, progress)
        text = json.dumps(work.config, indent=2) + "\n"
        (part / "config.json").write_text(text, encoding="utf-8")
        _copy_rest(folder, part)
        loading.read_checkpoint(part)
        _publish(part, place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return Conversion(place, files, work.source_bytes, work.bytes, work.quantized, work.kept, work.ignored)


@dataclass(frozen=True)
class _Work:
    """A conversion before it is written; other attributes as in `Conversion`.

    Attributes:
        shards: tensors of each file. Nothing else refers to them, so each is freed when it leaves its shard.
        config: the new config.json.
    """

    shards: list[list[_Tensor]]
    config: dict[str, Any]
    source_bytes: int
    bytes: int
    quantized: Mapping[str, QuantSpec]
    kept: tuple[str, ...]
    ignored: tuple[str, ...]


def _work(folder: Path, default: QuantSpec, vision_bits: int | None, shard_bytes: int) -> _Work:
    """Read a float checkpoint and choose the packing of each tensor."""
    model, weights, _ = loading.read_checkpoint(folder)
    if model.config.quantization is not None:
        raise InputError(f"{folder}: is quantized already. Convert its float checkpoint")
    layers = {name for name, layer in model.named_modules() if isinstance(layer, PACKABLE)}
    specs = {name: spec for name in layers if (spec := _layer_spec(name, default, vision_bits))}
    fits = {name: spec for name, spec in specs.items() if weights[f"{name}.weight"].shape[-1] % spec.group_size == 0}
    packing = {f"{name}.weight": spec for name, spec in fits.items()}
    tensors = [_Tensor(name, value, packing.get(name)) for name, value in sorted(weights.items())]
    return _Work(
        shards=_shards(tensors, shard_bytes),
        config=_config(read_json(folder / "config.json"), model.config, default, fits, weights),
        source_bytes=sum(int(tensor.value.nbytes) for tensor in tensors),
        bytes=sum(tensor.bytes for tensor in tensors),
        quantized=dict(sorted(fits.items())),
        kept=tuple(sorted(set(specs) - set(fits))),
        ignored=model.config.ignored,
    )


def _check_choice(name: str, value: Any, known: tuple[int, ...]) -> None:
    if type(value) is not int or value not in known:
        raise InputError(f"{name}: expected one of {', '.join(map(str, known))}; got {value!r}")


def _new_folder(target: Path) -> Path:
    """Return the absolute target; refuse one that exists or cannot be made."""
    if target.exists() or target.is_symlink():
        raise InputError(f"{target}: exists already, and nothing is overwritten. Name a new folder")
    parent = target.absolute().parent
    if not parent.is_dir():
        raise InputError(f"{target}: the folder {parent} does not exist. Create it or name another")
    if not os.access(parent, os.W_OK):
        raise InputError(f"{target}: the folder {parent} is not writable. Name a folder elsewhere")
    return parent / target.name


def _layer_spec(layer: str, default: QuantSpec, vision_bits: int | None) -> QuantSpec | None:
    if layer.endswith(".mlp.gate"):
        return QuantSpec(max(default.bits, _ROUTER_BITS), default.group_size)
    if not layer.startswith("visual."):
        return default
    # A table of positions is no product: it stays float.
    return None if vision_bits is None or layer == _POSITIONS else QuantSpec(vision_bits, default.group_size)


def _shards(tensors: Sequence[_Tensor], most: int) -> list[list[_Tensor]]:
    """Return tensors in their order, as many in each file as fit; a larger one has a file of its own."""
    shards: list[list[_Tensor]] = [[]]
    room = most
    for tensor in tensors:
        if shards[-1] and tensor.bytes > room:
            shards.append([])
            room = most
        shards[-1].append(tensor)
        room -= tensor.bytes
    return shards


def _write_shards(
    source: Path,
    folder: Path,
    shards: Sequence[list[_Tensor]],
    total: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[str, ...]:
    """Quantize, write and empty the shards; `total` is the bytes of the source, whose folder messages name."""
    done, count = 0, len(shards)
    places: dict[str, str] = {}
    size = 0
    names = tuple(
        f"model-{n + 1:05}-of-{count:05}.safetensors" if count > 1 else "model.safetensors" for n in range(count)
    )
    for name, shard in zip(names, shards, strict=True):
        parts: dict[str, mx.array] = {}
        while shard:
            tensor = shard.pop(0)
            if not mx.isfinite(tensor.value).all().item():
                raise InputError(
                    f"{source}: {tensor.name}: expected finite weights; got NaN or infinity. "
                    "The file is damaged: download the checkpoint again"
                )
            parts |= tensor.parts()
            done += int(tensor.value.nbytes)
            if progress is not None:
                progress(done, total)
        mx.save_safetensors(str(folder / name), parts, metadata={"format": "mlx"})
        places |= dict.fromkeys(parts, name)
        size += sum(int(value.nbytes) for value in parts.values())
    if count > 1:
        index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return names


def _config(
    raw: dict[str, Any],
    config: Config,
    default: QuantSpec,
    specs: Mapping[str, QuantSpec],
    weights: Mapping[str, mx.array],
) -> dict[str, Any]:
    """Return the source's config with `quantization`, and with the spelling that mlx-vlm reads.

    That is the flat one of Qwen2-VL and Qwen2.5-VL, and the nested one of later families with `rope_scaling`.
    """
    table: dict[str, Any] = {"group_size": default.group_size, "bits": default.bits, "mode": "affine"}
    for name, spec in sorted(specs.items()):
        # mlx-vlm skips layers whose size 64 does not divide, unless they are named.
        if spec != default or weights[f"{name}.weight"].size % 64:
            table[mlx_name(name)] = {"group_size": spec.group_size, "bits": spec.bits}
    quantized = {"quantization": table, "quantization_config": table}
    text = config.text
    if not FAMILIES[raw["model_type"]].flat:
        return {**raw, "text_config": _nested(raw["text_config"], text), **quantized}
    rope = {**(text.yarn.as_dict() if text.yarn else {"type": "mrope"}), "mrope_section": list(text.mrope_section)}
    flat = {
        "vocab_size": text.vocab_size,
        "hidden_size": text.hidden_size,
        "intermediate_size": text.intermediate_size,
        "num_hidden_layers": text.num_hidden_layers,
        "num_attention_heads": text.num_attention_heads,
        "num_key_value_heads": text.num_key_value_heads,
        "rms_norm_eps": text.rms_norm_eps,
        "rope_theta": text.rope_theta,
        "rope_scaling": rope,
        "max_position_embeddings": text.max_position_embeddings,
        "eos_token_id": list(config.eos_token_ids),
        "tie_word_embeddings": config.tie_word_embeddings,
    }
    missing = {key: value for key, value in flat.items() if raw.get(key) is None}
    return {**raw, **missing, **quantized}


def _nested(raw: Mapping[str, Any], text: TextConfig) -> dict[str, Any]:
    """Return `text_config` with the rotary values in the released spelling, without transformers 5's."""
    kind = text.yarn.as_dict() if text.yarn else {"rope_type": "default"}
    rope = {**kind, "mrope_interleaved": True, "mrope_section": list(text.mrope_section)}
    others = {key: value for key, value in raw.items() if key not in ("rope_parameters", "rope_scaling")}
    return {**others, "rope_theta": text.rope_theta, "rope_scaling": rope, "head_dim": text.head_dim}


def _copy_rest(source: Path, target: Path) -> None:
    """Copy everything that is neither weights nor code: tokenizer, template, preprocessor, license and others."""
    for path in sorted(source.iterdir()):
        known = path.suffix in _COPIED or path.name.split(".")[0] in _LEGAL
        if known and not (target / path.name).exists() and not path.name.endswith(".index.json") and not path.is_dir():
            check_size(path)
            shutil.copyfile(path, target / path.name)


def _publish(part: Path, place: Path) -> None:
    """Sync the finished files to disk, then give the folder its name."""
    for path in part.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    if place.exists() or place.is_symlink():
        raise InputError(f"{place}: appeared during the conversion. Name a new folder")
    part.rename(place)
