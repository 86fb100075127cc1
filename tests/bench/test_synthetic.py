"""Checkpoints of random weights: their shapes, and that an engine loads and asks them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlx_saccade import models
from mlx_saccade.bench import synthetic
from mlx_saccade.checkpoint.files import read_json
from mlx_saccade.errors import InputError

SMALL = replace(
    synthetic.SIZES["7b"], hidden=64, intermediate=96, heads=4, key_heads=2, tower=(32, 2, 48), sections=(2, 3, 3)
)


def test_the_shape_of_a_name() -> None:
    assert (synthetic.parse("3b").blocks, synthetic.parse("3b").layers) == (8, 2)
    assert (synthetic.parse("7b:4").blocks, synthetic.parse("7b:4").name) == (16, "synthetic 7b:4")
    assert synthetic.parse("3b:36").blocks == 32


@pytest.mark.parametrize("text", ["", "9b", "3b:", "3b:0", "3b:1", "7b:29", "3b:x", "3b:2:2"])
def test_another_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--synthetic"):
        synthetic.parse(text)


def test_a_checkpoint_loads_and_answers(tmp_path: Path) -> None:
    import mlx_saccade as saccade

    folder = synthetic.write(tmp_path / "small", SMALL)
    engine = saccade.load(folder)
    with engine:
        config = engine.model.config
        assert (config.vision.depth, config.vision.fullatt_block_indexes) == (8, (7,))
        assert engine.ask(saccade.scenes.generate(0, (448, 336)).image, "what?", budget=16, max_tokens=2).usage[
            "answer"
        ]


def test_a_checkpoint_of_qwen3_has_the_released_layout(tmp_path: Path) -> None:
    import mlx_saccade as saccade

    shape = replace(
        synthetic.SIZES["qwen3-8b"], hidden=64, intermediate=96, heads=4, key_heads=2, tower=(32, 2, 48), head_dim=16
    )
    folder = synthetic.write(tmp_path / "small", replace(shape, sections=(3, 2, 2)))
    with saccade.load(folder) as engine:
        config = engine.model.config
        assert (config.family, config.vision.depth, config.vision.deepstack_visual_indexes) == (
            "qwen3-vl",
            16,
            (3, 7, 11),
        )
        image = saccade.scenes.generate(0, (448, 336)).image
        assert engine.ask(image, "what?", budget=64, max_tokens=2).usage["answer"]


@pytest.mark.parametrize(
    ("size", "head", "parameters"),
    [("3b", 128, 3.09e9), ("7b", 128, 7.07e9), ("qwen3-2b", 128, 1.72e9), ("qwen3-8b", 128, 8.19e9)],
)
def test_the_widths_are_the_published_ones(size: str, head: int, parameters: float) -> None:
    """At full depth, without embedding and head, the language model has its published number of weights."""
    shape = synthetic.SIZES[size]
    packaged = read_json(Path(models.__file__).parents[1] / "assets" / "tiny" / "config.json")
    config = models.read_config(synthetic.config_of(shape, packaged))
    assert config.text.head_dim == head
    keys = 2 * shape.hidden * head * shape.key_heads
    layer = 2 * shape.hidden * head * shape.heads + keys + 3 * shape.hidden * shape.intermediate
    embeddings = 151_936 * shape.hidden * (1 if shape.tied else 2)
    assert layer * shape.full_layers[1] + embeddings == pytest.approx(parameters, rel=0.08)
