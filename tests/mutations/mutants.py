"""Mistakes that engines of this kind have shipped, each with an ordinary test that has to see it.

A mutant changes what the library computes, by replacing a function of it; the test it names is run as it is. Where
the mistake has been seen in the wild is said beside it; the projects named were read in their public issue trackers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import torchvision_reference
from PIL import Image
from pytest import MonkeyPatch

import mlx_saccade as saccade
from mlx_saccade import _core, models
from mlx_saccade.cache import ByteLRU, EngineCache, keys
from mlx_saccade.cache import keys as fingerprint
from mlx_saccade.checkpoint import tokenizer
from mlx_saccade.engine import Answer, capture, confidence
from mlx_saccade.grounding import frames
from mlx_saccade.media import display_matrix, film_decoder, opening, sampling, timeline
from mlx_saccade.media import image as sources
from mlx_saccade.models import cpu_decode, experts, inputs, layers, qwen2, qwen3, qwen3_vl
from mlx_saccade.preprocess import gemma4, positions, video_size
from mlx_saccade.preprocess import plan as budget

__all__ = ["MUTANTS", "Mutant"]


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Attributes:
        apply: makes it.
        test: that has to turn red, as pytest names it.
        error: how: "AssertionError", or the exception that the library itself raises over what came out.
    """

    apply: Callable[[MonkeyPatch], None]
    test: str
    error: str = "AssertionError"

    @property
    def name(self) -> str:
        """In words."""
        return self.apply.__name__.replace("_", " ")


MUTANTS: list[Mutant] = []


def seen_by(test: str, error: str = "AssertionError") -> Callable[[Callable[[MonkeyPatch], None]], None]:
    return lambda apply: MUTANTS.append(Mutant(apply, test, error))


# -- the tower ---------------------------------------------------------------------------------------------------------


@seen_by("tests/models/test_golden.py::test_logits_equal_the_reference[partial-windows]")
def the_window_mask_is_dropped(patch: MonkeyPatch) -> None:
    """vllm 0.8.1, mlx-swift-lm: a tenth of the words on a page went missing."""
    right = models.qwen2_5_vl.layout

    def joined(*arguments: Any) -> Any:
        place = right(*arguments)
        return replace(place, windows=place.frames)

    patch.setattr(models.qwen2_5_vl, "layout", joined)


@seen_by("tests/models/test_golden.py::test_logits_equal_the_reference[partial-windows]")
def the_blocks_of_full_attention_are_shifted_by_one(patch: MonkeyPatch) -> None:
    right = models.load

    def shifted(*arguments: Any, **named: Any) -> Any:
        model = right(*arguments, **named)
        blocks = tuple(block - 1 for block in model.config.vision.fullatt_block_indexes)
        object.__setattr__(model.config.vision, "fullatt_block_indexes", blocks)
        return model

    patch.setattr(models, "load", shifted)


@seen_by("tests/models/test_golden.py::test_logits_equal_the_reference[partial-windows]")
def rows_and_columns_of_patches_are_swapped(patch: MonkeyPatch) -> None:
    right = positions.vision_positions
    patch.setattr(positions, "vision_positions", lambda *arguments: np.fliplr(right(*arguments)).copy())


@seen_by("tests/models/test_golden.py::test_image_features_equal_the_reference[reference-partial-windows]")
def red_and_blue_are_swapped(patch: MonkeyPatch) -> None:
    right = models.load

    def swapped(*arguments: Any, **named: Any) -> Any:
        model = right(*arguments, **named)
        model.visual.patch_embed.proj.weight = model.visual.patch_embed.proj.weight[:, ::-1]
        return model

    patch.setattr(models, "load", swapped)


# -- Qwen3-VL ----------------------------------------------------------------------------------------------------------

_FEATURES = "tests/models/test_qwen3_golden.py::test_features_and_levels_equal_the_reference[two-images]"
_LOGITS = "tests/models/test_qwen3_golden.py::test_layers_and_logits_equal_the_reference[{}]"


