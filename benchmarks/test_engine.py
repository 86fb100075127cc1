"""Time the engine beside mlx-vlm with the same weights and inputs in one process: vision, prefill, decode, end to end.

    python -m pytest benchmarks/test_engine.py      # pytest-benchmark's statistics, a group a stage
    python benchmarks/test_engine.py                # one table: seconds, ratio, share of the matmul peak
    python benchmarks/test_engine.py packaged --tokens 4096 --stages vision decode --seconds 60     # a part of it

Two checkpoints: the packaged one, and a random one with the widths of 3B and two blocks and layers of 36. Both compute
in float32. Outputs are compared before a stage is timed. A peer that is not installed is printed as missing, a stage
that it cannot run as none.

A round of the table runs each stage of one side, then each of the other. A cell is the fastest of all rounds, so parts
and whole come from the same minutes. A row whose parts are slower than the whole has a warning.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.backend import mx
from mlx_saccade.preprocess import positions

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import checkpoints
from matmul import matmul_peak

with contextlib.suppress(ImportError):
    import torchvision_import  # noqa: F401
try:
    import mlx_vlm
    from mlx.utils import tree_map
    from mlx_vlm.generate import generate_step
    from mlx_vlm.utils import load_model
except ImportError:
    mlx_vlm = None

BUDGETS = (256, 1280, 4096)
CHECKPOINTS = ["packaged", "wide"]
STAGES = ("vision", "prefill", "decode", "end to end")
DECODED_TOKENS = 8

WIDE = {
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 2,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 8192,
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
    "tie_word_embeddings": True,
}
WIDE_TOWER = {
    "depth": 2,
    "hidden_size": 1280,
    "num_heads": 16,
    "intermediate_size": 3420,
    "out_hidden_size": 2048,
    "fullatt_block_indexes": [1],
}


@functools.cache
def folder(name: str) -> Path:
    """Return the folder of a checkpoint, "packaged" or "wide"."""
    if name == "packaged":
        return Path(str(resources.files("mlx_saccade") / "assets" / "tiny"))
    raw = checkpoints.config(**WIDE)
    raw["vision_config"] |= WIDE_TOWER
    path = Path(tempfile.mkdtemp(prefix="saccade-wide-"))
    tensors = {key: value.astype(np.float16) for key, value in checkpoints.weights(raw).items()}
    return checkpoints.write(path, raw, tensors)


class Inputs:
    """A 4K screen of noise at a budget, in a prompt with words on both sides."""

    def __init__(self, model: models.Model, budget: int) -> None:
        plan = saccade.plan((3840, 2160), budget=budget)
        self.grids, self.tokens = [plan.grid_thw], plan.tokens
        random = np.random.RandomState(0)
        self.pixels = mx.array(random.standard_normal((plan.patches, 1176)).astype(np.float32))
        words = random.randint(0, 900, 40)
        image = [model.config.vision_start_token_id, *[model.config.image_token_id] * plan.tokens]
        self.ids = np.array([*words[:20], *image, *words[20:]])
        mx.eval(self.pixels)


class Ours:
    """The stages of saccade, each with the result of the peer's."""

    def __init__(self, name: str) -> None:
        self.model = models.load(folder(name), compute_dtype="float32")
        self.model.config = without_end_tokens(self.model.config)

    def vision(self, inputs: Inputs) -> mx.array:
        return self.model.image_features(inputs.pixels, inputs.grids)

    def prefill(self, inputs: Inputs, features: mx.array) -> mx.array:
        prompt = self.model.prompt(inputs.ids, image_grid_thw=inputs.grids, image_features=features)
        return self.model.prefill(prompt, self.model.model.make_cache())[0]

    def stream(self, inputs: Inputs, features: mx.array | None) -> Any:
        """Return a generator of greedy tokens, from features or from pixels."""
        pixels = None if features is not None else inputs.pixels
        prompt = self.model.prompt(inputs.ids, pixels, image_grid_thw=inputs.grids, image_features=features)
        cache = self.model.model.make_cache()
        return self.model.stream(prompt, cache, self.model.prefill(prompt, cache), DECODED_TOKENS + 1)


