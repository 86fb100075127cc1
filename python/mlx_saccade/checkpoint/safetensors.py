"""The tensors of a checkpoint folder, from safetensors files only, and their names in three layouts of keys.

The format (https://github.com/huggingface/safetensors) is eight bytes with the header's length, a JSON header with
type, shape and offsets of each tensor, then the data, which the tensors fill without gaps. Each header is checked
before any data is read. Pickles are never opened.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, TypeGuard

from mlx_saccade.backend import mx
from mlx_saccade.checkpoint.files import read_json
from mlx_saccade.errors import InputError

__all__ = ["check_header", "mlx_name", "published_name", "tensors"]

_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
# Enough for 100,000 tensors. The format allows 100 MB, which takes gigabytes to parse.
_LONGEST_HEADER = 16 * 2**20
_MOST_AXES = 8
_WIDTHS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# (prefix in the file, published prefix); a longer prefix comes before one that it begins with.
_PREFIXES = (
    ("model.language_model.", "model."),
    ("language_model.lm_head", "lm_head"),
    ("language_model.model.", "model."),
    ("model.visual.", "visual."),
    ("vision_tower.", "visual."),
)


def published_name(name: str) -> str:
    """Return the published name of a tensor or layer from its name in any layout."""
    return next((new + name[len(old) :] for old, new in _PREFIXES if name.startswith(old)), name)


def mlx_name(name: str) -> str:
    """Return the name of a tensor or layer in mlx-community's layout from its published name."""
    if name.startswith("visual."):
        return "vision_tower." + name.removeprefix("visual.")
    return "language_model." + name


def tensors(folder: Path) -> dict[str, mx.array]:
    """Load all tensors by their key in the files; the data is read from disk at first use.

    Args:
        folder: folder with model.safetensors, or with shards and model.safetensors.index.json.

    Raises:
        FileNotFoundError: there are no weights, or a shard of the index is missing.
        InputError: the weights are pickles only, a file is damaged, or the index names a file elsewhere.
    """
    single, index = folder / _SINGLE, folder / _INDEX
    if single.is_file():
        return _shard(single)
    if not index.is_file():
        raise _no_weights(folder)
    weight_map = read_json(index).get("weight_map")
    if (
        not isinstance(weight_map, dict)
        or not weight_map
        or not all(isinstance(name, str) for name in weight_map.values())
    ):
        raise InputError(f"{index}: weight_map is missing or malformed. Download the file again")
    weights: dict[str, mx.array] = {}
    for name in sorted(set(weight_map.values())):
        if Path(name).name != name or Path(name).suffix != ".safetensors":
            raise InputError(f"{index}: weight_map: expected safetensors files of this folder; got {name!r}")
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name}: no such file, though {index.name} names it. Download it")
        shard = _shard(folder / name)
        duplicates = sorted(set(shard) & set(weights))
        if duplicates:
            raise InputError(f"{folder / name}: {duplicates[0]} is in another shard too. Download both files again")
        weights.update(shard)
    absent = sorted(set(weight_map) - set(weights))
    if absent:
        raise InputError(f"{index}: {absent[0]} is not in {weight_map[absent[0]]}. Download both files again")
    return weights


def _no_weights(folder: Path) -> InputError | FileNotFoundError:
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        return InputError(
            f"{folder / pickles[0]}: expected safetensors; got a pickle, which can run code when it is opened. "
            "Download safetensors or convert it"
        )
    return FileNotFoundError(
        f"{folder / _SINGLE}: no such file, nor {_INDEX}. Finish the download, or convert the weights to safetensors"
    )


def _shard(path: Path) -> dict[str, mx.array]:
    check_header(path)
    try:
        shard = mx.load(str(path), format="safetensors")
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "unreadable"
        raise _broken(path, reason) from None
    assert isinstance(shard, dict)
    return shard


def check_header(path: Path) -> None:
    """Check the header of a file against its size, reading only the header.

    Raises:
        InputError: the header is longer than the file or than 16 MiB, is not JSON, has a key twice, an unknown type or
            a shape that does not match its bytes, or the tensors overlap, leave gaps or do not end with the file. The
            message names file and tensor.
    """
    header, data_bytes = _read_header(path)
    header.pop("__metadata__", None)
    end = 0
    for begin, stop, name in sorted((*_offsets(path, name, entry), name) for name, entry in header.items()):
        if begin != end:
            what = "overlaps another tensor" if begin < end else "leaves a gap before it"
            raise _broken(path, f"{name} {what}")
        end = stop
    if end != data_bytes:
        raise _broken(path, f"its tensors take {end} bytes, the file has {data_bytes} for them")


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Read the header of a file, and count the bytes after it."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, _LONGEST_HEADER):
            why = "its header is longer than the file" if length > size - 8 else f"its header takes {length} bytes"
            raise _broken(path, why)
        text = stream.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise _broken(path, "its header is nested too deeply") from None
    except ValueError as error:  # not JSON, not UTF-8, or a key twice
        raise _broken(path, f"its header: {error}") from None
    if not isinstance(header, dict):
        raise _broken(path, "its header is not an object")
    return header, size - 8 - length


def _offsets(path: Path, name: str, entry: Any) -> tuple[int, int]:
    """Return where the bytes of a tensor begin and end, counted from the header's end."""
    if not isinstance(entry, dict):
        raise _broken(path, f"{name} is described by a {type(entry).__name__}")
    width = _WIDTHS.get(str(entry.get("dtype")))
    if width is None:
        raise _broken(path, f"{name} has the unknown type {entry.get('dtype')!r}")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _counts(shape) or len(shape) > _MOST_AXES or not _counts(offsets) or len(offsets) != 2:
        raise _broken(path, f"{name} has shape {shape!r} at {offsets!r}")
    size = width
    for axis in shape:
        size *= axis
    if offsets[1] - offsets[0] != size:
        raise _broken(path, f"{name} has shape {shape!r}, {size} bytes, in {offsets[1] - offsets[0]} bytes")
    return offsets[0], offsets[1]


def _counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**62 for item in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a key comes twice")
    return entries


def _broken(path: Path, why: str) -> InputError:
    text = why if len(why) <= 300 else why[:300] + "..."
    return InputError(f"{path}: expected a complete safetensors file; got a damaged one ({text}). Download it again")
