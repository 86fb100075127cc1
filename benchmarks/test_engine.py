"""The engine beside mlx-vlm with the same weights and inputs in one process: vision, prefill, decode, end to end.

    python -m pytest benchmarks/test_engine.py          pytest-benchmark's statistics, a group for each stage
    python benchmarks/test_engine.py                    one table: seconds, times faster, where the time goes
    python benchmarks/test_engine.py packaged --tokens 4096 --stages vision decode --seconds 60     a part of it

Two checkpoints: the packaged one, and a random one with the widths of 3B and two blocks and layers of 36. Both compute
in float32. Outputs are compared before a stage is timed. A peer that is not installed is shown as missing, one that
cannot run a stage as none. One pass of mlx-vlm over 4,096 tokens takes half a minute and more.

A round of the table runs each stage of one side, then each of the other, and a cell is the fastest of all rounds: parts
and whole are of the same minutes. Where the parts are slower than the whole even so, the row says it.
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

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import checkpoints

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
DECODED = 8

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
    """A checkpoint: "packaged" or "wide"."""
    if name == "packaged":
        return Path(str(resources.files("mlx_saccade") / "assets" / "tiny"))
    raw = checkpoints.config(**WIDE)
    raw["vision_config"] |= WIDE_TOWER
    place = Path(tempfile.mkdtemp(prefix="saccade-wide-"))
    tensors = {key: value.astype(np.float16) for key, value in checkpoints.weights(raw).items()}
    return checkpoints.write(place, raw, tensors)


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
    """saccade's stages, each returning what the peer's returns."""

    def __init__(self, name: str) -> None:
        self.model = models.load(folder(name), compute_dtype="float32")
        self.model.config = _endless(self.model.config)

    def vision(self, given: Inputs) -> mx.array:
        return self.model.image_features(given.pixels, given.grids)

    def prefill(self, given: Inputs, features: mx.array) -> mx.array:
        prompt = self.model.prompt(given.ids, image_grid_thw=given.grids, image_features=features)
        return self.model.prefill(prompt, self.model.model.make_cache())[0]

    def stream(self, given: Inputs, features: mx.array | None) -> Any:
        """Tokens, greedy, from features or from pixels."""
        pixels = None if features is not None else given.pixels
        prompt = self.model.prompt(given.ids, pixels, image_grid_thw=given.grids, image_features=features)
        cache = self.model.model.make_cache()
        return self.model.stream(prompt, cache, self.model.prefill(prompt, cache), DECODED + 1)


class Theirs:
    """mlx-vlm's."""

    def __init__(self, name: str) -> None:
        self.model = load_model(folder(name))
        self.model.update(tree_map(lambda weight: weight.astype(mx.float32), self.model.parameters()))
        mx.eval(self.model.parameters())

    def vision(self, given: Inputs) -> mx.array:
        return self.model.vision_tower(given.pixels, mx.array(given.grids), output_hidden_states=False)

    def prefill(self, given: Inputs, features: mx.array) -> mx.array:
        return next(self._steps(given, features))[1]

    def stream(self, given: Inputs, features: mx.array | None) -> Any:
        return (int(np.asarray(token)) for token, _ in self._steps(given, features))

    def _steps(self, given: Inputs, features: mx.array | None) -> Any:
        self.model.language_model._position_ids = None
        return generate_step(
            mx.array(given.ids)[None],
            self.model,
            given.pixels,
            None,
            image_grid_thw=mx.array(given.grids),
            cached_image_features=features,
            max_tokens=DECODED + 1,
            temperature=0.0,
        )


def _endless(config: models.Config) -> models.Config:
    """Without end tokens, so that both sides decode the same number of tokens."""
    from dataclasses import replace

    return replace(config, eos_token_ids=())


def log_softmax(logits: mx.array) -> mx.array:
    """What the peer returns in place of logits."""
    return logits - mx.logsumexp(logits, keepdims=True)


def agree(name: str, found: Any, wanted: Any) -> None:
    """Stops unless two outputs are equal but for rounding."""
    difference = float(np.abs(np.asarray(found) - np.asarray(wanted).reshape(np.asarray(found).shape)).max())
    assert difference <= 2e-3 * float(np.abs(np.asarray(wanted)).max()), f"{name}: outputs differ by {difference}"