class Theirs:
    """The stages of mlx-vlm."""

    def __init__(self, name: str) -> None:
        self.model = load_model(folder(name))
        self.model.update(tree_map(lambda weight: weight.astype(mx.float32), self.model.parameters()))
        mx.eval(self.model.parameters())

    def vision(self, inputs: Inputs) -> mx.array:
        return self.model.vision_tower(inputs.pixels, mx.array(inputs.grids), output_hidden_states=False)

    def prefill(self, inputs: Inputs, features: mx.array) -> mx.array:
        return next(self._steps(inputs, features))[1]

    def stream(self, inputs: Inputs, features: mx.array | None) -> Any:
        return (int(np.asarray(token)) for token, _ in self._steps(inputs, features))

    def _steps(self, inputs: Inputs, features: mx.array | None) -> Any:
        self.model.language_model._position_ids = None
        return generate_step(
            mx.array(inputs.ids)[None],
            self.model,
            inputs.pixels,
            None,
            image_grid_thw=mx.array(inputs.grids),
            cached_image_features=features,
            max_tokens=DECODED_TOKENS + 1,
            temperature=0.0,
        )


def without_end_tokens(config: models.Config) -> models.Config:
    """Return the config without end tokens, so that both sides decode the same number of tokens."""
    from dataclasses import replace

    return replace(config, eos_token_ids=())


def log_softmax(logits: mx.array) -> mx.array:
    """Return log probabilities, the peer's output in place of logits."""
    return logits - mx.logsumexp(logits, keepdims=True)


def check_close(name: str, actual: Any, expected: Any) -> None:
    """Raise AssertionError unless two outputs are equal up to rounding."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    difference = float(np.abs(actual - expected.reshape(actual.shape)).max())
    assert difference <= 2e-3 * float(np.abs(expected).max()), f"{name}: outputs differ by {difference}"


def prepare_stage(stage: str, side: Ours | Theirs, inputs: Inputs, features: mx.array) -> Callable[[], None]:
    """Run all that comes before a stage, and return the stage, to be called once."""
    gc.collect()
    if stage == "vision":
        return lambda: mx.eval(side.vision(inputs))
    if stage == "prefill":
        return lambda: mx.eval(side.prefill(inputs, features))
    if stage == "decode":
        stream = side.stream(inputs, features)
        next(stream)
        return lambda: consume(stream, DECODED_TOKENS)
    return lambda: consume(side.stream(inputs, None), DECODED_TOKENS + 1)


def consume(stream: Any, tokens: int) -> None:
    """Read a stream to its end and check its number of tokens."""
    assert len(list(stream)) == tokens


def seconds(stage: str, side: Ours | Theirs, inputs: Inputs, features: mx.array) -> float:
    """Return the seconds of one run of a stage, of one token in decode."""
    work = prepare_stage(stage, side, inputs, features)
    start = time.perf_counter()
    work()
    elapsed = time.perf_counter() - start
    return elapsed / DECODED_TOKENS if stage == "decode" else elapsed


@functools.cache
def side(kind: type[Ours | Theirs], name: str) -> Any:
    """Return a side with a checkpoint loaded, once."""
    return kind(name)


@functools.cache
def inputs_and_features(name: str, budget: int) -> tuple[Inputs, mx.array]:
    """Return the inputs of a budget and the tower's output, once."""
    ours = side(Ours, name)
    inputs = Inputs(ours.model, budget)
    features = ours.vision(inputs)
    mx.eval(features)
    return inputs, features


