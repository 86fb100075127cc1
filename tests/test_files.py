"""A file is the old one or the new one, never half of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlx_saccade import files
from mlx_saccade.errors import InputError


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    files.write_atomically(path, b"old")
    files.write_atomically(path, b"new and longer")
    assert path.read_bytes() == b"new and longer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_keeps_the_mode_of_the_file_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.write_atomically(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_mode_that_open_would_give_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_umask = os.umask
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("changes the umask of every thread"))
    before = set_umask(0o027)
    try:
        files.write_atomically(tmp_path / "a.bin", b"new")
    finally:
        set_umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o640


def test_what_replaces_a_private_file_is_never_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen: list[int] = []
    written = os.fsync

    def look(handle: int) -> None:
        seen.append(os.fstat(handle).st_mode & 0o777)
        written(handle)

    monkeypatch.setattr(os, "fsync", look)
    files.write_atomically(path, b"new")
    assert seen == [0o600]
    assert path.stat().st_mode & 0o777 == 0o600


def test_failure_keeps_the_old_file_and_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space") as caught:
        files.write_atomically(path, b"new")
    assert (caught.value.errno, caught.value.filename) == (28, str(path))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_a_part_that_cannot_be_made_is_said_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "gone" / "part"
    monkeypatch.setattr(files, "part_beside", lambda _: part)
    with pytest.raises(FileNotFoundError) as caught:
        files.write_atomically(tmp_path / "a.bin", b"new")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "a.bin"), None)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")
    (tmp_path / "link").symlink_to("a.bin")
    files.write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def test_what_is_no_ordinary_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="ordinary"):
        files.write_atomically(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()


def test_the_longest_name_there_is(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["missing/a.bin", "."])
def test_refuses_what_cannot_be_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        files.check_writable(tmp_path / name)


def test_an_error_without_a_number_keeps_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        files.write_atomically(tmp_path / "a", b"new")
    assert not list(tmp_path.iterdir())
