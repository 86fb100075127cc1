"""The tensors of a checkpoint folder: safetensors files only, each header checked before a byte of data is touched.

The format (https://github.com/huggingface/safetensors): eight bytes with the header's length, a JSON header with type,
shape and place of each tensor, then the data, which the tensors fill without gaps. Pickles are never opened.
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
# Room for 100,000 tensors; the format itself stops at 100 MB, which takes gigabytes to parse.
_LONGEST_HEADER = 16 * 2**20
_MOST_AXES = 8
_WIDTHS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def tensors(folder: Path) -> dict[str, mx.array]:
    """All tensors by their key in the files; their data is not read from disk before it is used.

    Args:
        folder: with model.safetensors, or shards and model.safetensors.index.json.

    Raises:
        FileNotFoundError: no weights, or a shard that the index names is not there.
        InputError: weights that are pickles only, a damaged file, an index that names a file elsewhere.
    """
    single, index = folder / _SINGLE, folder / _INDEX
    if single.is_file():
        return _shard(single)
    if not index.is_file():
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
        if pickles:
            raise InputError(
                f"{folder / pickles[0]}: is a pickle, which can run code when it is opened; only safetensors are read, "
                "download those or convert it"
            )
        raise FileNotFoundError(
            f"{single}: no such file, nor {_INDEX}; finish a download that broke off, convert what is no safetensors"
        )
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not table or not all(isinstance(name, str) for name in table.values()):
        raise InputError(f"{index}: weight_map is missing or malformed; download the file again")
    found: dict[str, mx.array] = {}
    for name in sorted(set(table.values())):
        if Path(name).name != name or Path(name).suffix != ".safetensors":
            raise InputError(f"{index}: weight_map names {name!r}, which is not a safetensors file of this folder")
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name}: no such file, though {index.name} names it; download it")
        shard = _shard(folder / name)
        twice = sorted(set(shard) & set(found))
        if twice:
            raise InputError(f"{folder / name}: {twice[0]} is in another shard too; download both files again")
        found.update(shard)
    absent = sorted(set(table) - set(found))
    if absent:
        raise InputError(f"{index}: {absent[0]} is not in {table[absent[0]]}; download both files again")
    return found


def _shard(path: Path) -> dict[str, mx.array]:
    check_header(path)
    try:
        found = mx.load(str(path), format="safetensors")
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "unreadable"
        raise InputError(f"{path}: is not a whole safetensors file ({reason}); download it again") from None
    assert isinstance(found, dict)
    return found


def check_header(path: Path) -> None:
    """Refuse a file whose header is not true of it, reading nothing but the header.

    Raises:
        InputError: a header longer than the file or than 16 MiB, no JSON, a key that comes twice, an unknown type, a
            shape that does not match its bytes, tensors that overlap, leave gaps or end elsewhere than the file; the
            message names file and tensor.
    """
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
    except ValueError as error:  # no JSON, no UTF-8, a key twice
        raise _broken(path, f"its header: {error}") from None
    if not isinstance(header, dict):
        raise _broken(path, "its header is no object")
    header.pop("__metadata__", None)
    end = 0
    for begin, stop, name in sorted((*_place(path, name, entry), name) for name, entry in header.items()):
        if begin != end:
            what = "overlaps another tensor" if begin < end else "leaves a gap before it"
            raise _broken(path, f"{name} {what}")
        end = stop
    if end != size - 8 - length:
        raise _broken(path, f"its tensors take {end} bytes, the file has {size - 8 - length} for them")


def _place(path: Path, name: str, entry: Any) -> tuple[int, int]:
    """Where a tensor's bytes begin and end, counted from the header's end."""
    if not isinstance(entry, dict):
        raise _broken(path, f"{name} is described by a {type(entry).__name__}")
    width = _WIDTHS.get(str(entry.get("dtype")))
    if width is None:
        raise _broken(path, f"{name} has the unknown type {entry.get('dtype')!r}")
    shape, place = entry.get("shape"), entry.get("data_offsets")
    if not _counts(shape) or len(shape) > _MOST_AXES or not _counts(place) or len(place) != 2:
        raise _broken(path, f"{name} has shape {shape!r} at {place!r}")
    size = width
    for axis in shape:
        size *= axis
    if place[1] - place[0] != size:
        raise _broken(path, f"{name} has shape {shape!r}, {size} bytes, in {place[1] - place[0]} bytes")
    return place[0], place[1]


def _counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**62 for item in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _broken(path: Path, why: str) -> InputError:
    text = why if len(why) <= 300 else why[:300] + "..."
    return InputError(f"{path}: is not a whole safetensors file ({text}); download it again")


# The names of tensors: three layouts of keys are read, told apart by their prefixes.
# (prefix in the file, published prefix), the longest first.
_PREFIXES = (
    ("model.language_model.", "model."),
    ("language_model.lm_head", "lm_head"),
    ("language_model.model.", "model."),
    ("model.visual.", "visual."),
    ("vision_tower.", "visual."),
)


def published_name(name: str) -> str:
    """The published name of a tensor or a layer named in any layout."""
    return next((new + name[len(old) :] for old, new in _PREFIXES if name.startswith(old)), name)


def mlx_name(name: str) -> str:
    """The name in mlx-community's layout of a tensor or a layer that has the published one."""
    if name.startswith("visual."):
        return "vision_tower." + name.removeprefix("visual.")
    return "language_model." + name
