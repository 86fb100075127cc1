"""A raw capture is read in its own colors, and an answer is a click in the units that a clicker uses."""

from __future__ import annotations

import inspect
import io
import textwrap
from types import SimpleNamespace
from typing import Any

import checkpoints
import numpy as np
import pytest
from PIL import Image
from screenshots import ScreenShot

import mlx_saccade as saccade
from mlx_saccade import grounding, media
from mlx_saccade.cli.commands.demo import read_targets
from mlx_saccade.engine import Engine
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import reader
from mlx_saccade.media import pixel_formats

RED = "the red dialog"
ORDERS = {"rgb": "RGB", "bgr": "BGR", "rgba": "RGBA", "bgra": "BGRA", "rgbx": "RGBA", "bgrx": "BGRA"}
REGION = (200, 100, 3000, 1900)
BOX = '[{"bbox_2d": [14, 28, 56, 42], "label": "it"}]'


@pytest.fixture(scope="module")
def engine() -> Engine:
    return saccade.load()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("whole")))


@pytest.fixture(scope="module")
def screen() -> np.ndarray:
    return np.asarray(media.open_image(read_targets()[0]).pixels)


@pytest.fixture(scope="module")
def red_box() -> Any:
    return next(target.box for target in read_targets()[1] if target.description == RED)


def ordered(rgb: np.ndarray, pixel_format: str, fourth: int = 255) -> np.ndarray:
    """Return pixels in another order, with one value in each fourth byte."""
    channels = {"R": rgb[..., 0], "G": rgb[..., 1], "B": rgb[..., 2], "A": np.full(rgb.shape[:2], fourth, np.uint8)}
    return np.stack([channels[name] for name in ORDERS[pixel_format]], axis=-1)


def hits(answer: Any, box: Any) -> bool:
    return bool(answer.boxes) and grounding.center_inside(answer.boxes[0], box)


