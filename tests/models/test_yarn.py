"""YaRN in the language model against transformers; `tests/golden/yarn.py` makes the file."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.errors import InputError

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
REFERENCE = json.loads((GOLDEN / "yarn.json").read_text())
SECTION = {"mrope_section": [4, 6, 6]}
YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, **SECTION}
WIDE = {name: entry["changes"] for name, entry in REFERENCE.items() if "changes" in entry}
TINY = {name: changes for name, changes in WIDE.items() if "tokens" in REFERENCE[name]}


def golden_module() -> Any:
    """The prompts of the golden files."""
    spec = importlib.util.spec_from_file_location("golden_cases", GOLDEN / "cases.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["golden_cases"] = module  # its dataclass looks for its module
    spec.loader.exec_module(module)
    return module


def config(changes: dict[str, Any]) -> dict[str, Any]:
    raw = checkpoints.config(**changes)
    if "mrope_section" not in changes["rope_scaling"]:
        raw |= {"hidden_size": 256, "num_attention_heads": 2}
        raw["rope_scaling"] = {**changes["rope_scaling"], "mrope_section": [16, 24, 24]}
        raw["vision_config"]["out_hidden_size"] = 256
    return raw


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("spelling", [dict, checkpoints.nested_config], ids=["flat", "nested"])
def test_frequencies_and_attention_factor_equal_the_reference(name: str, spelling: Any) -> None:
    raw = config(WIDE[name])
    if spelling is not dict:
        table = raw["rope_scaling"]
        raw = spelling(raw)
        raw["text_config"]["rope_parameters"] = {**table, "rope_theta": raw["text_config"].pop("rope_theta", 1e6)}
        raw["text_config"]["rope_parameters"]["rope_theta"] = config(WIDE[name])["rope_theta"]
    text = models.read_config(raw).text
    assert text.yarn is not None
    expected = REFERENCE[name]
    found = text.yarn.frequencies(text.head_dim, text.rope_theta)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected["frequencies"], rtol=2e-6)
    assert text.yarn.attention_factor == pytest.approx(expected["attention_factor"], rel=1e-7)


@pytest.mark.parametrize("name", TINY)
def test_logits_and_greedy_tokens_equal_the_reference(tmp_path: Path, name: str) -> None:
    model = models.load(checkpoints.write(tmp_path, config(TINY[name])))
    inputs = golden_module().Case("yarn", images=((1, 8, 12), (1, 4, 4))).inputs()
    logits = np.asarray(model(**inputs).astype(mx.float32))[0]
    expected = REFERENCE[name]
    assert np.abs(logits[::4, ::128] - np.array(expected["logits"])).max() < 1e-3
    ids = inputs.pop("input_ids")
    assert model.generate(ids, len(expected["tokens"]), **inputs) == expected["tokens"]


def test_yarn_changes_the_logits(tmp_path: Path) -> None:
    inputs = golden_module().Case("yarn", images=((1, 8, 12), (1, 4, 4))).inputs()
    plain = np.asarray(models.load(checkpoints.write(tmp_path))(**inputs).astype(mx.float32))[0]
    assert np.abs(plain[::4, ::128] - np.array(REFERENCE["published form"]["logits"])).max() > 0.1


def test_a_conversion_keeps_yarn(tmp_path: Path) -> None:
    raw = checkpoints.nested_config(checkpoints.CONFIG)
    raw["text_config"]["rope_parameters"] = {**YARN, "rope_theta": 1e6}
    source = checkpoints.write(tmp_path / "source", raw, checkpoints.weights(checkpoints.CONFIG))
    models.convert(source, tmp_path / "target", bits=8)
    assert models.load(tmp_path / "target").config.text == models.load(source).config.text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"factor": 0}, "factor"),
        ({"factor": "4"}, "factor"),
        ({"attention_factor": -1.0}, "attention_factor"),
        ({"beta_fast": "fast"}, "beta_fast"),
        ({"original_max_position_embeddings": 0}, "original_max_position_embeddings"),
        ({"truncate": "no"}, "truncate"),
        ({"mscale": "x"}, "mscale"),
        ({"rope_theta": 1.0}, "rope_theta"),
        ({"short_factor": [1.0]}, "short_factor"),
        ({"mrope_interleaved": True}, "mrope_interleaved"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
    ],
)
def test_a_yarn_table_that_cannot_be_computed_is_refused(change: dict[str, Any], named: str) -> None:
    raw = checkpoints.config(rope_scaling={**YARN, **change})
    raw.pop("rope_theta")
    with pytest.raises(InputError) as error:
        models.read_config(raw)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["linear", "dynamic", "longrope", "llama3", "proportional", 7])
@pytest.mark.parametrize("key", ["type", "rope_type"])
def test_other_rotary_types_are_refused(key: str, kind: object) -> None:
    with pytest.raises(InputError, match=f"{key}: expected 'default' or 'mrope' or 'yarn'"):
        models.read_config(checkpoints.config(rope_scaling={**SECTION, key: kind, "factor": 2.0}))


def test_two_tables_of_different_types_are_refused() -> None:
    raw = checkpoints.config(rope_scaling=YARN, rope_parameters={**SECTION, "rope_type": "default"})
    with pytest.raises(InputError, match="rope_type: expected one value"):
        models.read_config(raw)
