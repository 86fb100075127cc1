"""`mlx-saccade doctor`: its findings, what is wrong, and its advice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run_command


def test_doctor_reports_kernel_and_device() -> None:
    result = run_command("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["kernel"]["value"]
    assert "Device" in findings["MLX device"]["value"]
    assert "CPU core (" in findings["patches"]["value"]
    assert result.returncode == (1 if any(finding["wrong"] for finding in findings.values()) else 0)


def test_doctor_names_a_wrong_environment_among_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACCADE_KERNEL", "sse9")
    monkeypatch.setenv("SACCADE_THREADS", "many")
    result = run_command("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert result.returncode == 1
    assert findings["kernel"]["wrong"]
    assert findings["kernel"]["advice"].startswith("SACCADE_KERNEL: expected a kernel of this build and CPU (")
    assert findings["threads"]["advice"] == "SACCADE_THREADS: expected 1 to 256; got 'many'"
    monkeypatch.setenv("SACCADE_KERNEL", os.fsdecode(b"a\nb\xff"))
    monkeypatch.setenv("SACCADE_THREADS", os.fsdecode(b"\xff"))
    result = run_command("doctor")
    assert result.returncode == 1
    assert r"; got 'a\x0ab\xff'" in result.stdout
    assert r"SACCADE_THREADS: expected 1 to 256; got '\xff'" in result.stdout
    monkeypatch.setenv("SACCADE_KERNEL", "scalar")
    monkeypatch.setenv("SACCADE_THREADS", "3")
    output = run_command("doctor").stdout.split("\n")
    assert {"kernel           scalar", "threads          3"} <= set(output)


REFERENCE = "/wheel/libblas-bd8a282c.so.3.10.0"


@pytest.mark.parametrize(
    ("device", "path", "openblas", "value", "hint"),
    [
        ("cpu", REFERENCE, None, f"reference BLAS ({REFERENCE}); OpenBLAS not found", "30 times slower"),
        ("cpu", None, None, "unknown; OpenBLAS not found", "30 times slower"),
        ("cuda", REFERENCE, None, f"reference BLAS ({REFERENCE}); not needed, since MLX computes on the GPU", ""),
        ("cpu", REFERENCE, "libopenblas.so.0", f"reference BLAS ({REFERENCE})", "import mlx_saccade.models before mlx"),
        ("cpu", None, "libopenblas.so.0", "unknown; OpenBLAS (libopenblas.so.0) was loaded before MLX", ""),
        ("cpu", "/lib/libopenblas.so.0", None, "OpenBLAS (/lib/libopenblas.so.0)", ""),
        ("cpu", "/lib/libmkl_rt.so", None, "not reference BLAS (/lib/libmkl_rt.so)", ""),
    ],
)
def test_doctor_names_the_blas_that_mlx_calls(
    device: str, path: str | None, openblas: str | None, value: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlx_saccade import backend
    from mlx_saccade.cli.commands import doctor

    monkeypatch.delenv("SACCADE_OPENBLAS", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(backend, "openblas", openblas)
    monkeypatch.setattr(backend, "mlx_blas", lambda: path)
    monkeypatch.setattr(backend, "device", lambda: device)
    finding = doctor.examine_blas()
    assert finding.value == value
    assert hint in finding.advice and bool(hint) == bool(finding.advice)


def test_doctor_says_of_the_decoders_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_saccade.cli.commands import doctor
    from mlx_saccade.media import fast_decoders

    monkeypatch.setattr(fast_decoders, "versions", lambda: {"kornia-rs": None, "simplejpeg": "1.8"})
    finding = doctor.examine_decoders()
    reference = " ".join((Path(__file__).parents[2] / "docs" / "reference.md").read_text().split())
    assert finding.value == "simplejpeg 1.8, Pillow"
    assert finding.advice.removeprefix("pip install kornia-rs simplejpeg ") in reference


def test_doctor_says_whether_films_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_saccade.cli.commands import doctor

    monkeypatch.setattr(doctor, "version_of", lambda name: {"av": "18.1.0"}.get(name))
    assert doctor.examine_films() == doctor.Finding("films", "PyAV 18.1.0")
    monkeypatch.setattr(doctor, "version_of", lambda name: None)
    assert "mlx-saccade[video]" in doctor.examine_films().advice


def test_doctor_names_two_backends_installed_over_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_saccade.cli.commands import doctor

    monkeypatch.setattr(doctor, "version_of", lambda name: "1.0" if name in ("mlx-cpu", "mlx-cuda-12") else None)
    finding = doctor.examine_mlx()[0]
    assert finding.wrong
    assert "pip uninstall -y mlx-cpu mlx-cuda-12" in finding.advice


def test_doctor_names_a_model_cache_that_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    from mlx_saccade.cli.commands import doctor

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert doctor.examine_cache().value.endswith("(empty)")
    os.mkfifo(tmp_path / "cache")
    finding = doctor.examine_cache()
    assert finding.wrong
    assert "expected a folder; got a file. Set HF_HUB_CACHE" in finding.advice


def test_doctor_reports_a_broken_mlx_instead_of_breaking(tmp_path: Path) -> None:
    (tmp_path / "mlx").mkdir()
    (tmp_path / "mlx" / "__init__.py").touch()
    (tmp_path / "mlx" / "core.py").write_text("raise ImportError('libmlx.so: no such file')")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from mlx_saccade.cli.__main__ import main; "
        "sys.exit(main(['doctor']))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "libmlx.so: no such file" in result.stdout
    assert result.stderr == ""
