"""The packaged checkpoint in mlx-vlm: the engine's answers, with our preparation and without, through every front end.

Part of `make check-long`, since mlx-vlm needs a gigabyte of packages. `test_mlx_vlm_versions.py` runs this file with
other versions of mlx-vlm.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_vlm as upstream
import numpy as np
import pytest
from mlx.utils import tree_map
from mlx_vlm import batch_generate, generate, load, stream_generate
from mlx_vlm.models.qwen3_vl.processing_qwen3_vl import Qwen3VLImageProcessor
from mlx_vlm.utils import prepare_inputs
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import families
from mlx_saccade.integrations import mlx_vlm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import films
import pictures

ASSETS = resources.files("mlx_saccade") / "assets"
SCREEN = str(ASSETS / "demo" / "screen.png")
QUESTION = "Locate {}, output its bbox coordinates using JSON format."
TARGETS = json.loads((ASSETS / "demo" / "targets.json").read_text())["targets"]
DESCRIPTIONS = tuple(target["description"] for target in TARGETS)


@pytest.fixture(scope="module")
def model_and_processor() -> tuple[Any, Any]:
    """Return mlx-vlm's model, in float32, and its processor."""
    model, processor = load(str(ASSETS / "tiny"))
    # The engine computes in float32 on the CPU; in half precision near ties between two numbers fall either way.
    model.update(tree_map(lambda weight: weight.astype(mx.float32), model.parameters()))
    return model, processor


@pytest.fixture(autouse=True)
def disable_after_test() -> Iterator[None]:
    """Undo the integration after a test."""
    yield
    mlx_vlm.disable()


