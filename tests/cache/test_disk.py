"""A cache folder: what is read is what was written, whoever else writes, and damage is made again."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlx_saccade.cache import Disk
from mlx_saccade.errors import InputError

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


@pytest.fixture
def kept(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "cache", 1_000_000)


def only(kept: Disk) -> Path:
    (path,) = kept.folder.iterdir()
    return path


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16, mx.uint8])
def test_an_array_comes_back_bit_for_bit(kept: Disk, dtype: mx.Dtype) -> None:
    value = (mx.random.normal((7, 33), key=mx.random.key(0)) * 100).astype(dtype)
    kept.put(KEY, value)
    found = Disk(kept.folder, 1_000_000).get(KEY)
    assert found is not None
    assert found.dtype == dtype
    assert found.shape == (7, 33)
    assert mx.array_equal(found.view(mx.uint8), value.view(mx.uint8))
    assert kept.get(OTHER) is None
    assert kept.faults == 0


def test_a_part_of_an_array_is_written_as_it_reads(kept: Disk) -> None:
    whole = mx.arange(60, dtype=mx.float32).reshape(6, 10)
    kept.put(KEY, whole[::2, 3:5].T)
    assert mx.array_equal(kept.get(KEY), whole[::2, 3:5].T)


def test_the_file_is_plain_safetensors(kept: Disk) -> None:
    value = mx.arange(10, dtype=mx.float32)
    kept.put(KEY, value)
    tensors, said = mx.load(str(only(kept)), return_metadata=True)
    assert mx.array_equal(tensors["array"], value)
    assert said["key"] == KEY.hex()


def rewrite(path: Path, **changes: object) -> None:
    """Change the header of a kept file, its length set right."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    for name, value in changes.items():
        (header["__metadata__"] if name in ("format", "key", "sha256") else header["array"])[name] = value
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "a bit": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x7f"),
    "header length": lambda path: path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:]),
    "no json": lambda path: path.write_bytes(path.read_bytes().replace(b"{", b"[", 1)),
    "a list": lambda path: path.write_bytes(struct.pack("<Q", 2) + b"[]"),
    "nesting": lambda path: path.write_bytes(struct.pack("<Q", 4000) + b"[" * 4000),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR."),
    "another format": lambda path: rewrite(path, format="0"),
    "another key": lambda path: rewrite(path, key=OTHER.hex()),
    "shape": lambda path: rewrite(path, shape=[9]),
    "negative shape": lambda path: rewrite(path, shape=[-5, -2]),
    "true shape": lambda path: rewrite(path, shape=[10, True]),
    "huge shape": lambda path: rewrite(path, shape=[2**40, 2**40]),
    "dtype": lambda path: rewrite(path, dtype="F64"),
    "listed dtype": lambda path: rewrite(path, dtype=["F32"]),
    "no shape": lambda path: rewrite(path, shape=None),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_no_hit_and_is_written_anew(kept: Disk, damage: str) -> None:
    value = mx.arange(1, 11, dtype=mx.float32)
    kept.put(KEY, value)
    DAMAGE[damage](only(kept))
    assert kept.get(KEY) is None
    assert kept.faults == 1
    assert list(kept.folder.iterdir()) == []
    kept.put(KEY, value)
    assert mx.array_equal(kept.get(KEY), value)
    assert kept.faults == 1


@settings(max_examples=50)
@given(st.data())
def test_no_changed_byte_goes_unseen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    kept = Disk(tmp_path_factory.mktemp("cache"), 1_000_000)
    value = mx.arange(50, dtype=mx.float32)
    kept.put(KEY, value)
    path = only(kept)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    found = kept.get(KEY)
    assert found is None or mx.array_equal(found, value)  # a space of the header may become another


def test_the_files_used_longest_ago_go_first(tmp_path: Path) -> None:
    size = 4000
    kept = Disk(tmp_path, 3 * (size + 512))
    names = [bytes([n]) * 32 for n in range(4)]
    for number, name in enumerate(names[:3]):
        kept.put(name, mx.full((size // 4,), number, dtype=mx.float32))
        os.utime(kept.folder / f"{name.hex()}.safetensors", (1000 + number, 1000 + number))
    assert kept.get(names[0]) is not None  # used again
    kept.put(names[3], mx.zeros((size // 4,)))
    assert [kept.get(name) is not None for name in names] == [True, False, True, True]
    assert sum(path.stat().st_size for path in kept.folder.iterdir()) <= kept.limit
    kept.put(KEY, mx.zeros((10 * size,)))
    assert kept.get(KEY) is None
    assert kept.get(names[3]) is not None


def test_a_checkpoint_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    """As with `--cache-dir` of the folder that the weights are in."""
    weights = [tmp_path / "model.safetensors", tmp_path / f"{'G' * 64}.safetensors", tmp_path / "a.safetensors"]
    for path in weights:
        path.write_bytes(bytes(5000))
        os.utime(path, (1000, 1000))
    kept = Disk(tmp_path, 2000)
    kept.put(KEY, mx.zeros((100,)))
    assert all(path.stat().st_size == 5000 for path in weights)
    assert kept.get(KEY) is not None


def test_what_a_killed_process_left_is_cleared_away(kept: Disk) -> None:
    old, new, foreign = (kept.folder / name for name in (".saccade-a.part", ".saccade-b.part", "notes.txt"))
    for path in (old, new, foreign):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    kept.put(KEY, mx.zeros((3,)))
    assert not old.exists()
    assert new.exists()
    assert foreign.read_bytes() == b"half"


def test_a_folder_that_is_gone_or_full_is_counted_not_raised(kept: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    kept.put(KEY, mx.zeros((3,)))
    assert kept.faults == 1
    monkeypatch.undo()
    assert list(kept.folder.iterdir()) == []
    kept.folder.rmdir()
    kept.put(KEY, mx.zeros((3,)))
    assert kept.faults == 2
    assert kept.get(KEY) is None


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: cannot be made"):
        Disk(tmp_path / "file", 10)
    with pytest.raises(InputError, match="parent"):
        Disk(tmp_path / "absent" / "cache", 10)


def test_the_folder_is_its_owners_alone(kept: Disk) -> None:
    assert kept.folder.stat().st_mode & 0o077 == 0


WRITER = """
import sys, mlx.core as mx
from mlx_saccade.cache import Disk
kept = Disk(sys.argv[1], 60_000)
for turn in range(12):
    for number in range(8):
        key = bytes([number]) * 32
        found = kept.get(key)
        assert found is None or (found == number).all() and found.shape == (3000,), number
        if found is None:
            kept.put(key, mx.full((3000,), number, dtype=mx.float32))
assert kept.faults == 0, kept.faults
"""


def test_processes_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Three writers over a folder that holds five of their eight arrays: each read is whole, or no hit."""
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        _, complaint = process.communicate(timeout=300)
        assert process.returncode == 0, complaint
    stored = [path for path in tmp_path.iterdir() if path.suffix == ".safetensors"]
    assert stored
    for path in stored:
        body = path.read_bytes()[-12000:]
        assert hashlib.sha256(body).hexdigest().encode() in path.read_bytes()
        assert len(set(np.frombuffer(body, np.float32).tolist())) == 1