@seen_by(_FEATURES)
def the_two_gelus_of_the_tower_are_exchanged(patch: MonkeyPatch) -> None:
    """mlx-vlm 0.7.10, in the model with experts."""
    exact, approximate = nn.gelu, nn.gelu_approx
    patch.setattr(qwen3_vl.layers, "gelu_tanh", exact)
    patch.setattr(qwen3_vl.nn, "gelu", approximate)


@seen_by(_FEATURES)
def weights_of_interpolated_positions_are_bfloat16(patch: MonkeyPatch) -> None:
    """mlx-vlm 0.7.10 casts them to the precision of the table."""
    right = qwen3_vl.position_taps

    def rounded(*arguments: Any) -> Any:
        numbers, weights = right(*arguments)
        return numbers, np.array(mx.array(weights).astype(mx.bfloat16).astype(mx.float32))

    patch.setattr(qwen3_vl, "position_taps", rounded)


@seen_by(_FEATURES)
def corners_of_the_position_table_are_not_aligned(patch: MonkeyPatch) -> None:
    """llama.cpp: boxes a little too small."""
    right = qwen3_vl.position_taps
    patch.setattr(qwen3_vl, "position_taps", lambda grids, side, merge: right(grids, side - 1, merge))


@seen_by(_FEATURES)
def levels_are_normalized_before_their_patches_are_joined(patch: MonkeyPatch) -> None:
    right = qwen3_vl.PatchMerger.__call__

    def apart(self: Any, x: mx.array) -> mx.array:
        if not self.normalize_joined:
            return right(self, x)
        parts = mx.fast.layer_norm(x, None, None, 1e-6).reshape(-1, self.width)
        inner = parts * self.norm.weight + self.norm.bias
        out: mx.array = self.linear_fc2(nn.gelu(self.linear_fc1(inner)))
        return out

    patch.setattr(qwen3_vl.PatchMerger, "__call__", apart)


@seen_by(_LOGITS.format("qwen3_vl-two-images"))
def sections_of_qwen3_are_sliced_instead_of_interleaved(patch: MonkeyPatch) -> None:
    patch.setattr(layers, "mrope_interleaved", layers.mrope)


def _with_levels(patch: MonkeyPatch, change: Callable[[mx.array], mx.array | None]) -> None:
    right = qwen3.LanguageModel.__call__

    def changed(self: Any, *arguments: Any, deepstack: mx.array | None = None, **named: Any) -> mx.array:
        return right(self, *arguments, deepstack=None if deepstack is None else change(deepstack), **named)

    patch.setattr(qwen3.LanguageModel, "__call__", changed)


@seen_by(_LOGITS.format("qwen3_vl-two-images"))
def deepstack_is_dropped(patch: MonkeyPatch) -> None:
    """mlx-vlm, where features come from its cache."""
    _with_levels(patch, lambda levels: None)


@seen_by(_LOGITS.format("qwen3_vl_moe-two-images"))
def deepstack_enters_one_layer_late(patch: MonkeyPatch) -> None:
    _with_levels(patch, lambda levels: mx.concatenate([mx.zeros_like(levels[:1]), levels]))


@seen_by(_LOGITS.format("qwen3_vl-images-and-videos"))
def deepstack_is_shifted_by_one_token(patch: MonkeyPatch) -> None:
    _with_levels(patch, lambda levels: mx.roll(levels, 1, axis=2))


@seen_by("tests/engine/test_qwen3_vl.py::test_chunks_change_nothing[7]")
def deepstack_is_not_cut_with_the_chunks_of_a_prompt(patch: MonkeyPatch) -> None:
    right = inputs.Prompt.part

    def part(self: Any, start: int, stop: int | None = None) -> Any:
        count = 0 if self.deepstack is None else self.deepstack.shape[2]
        cut = right(self, start, stop)
        whole = None if self.deepstack is None else self.deepstack[:, :, : min(count, cut.length)]
        return replace(cut, deepstack=whole)

    patch.setattr(inputs.Prompt, "part", part)