def answer(model_and_processor: tuple[Any, Any], description: str) -> str:
    """Return mlx-vlm's answer about the demo screen."""
    model, processor = model_and_processor
    return generate(
        model, processor, prompt_of(processor, description), image=SCREEN, max_tokens=60, temperature=0.0, verbose=False
    ).text


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a film of four screens, one a second."""
    screens = [saccade.scenes.generate(seed, (640, 400)).image for seed in range(3, 7)]
    path = tmp_path_factory.mktemp("film") / "screens.mkv"
    return str(films.write(path, rate=1, codec="ffv1", pixel_format="bgr0", b_frames=0, gop=1, frames=screens))


@pytest.mark.skipif(films.av is None, reason="PyAV is not installed")
def test_films_get_the_engines_tokens_positions_and_answer(model_and_processor: tuple[Any, Any], film: str) -> None:
    model, processor = model_and_processor
    question = "Locate the light dock, output its bbox coordinates using JSON format."
    content = [{"type": "video"}, {"type": "text", "text": question}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    engine = saccade.load()
    for part in ({"fps": 1}, {"fps": 1, "total": 200}, {"nframes": 2, "video_start": 1}):
        asked = {"type": "video", "video": film, **part}
        expected = engine.ask(asked, question, max_tokens=20)
        with mlx_vlm.enable(model, processor):
            inputs = upstream.utils.prepare_inputs(processor, videos=[asked], prompts=prompt)
            assert inputs["video_grid_thw"].tolist() == [list(expected.frames[0].grid_thw)]
            positions, _ = model.language_model.get_rope_index(
                inputs["input_ids"], None, inputs["video_grid_thw"], inputs["attention_mask"]
            )
            seconds = 2 / (expected.frames[0].fps or 0)
            ids = inputs["input_ids"][0].tolist()
            reference, _ = saccade.mrope_positions(
                ids,
                video_grids=[expected.frames[0].grid_thw],
                seconds_per_grid=[seconds],
                image_token_id=model.config.image_token_id,
                video_token_id=model.config.video_token_id,
                vision_start_token_id=model.config.vision_start_token_id,
                tokens_per_second=model.config.vision_config.tokens_per_second,
            )
            assert np.array_equal(np.asarray(positions)[:, 0], reference)
            got = generate(model, processor, prompt, video=[asked], max_tokens=20, temperature=0.0, verbose=False)
        assert got.text == expected.text and got.prompt_tokens == expected.usage["prompt"] == len(ids)


def prompt_of(processor: Any, description: str, images: int = 1) -> str:
    """Return the prompt of `locate`, for some images."""
    content = [{"type": "image"}] * images + [{"type": "text", "text": QUESTION.format(description)}]
    prompt: str = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    return prompt


@pytest.mark.parametrize("description", DESCRIPTIONS)
@pytest.mark.parametrize("enabled", [False, True])
def test_same_answer_as_the_engine(model_and_processor: tuple[Any, Any], description: str, enabled: bool) -> None:
    if enabled:
        mlx_vlm.enable(*model_and_processor)
    assert answer(model_and_processor, description) == saccade.load().locate(SCREEN, description, policy="flat").text


def test_the_budget_is_what_mlx_vlm_spends(model_and_processor: tuple[Any, Any]) -> None:
    model, processor = model_and_processor
    mlx_vlm.enable(model, processor, budget=64)
    inputs = processor(images=[SCREEN], text="<|vision_start|><|image_pad|><|vision_end|>")
    assert inputs["image_grid_thw"].tolist() == [list(saccade.plan((3840, 2160), budget=64).grid_thw)]


@pytest.mark.skipif(upstream.__version__ != "0.7.10", reason="the survey has no other version")
def test_the_survey_says_what_mlx_vlm_spends(model_and_processor: tuple[Any, Any]) -> None:
    images = model_and_processor[1].image_processor
    runtime = f"mlx-vlm@{upstream.__version__}"
    own = json.loads((ASSETS / "tiny" / "preprocessor_config.json").read_text())
    limits = own["min_pixels"], own["max_pixels"]
    default_plan = saccade.plan((3840, 2160), budget=runtime, checkpoint_pixels=limits)
    assert images.num_image_tokens(2160, 3840) == default_plan.tokens
    plan = saccade.plan((3840, 2160), budget="1003520px")
    assert images.num_image_tokens(2160, 3840, max_pixels=1003520) == plan.tokens


# -- every function of Python's interface ------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [False, True])
def test_enabling_before_loading_is_enabling_after(early: bool) -> None:
    if early:
        mlx_vlm.enable(budget=64)
    model, processor = load(str(ASSETS / "tiny"))
    if not early:
        mlx_vlm.enable(model, processor, budget=64)
    answer = mlx_vlm.locate(model, processor, SCREEN, DESCRIPTIONS[0])
    assert answer.usage["image"] == saccade.plan((3840, 2160), budget=64).tokens
    assert answer.boxes[0].xyxy == saccade.load().locate(SCREEN, DESCRIPTIONS[0], budget=64).boxes[0].xyxy
    assert [model.budget for model in mlx_vlm.status().models] == [64]


@pytest.mark.parametrize("description", DESCRIPTIONS[:3])
def test_every_function_gives_the_engines_answer(model_and_processor: tuple[Any, Any], description: str) -> None:
    model, processor = model_and_processor
    mlx_vlm.enable(model, processor)
    expected = saccade.load().locate(SCREEN, description, policy="flat")
    prompt = prompt_of(processor, description)
    options: dict[str, Any] = {"max_tokens": 60}
    stream = stream_generate(model, processor, prompt, image=[SCREEN], temperature=0.0, **options)
    assert "".join(chunk.text for chunk in stream) == expected.text
    batch = batch_generate(model, processor, images=[SCREEN] * 2, prompts=[QUESTION.format(description)] * 2, **options)
    located = mlx_vlm.locate(model, processor, SCREEN, description)
    assert (located.text, located.boxes, located.click) == (expected.text, expected.boxes, expected.click)
    # `batch_generate` writes the prompt in its own order of text and image.
    single = batch_generate(model, processor, images=[SCREEN], prompts=[QUESTION.format(description)], **options)
    assert batch.texts == single.texts * 2


def test_every_budget_is_obeyed(model_and_processor: tuple[Any, Any]) -> None:
    model, processor = model_and_processor
    mlx_vlm.enable(model, processor, budget=100)

    def spent(image: Any = SCREEN, **options: Any) -> list[int]:
        images = image if isinstance(image, list) else [image]
        prompt = prompt_of(processor, DESCRIPTIONS[0], len(images))
        result = generate(model, processor, prompt, image=images, max_tokens=1, verbose=False, **options)
        tokens = [frame.tokens for frame in mlx_vlm.frames()]
        text = len(processor.tokenizer(prompt)["input_ids"])
        assert result.prompt_tokens == text - len(images) + sum(tokens)
        return tokens

    def planned(budget: Any) -> int:
        return saccade.plan((3840, 2160), budget=budget).tokens

    part = {"type": "image", "image": SCREEN, "budget": 40}
    assert spent() == [planned(100)]
    assert spent(budget=64) == [planned(64)]
    assert spent(max_pixels=80 * 784) == [planned(80)]
    assert spent([part, SCREEN], budget=64) == [planned(40), planned(64)]
    assert spent({"type": "image_url", "image_url": {"url": SCREEN, "detail": "low"}}) == [planned(256)]
    assert spent(resize_shape=(300, 300)) == [saccade.plan((300, 168), budget=100).tokens]
    prompts = [QUESTION.format(DESCRIPTIONS[0])] * 3
    batch_generate(model, processor, images=[SCREEN, part, SCREEN], prompts=prompts, max_tokens=1, budget=64)
    assert [frame.tokens for frame in mlx_vlm.frames()] == [planned(64), planned(40), planned(64)]


def test_what_a_call_without_images_leaves(model_and_processor: tuple[Any, Any]) -> None:
    mlx_vlm.enable(*model_and_processor)
    answer(model_and_processor, DESCRIPTIONS[0])
    assert len(mlx_vlm.frames()) == 1
    generate(*model_and_processor, "hello", max_tokens=1, verbose=False)
    assert mlx_vlm.frames() == ()


def test_a_processor_is_saved_as_without_us(model_and_processor: tuple[Any, Any], tmp_path: Path) -> None:
    processor = model_and_processor[1]
    for name in ("without", "with"):
        if name == "with":
            mlx_vlm.enable(*model_and_processor)
        processor.save_pretrained(tmp_path / name)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("without", "with")]
    assert files[0] == files[1]


def everything() -> dict[tuple[str, str], Any]:
    """Return each attribute of each module of mlx-vlm, and of the classes that are hooked."""
    from mlx_vlm.generate.common import PromptCacheState

    owners: list[Any] = [module for name, module in sys.modules.items() if f"{name}.".startswith("mlx_vlm.")]
    return {
        (owner.__name__, name): value for owner in [*owners, PromptCacheState] for name, value in vars(owner).items()
    }


def test_disable_restores_every_attribute() -> None:
    model, processor = load(str(ASSETS / "tiny"))
    mlx_vlm.enable(model, processor)  # imports what it hooks
    mlx_vlm.disable()
    before = everything(), type(model.vision_tower), vars(processor).copy()
    mlx_vlm.enable(budget=64)
    mlx_vlm.enable(model, processor, budget=64)
    hooked = {key for key, value in everything().items() if before[0].get(key) is not value}
    assert len(hooked) >= 10
    later = load(str(ASSETS / "tiny"))
    mlx_vlm.disable()
    after = everything()
    assert {key for key, value in before[0].items() if after[key] is not value} == set()
    assert after.keys() == before[0].keys()
    assert (type(model.vision_tower), vars(processor)) == before[1:]
    assert not isinstance(later[1].image_processor, mlx_vlm.ImageProcessor)


# -- pixels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", families.names())
@pytest.mark.parametrize("size", [(640, 480), (1234, 567), (90, 70), (333, 1000)])
def test_rgb_images_become_mlx_vlms_own_values(name: str, size: tuple[int, int]) -> None:
    family = families.get(name)
    own = Qwen3VLImageProcessor(
        patch_size=family.patch_size, image_mean=list(family.mean), image_std=list(family.std),
        min_pixels=family.min_pixels, max_pixels=300 * family.factor**2,
    )  # fmt: skip
    ours = mlx_vlm.ImageProcessor(own, family, "checkpoint")
    image = Image.fromarray(np.random.RandomState(0).randint(0, 256, (*size[::-1], 3), dtype=np.uint8))
    for limits in ({}, {"max_pixels": 100 * family.factor**2}, {"resized_height": 300, "resized_width": 400}):
        expected, result = own([image], **limits), ours([image], **limits)
        assert np.array_equal(result["image_grid_thw"], expected["image_grid_thw"])
        # mlx-vlm multiplies by 1/255 and subtracts in float32; the reference folds both into one step.
        assert np.abs(result["pixel_values"] - expected["pixel_values"]).max() < 1e-6


def encoded(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, options.pop("format", "PNG"), **options)
    return stream.getvalue()


def forms() -> dict[str, tuple[bytes, bool]]:
    """Return files by form, and if mlx-vlm alone reads the same pixels as our reader."""
    random = np.random.RandomState(0)
    pixels = random.randint(0, 256, (112, 140, 3), dtype=np.uint8)
    rgb, alpha = Image.fromarray(pixels), random.randint(0, 256, (112, 140, 1), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, None)
    grey16 = Image.fromarray(random.randint(0, 65536, (112, 140), dtype=np.uint16))
    return {
        "RGB": (encoded(rgb), True),
        "grey": (encoded(rgb.convert("L")), True),
        "palette": (encoded(rgb.quantize(64)), True),
        "turned by EXIF": (encoded(rgb, exif=turned), True),
        "CMYK JPEG": (encoded(rgb.convert("CMYK"), format="JPEG"), True),
        "RGBA": (encoded(Image.fromarray(np.dstack([pixels, alpha]))), False),
        "grey with alpha": (encoded(rgb.convert("LA")), True),
        "Display P3 profile": (encoded(rgb, icc_profile=profile), False),
        "16-bit grey": (encoded(grey16), False),
    }


@pytest.mark.parametrize("form", forms())
def test_files_are_decoded_by_our_reader(
    model_and_processor: tuple[Any, Any], form: str, tmp_path: Path, record_property: Any
) -> None:
    data, same = forms()[form]
    path = tmp_path / f"image.{'jpg' if 'JPEG' in form else 'png'}"
    path.write_bytes(data)
    model, processor = model_and_processor
    plan = saccade.plan(path, budget="checkpoint", checkpoint_pixels=(3136, 200704))
    expected = saccade.patchify(saccade.media.open_image(path), plan, layout="reference")
    values = {}
    for enabled in (False, True):
        if enabled:
            mlx_vlm.enable(model, processor, budget="checkpoint")
            processor.image_processor.native = False
        inputs = prepare_inputs(processor, images=[str(path)], prompts="<|vision_start|><|image_pad|><|vision_end|>")
        values[enabled] = np.array(inputs["pixel_values"])
    assert np.array_equal(values[True], expected)
    difference = float(np.abs(values[False] - expected).max())
    print(f"{form}: mlx-vlm alone differs by up to {difference:.2g}")
    assert (difference < 1e-5) == same


# -- the command line --------------------------------------------------------------------------------------------------


def command(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `mlx-saccade mlx-vlm` in a process of its own."""
    arguments = [sys.executable, "-m", "mlx_saccade", "mlx-vlm", *words]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False, input=stdin)