@functools.cache
def verify(name: str, budget: int, stages: tuple[str, ...] = STAGES) -> None:
    """Compare the outputs of both sides, once."""
    inputs, features = inputs_and_features(name, budget)
    ours, theirs = side(Ours, name), side(Theirs, name)
    if "vision" in stages or "end to end" in stages:
        check_close("vision", features, theirs.vision(inputs))
    check_close("prefill", log_softmax(ours.prefill(inputs, features)), theirs.prefill(inputs, features))
    assert list(ours.stream(inputs, features)) == list(theirs.stream(inputs, features)), "decode: tokens differ"
    if "end to end" in stages:
        assert list(ours.stream(inputs, None)) == list(theirs.stream(inputs, None)), "end to end: tokens differ"


@pytest.mark.parametrize("who", ["saccade", "mlx-vlm"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("budget", BUDGETS[:2])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_stage(benchmark: Any, name: str, budget: int, stage: str, who: str) -> None:
    benchmark.group = f"{name}, {budget} tokens, {stage}" + (f", {DECODED_TOKENS} tokens" if stage == "decode" else "")
    if who == "mlx-vlm" and mlx_vlm is None:
        pytest.skip("missing: mlx-vlm is not installed")
    if mlx_vlm is not None:
        verify(name, budget)
    inputs, features = inputs_and_features(name, budget)
    runner = side(Ours if who == "saccade" else Theirs, name)

    def setup() -> tuple[tuple[Callable[[], None]], dict[str, Any]]:
        return (prepare_stage(stage, runner, inputs, features),), {}

    benchmark.pedantic(lambda work: work(), setup=setup, rounds=2, warmup_rounds=0)


def too_many_scores(name: str, stage: str, inputs: Inputs) -> bool:
    """Return True if the scores of all heads, which the peer's attention writes at once, exceed 32 bits.

    MLX 0.32's CPU backend then reads outside the array, and the process ends.
    """
    _, rows, columns = inputs.grids[0]
    scores = side(Ours, name).model.config.vision.num_heads * (rows * columns) ** 2
    return stage in ("vision", "end to end") and scores >= 2**31


# -- as a table -------------------------------------------------------------------------------------------------------


def vision_flops(config: models.VisionConfig, grid: tuple[int, int, int]) -> float:
    """Return the operations of all matrix products of the tower."""
    _, rows, columns = grid
    patches, wide = rows * columns, config.hidden_size * config.spatial_merge_size**2
    _, bounds = positions.window_index([grid])
    windowed = float((np.diff(np.asarray(bounds, dtype=np.int64)) ** 2).sum())
    full = len(config.fullatt_block_indexes)
    pairs = full * float(patches) ** 2 + (config.depth - full) * windowed
    matrices = 4 * config.hidden_size**2 + 3 * config.hidden_size * config.intermediate_size
    merger = patches // config.spatial_merge_size**2 * wide * (wide + config.out_hidden_size)
    embedding = patches * config.patch_width * config.hidden_size
    return 2.0 * (config.depth * patches * matrices + 2 * pairs * config.hidden_size + merger + embedding)


def text_flops(config: models.TextConfig, tokens: int, before: int) -> float:
    """Return the operations of the matrix products for `tokens` after `before` others, and of one head.

    The last layer needs keys and values of all tokens, the rest of the last token alone.
    """
    d, keys = config.hidden_size, config.head_dim * config.num_key_value_heads
    matrices = 2 * d * d + 2 * d * keys + 3 * d * config.intermediate_size
    pairs = tokens * before + tokens * (tokens + 1) / 2
    last = matrices + 2 * (before + tokens) * d + (tokens - 1) * 2 * d * keys
    return 2.0 * ((config.num_hidden_layers - 1) * (tokens * matrices + 2 * pairs * d) + last + d * config.vocab_size)


def flops(model: models.Model, stage: str, inputs: Inputs) -> float:
    """Return the operations of the matrix products of a stage."""
    length = len(inputs.ids)
    parts = {
        "vision": vision_flops(model.config.vision, inputs.grids[0]),
        "prefill": text_flops(model.config.text, length, 0),
        "decode": text_flops(model.config.text, 1, length),
    }
    return parts.get(stage, parts["vision"] + parts["prefill"] + DECODED_TOKENS * parts["decode"])


def fastest(
    sides: Sequence[tuple[Any, Sequence[str]]], inputs: Inputs, features: mx.array, budget: float
) -> list[dict[str, float]]:
    """Return the seconds of the fastest run of each stage, side by side.

    Args:
        sides: each with the stages it can run.
        inputs: the inputs of every stage.
        features: the tower's output, for the stages after it.
        budget: seconds of all rounds; the last begins before they end, and there is at least one.
    """
    best: list[dict[str, float]] = [{} for _ in sides]
    until, rounds = time.perf_counter() + budget, 0
    while rounds == 0 or (time.perf_counter() < until and rounds < 20):
        for times, (one, stages) in zip(best, sides, strict=True):
            for stage in stages:
                times[stage] = min(seconds(stage, one, inputs, features), times.get(stage, math.inf))
        rounds += 1
    return best


def doubt(who: str, times: Mapping[str, float]) -> str:
    """Return a warning if the parts of a side took over a tenth longer than the whole, else "".

    Then other work ran at the same time, or the stages differ from those of end to end.
    """
    if not {"vision", "prefill", "end to end"} <= set(times):
        return ""
    over = (times["vision"] + times["prefill"]) / times["end to end"] - 1
    return f"  WARNING: vision + prefill of {who} are {100 * over:.0f} % above its end to end" if over > 0.1 else ""


def table(name: str, budget: int, stages: list[str], budget_s: float) -> None:
    """Print the rows of one checkpoint at one budget, after rounds of all stages for `budget_s` seconds a stage."""
    inputs, features = inputs_and_features(name, budget)
    ours = side(Ours, name)
    compared = tuple(stage for stage in stages if mlx_vlm is not None and not too_many_scores(name, stage, inputs))
    if compared:
        verify(name, budget, compared)
    peak = matmul_peak(mx, size=2048, rounds=5)
    sides = [(ours, stages), *([(side(Theirs, name), compared)] if compared else [])]
    own, peer = [*fastest(sides, inputs, features, budget_s * len(stages)), {}][:2]
    absent = "missing" if mlx_vlm is None else "none"
    for stage in stages:
        work, own_s = flops(ours.model, stage, inputs), own[stage]
        cells = f"{name:<9}{inputs.tokens:>6,}  {stage:<11}{own_s:>9.4f}"
        cells += f"{peer[stage]:>10.4f}{peer[stage] / own_s:>8.2f}" if stage in peer else f"{absent:>10}{'':>8}"
        cells += f"{work / own_s / 1e9:>10.1f}{100 * work / peak / own_s:>9.0f} %"
        print(cells + (doubt("saccade", own) + doubt("mlx-vlm", peer) if stage == "end to end" else ""), flush=True)


def checkpoint_name(name: str) -> str:
    """Check a checkpoint's name; argparse checks the default of an optional positional argument against its choices."""
    if name not in CHECKPOINTS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(CHECKPOINTS)}; got {name!r}")
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "checkpoints", nargs="*", type=checkpoint_name, default=CHECKPOINTS, help="packaged, wide; default both"
    )
    parser.add_argument("--tokens", nargs="+", type=int, default=list(BUDGETS[:2]), metavar="N")
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--seconds", type=float, default=4.0, help="a stage, for both sides and all rounds; default 4")
    options = parser.parse_args()
    version = mlx_vlm.__version__ if mlx_vlm is not None else "missing"
    print(
        f"mlx {mx.__version__} on {mx.default_device()}; mlx-vlm {version}; "
        f"float32 matmul {matmul_peak(mx, size=2048, rounds=5) / 1e9:.0f} GFLOP/s"
    )
    print(
        f"{'checkpoint':<9}{'tokens':>6}  {'stage':<11}{'saccade':>8}{'mlx-vlm':>10}{'times':>8}"
        f"{'GFLOP/s':>10}{'of peak':>11}"
    )
    for name in options.checkpoints:
        for budget in options.tokens:
            table(name, budget, options.stages, options.seconds)


if __name__ == "__main__":
    main()
