"""Checkpoints made to harm: refused with the file's name in one line, without running code or filling the memory."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade.errors import InputError

Harm = Callable[[Path], object]


def header(entries: Any, data: bytes = b"", *, length: int | None = None) -> Harm:
    """A weights file of the given header, perhaps with another length written before it."""

    def harm(folder: Path) -> None:
        text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        size = len(text) if length is None else length
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", size) + text + data)

    return harm


def tensor(begin: int, end: int, shape: Any = None, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [(end - begin) // 4] if shape is None else shape, "data_offsets": [begin, end]}


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def longer(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as stream:
        stream.write(b"\x00" * 64)


def sparse(name: str, size: int) -> Harm:
    """A file of many bytes that takes no room on the disk."""

    def harm(folder: Path) -> None:
        with (folder / name).open("wb") as stream:
            stream.truncate(size)

    return harm


def sparse_header(folder: Path) -> None:
    """A header of a gigabyte, all there."""
    sparse("model.safetensors", 2**30 + 8)(folder)
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.write(struct.pack("<Q", 2**30))


def text(name: str, content: str | bytes) -> Harm:
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def config(**changes: Any) -> Harm:
    return text("config.json", json.dumps(checkpoints.config(**changes)))


def index(table: Any) -> Harm:
    def harm(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))

    return harm


def pipe(name: str) -> Harm:
    def harm(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return harm


class Run:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def pickled(name: str) -> Harm:
    def harm(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(pickle.dumps(Run()))

    return harm


DEEP = "[" * 200_000 + "]" * 200_000
PIXELS = {**checkpoints.PREPROCESSOR, "patch_size": 2**40}
# name -> (harm, what the message names)
CASES: dict[str, tuple[Harm, str]] = {
    "truncated weights": (cut, "model.safetensors"),
    "bytes after the last tensor": (longer, "model.safetensors"),
    "no weights at all": (text("model.safetensors", b""), "model.safetensors"),
    "header longer than the file": (header({}, length=2**40), "longer than the file"),
    "header of 2^64 bytes": (header({}, length=2**64 - 1), "longer than the file"),
    "header of a gigabyte": (sparse_header, "model.safetensors"),
    "header of nested lists": (header(DEEP.encode()), "model.safetensors"),
    "header that is a list": (header([]), "not an object"),
    "header that is not JSON": (header(b"{" * 64), "model.safetensors"),
    "header that is not UTF-8": (header(b"\xff" * 64), "model.safetensors"),
    "a key twice": (header(b'{"a": 1, "a": 2}'), "twice"),
    "absurd shape": (header({"a": tensor(0, 8, [2**40, 2**40])}, bytes(8)), "a has shape"),
    "shape that overflows to its size": (header({"a": tensor(0, 0, [2**32, 2**32])}), "a has shape"),
    "negative shape": (header({"a": tensor(0, 8, [-1, -2])}, bytes(8)), "a has shape"),
    "shape of a thousand axes": (header({"a": tensor(0, 4, [1] * 1000)}, bytes(4)), "a has shape"),
    "shape of floats": (header({"a": tensor(0, 4, [1.0])}, bytes(4)), "a has shape"),
    "unknown type": (header({"a": tensor(0, 4, dtype="F4096")}, bytes(4)), "F4096"),
    "tensors that overlap": (header({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12)), "b overlaps"),
    "tensors with a gap": (header({"a": tensor(0, 4), "b": tensor(8, 12)}, bytes(12)), "b leaves a gap"),
    "tensor beyond the file": (header({"a": tensor(0, 2**40)}, bytes(4)), "the file has 4"),
    "tensor that ends before it begins": (header({"a": tensor(8, 4)}, bytes(8)), "a has shape"),
    "tensor that is a number": (header({"a": 5}), "a is described by"),
    "index that leaves the folder": (index({"a": "../outside.safetensors"}), "'../outside.safetensors'"),
    "index with an absolute path": (index({"a": "/etc/passwd"}), "'/etc/passwd'"),
    "index that names a pickle": (index({"a": "pytorch_model.bin"}), "'pytorch_model.bin'"),
    "index of nothing": (index({}), "weight_map"),
    "index of numbers": (index({"a": 5}), "weight_map"),
    "pickled weights": (pickled("pytorch_model.bin"), "pytorch_model.bin: expected safetensors; got a pickle"),
    "pickled weights of another name": (pickled("weights.pt"), "weights.pt: expected safetensors; got a pickle"),
    "remote code": (config(auto_map={"AutoModel": "modeling.Model"}), "auto_map"),
    "a model file": (config(model_file="model.py"), "model_file"),
    "wider than any tensor": (config(hidden_size=2**24), "config.json"),
    "a thousand layers": (config(num_hidden_layers=1024), "missing from the weights"),
    "more layers than that": (config(num_hidden_layers=10**9), "1..1024; got 1000000000"),
    "vocabulary of everything": (config(vocab_size=2**60), "vocab_size"),
    "config of nested lists": (text("config.json", DEEP), "config.json"),
    "config of a gigabyte": (sparse("config.json", 2**30), "config.json"),
    "config that is a pipe": (pipe("config.json"), "config.json"),
    "preprocessor that is a pipe": (pipe("preprocessor_config.json"), "preprocessor_config.json"),
    "preprocessor of absurd patches": (text("preprocessor_config.json", json.dumps(PIXELS)), "patch_size"),
    "remote code for pixels": (
        text("preprocessor_config.json", json.dumps({**checkpoints.PREPROCESSOR, "auto_map": {"A": "b.C"}})),
        "auto_map",
    ),
    "tokenizer of nested lists": (text("tokenizer.json", DEEP), "tokenizer.json"),
    "tokenizer of nested objects": (text("tokenizer.json", '{"a":' * 200_000 + "1" + "}" * 200_000), "tokenizer.json"),
    "tokenizer of a gigabyte": (sparse("tokenizer.json", 2**30), "1,073,741,824 bytes"),
    "tokenizer that is a pipe": (pipe("tokenizer.json"), "tokenizer.json"),
    "template of a gigabyte": (sparse("chat_template.jinja", 2**30), "chat_template.jinja"),
    "template that is too long": (text("chat_template.jinja", "x" * 2**21), "chat_template.jinja"),
    "template of nested lists": (text("chat_template.jinja", "{{" + "[" * 50_000), "chat_template.jinja"),
    "template that multiplies": (text("chat_template.jinja", "{{ 'x' * 10**12 }}"), "chat_template.jinja"),
}


def whole(folder: Path, harm: Harm) -> Path:
    checkpoints.write_whole(folder)
    harm(folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_checkpoint_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    harm, named = CASES[name]
    folder = whole(tmp_path / "model", harm)
    with pytest.raises((InputError, FileNotFoundError)) as error:
        saccade.load(folder).count_tokens([np.zeros((56, 56, 3), np.uint8)], "what is it?")
    message = str(error.value)
    assert named in message
    assert str(folder) in message
    assert "\n" not in message
    assert len(message) < 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]  # nothing ran


MEASURE = """
import resource, sys
import numpy as np
import mlx_saccade.engine
from tokenizers import Tokenizer
mlx_saccade.load().count_tokens([np.zeros((56, 56, 3), np.uint8)], "hello")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for folder in sys.argv[1:]:
    try:
        mlx_saccade.load(folder).count_tokens([np.zeros((56, 56, 3), np.uint8)], "what is it?")
    except (ValueError, FileNotFoundError):
        pass
    else:
        sys.exit(f"{folder} was loaded")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if after - before > 256 * 1024:
        sys.exit(f"{folder} took {(after - before) // 1024} MiB")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux alone")
def test_no_hostile_checkpoint_fills_the_memory(tmp_path: Path) -> None:
    folders = [str(whole(tmp_path / f"{number}", harm)) for number, (harm, _) in enumerate(CASES.values())]
    done = subprocess.run([sys.executable, "-c", MEASURE, *folders], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