def writing(engine: Engine, text: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Let an engine read `text` in place of what its model wrote."""
    monkeypatch.setattr(grounding, "read", lambda _, *rest, **named: reader.read(text, *rest, **named))
    return engine


# -- the order of the channels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixel_format", list(ORDERS))
def test_every_order_gives_the_answer_of_the_rgb_image(
    engine: Engine, screen: np.ndarray, red_box: Any, pixel_format: Any
) -> None:
    expected = engine.locate(screen, RED)
    answer = engine.locate(ordered(screen, pixel_format), RED, pixel_format=pixel_format)
    assert hits(answer, red_box)
    assert (answer.text, answer.boxes) == (expected.text, expected.boxes)


def test_the_same_bytes_in_another_order_are_another_image(engine: Engine, screen: np.ndarray) -> None:
    """One array, so that nothing but the order can tell the two questions apart in the cache."""
    array = ordered(screen, "bgra")
    answers = [engine.locate(array, RED, pixel_format=name) for name in ("bgra", "rgba", "bgra")]
    parts = [{"type": "image", "image": array, "pixel_format": name} for name in ("bgra", "rgba")]
    both = engine.ask(parts, "which?", max_tokens=1)
    assert answers[0].text == answers[2].text != answers[1].text
    assert both.usage["image"] == 2 * answers[0].usage["image"]
    encoded = engine.encoder.encode(engine.runner.opener().open(_request(parts)).media, *_plans(engine, parts))
    assert encoded[0].content != encoded[1].content


def _request(parts: list[Any]) -> Any:
    from mlx_saccade.engine import request

    return request.question(parts, "which?")


def _plans(engine: Engine, parts: list[Any]) -> tuple[Any, Any]:
    from mlx_saccade.engine.answer import StageTimer
    from mlx_saccade.preprocess.limits import NO_LIMITS

    return [engine.encoder.plan(medium, NO_LIMITS) for medium in _request(parts).media], StageTimer()


@pytest.mark.parametrize("fourth", [0, 255])
def test_screenshot_of_mss_needs_no_word_on_its_order(
    engine: Engine, screen: np.ndarray, red_box: Any, fourth: int
) -> None:
    shot = ScreenShot(ordered(screen, "bgra", fourth))
    answer = engine.locate(shot, RED)
    assert hits(answer, red_box)
    assert answer.notes == ()
    with pytest.raises(InputError, match=r"^pixel_format: expected 'bgra' or 'bgrx', as the ScreenShot says itself"):
        engine.locate(shot, RED, pixel_format="rgba")


def test_capture_whose_alpha_was_never_set_is_not_white(engine: Engine, screen: np.ndarray, red_box: Any) -> None:
    answer = engine.locate(ordered(screen, "bgra", 0), RED, pixel_format="bgra")
    assert hits(answer, red_box)
    assert answer.notes == answer.frames[0].notes
    assert "was read as padding of 'bgra'" in answer.notes[0]


def test_four_channels_without_an_order_are_refused_by_every_question(engine: Engine, screen: np.ndarray) -> None:
    array = ordered(screen, "bgra")
    part = {"type": "image", "image": array}
    questions = [
        lambda: engine.locate(array, RED),
        lambda: engine.ask(array, "what?"),
        lambda: engine.stream(array, "what?"),
        lambda: engine.chat([{"role": "user", "content": [part, {"type": "text", "text": "what?"}]}]),
        lambda: engine.shared_image(array),
        lambda: engine.open(array),
    ]
    for question in questions:
        with pytest.raises(InputError, match=r"pixel_format: expected 'rgba', .*Captures of macOS.* are 'bgra'"):
            question()


def test_order_is_taken_wherever_an_image_is(engine: Engine, screen: np.ndarray) -> None:
    array, part = ordered(screen, "bgra"), {"type": "text", "text": "what is it?"}
    image = {"type": "image", "image": array, "pixel_format": "bgra"}
    expected = engine.ask(screen, "what is it?", max_tokens=5).text
    assert engine.ask(array, "what is it?", max_tokens=5, pixel_format="bgra").text == expected
    assert engine.ask(image, "what is it?", max_tokens=5).text == expected
    assert engine.chat([{"role": "user", "content": [image, part]}], max_tokens=5).text == expected
    chunks = engine.stream(array, "what is it?", max_tokens=5, pixel_format="bgra")
    assert "".join(chunk.text for chunk in chunks) == expected
    assert engine.shared_image(array, pixel_format="bgra").ask(["what is it?"], max_tokens=5)[0].text == expected
    np.testing.assert_array_equal(engine.open(array, pixel_format="bgra").pixels, screen)
    by_default = saccade.load(image_options=media.ImageOptions(pixel_format="bgra"))
    assert by_default.ask(array, "what is it?", max_tokens=5).text == expected
    assert by_default.ask(Image.fromarray(screen), "what is it?", max_tokens=5).text == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixel_format": "argb"}, r"^pixel_format: expected 'rgb', 'bgr', .* or 'grey'; got 'argb'$"),
        ({"pixel_format": "bgra"}, r"^pixel_format: 'bgra' has 4 channels; got an array of shape \(\d+, \d+, 3\)"),
        ({"region": (0, 0, 10)}, r"^region: expected \(x, y, width, height\) in whole pixels; got \(0, 0, 10\)"),
        ({"region": (0, 0, 0, 10)}, "^region: expected .* sides of at least 1"),
        ({"region": (3800, 0, 100, 10)}, r"^region: .* inside the image of 3840x2160; got \(3800, 0, 100, 10\), from"),
        ({"origin": 5}, r"^origin: expected \(x, y\), .*; got 5"),
        ({"origin": (1, float("nan"))}, "^origin: expected"),
        ({"origin": ("1", 2)}, "^origin: expected"),
        ({"scale": 0}, r"^scale: expected pixels for one unit of the screen.*; got 0\. A Retina"),
        ({"scale": -1.0}, "^scale: expected"),
        ({"scale": (2,)}, "^scale: expected"),
        ({"scale": True}, "^scale: expected"),
        ({"scale": "2"}, "^scale: expected"),
        ({"scale": 10**400}, "^scale: expected"),
    ],
)
def test_wrong_option_is_named(plain: Engine, screen: np.ndarray, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plain.locate(screen, RED, **options)
    # What depends on the image is checked when it is opened, where its place in the messages is not known.
    place = "" if "of shape" in message or "inside" in message else "message 0, part 0: "
    with pytest.raises(InputError, match=message.replace("^", f"^{place}")) as caught:
        plain.chat([{"role": "user", "content": [{"type": "image", "image": screen, **options}, {"text": "?"}]}])
    assert "\n" not in str(caught.value)


# -- regions -----------------------------------------------------------------------------------------------------------


def test_region_gives_the_boxes_of_a_crop_by_hand_moved_by_its_corner(engine: Engine, screen: np.ndarray) -> None:
    x, y, width, height = REGION
    by_hand = np.ascontiguousarray(screen[y : y + height, x : x + width])
    whole = engine.open(read_targets()[0])
    for description in (RED, "the blue dialog"):
        expected = engine.locate(by_hand, description)
        boxes = tuple(box.moved(x, y) for box in expected.boxes)
        for image in (screen, read_targets()[0], ScreenShot(ordered(screen, "bgra")), whole):
            answer = engine.locate(image, description, region=REGION)
            assert (answer.text, answer.boxes) == (expected.text, boxes)
    assert boxes or expected.text


def test_box_in_a_region_is_exact_in_the_whole_image(plain: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((600, 800, 3), np.uint8)
    answer = writing(plain, BOX, monkeypatch).locate(image, "it", region=(101, 203, 280, 140), max_tokens=1)
    (frame,) = answer.frames
    assert (frame.source_size, frame.region) == ((800, 600), (101, 203, 280, 140))
    assert (frame.processed_size, frame.scale) == ((280, 140), (1.0, 1.0))
    assert answer.boxes[0].xyxy == (115, 231, 157, 245) == frame.to_source((14, 28, 56, 42))
    assert answer.click == answer.screen_click == (136, 238)
    assert answer.as_dict()["frames"][0]["region"] == [101, 203, 280, 140]


def test_points_and_actions_of_a_region_are_in_the_whole_image(plain: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((600, 800, 3), np.uint8)
    text = 'click(start_box="(14, 28)") and {"point_2d": [56, 42], "label": "it"}'
    answer = writing(plain, text, monkeypatch).locate(image, "it", region=(100, 200, 280, 140), max_tokens=1)
    assert answer.actions[0].points[0].xy == (114, 228) == answer.click
    assert answer.points[0].xy == (156, 242)


def test_region_is_the_same_for_every_question(plain: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    image, region = np.zeros((600, 800, 3), np.uint8), (100, 200, 280, 140)
    engine, expected = writing(plain, BOX, monkeypatch), (114, 228, 156, 242)
    part = {"type": "image", "image": image, "region": region, "origin": (-10, 0), "scale": 2}
    answers = [
        engine.ask(image, "it", region=region, origin=(-10, 0), scale=2, max_tokens=1),
        engine.ask(part, "it", max_tokens=1),
        engine.locate(image, ["it", "this"], region=region, origin=(-10, 0), scale=2, max_tokens=1)[1],
        engine.chat([{"role": "user", "content": [part, {"text": "it"}]}], max_tokens=1),
        [*engine.stream(image, "it", region=region, origin=(-10, 0), scale=2, max_tokens=1)][-1].answer,
        engine.shared_image(image, region=region, origin=(-10, 0), scale=2).ask(["it"], max_tokens=1)[0],
        engine.ask_batch([(part, "it")], max_tokens=1)[0],
    ]
    for answer in answers:
        assert answer is not None
        assert answer.boxes[0].xyxy == expected
        assert answer.screen_click == (135 / 2 - 10, 235 / 2)
    assert engine.count_tokens(part, "it") == answers[0].usage["prompt"]


@pytest.mark.parametrize("policy", ["flat", "zoom", "search:max_looks=4"])
def test_policy_looks_in_the_region_only(engine: Engine, screen: np.ndarray, policy: str) -> None:
    x, y, width, height = REGION
    by_hand = np.ascontiguousarray(screen[y : y + height, x : x + width])
    expected = engine.locate(by_hand, RED, policy=policy)
    array = ordered(screen, "bgra")
    place: Any = {"pixel_format": "bgra", "region": REGION, "origin": (-50, 7), "scale": 2}
    answer = engine.locate(array, RED, policy=policy, **place)
    assert answer.found
    assert answer.boxes == tuple(box.moved(x, y) for box in expected.boxes)
    assert [look.crop[:2] for look in answer.looks] == [(a + x, b + y) for a, b, *_ in (k.crop for k in expected.looks)]
    assert (answer.frames[0].source_size, answer.frames[0].region) == ((3840, 2160), REGION)
    assert answer.click is not None
    assert answer.screen_click == (answer.click[0] / 2 - 50, answer.click[1] / 2 + 7)
    with pytest.raises(InputError, match=r"^region: .* inside the image of 3840x2160"):
        engine.locate(screen, RED, policy=policy, region=(3000, 0, 1000, 10))


def test_regions_of_one_size_are_different_images_in_the_cache(engine: Engine) -> None:
    """A file is recognized by its bytes before it is decoded: the corner has to be part of that key."""
    file = read_targets()[0]
    first, second = (0, 0, 640, 480), (1900, 1000, 640, 480)
    texts = [engine.ask(file, "what is here?", region=region, max_tokens=8).text for region in (first, second, first)]
    fresh = saccade.load(cache_memory=0)
    expected = [fresh.ask(file, "what is here?", region=region, max_tokens=8).text for region in (first, second)]
    assert texts == [*expected, expected[0]]
    before = engine.counts
    engine.ask(file, "what is here?", region=second, max_tokens=8)
    assert engine.counts.vision_calls == before.vision_calls
    assert engine.counts.decodes == before.decodes


def test_several_descriptions_in_a_region_decode_once(engine: Engine) -> None:
    before = engine.counts.decodes
    engine.locate(read_targets()[0], [RED, "the blue dialog"], region=(1, 2, 3000, 2000), max_tokens=4)
    assert engine.counts.decodes == before + 1


def test_region_of_several_images_belongs_in_their_parts(plain: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    for name, value in (("region", (0, 0, 40, 30)), ("origin", (5, 5)), ("scale", 2)):
        with pytest.raises(InputError, match=f"^{name}: expected a question about exactly one image; got 2 of 2 media"):
            plain.ask([image, image], "what?", **{name: value})
    parts = [{"image": image, "region": (0, 0, 40, 30)}, {"image": image, "region": (40, 0, 28, 28)}]
    answer = writing(plain, BOX, monkeypatch).ask(parts, "what?", max_tokens=1)
    assert [frame.region for frame in answer.frames] == [(0, 0, 40, 30), (40, 0, 28, 28)]
    assert answer.boxes == ()
    assert answer.screen_click is None


# -- clicks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [(12.5, 7.0), (300.25, 500.5), (1511.5, 981.5)])
def test_marker_on_a_retina_screen_is_returned_within_half_a_point(
    plain: Engine, monkeypatch: pytest.MonkeyPatch, point: tuple[float, float]
) -> None:
    size, budget = (3024, 1964), 1280
    plan = plain.plan(size, budget=budget)
    model = [round(value) for value in plan.to_model([2 * value for value in point])]
    text = f'{{"point_2d": {model}, "label": "it"}}'
    image = np.zeros((size[1], size[0], 3), np.uint8)
    answer = writing(plain, text, monkeypatch).locate(image, "it", budget=budget, scale=2, max_tokens=1)
    assert answer.screen_click is not None
    rounding = [side / 2 / 2 for side in plan.scale]  # half a model pixel, in points
    for got, wanted, slack in zip(answer.screen_click, point, rounding, strict=True):
        assert abs(got - wanted) <= slack + 1e-9


def test_screen_click_is_click_over_scale_plus_origin(plain: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((140, 280, 3), np.uint8)
    engine = writing(plain, BOX, monkeypatch)
    answer = engine.locate(image, "it", origin=(-1920, 40.5), scale=(2, 1.25), max_tokens=1)
    assert answer.click == (35, 35)
    assert answer.screen_click == (35 / 2 - 1920, 35 / 1.25 + 40.5)
    assert answer.to_screen(answer.boxes[0].xyxy) == (7 - 1920, 28 / 1.25 + 40.5, 28 - 1920, 42 / 1.25 + 40.5)
    assert answer.as_dict()["screen_click"] == list(answer.screen_click)
    nothing = writing(plain, "[]", monkeypatch).locate(image, "it", scale=2, max_tokens=1)
    assert nothing.screen_click is nothing.as_dict()["screen_click"] is None
    with pytest.raises(InputError, match=r"^xy: expected a point"):
        answer.to_screen((1, 2, 3))


def test_example_of_locate_clicks_on_the_second_monitor(
    plain: Engine, screen: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example in the docstring runs as it is written, against stand-ins for the capture and the clicker."""
    text = inspect.getdoc(Engine.locate)
    assert text is not None
    code = text.partition("Example:\n")[2]
    assert "screen_click" in code
    small = np.ascontiguousarray(screen[:280, :560])
    monitor = {"left": -280, "top": 50, "width": 280, "height": 140}
    screens = SimpleNamespace(monitors=[{}, {}, monitor], grab=lambda _: ScreenShot(ordered(small, "bgra", 0)))
    clicks: list[tuple[float, ...]] = []

    class Capturing:
        def __enter__(self) -> Any:
            return screens

        def __exit__(self, *_: object) -> None:
            pass

    names = {
        "engine": writing(plain, BOX, monkeypatch),
        "mss": SimpleNamespace(MSS=Capturing),
        "pyautogui": SimpleNamespace(click=lambda *xy: clicks.append(xy)),
    }
    exec(textwrap.dedent(code), names)
    assert clicks == [(35 / 2 - 280, 35 / 2 + 50)]


# -- file objects ------------------------------------------------------------------------------------------------------


def test_buffer_that_was_just_written_is_an_image(engine: Engine, screen: np.ndarray, red_box: Any) -> None:
    buffer = io.BytesIO()
    Image.fromarray(screen).save(buffer, "PNG", compress_level=1)
    assert engine.plan(buffer).source_size == (3840, 2160)
    for _ in range(2):
        assert hits(engine.locate(buffer, RED), red_box)


@pytest.mark.parametrize(("image", "got"), [(None, "None"), (5, "an int"), (2.5, "a float")])
def test_what_is_no_image_is_named_by_every_question(plain: Engine, image: Any, got: str) -> None:
    for call in (plain.plan, lambda image: plain.locate(image, RED), lambda image: plain.ask(image, "what?")):
        with pytest.raises(InputError, match=f"^image: expected a path, bytes, .*; got {got}$"):
            call(image)


@pytest.mark.parametrize("call", [lambda e, pair: e.locate(pair, RED), lambda e, pair: e.plan(pair)])
def test_list_of_images_is_no_image_and_no_size(plain: Engine, screen: np.ndarray, call: Any) -> None:
    for pair in ([screen, screen], ["a.png", "b.png"], [screen, screen, screen], (Image.new("RGB", (9, 9)),)):
        with pytest.raises(InputError, match=f"expected one image.*; got a {type(pair).__name__} of {len(pair)}"):
            call(plain, pair)


def test_all_names_of_formats_are_documented() -> None:
    for name in pixel_formats.CHANNELS:
        assert f'"{name}"' in (inspect.getdoc(media.open_image) or "")
        assert f'"{name}"' in (inspect.getdoc(saccade.resize) or "")
