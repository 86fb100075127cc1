"""The table of policies: names, parameters as text, and what `Engine.locate` makes of them."""

from __future__ import annotations

import subprocess
import sys
import weakref

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import policies
from mlx_saccade.engine import policy
from mlx_saccade.engine.runner import ROWS
from mlx_saccade.errors import InputError

NAMES = (
    "auto",
    "flat",
    "zoom",
    "search",
    "two-pass",
    "zoom-click",
    "ui-zoomer",
    "zoom-in-out",
    "slicing",
    "size-gated",
)


@pytest.fixture(scope="module")
def loaded() -> saccade.Engine:
    return saccade.load()


@pytest.fixture(scope="module")
def screen() -> np.ndarray:
    return np.asarray(saccade.scenes.generate(1, size=(1280, 720)).image)


def test_names_of_the_package_are_registered() -> None:
    assert policy.names() == NAMES


def test_load_alone_registers_the_policies() -> None:
    script = "import mlx_saccade; mlx_saccade.load; from mlx_saccade.engine import policy; print(*policy.names())"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert tuple(out.split()) == NAMES


def test_the_engine_alone_knows_the_policies() -> None:
    script = "from mlx_saccade.engine import load, policy; print(*policy.names())"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert tuple(out.split()) == NAMES


def test_parse_reads_parameters_of_their_types() -> None:
    assert policy.parse("flat") == (policies.flat, {})
    assert policy.parse("search:max_looks=20,overlap=0.1") == (policies.search, {"max_looks": 20, "overlap": 0.1})
    assert policy.parse("zoom:share=1") == (policies.zoom, {"share": 1.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"expected one of {', '.join(NAMES)}; got ''"),
        ("sarch", f"expected one of {', '.join(NAMES)}; got 'sarch'"),
        ("zoom:", "policy zoom: expected max_looks=2, share=0.5; got ''"),
        ("zoom:shar=1", "policy zoom: expected max_looks=2, share=0.5; got 'shar=1'"),
        ("zoom:share", "got 'share'"),
        ("zoom:share=", "policy zoom: share: expected a number; got ''"),
        ("zoom:share=half", "policy zoom: share: expected a number; got 'half'"),
        ("search:max_looks=2.5", "policy search: max_looks: expected a whole number; got '2.5'"),
        ("search:max_looks=1" + "0" * 5000, "policy search: max_looks: expected a whole number"),
        ("search:max_looks=2,max_looks=3", "policy search: expected max_looks once"),
        ("search:max_looks=0", "max_looks: expected a whole number of at least 1; got 0"),
    ],
)
def test_choose_of_bad_text_says_what_there_is(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        policy.choose(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_choose_takes_max_looks_once() -> None:
    assert policy.choose("search", 5) == (policies.search, {"max_looks": 5})
    with pytest.raises(InputError, match="max_looks: expected once"):
        policy.choose("search:max_looks=6", 5)
    for wrong in (0, -1, 2.0, "5", True):
        with pytest.raises(InputError, match="max_looks: expected a whole number of at least 1"):
            policy.choose("search", wrong)
    with pytest.raises(InputError, match="policy: expected a name"):
        policy.choose(5)


@pytest.mark.parametrize(
    "name",
    [
        "zoom:share=7",
        "auto:confidence=2",
        "auto:side=5",
        "search:overlap=0.9",
        "search:overlap=nan",
        "search:smallest=-1",
    ],
)
def test_locate_refuses_parameters_outside_their_range(loaded: saccade.Engine, screen: np.ndarray, name: str) -> None:
    with pytest.raises(InputError, match=name.partition(":")[2].partition("=")[0]):
        loaded.locate(screen, "it", policy=name)


@pytest.mark.parametrize("name", ["flat", "auto:max_looks=1", "zoom:max_looks=1", "search:max_looks=1"])
def test_locate_of_one_look_is_the_flat_look(loaded: saccade.Engine, screen: np.ndarray, name: str) -> None:
    words = [element.description for element in saccade.scenes.generate(1, size=(1280, 720)).elements[:4]]
    flat = loaded.locate(screen, words, budget=144)
    for one, other in zip(flat, loaded.locate(screen, words, budget=144, policy=name), strict=True):
        assert (one.boxes, one.text, one.usage, one.frames) == (other.boxes, other.text, other.usage, other.frames)
        (look,) = other.looks
        assert look.crop == (0, 0, 1280, 720)
        assert look.box == (one.boxes[0] if one.boxes else None)


@pytest.fixture(scope="module")
def uncached() -> saccade.Engine:
    return saccade.load(cache_memory=0)


@pytest.mark.parametrize("name", [*NAMES, "ui-zoomer:tau=2"])
def test_locate_encodes_each_part_once_whatever_the_cache(
    loaded: saccade.Engine, uncached: saccade.Engine, screen: np.ndarray, name: str
) -> None:
    words = [element.description for element in saccade.scenes.generate(1, size=(1280, 720)).elements[:2]]
    loaded.forget()
    answers = []
    for engine in (loaded, uncached):
        before = engine.counts
        answers.append(engine.locate(screen, words, policy=name, max_looks=6, budget=64))
        crops = {look.crop for answer in answers[-1] for look in answer.looks}
        assert (engine.counts - before).vision_calls == len(crops)
    for one, other in zip(*answers, strict=True):
        assert (one.boxes, one.usage) == (other.boxes, other.usage)
        assert [(look.crop, look.box, look.verdict) for look in one.looks] == [
            (look.crop, look.box, look.verdict) for look in other.looks
        ]


@pytest.mark.parametrize("name", NAMES)
def test_locate_in_a_region_gives_pixels_of_the_whole_image(
    loaded: saccade.Engine, screen: np.ndarray, name: str
) -> None:
    whole = np.zeros((1000, 1600, 3), np.uint8)
    whole[100:820, 200:1480] = screen
    words = saccade.scenes.generate(1, size=(1280, 720)).elements[0].description
    alone = loaded.locate(screen, words, policy=name, max_looks=6, budget=144)
    part = loaded.locate(whole, words, policy=name, max_looks=6, budget=144, region=(200, 100, 1280, 720))
    assert part.boxes == tuple(box.moved(200, 100) for box in alone.boxes)
    assert [look.crop for look in part.looks] == [look.moved(200, 100).crop for look in alone.looks]


def test_locate_refuses_an_option_beside_the_policys_own(loaded: saccade.Engine, screen: np.ndarray) -> None:
    with pytest.raises(InputError, match="seed: expected once"):
        loaded.locate(screen, "it", policy="ui-zoomer:seed=1", seed=2)


def test_locate_takes_a_function(loaded: saccade.Engine, screen: np.ndarray) -> None:
    def corner(engine: saccade.Engine, frame: object, words: list[str], /, **options: object) -> list[saccade.Answer]:
        assert options == {"budget": 64, "image_first": True, "constrained": True, "fit": False, "max_tokens": 99}
        return engine.look(frame, [((0, 0, 640, 360), text) for text in words], **options)

    first, _ = loaded.locate(screen, ["a", "b"], budget=64, policy=corner, constrained=True, max_tokens=99)
    assert first.frames[0].source_size == (640, 360)
    with pytest.raises(InputError, match="policy: expected 1 answers; got 0"):
        loaded.locate(screen, "a", policy=lambda *_, **__: [])
    with pytest.raises(InputError, match="policy: expected 1 answers; got 'x'"):
        loaded.locate(screen, "a", policy=lambda *_, **__: "x")


def test_look_gives_the_boxes_of_crops_in_pixels_of_the_image(loaded: saccade.Engine, screen: np.ndarray) -> None:
    frame, words = loaded.open(screen), "the green panel"
    crops = [(0, 0, 1280, 720), (500, 10, 1280, 700), (300, 200, 900, 601)]
    together = loaded.look(frame, [(crop, words) for crop in crops], budget=144)
    for crop, answer in zip(crops, together, strict=True):
        alone = loaded.locate(frame.crop(crop), words, budget=144)
        assert answer.text == alone.text
        assert [box.xyxy for box in answer.boxes] == [
            (x1 + crop[0], y1 + crop[1], x2 + crop[0], y2 + crop[1]) for x1, y1, x2, y2 in alone.boxes
        ]
    assert any(answer.found for answer in together)


def test_look_encodes_each_crop_once_for_all_descriptions(loaded: saccade.Engine) -> None:
    frame = loaded.open(np.random.RandomState(3).randint(0, 256, (400, 700, 3), np.uint8))
    before = loaded.counts
    crops = [(0, 0, 350, 400), (300, 0, 700, 400), (0, 0, 700, 200)]
    answers = loaded.look(frame, [(crop, words) for words in ("a", "b", "c") for crop in crops], budget=16)
    assert len(answers) == 9
    assert (loaded.counts - before).vision_calls == 3
    assert loaded.look(frame, []) == []
    with pytest.raises(InputError, match="is empty or leaves"):
        loaded.look(frame, [((0, 0, 701, 400), "a")])


def test_look_at_many_crops_keeps_few_of_them(loaded: saccade.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = loaded.open(np.random.RandomState(4).randint(0, 256, (80, 400, 3), np.uint8))
    made: list[weakref.ref[saccade.media.Frame]] = []
    most, crop = [0], saccade.media.Frame.crop

    def counted(self: saccade.media.Frame, box: tuple[int, int, int, int]) -> saccade.media.Frame:
        part = crop(self, box)
        made.append(weakref.ref(part))
        most[0] = max(most[0], sum(one() is not None for one in made))
        return part

    monkeypatch.setattr(saccade.media.Frame, "crop", counted)
    views = [((x, 0, x + 60, 80), "it") for x in range(0, 340, 7)]
    answers = loaded.look(frame, views, budget=16)
    monkeypatch.undo()
    assert len(made) == len(answers) == 49
    assert most[0] <= 2 * ROWS
    assert [answer.text for answer in answers] == [loaded.look(frame, [view], budget=16)[0].text for view in views]


@pytest.mark.parametrize(
    "views",
    [5, [5], [((0, 0, 5), "a")], [((0, 0, 5, 5.5), "a")], [((0, 0, 50, 50), 5)], [("abcd", "a")], [(None, "a")]],
)
def test_look_refuses_what_is_no_view(loaded: saccade.Engine, screen: np.ndarray, views: object) -> None:
    with pytest.raises(InputError, match=r"^views: expected"):
        loaded.look(screen, views)


def test_look_takes_crops_as_lists_of_any_integers(loaded: saccade.Engine, screen: np.ndarray) -> None:
    (one,) = loaded.look(screen, [([0, np.int64(0), 640, 360], "a")], budget=16)
    (other,) = loaded.look(loaded.open(screen), [((0, 0, 640, 360), "a")], budget=16)
    assert one.text == other.text


def test_locate_with_search_encodes_each_part_once_and_says_why_nothing_was_found(
    loaded: saccade.Engine, screen: np.ndarray
) -> None:
    loaded.forget()
    before = loaded.counts
    answers = loaded.locate(
        screen, ["the pink folder icon", "the cyan moon icon"], policy="search:max_looks=6", budget=64
    )
    crops = {look.crop for answer in answers for look in answer.looks}
    assert (loaded.counts - before).vision_calls == len(crops)
    assert not answers[0].found
    assert answers[0].hint.startswith(f"None of {len(answers[0].looks)} looks")
    assert answers[0].description == "the pink folder icon"


@pytest.mark.parametrize("name", NAMES)
def test_check_takes_every_policy_with_its_defaults(name: str) -> None:
    policies.check(name)
    policies.check(name, max_looks=1)


@pytest.mark.parametrize(
    "text",
    [
        "auto:confidence=2",
        "zoom:share=7",
        "zoom:share=nan",
        "search:overlap=2",
        "two-pass:side=0",
        "zoom-click:ratio=1.5",
        "ui-zoomer:samples=0",
        "zoom-in-out:step=0",
        "slicing:overlap=1",
        "size-gated:share=2",
    ],
)
def test_check_parameter_outside_its_range_is_refused(text: str) -> None:
    parameter = text.partition(":")[2].partition("=")[0]
    with pytest.raises(InputError, match=parameter):
        policies.check(text)
