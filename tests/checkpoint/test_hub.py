"""Hub ids: what the cache on this machine holds is found without a network, by revision; what it lacks is said."""

from __future__ import annotations

import errno
import os
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest

from mlx_saccade.checkpoint import hub
from mlx_saccade.errors import InputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as `hf download` leaves it, with two revisions of one repository."""
    import huggingface_hub.constants

    repository = tmp_path / "models--owner--name"
    for reference, commit in (("main", COMMIT), ("older", OTHER)):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / reference).write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("revision", "commit"), [(None, COMMIT), ("main", COMMIT), ("older", OTHER), (OTHER, OTHER)])
def test_a_cached_revision_is_found_without_a_network(cache: Path, revision: str | None, commit: str) -> None:
    assert hub.find("owner/name", revision=revision, local_files_only=True).name == commit


def test_what_the_cache_lacks_is_said_with_how_to_get_it(cache: Path) -> None:
    with pytest.raises(InputError) as error:
        hub.find("owner/absent", revision="v2", local_files_only=True)
    assert "owner/absent" in str(error.value)
    assert "not in the hub's cache" in str(error.value)
    assert "hf download owner/absent --revision v2" in str(error.value)
    assert "\n" not in str(error.value)


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> str:
    """What is said where the hub's library fails so."""
    import huggingface_hub

    def fail(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(InputError, match="owner/name") as said:
        hub.find("owner/name")
    assert "\n" not in str(said.value)
    return str(said.value)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/cache/models--owner--name"),
        OSError(errno.EROFS, os.strerror(errno.EROFS), "/cache"),
        NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), "/cache"),
    ],
)
def test_a_disk_that_refuses_is_not_blamed_on_the_hub(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    said = failing(monkeypatch, error)
    assert f"the hub's cache, {cache}, cannot be used" in said
    assert os.strerror(error.errno) in said
    assert "HF_HUB_CACHE" in said
    assert "network" not in said


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)),
        ssl.SSLCertVerificationError(1, "certificate verify failed"),  # an SSL number, not the system's 1
        FileNotFoundError("Cannot find an appropriate cached snapshot folder"),
        ValueError("no such revision"),
        ImportError("Using SOCKS proxy, but the 'socksio' package is not installed."),
    ],
)
def test_what_the_network_refuses_is_not_blamed_on_the_disk(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    said = failing(monkeypatch, error)
    assert "it cannot be downloaded" in said
    assert "with a network" in said


def test_a_connection_that_breaks_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    of_the_library = HfHubHTTPError.__bases__[0]
    assert "it cannot be downloaded (peer closed the connection" in failing(
        monkeypatch, of_the_library("peer closed the connection")
    )


def test_only_what_is_read_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **options: asked.update(options, name=name) or str(tmp_path)
    )
    assert hub.find("owner/name", revision="main") == tmp_path
    assert (asked["name"], asked["revision"], asked["local_files_only"]) == ("owner/name", "main", False)
    assert not {"*.bin", "*.pt", "*.py"} & set(asked["allow_patterns"])


def test_a_path_is_found_or_refused_without_a_look_at_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert hub.find_local("owner/name", revision="main") is None
    assert hub.find_local(tmp_path) == tmp_path
    assert hub.find_local(None) == hub.find(None)
    for absent in (tmp_path / "absent", "./absent", "~/absent", "absent", "a/b/c"):
        with pytest.raises(FileNotFoundError, match="no such folder"):
            hub.find_local(absent)


@pytest.mark.parametrize("path", [None, "."])
def test_a_folder_has_no_revision(path: str | None) -> None:
    with pytest.raises(InputError, match="revision 'main'"):
        hub.find(path, revision="main")


@pytest.mark.parametrize("name", [5, b"folder", ""])
def test_what_names_no_checkpoint(name: Any) -> None:
    with pytest.raises(InputError, match="checkpoint: expected a folder or a hub id"):
        hub.find(name)


def test_a_revision_is_text() -> None:
    with pytest.raises(InputError, match=r"revision: expected .*; got 5"):
        hub.find("owner/name", revision=5)  # type: ignore[arg-type]
