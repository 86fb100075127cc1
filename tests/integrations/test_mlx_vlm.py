"""mlx-vlm's image preparation and its hooks, against stand-ins of its modules (tests/long has the real ones)."""

from __future__ import annotations

import gc
import importlib.util
import sys
import types
import weakref
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_vlm_modules import StandInImages, StandInModel, StandInProcessor
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.integrations import mlx_vlm as fast
from mlx_saccade.integrations.mlx_vlm import budgets, vision

PIXELS = np.random.RandomState(0).randint(0, 256, (300, 500, 3), dtype=np.uint8)
PROMPT = "Locate it."


@pytest.fixture
def shot(tmp_path: Path) -> str:
    path = tmp_path / "shot.png"
    Image.fromarray(PIXELS).save(path)
    return str(path)


def grids(inputs: Any) -> list[list[int]]:
    return getattr(inputs, "inputs", inputs)["image_grid_thw"].tolist()


def grid(budget: Any, size: tuple[int, int] = (500, 300), **limits: Any) -> list[int]:
    return list(saccade.plan(size, budget=budget, **limits).grid_thw)


@pytest.mark.usefixtures("upstream")
class TestPreparation:
    def test_images_become_what_the_plan_says(self, model: Any, processor: Any) -> None:
        fast.enable(model, processor, budget=64)
        small, large = PIXELS[:60, :60], PIXELS
        inputs = processor.image_processor([Image.fromarray(small), [large]])
        plans = [saccade.plan((60, 60), budget=64), saccade.plan((500, 300), budget=64)]
        assert grids(inputs) == [list(plan.grid_thw) for plan in plans]
        expected = [
            saccade.patchify(image, plan, layout="reference") for image, plan in zip((small, large), plans, strict=True)
        ]
        assert np.array_equal(inputs["pixel_values"], np.concatenate(expected))
        assert processor.image_processor.num_image_tokens(300, 500) == plans[1].tokens

    def test_a_tower_that_reads_them_gets_native_patches(
        self, model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vision, "attach", lambda model, hooks: True)
        fast.enable(model, processor, budget=64)
        for _ in range(2):
            inputs = processor.image_processor([PIXELS])
            assert np.array_equal(inputs["pixel_values"], saccade.patchify(PIXELS, saccade.plan((500, 300), budget=64)))
            fast.enable(model, processor, budget="64")

    @pytest.mark.parametrize("native", [False, True])
    def test_patches_are_those_of_the_backend(
        self, model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch, shot: str, native: bool
    ) -> None:
        monkeypatch.setattr(vision, "attach", lambda model, hooks: native)
        plan, layout = saccade.plan((500, 300), budget=64), "native" if native else "reference"
        expected = {}
        for backend in ("pillow", "torchvision", "pillow"):
            fast.enable(model, processor, budget=64, backend=backend)
            assert fast.status().models[0].backend == backend
            inputs = processor.image_processor([shot])
            expected[backend] = saccade.patchify(shot, plan, layout, backend=backend)
            assert np.array_equal(inputs["pixel_values"], expected[backend])
        assert not np.array_equal(*expected.values())
        with pytest.raises(InputError, match="backend: expected 'pillow' or 'torchvision'; got 'pil'"):
            fast.enable(model, processor, backend="pil")

    def test_channels_first_arrays_are_mlx_vlms_habit(self, model: Any, processor: Any) -> None:
        fast.enable(model, processor)
        first = processor.image_processor(np.ascontiguousarray(PIXELS.transpose(2, 0, 1)))
        assert np.array_equal(first["pixel_values"], processor.image_processor(PIXELS)["pixel_values"])
        other = processor.image_processor(mx.array(PIXELS.transpose(2, 0, 1)))
        assert np.array_equal(first["pixel_values"], other["pixel_values"])

    def test_the_default_is_never_the_checkpoints_16384(self, model: Any, processor: Any) -> None:
        fast.enable(model, processor)
        assert processor.image_processor.num_image_tokens(2160, 3840) == 1222
        fast.enable(model, processor, budget="checkpoint")
        assert processor.image_processor.num_image_tokens(2160, 3840) == 10549

    def test_transparency_of_a_path_is_blended_as_our_reader_does(
        self, upstream: Any, model: Any, processor: Any, tmp_path: Path
    ) -> None:
        pixels = np.dstack([PIXELS, np.zeros(PIXELS.shape[:2], np.uint8)])
        Image.fromarray(pixels).save(tmp_path / "clear.png")
        fast.enable(model, processor, budget=64)
        for source in (str(tmp_path / "clear.png"), Image.fromarray(pixels)):
            inputs = upstream.utils.prepare_inputs(processor, images=[source], prompts=PROMPT)
            plan = saccade.plan((500, 300), budget=64)
            white = saccade.patchify(np.full_like(PIXELS, 255), plan, layout="reference")
            assert np.array_equal(inputs["pixel_values"], white)

    def test_a_pillow_image_with_an_orientation_is_upright(self, model: Any, processor: Any, tmp_path: Path) -> None:
        turned = Image.Exif()
        turned[0x0112] = 6
        Image.fromarray(PIXELS).save(tmp_path / "turned.png", exif=turned)
        fast.enable(model, processor, budget=64)
        opened = Image.open(tmp_path / "turned.png")
        inputs = [processor.image_processor([source]) for source in (opened, str(tmp_path / "turned.png"))]
        assert fast.frames()[0].source_size == (300, 500)
        assert np.array_equal(inputs[0]["pixel_values"], inputs[1]["pixel_values"])

    def test_uniform_padding_is_refused(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=64)
        with pytest.raises(InputError, match="pad_to_uniform_size"):
            upstream.utils.prepare_inputs(processor, images=[shot, shot], prompts=PROMPT, pad_to_uniform_size=True)

    def test_resize_shape_fits_the_image_as_mlx_vlm_does(
        self, upstream: Any, model: Any, processor: Any, shot: str
    ) -> None:
        fast.enable(model, processor)
        inputs = upstream.utils.prepare_inputs(processor, images=[shot], prompts=PROMPT, resize_shape=(250, 250))
        fitted = Image.fromarray(PIXELS).resize((250, 150))
        plan = saccade.plan((250, 150))
        assert np.array_equal(inputs["pixel_values"], saccade.patchify(fitted, plan, layout="reference"))
        assert fast.frames()[0].source_size == (500, 300)

    def test_mistakes_name_what_is_wrong(self, model: Any, processor: Any) -> None:
        fast.enable(model, processor)
        with pytest.raises(InputError, match="resized_height without resized_width"):
            processor.image_processor(PIXELS, resized_height=56)
        with pytest.raises(InputError, match="sharpness"):
            processor.image_processor(PIXELS, sharpness=1)
        with pytest.raises(InputError, match="images: expected at least one image"):
            processor.image_processor([])
        with pytest.raises(InputError, match=r"expected a part with one of"):
            processor.image_processor([{"type": "image"}])
        with pytest.raises(FileNotFoundError):
            processor.image_processor(["gone.png"])


