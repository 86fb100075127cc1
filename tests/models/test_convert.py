"""`mlx-saccade convert` and `mlx_saccade.convert`: what is written loads, answers as its floats do, and appears
whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError
from mlx_saccade.models.quantization import QuantizedEmbedding, QuantizedLinear

IDS = [[5, 1002, *[1004] * 15, 1003, 7]]
GRID = [[1, 10, 6]]
PIXELS = np.random.RandomState(0).randint(0, 256, (60, 588)).astype(np.uint8)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkpoints.write_whole(tmp_path_factory.mktemp("float"))
    (folder / "LICENSE").write_text("free")
    (folder / "modeling.py").write_text("print('never run')")
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    return folder


def logits(model: models.Model) -> np.ndarray:
    return np.asarray(model(IDS, PIXELS, GRID))


@pytest.mark.parametrize("vision_bits", [None, 8, 4])
@pytest.mark.parametrize(("bits", "group"), [(3, 32), (4, 64), (8, 128)])
def test_what_is_written_is_the_floats_rounded(
    source: Path, tmp_path: Path, bits: int, group: int, vision_bits: int | None
) -> None:
    made = saccade.convert(source, tmp_path / "new", bits=bits, group_size=group, vision_bits=vision_bits)
    packed, plain = models.load(tmp_path / "new"), models.load(source)
    for name, layer in plain.named_modules():
        form = made.quantized.get(name)
        if form is None:
            continue
        parts = mx.quantize(layer.weight, group_size=form.group_size, bits=form.bits)
        layer.weight = mx.dequantize(*parts, group_size=form.group_size, bits=form.bits)
        assert form.bits == (vision_bits if name.startswith("visual.") else bits)
    assert isinstance(packed.lm_head, QuantizedLinear)
    assert isinstance(packed.model.embed_tokens, QuantizedEmbedding)
    tower = [name for name in made.quantized if name.startswith("visual.")]
    assert bool(tower) == (vision_bits is not None)
    assert np.abs(logits(packed) - logits(plain)).max() <= 2e-3
    if vision_bits is None:
        both = [np.asarray(model.image_features(PIXELS, GRID)) for model in (packed, plain)]
        assert (both[0] == both[1]).all()


def test_the_folder_holds_all_that_is_not_weights_or_code(source: Path, tmp_path: Path) -> None:
    made = saccade.convert(source, tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert {"tokenizer.json", "chat_template.jinja", "preprocessor_config.json", "LICENSE", "config.json"} <= names
    assert not {"modeling.py", "pytorch_model.bin"} & names
    assert made.files == ("model.safetensors",)
    assert made.bytes < 0.8 * made.source_bytes
    assert "model.layers.0.mlp.down_proj" in made.kept  # 344 wide
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    answers = [
        saccade.load(folder).locate(np.zeros((90, 120, 3), np.uint8), "x", max_tokens=2)
        for folder in (source, tmp_path / "new")
    ]
    assert answers[0].frames == answers[1].frames


def test_the_folder_has_the_mode_that_mkdir_gives(source: Path, tmp_path: Path) -> None:
    saccade.convert(source, tmp_path / "made")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_keys_and_config_are_those_of_mlx_community(source: Path, tmp_path: Path) -> None:
    saccade.convert(source, tmp_path / "new", bits=6, vision_bits=8)
    tensors, metadata = mx.load(str(tmp_path / "new" / "model.safetensors"), return_metadata=True)
    assert metadata == {"format": "mlx"}
    assert {key.split(".")[0] for key in tensors} == {"vision_tower", "language_model"}
    assert tensors["vision_tower.patch_embed.proj.weight"].shape == (160, 2, 14, 14, 3)
    assert tensors["language_model.lm_head.weight"].dtype == mx.uint32
    raw = json.loads((tmp_path / "new" / "config.json").read_text())
    assert raw["quantization"] == raw["quantization_config"]
    assert (raw["quantization"]["bits"], raw["quantization"]["group_size"]) == (6, 64)
    assert raw["quantization"]["vision_tower.merger.mlp.0"] == {"bits": 8, "group_size": 64}


def test_a_nested_config_is_given_the_flat_spelling_too(tmp_path: Path) -> None:
    checkpoints.write(
        tmp_path / "old", checkpoints.nested_config(checkpoints.CONFIG), checkpoints.weights(checkpoints.CONFIG)
    )
    saccade.convert(tmp_path / "old", tmp_path / "new")
    raw = json.loads((tmp_path / "new" / "config.json").read_text())
    assert (raw["hidden_size"], raw["rope_theta"], raw["rope_scaling"]["mrope_section"]) == (128, 1e6, [4, 6, 6])
    assert models.load(tmp_path / "new").config.text == models.load(tmp_path / "old").config.text


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_halves_stay_halves(tmp_path: Path, half: str) -> None:
    tensors = {
        key: mx.array(value).astype(getattr(mx, half)) for key, value in checkpoints.weights(checkpoints.CONFIG).items()
    }
    checkpoints.write(tmp_path / "old")
    mx.save_safetensors(str(tmp_path / "old" / "model.safetensors"), tensors)
    saccade.convert(tmp_path / "old", tmp_path / "new")
    made = mx.load(str(tmp_path / "new" / "model.safetensors"))
    assert {str(value.dtype) for value in made.values()} == {"mlx.core.uint32", f"mlx.core.{half}"}


def test_shards_and_a_tied_head_load_alike(tmp_path: Path) -> None:
    raw = checkpoints.config(checkpoints.QWEN2_VL, tie_word_embeddings=True)
    checkpoints.write(tmp_path / "old", raw, checkpoints.weights(raw))
    whole = saccade.convert(tmp_path / "old", tmp_path / "whole")
    parts = saccade.convert(tmp_path / "old", tmp_path / "parts", shard_bytes=200_000)
    assert len(parts.files) > 3
    assert (tmp_path / "parts" / "model.safetensors.index.json").is_file()
    assert sum((tmp_path / "parts" / name).stat().st_size for name in parts.files) < 1.05 * whole.bytes
    found = [logits(models.load(tmp_path / name)) for name in ("whole", "parts")]
    assert (found[0] == found[1]).all()


def test_progress_ends_at_the_sources_bytes(source: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    made = saccade.convert(source, tmp_path / "new", progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (made.source_bytes, made.source_bytes)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"bits": 7}, "bits: .* got 7"),
        ({"bits": True}, "bits: .* got True"),
        ({"group_size": 16}, "16"),
        ({"vision_bits": 1}, "1"),
    ],
)
def test_other_forms_are_refused(source: Path, tmp_path: Path, options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        saccade.convert(source, tmp_path / "new", **options)
    assert not list(tmp_path.iterdir())


def test_a_target_that_is_there_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("new", "dangling"):
        with pytest.raises(InputError, match=rf"{name}: exists already"):
            saccade.convert(source, tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        saccade.convert(source, tmp_path / "absent" / "new")


def test_a_quantized_source_is_refused(source: Path, tmp_path: Path) -> None:
    saccade.convert(source, tmp_path / "new")
    with pytest.raises(InputError, match="quantized already"):
        saccade.convert(tmp_path / "new", tmp_path / "again")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float) -> None:
    folder = checkpoints.write_whole(tmp_path / "float")
    weights = mx.load(str(folder / "model.safetensors"))
    name = sorted(name for name in weights if name.endswith("q_proj.weight"))[0]
    weights[name][1, 2] = value
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    with pytest.raises(InputError, match=r"float: model.*q_proj\.weight: expected finite weights"):
        saccade.convert(folder, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["float"]


def test_a_conversion_that_fails_leaves_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        saccade.convert(source, tmp_path / "new", progress=stop)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match="the disk has 1,000"):
        saccade.convert(source, tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_the_command(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new"
    assert main(["convert", str(source), str(target), "--bits", "8", "--vision-bits", "4", "--verbose"]) == 0
    printed = capsys.readouterr().out
    assert str(target) in printed
    assert "model.layers.0.mlp.down_proj" in printed
    assert "vision_config.spatial_patch_size of config.json" in printed
    assert main(["convert", str(source), str(target)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["convert", str(source), str(tmp_path / "other"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["quantized"]["lm_head"] == {"bits": 4, "group_size": 64}


def test_a_config_with_any_text_is_written_whole(tmp_path: Path) -> None:
    folder = checkpoints.write_whole(tmp_path / "float")
    path = folder / "config.json"
    raw = {**json.loads(path.read_text(encoding="utf-8")), "_name_or_path": "half a pair \ud800"}
    path.write_text(json.dumps(raw))
    saccade.convert(folder, tmp_path / "new")
    assert json.loads((tmp_path / "new" / "config.json").read_text(encoding="utf-8"))["_name_or_path"][-1] == "\ud800"