def ready(stage: str, side: Ours | Theirs, given: Inputs, features: mx.array) -> Callable[[], None]:
    """The stage itself, to be called once, with all that comes before it done."""
    gc.collect()
    if stage == "vision":
        return lambda: mx.eval(side.vision(given))
    if stage == "prefill":
        return lambda: mx.eval(side.prefill(given, features))
    if stage == "decode":
        stream = side.stream(given, features)
        next(stream)
        return lambda: count(stream, DECODED)
    return lambda: count(side.stream(given, None), DECODED + 1)


def count(stream: Any, wanted: int) -> None:
    """Takes all tokens of a stream."""
    assert len(list(stream)) == wanted


def seconds(stage: str, side: Ours | Theirs, given: Inputs, features: mx.array) -> float:
    """One run of a stage, of decode one token."""
    work = ready(stage, side, given, features)
    start = time.perf_counter()
    work()
    taken = time.perf_counter() - start
    return taken / DECODED if stage == "decode" else taken


@functools.cache
def side(kind: type[Ours | Theirs], name: str) -> Any:
    return kind(name)


@functools.cache
def prepared(name: str, budget: int) -> tuple[Inputs, mx.array]:
    ours = side(Ours, name)
    given = Inputs(ours.model, budget)
    features = ours.vision(given)
    mx.eval(features)
    return given, features


@functools.cache
def verified(name: str, budget: int, stages: tuple[str, ...] = STAGES) -> None:
    """Compares the outputs of both sides, once."""
    given, features = prepared(name, budget)
    ours, theirs = side(Ours, name), side(Theirs, name)
    if "vision" in stages or "end to end" in stages:
        agree("vision", features, theirs.vision(given))
    agree("prefill", log_softmax(ours.prefill(given, features)), theirs.prefill(given, features))
    assert list(ours.stream(given, features)) == list(theirs.stream(given, features)), "decode: tokens differ"
    if "end to end" in stages:
        assert list(ours.stream(given, None)) == list(theirs.stream(given, None)), "end to end: tokens differ"


