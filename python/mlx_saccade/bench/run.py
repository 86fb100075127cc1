"""A run: everything that one measurement of a machine says, as dataclasses that a JSON file holds.

No field holds personal data: a machine is its CPU, memory and system, and a model is a name and a digest, not a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["KINDS", "SCHEMA", "SIDES", "STAGES", "Cell", "Check", "Machine", "Model", "Run"]

SCHEMA = 1
KINDS = ("profile", "preprocess", "pytest-benchmark", "send-in")
SIDES = ("saccade", "mlx-vlm", "mlx-vlm enabled")
STAGES = ("decode", "patchify", "vision", "prefill", "first token", "tokens", "whole")
"""decode: image file to pixels. patchify: resize and patchify. prefill: prompt through the language model. first token:
from the call to the first token, so the stages before it are part of it. tokens: one later token. whole: the call."""


@dataclass(frozen=True)
class Machine:
    """A machine, without anything that tells whose it is.

    Attributes:
        cpu: name of the CPU.
        cores: CPUs that the process may run on.
        memory_bytes: physical memory; 0 if unknown.
        system: operating system and its version, such as "macOS 26.1".
        architecture: such as "arm64".
        device: device of MLX, "cpu" or "gpu"; empty if MLX did not run.
        accelerator: name of the GPU; empty without one.
        kernel: kernel of the core, such as "neon-i8mm".
        threads: threads of the core.
    """

    cpu: str
    cores: int
    memory_bytes: int
    system: str
    architecture: str
    device: str = ""
    accelerator: str = ""
    kernel: str = ""
    threads: int = 0

    @property
    def folder(self) -> str:
        """Name of the machine's folder in the history, such as "apple-m4-max-16-cores-48-gib"."""
        memory = f"-{round(self.memory_bytes / 2**30)}-gib" if self.memory_bytes else ""
        name = re.sub(r"[^a-z0-9]+", "-", self.cpu.lower()).strip("-") or "unknown"
        return f"{name}-{self.cores}-cores{memory}"


@dataclass(frozen=True)
class Model:
    """The checkpoint of a run.

    Attributes:
        name: "packaged", a hub id, "synthetic 3b:2", or "local" for a folder.
        digest: `mlx_saccade.checkpoint.hub.digest` of the files; empty for random weights.
        layers: layers of the vision tower and of the language model that ran.
        full_layers: the same of the model that `Cell.estimate` is for; those of `layers` if all ran.
    """

    name: str
    digest: str = ""
    layers: tuple[int, int] = (0, 0)
    full_layers: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Cell:
    """The times of one side at one budget, for one question.

    Attributes:
        side: one of `SIDES`, or a peer such as "pillow" or "scalar".
        budget: maximum visual tokens.
        question: 1 for the first question about an image, 2 for a second one about the same.
        stages: seconds of each round, by stage; the rounds of all sides alternate, so the n-th of each belong together.
        tokens: visual tokens of the image; 0 if the side did not run.
        grid_thw: patches in time, rows and columns.
        source_size: width and height of the image.
        file_bytes: bytes of the image file.
        patch_bytes: bytes of the patches handed to the vision tower.
        prompt_tokens: tokens of the prompt, images included.
        predicted_bytes: peak memory predicted before the run; 0 if nothing predicts it.
        peak_bytes: peak memory of the run; 0 if not measured.
        estimate: seconds by stage at `Model.full_layers`, linear in the layers: an estimate, not a measurement.
        skipped: reason why the side did not run; empty if it did.
    """

    side: str
    budget: int
    question: int = 1
    stages: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    tokens: int = 0
    grid_thw: tuple[int, int, int] = (0, 0, 0)
    source_size: tuple[int, int] = (0, 0)
    file_bytes: int = 0
    patch_bytes: int = 0
    prompt_tokens: int = 0
    predicted_bytes: int = 0
    peak_bytes: int = 0
    estimate: Mapping[str, float] = field(default_factory=dict)
    skipped: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """Side, budget and question: what tells a cell from the others of its run."""
        return self.side, self.budget, self.question


@dataclass(frozen=True)
class Check:
    """A check of exactness.

    Attributes:
        name: name of the check.
        kernel: kernel that ran.
        passed: the bytes were equal.
        detail: what was compared, or how they differ.
    """

    name: str
    kernel: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Run:
    """One measurement of a machine.

    Attributes:
        kind: one of `KINDS`.
        date: UTC, as "2026-11-29T16:50:00Z".
        commit: commit of mlx-saccade, with "+" after it if files differ from it; empty if unknown.
        machine: the machine.
        versions: version by package.
        cells: the times.
        model: the checkpoint; None where no model runs.
        settings: what else tells runs apart, such as rounds and tokens of an answer.
        checks: checks of exactness.
    """

    kind: str
    date: str
    commit: str
    machine: Machine
    versions: Mapping[str, str]
    cells: tuple[Cell, ...]
    model: Model | None = None
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