@seen_by("tests/engine/test_qwen3_vl.py::test_later_questions_equal_those_of_a_fresh_engine")
def levels_are_lost_in_the_cache_of_features(patch: MonkeyPatch) -> None:
    """mlx-vlm: the second question about an image got another answer than the first."""
    right = EngineCache.features

    def without(self: Any, content: bytes) -> mx.array | None:
        features = right(self, content)
        if features is None:
            return None
        width = features.shape[1] // 4
        return mx.concatenate([features[:, :width], mx.zeros_like(features[:, width:])], axis=1)

    patch.setattr(EngineCache, "features", without)


@seen_by(_LOGITS.format("qwen3_vl-words"))
def heads_are_not_normalized(patch: MonkeyPatch) -> None:
    right = qwen3.Attention.__init__

    def plain(self: Any, config: Any) -> None:
        right(self, config)
        object.__setattr__(self, "q_norm", lambda x: x)

    patch.setattr(qwen3.Attention, "__init__", plain)


@seen_by("tests/models/test_cpu_decode.py::test_a_step_equals_the_plain_form[BLAS-normalized-heads-2]")
def heads_are_not_normalized_while_decoding(patch: MonkeyPatch) -> None:
    """A fast step written for Qwen2.5-VL runs on Qwen3 without an error."""
    patch.setattr(cpu_decode.CpuDecoder, "norm_heads", lambda self, x, weight: None)


@seen_by(_LOGITS.format("qwen3_vl_moe-two-images"))
def the_experts_of_the_least_shares_are_chosen(patch: MonkeyPatch) -> None:
    right = mx.argpartition
    patch.setattr(experts.mx, "argpartition", lambda x, kth, axis: right(-x, kth, axis))


_WORDS = "tests/checkpoint/test_video_prompts.py::test_encode_equals_the_reference[{}]"


@seen_by(_WORDS.format("half to even-outer"))
def the_pair_around_all_frames_of_a_video_is_lost(patch: MonkeyPatch) -> None:
    """transformers 4.57 to 5.5, and mlx-vlm."""
    right = tokenizer.Prompts.__init__

    def single(self: Any, *arguments: Any, **named: Any) -> None:
        right(self, *arguments, **{**named, "video_prompt": "single"})

    patch.setattr(tokenizer.Prompts, "__init__", single)


@seen_by("tests/models/test_qwen3_golden.py::test_positions_equal_the_reference[only-video]", "InputError")
def frames_of_a_video_are_one_run(patch: MonkeyPatch) -> None:
    right = models.load

    def joined(*arguments: Any, **named: Any) -> Any:
        model = right(*arguments, **named)
        model.family = replace(model.family, timed_words=False)
        return model

    patch.setattr(models, "load", joined)


# -- positions of the language model -----------------------------------------------------------------------------------


