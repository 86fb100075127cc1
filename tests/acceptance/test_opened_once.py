"""Count how often a question opens and decodes the files of its images."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.cli.__main__ import main
from mlx_saccade.engine import Engine
from mlx_saccade.media import decode, fast_decoders

Opened = list[str]
_opened: Opened = []


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    """Record what any code opens, whatever function it uses."""
    if event == "open" and isinstance(arguments[0], str):
        _opened.append(arguments[0])


sys.addaudithook(_record)


@dataclass
class Cost:
    """Opens and decodes of one folder's images."""

    opens: int = 0
    decodes: int = 0


@contextmanager
def counted(folder: Path) -> Iterator[Cost]:
    """Count the opens of a folder's files and all decodes within the block."""
    cost, load = Cost(), decode.load

    def counting(image: Image.Image, origin: str) -> None:
        cost.decodes += 1
        load(image, origin)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "load", counting)
        patch.setattr(fast_decoders, "pixels", lambda stream, image: None)  # so that Pillow decodes every file
        del _opened[:]
        yield cost
    cost.opens = sum(Path(name).parent == folder for name in _opened)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture(params=["512MB", 0], ids=["cache", "no cache"])
def engine(folder: Path, request: pytest.FixtureRequest) -> Engine:
    return saccade.load(folder, cache_memory=request.param)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "first.png", tmp_path / "second.png"]
    for seed, path in enumerate(paths):
        Image.fromarray(pictures.noise(200, 150, seed=seed)).save(path)
    return paths