class TestBudgets:
    def test_the_most_specific_level_wins(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=64)
        generate = upstream.generate
        assert grids(generate(model, processor, PROMPT, image=[shot])) == [grid(64)]
        assert grids(generate(model, processor, PROMPT, image=[shot], budget=16)) == [grid(16)]
        assert grids(generate(model, processor, PROMPT, image=[shot], max_pixels=20 * 784)) == [grid(20)]
        part = {"type": "image", "image": shot, "budget": 100}
        assert grids(generate(model, processor, PROMPT, image=[part, shot], budget=16)) == [grid(100), grid(16)]
        assert grids(generate(model, processor, PROMPT, image=[shot])) == [grid(64)]

    @pytest.mark.parametrize(
        ("options", "budget"),
        [
            ({"max_tokens": 30}, 30),
            ({"max_pixels": 30 * 784}, 30),
            ({"detail": "low"}, 256),
            ({"detail": "auto"}, 16),
            ({"budget": "checkpoint"}, "checkpoint"),
        ],
    )
    def test_a_part_takes_every_spelling(
        self, upstream: Any, model: Any, processor: Any, shot: str, options: Any, budget: Any
    ) -> None:
        fast.enable(model, processor, budget=16)
        part = {"type": "image_url", "image_url": {"url": shot, **options}}
        assert grids(upstream.generate(model, processor, PROMPT, image=part)) == [grid(budget)]

    def test_a_lower_limit_enlarges(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=400)
        inputs = upstream.generate(model, processor, PROMPT, image=[shot], min_pixels=300 * 784)
        assert grids(inputs) == [grid(400, min_tokens=300)]

    def test_contradictions_are_errors(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor)
        with pytest.raises(InputError, match="budget and max_pixels limit the same"):
            upstream.generate(model, processor, PROMPT, image=[shot], budget=64, max_pixels=50000)
        part = {"image_url": {"url": shot, "budget": 5}, "budget": 6}
        with pytest.raises(InputError, match="budget stands in the part and in its image_url"):
            upstream.generate(model, processor, PROMPT, image=[part])

    def test_a_budget_above_the_checkpoints_cap_is_said_once(self, upstream: Any, model: Any, processor: Any) -> None:
        processor.image_processor.max_pixels = 50 * 784
        fast.enable(model, processor, budget=100)
        with pytest.warns(UserWarning, match="100 tokens is above the checkpoint's own cap, 50 tokens") as said:
            for _ in range(2):
                upstream.generate(model, processor, PROMPT, image=[PIXELS])
        assert len(said) == 1

    @pytest.mark.usefixtures("upstream")
    def test_the_budget_of_a_small_image_says_nothing(
        self, model: Any, processor: Any, recwarn: pytest.WarningsRecorder
    ) -> None:
        processor.image_processor.max_pixels = 200 * 784
        fast.enable(model, processor, budget=1000)
        processor.image_processor([PIXELS[:56, :56]])
        assert not recwarn.list

    @pytest.mark.parametrize("url", ["shot.png", "https://host/a.png?x=1", "data:image/png;base64,AAAA"])
    def test_a_url_carries_a_parts_limits(self, url: str) -> None:
        options = {"budget": 400, "detail": "low"}
        marked = budgets.mark(url, options)
        assert marked != url
        assert marked.startswith("data:image/") == url.startswith("data:image/")
        assert budgets.unmark(marked) == (url, options)
        assert budgets.unmark(url) == (url, {})
        assert budgets.mark(url, {}) == url

    def test_another_family_gets_a_url_without_limits(self, upstream: Any, shot: str) -> None:
        fast.enable(budget=64)
        image = upstream.utils.process_image(budgets.mark(shot, {"budget": 9}), None, StandInImages())
        assert np.array_equal(np.asarray(image), PIXELS)


