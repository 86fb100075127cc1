"""The sizes, memory and tokens of the guide "A real checkpoint" are those that the package computes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlx.core as mx
import published_configs
import pytest
from mlx.utils import tree_flatten

import mlx_saccade as saccade
from mlx_saccade import families, models
from mlx_saccade.models import memory, quantization
from mlx_saccade.models.families import FAMILIES
from mlx_saccade.models.model import Model

TEXT = (Path(__file__).parents[2] / "docs" / "guides" / "real-checkpoint.md").read_text(encoding="utf-8")
CONFIGS = {
    "Qwen2.5-VL-3B": published_configs.published("3B"),
    "Qwen2.5-VL-7B": published_configs.published("7B"),
    "Qwen2-VL-2B": published_configs.older("2B"),
    "Qwen2-VL-7B": published_configs.older("7B"),
    **{f"Qwen3-VL-{size}": published_configs.later(size) for size in ("2B", "4B", "8B", "32B", "30B-A3B")},
}
PROMPT, ANSWER = 64, 512  # tokens beside the image, as `mlx-saccade plan --model`


def rows(first: str) -> dict[str, list[str]]:
    """Return the cells of the table's rows whose first cell matches, by that cell."""
    matches = re.findall(rf"^\| ({first}) \| (.*) \|$", TEXT, re.MULTILINE)
    return {name: cells.split(" | ") for name, cells in matches}


def outline(raw: dict[str, Any], bits: int | None, dtype: mx.Dtype) -> Model:
    """Return a model whose weights are never evaluated, quantized as `convert` does."""
    config = models.read_config(raw | ({"quantization": {"bits": bits, "group_size": 64}} if bits else {}))
    model = Model(config, FAMILIES[raw["model_type"]])
    packed: dict[str, mx.array] = {}
    for name, layer in model.named_modules():
        if bits and isinstance(layer, quantization.PACKABLE) and not name.startswith("visual"):
            *rows, width = layer.weight.shape
            packed[f"{name}.weight"] = mx.zeros((*rows, width * bits // 32), mx.uint32)
            packed |= {f"{name}.{part}": mx.zeros((*rows, width // 64)) for part in ("scales", "biases")}
    quantization.install(model, config.quantization, packed, "outline")
    model.set_dtype(dtype)
    quantization.set_dtype(model, dtype)
    family = families.get(config.family)
    model.visual.patch_embed.fold(family.mean, family.std)
    return model


def peak(model: Model, tokens: int) -> int:
    return memory.estimate(model, [(4 * tokens, 1)], tokens + PROMPT, ANSWER).peak


def test_plan_of_the_sizes_is_the_one_in_the_text() -> None:
    assert saccade.plan((3840, 2160)).tokens == 1222
    assert "the default budget, 1,222 tokens" in TEXT


def test_every_checkpoint_of_the_table_is_computed() -> None:
    assert set(rows(r"Qwen[23][\w.-]*-VL-\d+B[\w-]*")) == set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_sizes_and_peaks_are_computed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = rows(re.escape(name))[name]
    computed = []
    for bits in (None, 4):
        model = outline(CONFIGS[name], bits, mx.bfloat16)
        weights: Any = tree_flatten(model.parameters())
        computed.append(sum(array.nbytes for _, array in weights))
        assert f"{memory.parameter_count(model) / 1e9:.2f}" == cells[0]
    for device, dtype in (("metal", mx.bfloat16), ("cpu", mx.float32)):
        monkeypatch.setattr(memory, "device", lambda device=device: device)
        computed += [peak(outline(CONFIGS[name], bits, dtype), 1222) for bits in (None, 4)]
    assert cells[1:] == [f"{count / 1e9:.1f} GB" for count in computed]


@pytest.mark.parametrize(("device", "dtype"), [("metal", mx.bfloat16), ("cpu", mx.float32)])
@pytest.mark.parametrize(
    ("family", "tokens", "words"),
    [
        ("Qwen2", 10549, r"at most ([\d.]+) GB higher on a GPU, and ([\d.]+) GB on the CPU"),
        ("Qwen3", 8160, r"Qwen3-VL's at 8,160 tokens, its most, is up to ([\d.]+) GB higher, and ([\d.]+) GB"),
    ],
)
def test_highest_peak_of_many_tokens_is_the_one_in_the_text(
    family: str, tokens: int, words: str, device: str, dtype: mx.Dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "device", lambda: device)
    raws = [raw for name, raw in CONFIGS.items() if name.startswith(family)]
    outlines = [outline(raw, bits, dtype) for raw in raws for bits in (None, 4)]
    most = max(peak(model, tokens) - peak(model, 1222) for model in outlines)
    sentence = " ".join(TEXT.split())
    stated = re.search(words, sentence)
    assert stated is not None
    assert stated[["metal", "cpu"].index(device) + 1] == f"{most / 1e9:.1f}"


def test_tokens_of_screenshots_are_those_of_plan() -> None:
    table = rows(r"\d+ x \d+")
    assert len(table) == 4
    for size, cells in table.items():
        width, height = map(int, size.split(" x "))
        budgets: list[int | str] = [256, 1280, 4096, "checkpoint"]
        assert cells == [f"{saccade.plan((width, height), budget=budget).tokens:,}" for budget in budgets]