@seen_by("tests/models/test_golden.py::test_logits_equal_the_reference[partial-windows]")
def sections_of_m_rope_are_interleaved_instead_of_sliced(patch: MonkeyPatch) -> None:
    """mlx-swift-lm: boxes 30 pixels off."""

    right = layers.mrope

    def interleaved(
        ids: mx.array, head_dim: int, theta: float, sections: Any, yarn: Any = None
    ) -> tuple[mx.array, ...]:
        axes = [right(mx.broadcast_to(ids[axis], ids.shape), head_dim, theta, sections, yarn) for axis in range(3)]
        turns = [i % (head_dim // 2) % 3 for i in range(axes[0][0].shape[-1])]
        return tuple(mx.stack([axes[t][part][..., i] for i, t in enumerate(turns)], axis=-1) for part in range(2))

    patch.setattr(layers, "mrope", interleaved)


@seen_by("tests/models/test_golden.py::test_greedy_tokens_equal_the_reference[partial-windows]")
def decoding_goes_on_at_the_index_of_the_token(patch: MonkeyPatch) -> None:
    """rope_deltas taken for 0: right up to the first word of every answer."""
    right = cpu_decode.CpuDecoder.__call__
    patch.setattr(
        cpu_decode.CpuDecoder,
        "__call__",
        lambda self, tokens, places, cache: right(self, tokens, [cache[0].offset for _ in places], cache),
    )


@seen_by("tests/models/test_golden.py::test_a_prompt_in_many_chunks_reads_as_one")
def positions_are_not_sliced_with_the_chunks_of_a_prompt(patch: MonkeyPatch) -> None:
    """mlx-vlm 0.6.4 to 0.6.7: nothing but noise after 2,048 tokens."""
    right = qwen2.LanguageModel.__call__
    whole: list[mx.array] = []

    def unsliced(self: Any, embeddings: mx.array, position_ids: mx.array, cache: Any, **named: Any) -> mx.array:
        length = embeddings.shape[1]
        if cache[0].offset == 0:
            whole[:] = [position_ids]
        elif length > 1:
            position_ids = whole[0][:, :, :length]
        return right(self, embeddings, position_ids, cache, **named)

    patch.setattr(qwen2.LanguageModel, "__call__", unsliced)


@seen_by("tests/models/test_golden.py::test_logits_equal_the_reference[video]")
def the_seconds_of_a_video_are_ignored(patch: MonkeyPatch) -> None:
    right = positions.mrope_positions

    def ignoring(ids: Any, **named: Any) -> Any:
        return right(ids, **{**named, "seconds_per_grid": [1.0 for _ in named.get("seconds_per_grid", ())]})

    patch.setattr(positions, "mrope_positions", ignoring)


@seen_by("tests/acceptance/test_batches.py::test_a_batch_equals_the_references")
def padding_on_the_left_is_attended_to(patch: MonkeyPatch) -> None:
    right = qwen2.attention_mask
    patch.setattr(qwen2, "attention_mask", lambda length, offset, padding: right(length, offset, ()))


@seen_by("tests/models/test_cpu_decode.py::test_a_step_equals_the_plain_form[BLAS-pairs-2]")
def padding_on_the_left_is_attended_to_while_decoding(patch: MonkeyPatch) -> None:
    right = cpu_decode.CpuDecoder.attend
    patch.setattr(cpu_decode.CpuDecoder, "attend", lambda self, keys, values, padding: right(self, keys, values, ()))


# -- memory ------------------------------------------------------------------------------------------------------------


@seen_by("tests/acceptance/test_memory_bounds.py::test_what_is_kept_counts_and_gives_way")
def what_is_kept_of_earlier_questions_does_not_count(patch: MonkeyPatch) -> None:
    patch.setattr(ByteLRU, "leave", lambda self, left: None)


# -- prompts and answers -----------------------------------------------------------------------------------------------


@seen_by("tests/engine/test_engine.py::test_the_image_stands_before_the_words_unless_asked")
def the_text_goes_before_the_image(patch: MonkeyPatch) -> None:
    """Several engines collect media first and build the prompt anew; it moved boxes by 9 pixels."""
    right = tokenizer.Prompts.encode

    def rebuilt(self: Any, messages: Any, *counts: Any) -> Any:
        def sort(content: Any) -> Any:
            return content if isinstance(content, str) else sorted(content, key=lambda part: part["type"] != "text")

        return right(self, [{**one, "content": sort(one["content"])} for one in messages], *counts)

    patch.setattr(tokenizer.Prompts, "encode", rebuilt)


@seen_by("tests/engine/test_engine.py::test_a_box_comes_back_in_source_pixels")
def boxes_stay_in_the_pixels_of_the_resized_image(patch: MonkeyPatch) -> None:
    """What most clients of these models got from their servers."""
    patch.setattr(budget.Plan, "to_source", lambda self, xy: tuple(xy))


# -- pixels ------------------------------------------------------------------------------------------------------------

PIXELS = "tests/preprocess/test_patchify.py::test_pixel_values_are_the_references[3]"


def resized_by(patch: MonkeyPatch, resample: Callable[[np.ndarray, tuple[int, int]], np.ndarray]) -> None:
    """Put another resampling before the compiled functions, which then find nothing left to resize."""

    def first(batch: Callable[..., Any]) -> Callable[..., Any]:
        def run(arrays: Any, sizes: Any, pass_order: str, *rest: Any) -> Any:
            *cut, formats = rest
            made = [resample(array, size) for array, size in zip(arrays, sizes, strict=True)]
            return batch(made, sizes, pass_order, *cut, ["rgb" for _ in formats])

        return run

    for name in ("resize_patchify_native_batch", "resize_patchify_reference_batch"):
        patch.setattr(_core, name, first(getattr(_core, name)))
    patch.setattr(_core, "resize", lambda array, width, height, *_: resample(array, (width, height)))


@seen_by(PIXELS)
def images_are_resized_in_linear_light(patch: MonkeyPatch) -> None:
    """Apple's own decoders do; letters come out bolder or thinner."""

    def linear(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        light = ((array[:, :, :3] / 255.0) ** 2.2).astype(np.float32)
        bands = [Image.fromarray(light[:, :, band]).resize(size, Image.Resampling.BICUBIC) for band in range(3)]
        made = np.stack([np.asarray(band) for band in bands], axis=2)
        return np.rint(255 * made.clip(0, 1) ** (1 / 2.2)).astype(np.uint8)

    resized_by(patch, linear)


@seen_by(PIXELS)
def images_are_resized_bilinearly(patch: MonkeyPatch) -> None:
    resized_by(
        patch,
        lambda array, size: np.asarray(
            Image.fromarray(np.ascontiguousarray(array[:, :, :3])).resize(size, Image.Resampling.BILINEAR)
        ),
    )


@seen_by(PIXELS)
def images_are_resized_without_antialiasing(patch: MonkeyPatch) -> None:
    """A cubic through the four nearest pixels, however many are left out between them."""

    def sparse(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        high, wide = array.shape[:2]
        scale = (wide / size[0], 0, 0, 0, high / size[1], 0)
        image = Image.fromarray(np.ascontiguousarray(array[:, :, :3]))
        return np.asarray(image.transform(size, Image.Transform.AFFINE, scale, Image.Resampling.BICUBIC))

    resized_by(patch, sparse)


TORCHVISION = "tests/core/test_resize_torchvision.py::test_resize_equals_what_torchvision_made[scalar]"
FUSED = "tests/preprocess/test_patchify.py::test_pixel_values_are_those_of_the_torchvision_processor[0-scalar]"


def torchvision_weights_by(patch: MonkeyPatch, fix: Callable[[np.ndarray], tuple[np.ndarray, int]]) -> None:
    """Let other fixed-point weights resize as torchvision. The kernel runs all the same, for tests that ask which."""
    right = _core.resize

    def resize(array: Any, width: int, height: int, backend: str, *rest: Any) -> Any:
        made = right(array, width, height, backend, *rest)
        return torchvision_reference.resize(array, (width, height), fix) if backend == "torchvision" else made

    patch.setattr(_core, "resize", resize)


@seen_by(TORCHVISION)
def torchvision_weights_are_rounded_from_22_bits(patch: MonkeyPatch) -> None:
    """Rounded twice: Pillow's fixed weights are at hand, and right for nearly every sample."""

    def fix(weights: np.ndarray) -> tuple[np.ndarray, int]:
        bits = torchvision_reference.torchvision_bits(weights)
        return torchvision_reference.rounded(torchvision_reference.rounded(weights, 22) / 2.0**22, bits), bits

    torchvision_weights_by(patch, fix)


@seen_by(TORCHVISION)
def large_16_bit_weights_are_cut_into_two_signed_bytes(patch: MonkeyPatch) -> None:
    """From 32,640 on the upper byte is 128, which wraps to -128."""

    def fix(weights: np.ndarray) -> tuple[np.ndarray, int]:
        fixed, bits = torchvision_reference.fixed_weights(weights)
        low = fixed.astype(np.int8).astype(np.int64)
        return 256 * ((fixed - low) >> 8).astype(np.int8).astype(np.int64) + low, bits

    torchvision_weights_by(patch, fix)


@seen_by(FUSED)
def torchvision_patches_are_normalized_as_pillows(patch: MonkeyPatch) -> None:
    """The division by 255 by itself: off by a last bit in most values."""
    right = _core.resize_patchify_reference_batch

    def batch(arrays: Any, sizes: Any, backend: str, *rest: Any) -> Any:
        *cut, formats = rest
        made = [_core.resize(one, *size, backend, form) for one, size, form in zip(arrays, sizes, formats, strict=True)]
        return right(made, sizes, "pillow13", *cut, ["rgb" for _ in formats])

    patch.setattr(_core, "resize_patchify_reference_batch", batch)


@seen_by("tests/preprocess/test_smart_resize.py::test_halves_round_to_even")
def halves_are_rounded_up(patch: MonkeyPatch) -> None:
    """std::round; an 854-pixel video becomes 868 wide and not 840."""
    right = _core.smart_resize

    def rounded(height: int, width: int, factor: int, least: int, most: int) -> tuple[int, int]:
        up = [max(factor, int(side / factor + 0.5) * factor) for side in (height, width)]
        return (up[0], up[1]) if least <= up[0] * up[1] <= most else right(height, width, factor, least, most)

    patch.setattr(_core, "smart_resize", rounded)


@seen_by("tests/media/test_color.py::test_what_lies_under_alpha_0_does_not_show")
def alpha_is_dropped(patch: MonkeyPatch) -> None:
    right = opening.to_rgb
    patch.setattr(opening, "to_rgb", lambda *image, **named: right(*image, **{**named, "background": None}))


@seen_by("tests/media/test_orientation.py::test_every_orientation[JPEG-<-6]")
def the_exif_orientation_is_ignored(patch: MonkeyPatch) -> None:
    patch.setattr(opening, "read_orientation", lambda *_: 1)


# -- what is kept ------------------------------------------------------------------------------------------------------

SEEN_ONCE = "tests/acceptance/test_seen_once.py::"


@seen_by(SEEN_ONCE + "test_new_bytes_under_the_same_name_are_another_image")
def images_are_known_by_their_path(patch: MonkeyPatch) -> None:
    """mlx-vlm: a blue image written over frame.jpg was answered "Red"."""
    right, read, origins = keys.planned, sources.encoded, {}

    def encoded(source: Any, **named: Any) -> Any:
        found = read(source, **named)
        if found is not None:
            origins[found.data] = found.origin.encode()
        return found

    patch.setattr(sources, "encoded", encoded)
    patch.setattr(keys, "planned", lambda data, *rest: right(origins[data], *rest))


@seen_by(SEEN_ONCE + "test_another_budget_is_another_image", error="InputError")
def images_are_known_whatever_their_budget(patch: MonkeyPatch) -> None:
    right, one = keys.planned, saccade.plan((100, 100))
    patch.setattr(keys, "planned", lambda data, policy, plan, tower: right(data, policy, one, tower))


@seen_by(SEEN_ONCE + "test_equal_words_about_another_image_are_another_question")
def prompts_are_known_by_their_token_ids_alone(patch: MonkeyPatch) -> None:
    """exo: every picture got the caption of the first."""
    right = keys.rows

    def blind(*prompt: Any) -> Any:
        table = right(*prompt)
        table[:, 1:5] = 0
        return table

    patch.setattr(keys, "rows", blind)


@seen_by(SEEN_ONCE + "test_another_tower_finds_nothing_of_this_ones[an adapter]")
def features_are_known_whatever_the_weights(patch: MonkeyPatch) -> None:
    patch.setattr(fingerprint, "tower", lambda visual: b"0" * 32)


@seen_by("tests/cache/test_engine_cache.py::test_reading_on_from_any_place_equals_reading_it_all[25]")
def what_is_left_of_a_prompt_is_read_as_if_it_began_there(patch: MonkeyPatch) -> None:
    def from_the_start(self: Any, start: int) -> Any:
        rest = self.embeddings[:, start:]
        return replace(self, embeddings=rest, position_ids=self.position_ids[:, :, : rest.shape[1]])

    patch.setattr(inputs.Prompt, "after", from_the_start)


# -- Gemma 4 -----------------------------------------------------------------------------------------------------------


@seen_by("tests/grounding/test_y_first.py::test_points_and_lists_are_read_y_first")
def boxes_of_gemma_are_read_x_first(patch: MonkeyPatch) -> None:
    """Corners are exchanged, and nothing fails."""
    right = frames.Frame.__init__

    def x_first(self: Any, plan: Any, convention: str, *, y_first: Any) -> None:
        right(self, plan, convention, y_first=False)

    patch.setattr(frames.Frame, "__init__", x_first)


@seen_by("tests/preprocess/test_gemma4.py::test_sizes_equal_the_reference")
def sides_of_gemma_are_rounded_to_the_nearest(patch: MonkeyPatch) -> None:
    patch.setattr(gemma4, "math", SimpleNamespace(sqrt=math.sqrt, floor=round))


# -- films -------------------------------------------------------------------------------------------------------------


@seen_by("tests/media/test_sampling.py::test_the_reference_takes_a_frame_after_the_last_and_this_does_not")
def the_number_of_frames_is_taken_as_a_frame(patch: MonkeyPatch) -> None:
    """transformers 5.24.0: a range in float32 ends one step late in 3 of 100 films, and the processor fails."""
    patch.setattr(sampling, "_shares", lambda total, count, _: [i * total // count for i in range(count + 1)])


@seen_by("tests/preprocess/test_video_size.py::test_sizes_equal_the_reference[qwen3-vl]")
def the_limits_of_a_film_are_those_of_each_frame(patch: MonkeyPatch) -> None:
    right = video_size._whole_film
    patch.setattr(video_size, "_whole_film", lambda frames, *arguments: right(2, *arguments))


FILMS = "tests/media/test_video_files.py::"


@seen_by(FILMS + "test_open_video_counts_time_from_the_first_frame[mkv]")
def films_begin_at_the_time_of_their_container(patch: MonkeyPatch) -> None:
    patch.setattr(timeline.Timeline, "seconds", lambda self, index: float(int(self.ticks[index]) * self.unit))


@seen_by(FILMS + "test_rotation_is_applied[90--1]")
def the_rotation_of_a_film_is_dropped(patch: MonkeyPatch) -> None:
    """transformers 5.24.0 with PyAV: a phone's film lies on its side."""
    patch.setattr(display_matrix, "read", lambda frame: (1, ""))


@seen_by(FILMS + "test_jumps_give_the_same_frames_as_one_pass[jumps.mp4]")
def frames_are_counted_after_a_jump(patch: MonkeyPatch) -> None:
    """OpenCV in films of variable rate and in MPEG-TS."""
    patch.setattr(film_decoder, "_UNTIMED", ("mov,mp4,m4a,3gp,3g2,mj2",))


@seen_by(FILMS + "test_seconds_of_a_variable_rate_are_those_at_which_frames_are_shown")
def times_are_the_number_over_the_average_rate(patch: MonkeyPatch) -> None:
    """Every reference: a recording of a screen that pauses gets times of a film that does not."""
    patch.setattr(timeline.Timeline, "_is_constant", lambda self: True)


# -- what is said of an answer -----------------------------------------------------------------------------------------

CONFIDENCE = "tests/engine/test_confidence.py::"


@seen_by(CONFIDENCE + "test_confidence_equals_a_plain_pass_of_the_packaged_checkpoint")
def probabilities_are_those_of_the_token_after(patch: MonkeyPatch) -> None:
    """Shifted by one, as where logits and the tokens that they gave are zipped with the wrong ends."""
    right = confidence.TokenRecorder.add
    before: list[Any] = []

    def late(self: Any, token: int, logits: mx.array) -> None:
        before.append(logits)
        right(self, token, before[-2] if len(before) > 1 else logits)

    patch.setattr(confidence.TokenRecorder, "add", late)


# -- where a click lands -----------------------------------------------------------------------------------------------

CAPTURES = "tests/acceptance/test_captures.py::"


@seen_by(CAPTURES + "test_box_in_a_region_is_exact_in_the_whole_image")
def the_corner_of_a_region_is_not_added_back(patch: MonkeyPatch) -> None:
    patch.setattr(Answer, "moved", lambda self, dx, dy: self)


@seen_by(CAPTURES + "test_screen_click_is_click_over_scale_plus_origin")
def clicks_are_multiplied_by_the_scale_of_the_screen(patch: MonkeyPatch) -> None:
    """UI-TARS-desktop, mlx-vlm's computer use: clicks at twice the place on a Retina display."""

    def multiplied(self: Any, xy: Any) -> Any:
        return tuple(value * self.scale[i % 2] + self.origin[i % 2] for i, value in enumerate(xy))

    patch.setattr(capture.Screen, "to_screen", multiplied)