class TestFrames:
    def test_frames_are_those_of_the_latest_call(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=64)
        upstream.generate(model, processor, PROMPT, image=[shot, PIXELS[:60, :60]])
        first, second = fast.frames()
        plan = saccade.plan((500, 300), budget=64)
        assert (first.source_size, first.processed_size) == ((500, 300), plan.resized_size)
        assert (first.tokens, first.scale) == (plan.tokens, plan.scale)
        assert second.source_size == (60, 60)
        upstream.generate(model, processor, PROMPT)
        assert fast.frames() == ()

    def test_frames_of_a_batch_come_in_the_callers_order(self, upstream: Any, model: Any, processor: Any) -> None:
        fast.enable(model, processor, budget=64)
        sides = (100, 60, 100, 80, 60)
        images = [Image.fromarray(PIXELS[:side, : side + 7]) for side in sides]
        upstream.batch_generate(model, processor, images=images, prompts=[PROMPT] * 5, budget=9)
        assert [frame.source_size for frame in fast.frames()] == [(side + 7, side) for side in sides]
        assert all(frame.tokens <= 9 for frame in fast.frames())

    def test_a_failed_batch_leaves_the_next_call_alone(self, upstream: Any, model: Any, processor: Any) -> None:
        fast.enable(model, processor, budget=64)
        images = [Image.fromarray(PIXELS[:100]), Image.fromarray(PIXELS[:60])]
        with pytest.raises(TypeError, match="temperature"):
            upstream.batch_generate(model, processor, images=images, prompts=[PROMPT] * 2, temperature=0)
        upstream.batch_generate(model, processor, images=images[:1], prompts=[PROMPT])
        assert [frame.source_size for frame in fast.frames()] == [(500, 100)]

    def test_a_batch_takes_parts(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=64)
        images = [shot, {"image": shot, "budget": 16}, shot]
        upstream.batch_generate(model, processor, images=images, prompts=[PROMPT] * 3)
        tokens = [saccade.plan((500, 300), budget=budget).tokens for budget in (64, 16, 64)]
        assert [frame.tokens for frame in fast.frames()] == tokens

    def test_an_answer_is_read_in_source_pixels(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=64)
        upstream.generate(model, processor, PROMPT)
        with pytest.raises(InputError, match="expected a call with an image"):
            fast.read('[{"bbox_2d": [1, 2, 3, 4]}]')
        upstream.generate(model, processor, PROMPT, image=[shot])
        plan = saccade.plan((500, 300), budget=64)
        grounded = fast.read('[{"bbox_2d": [28, 28, 56, 84], "label": "it"}]')
        assert grounded.boxes[0].xyxy == pytest.approx(plan.to_source((28, 28, 56, 84)))
        assert grounded.click == pytest.approx(plan.to_source((42, 56)))

    def test_locate_asks_and_reads(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        with pytest.raises(InputError, match="Call enable"):
            fast.locate(model, processor, shot, "it")
        fast.enable(model, processor, budget=64)
        answer = fast.locate(model, processor, shot, "it", budget=16)
        plan = saccade.plan((500, 300), budget=16)
        assert answer.boxes[0].xyxy == pytest.approx(plan.to_source((28, 28, 56, 84)))
        assert answer.usage == {"prompt": 20, "image": plan.tokens, "video": 0, "answer": 5}
        assert answer.timings == {"prefill": 2.0, "answer": 0.5}
        assert answer.as_dict()["frames"][0]["source_size"] == [500, 300]

    def test_locate_follows_a_policy(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=64)
        flat = fast.locate(model, processor, shot, "it")
        sure = fast.locate(model, processor, shot, "it", policy="auto")
        assert (sure.boxes, len(sure.looks)) == (flat.boxes, 1)  # 28 model pixels are not small
        assert fast.locate(model, processor, shot, "it", max_looks=1).boxes == flat.boxes
        answer = fast.locate(model, processor, shot, "it", policy="zoom", budget=16)
        crop = answer.looks[1].crop
        x1, y1, x2, y2 = saccade.plan((crop[2] - crop[0], crop[3] - crop[1]), budget=16).to_source((28, 28, 56, 84))
        assert answer.boxes[0].xyxy == pytest.approx((x1 + crop[0], y1 + crop[1], x2 + crop[0], y2 + crop[1]))
        assert answer.usage["image"] == sum(look.tokens for look in answer.looks)
        assert answer.timings == {"prefill": 4.0, "answer": 1.0}
        assert answer.frames[0].source_size == (500, 300)

    def test_locate_with_a_policy_keeps_the_limits_of_a_part(
        self, upstream: Any, model: Any, processor: Any, shot: str
    ) -> None:
        fast.enable(model, processor, budget=64)
        for part in (
            {"type": "image", "image": shot, "budget": 16},
            {"type": "image", "image": np.ascontiguousarray(PIXELS), "budget": 16},
        ):
            answer = fast.locate(model, processor, part, "it", policy="zoom")
            assert len(answer.looks) == 2
            assert all(8 <= look.tokens <= 16 for look in answer.looks)

    def test_locate_refuses_policies_it_cannot_follow(
        self, upstream: Any, model: Any, processor: Any, shot: str
    ) -> None:
        def sampling(engine: Any, frame: Any, words: Any, /, **how: Any) -> Any:
            return [engine.sample_looks(frame, [((0, 0, 9, 9), words[0])], 3)[0][0]]

        fast.enable(model, processor, budget=64)
        with pytest.raises(InputError, match="expected one without samples"):
            fast.locate(model, processor, shot, "it", policy=sampling)
        with pytest.raises(InputError, match="policy: expected one of auto, "):
            fast.locate(model, processor, shot, "it", policy="sideways")
        with pytest.raises(InputError, match="description"):
            fast.locate(model, processor, shot, " ", policy="auto")

    def test_several_images_need_to_be_told_apart(self, upstream: Any, model: Any, processor: Any, shot: str) -> None:
        fast.enable(model, processor, budget=64)
        upstream.generate(model, processor, PROMPT, image=[shot, shot])
        assert fast.read("[28, 28, 56, 84]").boxes
        upstream.generate(model, processor, PROMPT, image=[shot, PIXELS[:60]])
        with pytest.raises(InputError, match="image: expected 0 to 1"):
            fast.read("[28, 28, 56, 84]")
        assert fast.read("[28, 28, 56, 50]", image=1).boxes
        with pytest.raises(InputError, match="image: expected 0 to 1; got 2"):
            fast.read("[28, 28, 56, 84]", image=2)


def contents() -> dict[tuple[str, str], Any]:
    """Return each attribute of each module, and of the classes that are hooked."""
    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith("mlx_vlm.")]
    owners = [*modules, sys.modules["mlx_vlm.generate.common"].PromptCacheState]
    return {(owner.__name__, name): value for owner in owners for name, value in vars(owner).items()}