def conversation(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    reply = {"role": "assistant", "content": "I see."}
    turns = [{"role": "user", "content": [part, {"type": "text", "text": "what?"}]} for part in parts]
    return [message for turn in turns for message in (turn, reply)][:-1]


QUESTIONS: dict[str, tuple[int, Callable[[Engine, list[Path]], Any]]] = {
    "locate one": (1, lambda engine, paths: engine.locate(paths[0], "it", max_tokens=1)),
    "locate three": (1, lambda engine, paths: engine.locate(paths[0], ["it", "that", "this"], max_tokens=1)),
    "ask of two images": (2, lambda engine, paths: engine.ask(paths, "what?", max_tokens=1)),
    "chat with a repeated path": (
        1,
        lambda engine, paths: engine.chat(conversation(*[{"type": "image", "image": str(paths[0])}] * 2), max_tokens=1),
    ),
    "chat with a repeated path, once smaller": (
        1,
        lambda engine, paths: engine.chat(
            conversation({"type": "image", "image": paths[0], "budget": 16}, {"type": "image", "image": str(paths[0])}),
            max_tokens=1,
        ),
    ),
    "stream": (1, lambda engine, paths: list(engine.stream(paths[0], "what?", max_tokens=1))),
    "a batch about one image": (
        1,
        lambda engine, paths: engine.ask_batch([(paths[0], "what?"), (paths[0], "why?")], max_tokens=1),
    ),
    "a shared image": (1, lambda engine, paths: engine.shared_image(paths[0]).locate(["it", "that"], max_tokens=1)),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_opens_and_decodes_each_file_once(engine: Engine, paths: list[Path], name: str) -> None:
    files, ask = QUESTIONS[name]
    before = engine.counts.decodes
    with counted(paths[0].parent) as cost:
        ask(engine, paths)
    assert (cost.opens, cost.decodes) == (files, files)
    assert engine.counts.decodes - before == files


@pytest.mark.parametrize("cache_memory", ["512MB", 0])
def test_an_image_that_is_fitted_to_each_description_is_decoded_once(
    tmp_path: Path, paths: list[Path], cache_memory: int | str
) -> None:
    whole = tmp_path / "short"
    whole.mkdir()
    engine = saccade.load(checkpoints.write_whole(whole, max_position_embeddings=300), cache_memory=cache_memory)
    Image.fromarray(pictures.noise(400, 300)).save(paths[0])
    with counted(paths[0].parent) as cost:
        texts = ["it", "it " * 10, "it " * 20]
        answers = engine.locate(paths[0], texts, fit=True, budget=200, max_tokens=50)
    assert len({answer.frames[0].tokens for answer in answers}) == 3
    assert (cost.opens, cost.decodes) == (1, 1)


def test_a_file_that_is_in_the_cache_is_opened_once_and_not_decoded(folder: Path, paths: list[Path]) -> None:
    engine = saccade.load(folder)
    engine.ask(paths[0], "what?", max_tokens=1)
    with counted(paths[0].parent) as cost:
        engine.ask(paths[0], "why?", max_tokens=1)
    assert (cost.opens, cost.decodes) == (1, 0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, path: engine.plan(path),
        lambda engine, path: engine.count_tokens(path, "what?"),
        lambda engine, path: engine.estimate(path, "what?"),
        lambda engine, path: saccade.plan(path),
    ],
    ids=["plan", "count_tokens", "estimate", "without an engine"],
)
def test_a_plan_reads_the_header_alone(engine: Engine, paths: list[Path], ask: Callable[..., Any]) -> None:
    paths[0].write_bytes(paths[0].read_bytes()[:1000])  # the pixels are cut off
    with counted(paths[0].parent) as cost:
        ask(engine, paths[0])
    assert (cost.opens, cost.decodes) == (1, 0)
    with pytest.raises(saccade.InputError, match="truncated or broken"):
        engine.ask(paths[0], "what?", max_tokens=1)


def test_a_refused_question_decodes_nothing(engine: Engine, paths: list[Path]) -> None:
    with counted(paths[0].parent) as cost, pytest.raises(saccade.InputError, match="the prompt takes"):
        engine.ask(paths, "what?", max_tokens=100_000)
    assert (cost.opens, cost.decodes) == (2, 0)


@pytest.mark.parametrize("save", [False, True])
def test_the_command_line_opens_and_decodes_once(folder: Path, paths: list[Path], save: bool) -> None:
    drawn = paths[0].parent / "drawn" / "boxes.png"
    drawn.parent.mkdir()
    words = ["locate", str(paths[0]), "it", "that", "--model", str(folder), "--max-tokens", "1"]
    with counted(paths[0].parent) as cost:
        assert main([*words, "--save", str(drawn)] if save else words) == 0
    assert (cost.opens, cost.decodes) == (1, 1)
    assert drawn.exists() == save


@pytest.mark.parametrize("change", ["overwritten", "replaced", "removed"])
@pytest.mark.parametrize("size", [(200, 150), (90, 320)])
def test_a_file_that_changes_after_the_plan_is_answered_as_it_was(
    engine: Engine, paths: list[Path], monkeypatch: pytest.MonkeyPatch, change: str, size: tuple[int, int]
) -> None:
    path, other = paths
    Image.fromarray(pictures.noise(*size, seed=7)).save(other)
    expected = engine.ask(path.read_bytes(), "what?", max_tokens=4)
    engine.forget()
    encode = engine.encoder.encode

    def changing(*arguments: Any, **named: Any) -> Any:
        if change == "overwritten":
            path.write_bytes(other.read_bytes())
        elif change == "replaced":
            other.replace(path)
        else:
            path.unlink()
        return encode(*arguments, **named)

    monkeypatch.setattr(engine.encoder, "encode", changing)
    answer = engine.ask(path, "what?", max_tokens=4)
    assert (answer.text, answer.frames) == (expected.text, expected.frames)


def test_a_lazy_image_keeps_its_pixels_in_a_with_block_alone(paths: list[Path]) -> None:
    image = media.LazyImage(paths[0])
    with counted(paths[0].parent) as cost, image:
        first = image.frame()
        image.release()
        assert image.frame() is first and image.size == first.source_size
    assert (cost.opens, cost.decodes) == (0, 1)
    assert not image.is_decoded
    np.testing.assert_array_equal(image.frame().pixels, media.open_image(paths[0]).pixels)
    image.release()
    assert not image.is_decoded


def test_a_lazy_image_is_a_source_wherever_an_image_is(engine: Engine, paths: list[Path]) -> None:
    image = media.LazyImage(os.fspath(paths[0]))
    assert media.image_size(image) == engine.plan(image).source_size == (200, 150)
    np.testing.assert_array_equal(media.open_image(image).pixels, media.open_image(paths[0]).pixels)
    answers = [engine.ask(source, "what?", max_tokens=4).text for source in (image, paths[0])]
    assert answers[0] == answers[1]