@pytest.mark.parametrize("who", ["saccade", "mlx-vlm"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("budget", BUDGETS[:2])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_stage(benchmark: Any, name: str, budget: int, stage: str, who: str) -> None:
    benchmark.group = f"{name}, {budget} tokens, {stage}" + (f", {DECODED} tokens" if stage == "decode" else "")
    if who == "mlx-vlm" and mlx_vlm is None:
        pytest.skip("missing: mlx-vlm is not installed")
    if mlx_vlm is not None:
        verified(name, budget)
    given, features = prepared(name, budget)
    chosen = side(Ours if who == "saccade" else Theirs, name)

    def setup() -> tuple[tuple[Callable[[], None]], dict[str, Any]]:
        return (ready(stage, chosen, given, features),), {}

    benchmark.pedantic(lambda work: work(), setup=setup, rounds=2, warmup_rounds=0)


def too_many_scores(name: str, stage: str, given: Inputs) -> bool:
    """Whether the peer's attention, which writes all scores of all heads, has more of them than 32 bits count.

    MLX 0.32's CPU backend then reads outside of the array, and the process ends.
    """
    _, rows, columns = given.grids[0]
    scores = side(Ours, name).model.config.vision.num_heads * (rows * columns) ** 2
    return stage in ("vision", "end to end") and scores >= 2**31


# -- as a table -------------------------------------------------------------------------------------------------------


def matmul_peak() -> float:
    """FLOP/s of MLX's matrix product, 2,048 x 2,048."""
    size = 2048
    a = mx.random.normal((size, size))
    mx.eval(a @ a)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        mx.eval(a @ a)
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def vision_flops(config: models.VisionConfig, grid: tuple[int, int, int]) -> float:
    """Operations of all matrix products of the tower."""
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
    """Operations of the matrix products that read `tokens` after `before` others, and of one head.

    The last layer needs keys and values of all, and the rest of the last token alone.
    """
    d, keys = config.hidden_size, config.head_dim * config.num_key_value_heads
    matrices = 2 * d * d + 2 * d * keys + 3 * d * config.intermediate_size
    pairs = tokens * before + tokens * (tokens + 1) / 2
    last = matrices + 2 * (before + tokens) * d + (tokens - 1) * 2 * d * keys
    return 2.0 * ((config.num_hidden_layers - 1) * (tokens * matrices + 2 * pairs * d) + last + d * config.vocab_size)


def flops(model: models.Model, stage: str, given: Inputs) -> float:
    length = len(given.ids)
    parts = {
        "vision": vision_flops(model.config.vision, given.grids[0]),
        "prefill": text_flops(model.config.text, length, 0),
        "decode": text_flops(model.config.text, 1, length),
    }
    return parts.get(stage, parts["vision"] + parts["prefill"] + DECODED * parts["decode"])


def fastest(
    sides: Sequence[tuple[Any, Sequence[str]]], given: Inputs, features: mx.array, budget: float
) -> list[dict[str, float]]:
    """Seconds of the fastest run of each stage, side by side.

    Args:
        sides: each with the stages it can run.
        given: what they run on.
        features: the tower's output, for the stages after it.
        budget: seconds of all rounds; the last begins before they are over, and one is run in any case.
    """
    least: list[dict[str, float]] = [{} for _ in sides]
    until, rounds = time.perf_counter() + budget, 0
    while rounds == 0 or (time.perf_counter() < until and rounds < 20):
        for times, (one, stages) in zip(least, sides, strict=True):
            for stage in stages:
                times[stage] = min(seconds(stage, one, given, features), times.get(stage, math.inf))
        rounds += 1
    return least


def doubt(who: str, times: Mapping[str, float]) -> str:
    """A warning where the parts of a side took over a tenth longer than the whole, which has them and more; else empty.

    Then something else ran meanwhile, or the stages differ from what end to end does, and the row means little.
    """
    if not {"vision", "prefill", "end to end"} <= set(times):
        return ""
    over = (times["vision"] + times["prefill"]) / times["end to end"] - 1
    return f"  WARNING: vision + prefill of {who} are {100 * over:.0f} % above its end to end" if over > 0.1 else ""


def table(name: str, budget: int, stages: list[str], budget_s: float) -> None:
    """Rows of one checkpoint at one budget, in rounds of all stages for so many seconds a stage."""
    given, features = prepared(name, budget)
    ours = side(Ours, name)
    compared = tuple(stage for stage in stages if mlx_vlm is not None and not too_many_scores(name, stage, given))
    if compared:
        verified(name, budget, compared)
    peak = matmul_peak()
    sides = [(ours, stages), *([(side(Theirs, name), compared)] if compared else [])]
    own, peer = [*fastest(sides, given, features, budget_s * len(stages)), {}][:2]
    absent = "missing" if mlx_vlm is None else "none"
    for stage in stages:
        work, taken = flops(ours.model, stage, given), own[stage]
        cells = f"{name:<9}{given.tokens:>6,}  {stage:<11}{taken:>9.4f}"
        cells += f"{peer[stage]:>10.4f}{peer[stage] / taken:>8.2f}" if stage in peer else f"{absent:>10}{'':>8}"
        cells += f"{work / taken / 1e9:>10.1f}{100 * work / peak / taken:>9.0f} %"
        print(cells + (doubt("saccade", own) + doubt("mlx-vlm", peer) if stage == "end to end" else ""), flush=True)


def known(name: str) -> str:
    """A checkpoint's name; argparse would hold the default of an optional positional argument against its choices."""
    if name not in CHECKPOINTS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(CHECKPOINTS)}")
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkpoints", nargs="*", type=known, default=CHECKPOINTS, help="packaged, wide; default both")
    parser.add_argument("--tokens", nargs="+", type=int, default=list(BUDGETS[:2]), metavar="N")
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--seconds", type=float, default=4.0, help="a stage, both sides together, over all rounds")
    asked = parser.parse_args()
    version = mlx_vlm.__version__ if mlx_vlm is not None else "missing"
    print(
        f"mlx {mx.__version__} on {mx.default_device()}; mlx-vlm {version}; "
        f"float32 matmul {matmul_peak() / 1e9:.0f} GFLOP/s"
    )
    print(
        f"{'checkpoint':<9}{'tokens':>6}  {'stage':<11}{'saccade':>8}{'mlx-vlm':>10}{'times':>8}"
        f"{'GFLOP/s':>10}{'of peak':>11}"
    )
    for name in asked.checkpoints:
        for budget in asked.tokens:
            table(name, budget, asked.stages, asked.seconds)


if __name__ == "__main__":
    main()