class TestSwitch:
    def test_disable_restores_every_attribute(self, upstream: Any, model: Any, processor: Any) -> None:
        before = contents(), dict(vars(processor)), dict(vars(model))
        fast.enable(model, processor)
        fast.enable(budget=9)
        loaded = upstream.load("qwen2_vl")
        fast.enable(model, processor, budget=9)
        assert contents() != before[0]
        assert len(fast.status().models) == 2
        assert vars(processor) != before[1]
        fast.disable()
        after = contents(), dict(vars(processor)), dict(vars(model))
        assert all(after[0][key] is value for key, value in before[0].items())
        assert after[1:] == before[1:]
        assert after[0].keys() == before[0].keys()
        assert not fast.status().enabled
        fast.disable()
        assert type(loaded[1].image_processor) is StandInImages

    def test_later_models_are_enabled_as_they_are_loaded(self, upstream: Any) -> None:
        fast.enable(budget=64)
        model, processor = upstream.load("qwen2_5_vl")
        assert processor.image_processor.budget == 64
        assert fast.status().models == (fast.EnabledModel("qwen2_5_vl", 64),)
        other, other_processor = upstream.load("llava")
        assert type(other_processor.image_processor) is StandInImages
        fast.disable()
        assert type(processor.image_processor) is StandInImages
        assert type(upstream.load("qwen2_5_vl")[1].image_processor) is StandInImages
        del model, other

    def test_a_processor_that_load_did_not_ask_for_is_left_alone(self, upstream: Any) -> None:
        fast.enable(budget=64)
        assert type(upstream.utils.load_processor("qwen2_5_vl").image_processor) is StandInImages

    def test_a_checkpoint_with_other_numbers_is_left_to_mlx_vlm(
        self, upstream: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(StandInImages, "image_mean", [0.5, 0.5, 0.5], raising=False)
        fast.enable(budget=64)
        with pytest.warns(UserWarning, match="image_mean"):
            _, processor = upstream.load("qwen2_5_vl")
        assert type(processor.image_processor) is StandInImages

    def test_a_budget_below_the_least_of_a_later_model_wins_and_is_noted(
        self, upstream: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(StandInImages, "patch_size", 16)
        monkeypatch.setattr(StandInImages, "min_pixels", 65536)
        fast.enable(budget=9)
        _, processor = upstream.load("qwen3_vl")
        plan = processor.image_processor.plan((640, 480))
        assert plan.tokens <= 9
        assert "9 tokens is below the least of qwen3-vl" in plan.notes[0]

    @pytest.mark.parametrize(("kind", "reused"), [("qwen3_vl_moe", True), ("qwen3_5", False), ("qwen3_5_moe", False)])
    def test_prompts_of_a_model_whose_state_cannot_be_cut_are_read_whole(
        self, upstream: Any, monkeypatch: pytest.MonkeyPatch, kind: str, reused: bool
    ) -> None:
        monkeypatch.setattr(StandInImages, "patch_size", 16)
        model = StandInModel(kind)
        before = set(vars(model))
        fast.enable(model, processor := StandInProcessor())
        assert fast.status().models[-1].prefix_reuse == reused
        assert (set(vars(model)) > before) == reused
        del processor

    def test_a_context_manager_disables_at_its_end(self, upstream: Any, model: Any, processor: Any) -> None:
        before = contents()
        with fast.enable(budget=64) as enabled:
            assert "every later model at a budget of 64 tokens" in repr(enabled)
            with fast.enable(model, processor, budget=32):
                assert fast.status().models == (fast.EnabledModel("qwen2_5_vl", 32),)
            assert type(processor.image_processor) is StandInImages
            assert fast.status().later_models
        assert contents() == before
        assert str(fast.status()) == "mlx-saccade in mlx-vlm: disabled"

    def test_enabling_twice_is_harmless(self, upstream: Any, model: Any, processor: Any) -> None:
        original = processor.image_processor
        fast.enable(model, processor)
        hooks = fast.status().hooks
        fast.enable(model, processor, budget=9)
        assert fast.status().hooks == hooks
        assert processor.image_processor.own == "kept"
        assert processor.image_processor.original is original
        fast.disable()
        assert processor.image_processor is original

    def test_the_replacement_passes_for_its_original(self, upstream: Any, model: Any, processor: Any) -> None:
        fast.enable(model, processor)
        assert isinstance(processor.image_processor, StandInImages)
        assert isinstance(processor.image_processor, fast.ImageProcessor)

    @pytest.mark.usefixtures("upstream")
    def test_a_dropped_model_is_freed(self) -> None:
        model, processor = StandInModel(), StandInProcessor()
        fast.enable(model, processor)
        gone = weakref.ref(model), weakref.ref(processor)
        del model, processor
        gc.collect()
        assert gone[0]() is gone[1]() is None
        assert fast.status().models == ()

    def test_mistakes_are_said_when_enabling(self, upstream: Any, model: Any, processor: Any) -> None:
        before = contents()
        original = processor.image_processor
        with pytest.raises(InputError, match="llava"):
            fast.enable(StandInModel("llava"), processor)
        with pytest.raises(InputError, match="patch_size"):
            fast.enable(model, types.SimpleNamespace(image_processor=types.SimpleNamespace(patch_size=16)))
        with pytest.raises(InputError, match="budget"):
            fast.enable(model, processor, budget=0)
        with pytest.raises(InputError, match="budget"):
            fast.enable(budget=0)
        with pytest.raises(InputError, match="expected a model and its processor, or neither"):
            fast.enable(model)
        assert processor.image_processor is original
        assert contents() == before

    def test_an_untested_version_is_an_error_with_an_override(self, upstream: Any, model: Any, processor: Any) -> None:
        for version in ("0.7.5", "0.8.0", "0.7.11.dev1"):
            sys.modules["mlx_vlm.version"].__version__ = version  # type: ignore[attr-defined]
            with pytest.raises(InputError, match=rf"expected 0.7.6 to 0.7.10.*got {version}.*any_version"):
                fast.enable(model, processor)
            fast.enable(model, processor, any_version=True)
            assert fast.status().version == version
            fast.disable()

    def test_a_version_without_a_hooked_name_is_left_untouched(
        self, upstream: Any, model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(sys.modules["mlx_vlm.generate.ar"], "_generate_batch")
        before = contents()
        with pytest.raises(InputError, match=r"got 0\.7\.10 with another: .*_generate_batch"):
            fast.enable(model, processor, any_version=True)
        assert contents() == before
        assert type(processor.image_processor) is StandInImages

    def test_without_mlx_vlm_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "mlx_vlm", raising=False)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(InputError, match=r"pip install 'mlx-saccade\[mlx-vlm\]'"):
            fast.enable()