def test_generate_obeys_the_budget_in_front_and_among_its_arguments() -> None:
    words = ["--model", str(ASSETS / "tiny"), "--image", SCREEN, "--prompt", QUESTION.format(DESCRIPTIONS[0])]
    words += ["--max-tokens", "30", "--temperature", "0", "--verbose"]
    runs = [
        command("--budget", "64", "generate", *words),
        command("generate", *words, "--budget=64"),
        command("--budget", "9", "generate", *words, "--gen-kwargs", json.dumps({"budget": 64})),
    ]
    for run in runs:
        assert run.returncode == 0, run.stderr
        assert f"Prompt: {18 + saccade.plan((3840, 2160), budget=64).tokens} tokens" in run.stdout
    texts = {
        next(line for line in run.stdout.splitlines() if "bbox_2d" in line and "Prompt" not in line) for run in runs
    }
    assert len(texts) == 1


def test_mistakes_are_one_line() -> None:
    words = ["--model", str(ASSETS / "tiny"), "--prompt", "x"]
    missing = command("generate", *words, "--image", "gone.png")
    assert (missing.returncode, missing.stderr.splitlines()[-1]) == (
        2,
        "mlx-saccade: gone.png: no such file; check the path",
    )
    small = command("generate", *words, "--image", SCREEN, "--budget", "500px")
    assert (small.returncode, "does not fit" in small.stderr.splitlines()[-1]) == (2, True)
    unknown = command("generete")
    assert (unknown.returncode, "expected a command of mlx-vlm" in unknown.stderr) == (2, True)


def test_chat_answers_about_each_image(tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    Image.open(SCREEN).crop((0, 0, 1600, 900)).save(small)
    lines = [f"/image {SCREEN}", QUESTION.format(DESCRIPTIONS[0]), "/clear", f"/image {small}"]
    lines += [QUESTION.format(DESCRIPTIONS[0]), "/exit", ""]
    run = command(
        "--budget", "64", "chat", "--model", str(ASSETS / "tiny"), "--temperature", "0", "--max-tokens", "30",
        stdin="\n".join(lines),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("bbox_2d") >= 2
    assert "Error" not in run.stdout
