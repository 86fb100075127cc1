"""The tools of servers: arguments in JSON, images in every form, one engine, one form of errors."""

from __future__ import annotations

import base64
import http.server
import io
import json
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.errors import CancelledError, InputError
from mlx_saccade.integrations import arguments, image_arguments, tools
from mlx_saccade.integrations.image_arguments import ImageAccess
from mlx_saccade.integrations.tools import Tools

ROOT = Path(__file__).parents[2]
SCREEN = str(ROOT / "python" / "mlx_saccade" / "assets" / "demo" / "screen.png")
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "answer-1.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def engine() -> saccade.Engine:
    return saccade.load()


@pytest.fixture
def served(engine: saccade.Engine) -> Tools:
    return Tools(lambda: engine)


def encoded(size: tuple[int, int] = (64, 48), file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(buffer, file_format)
    return buffer.getvalue()


def test_locate_gives_what_the_engine_gives_as_the_schema_says(served: Tools, engine: saccade.Engine) -> None:
    values = {"image": SCREEN, "description": ["the red dialog", "the zebra"], "budget": 64.0, "scale": 2}
    document = served.locate(values)
    jsonschema.validate(document, SCHEMA)
    jsonschema.validate(values, arguments.LOCATE.schema)
    expected = engine.locate(SCREEN, ["the red dialog", "the zebra"], budget=64, scale=2)
    for row, answer in zip(document["answers"], expected, strict=True):
        confidence = pytest.approx(answer.confidence, abs=1e-4)  # the second call reads a cached prompt
        varying = {"timings": row["timings"], "confidence": confidence}
        assert row == {"image": SCREEN, "description": answer.description, **answer.as_dict(), **varying}
    assert document["tokens"] == sum(answer.usage["image"] for answer in expected)


def test_ask_gives_one_answer_about_any_number_of_images(served: Tools) -> None:
    for images, names in ((None, []), (SCREEN, [SCREEN]), ([SCREEN, SCREEN], [SCREEN, SCREEN])):
        document = served.ask({"image": images, "question": "what is at (300, 200)?", "budget": 64, "max_tokens": 8})
        jsonschema.validate(document, SCHEMA)
        assert document["answers"][0]["images"] == names


def test_plan_of_an_image_and_of_its_size_agree(served: Tools, engine: saccade.Engine) -> None:
    by_image, by_size = served.plan({"image": SCREEN, "budget": 64}), served.plan({"size": [3840, 2160], "budget": 64})
    assert by_image.pop("image") == SCREEN
    assert by_size.pop("image") is None
    assert by_image == by_size
    assert by_image["tokens"] == engine.plan(SCREEN, budget=64).tokens
    assert by_image["model_bytes"]["peak"] > by_image["model_bytes"]["weights"]


def test_locate_without_a_budget_takes_the_engines_default(served: Tools, engine: saccade.Engine) -> None:
    values = {"image": SCREEN, "description": "the zebra"}
    assert len(served.locate(values)["answers"][0]["looks"]) == 1
    looks = served.locate({**values, "max_looks": 6})["answers"][0]["looks"]
    expected = engine.locate(SCREEN, "the zebra", policy="auto", max_looks=6).looks
    assert [look["crop"] for look in looks] == [list(look.crop) for look in expected]
    assert len(looks) > 1
    assert served.locate({**values, "budget": 64})["answers"][0]["looks"] == []


def test_policy_of_the_server_gives_way_to_that_of_a_request_and_to_candidates(engine: saccade.Engine) -> None:
    served, values = (
        Tools(lambda: engine, policy="zoom"),
        {"image": SCREEN, "description": "the red dialog", "budget": 64},
    )
    assert served.locate(values)["answers"][0]["looks"]
    assert len(served.locate({**values, "policy": "flat"})["answers"][0]["looks"]) <= 1
    assert served.locate({**values, "candidates": 2})["answers"][0]["candidates"]
    with pytest.raises(InputError, match="policy"):
        Tools(lambda: engine, policy="sideways")


@pytest.mark.parametrize(
    ("tool", "values", "message"),
    [
        ("locate", [], "arguments: expected an object; got []"),
        ("locate", {"image": SCREEN}, "description: expected a value; got none"),
        ("locate", {"image": SCREEN, "description": None}, "description: expected a value; got none"),
        ("locate", {"image": SCREEN, "description": "x", "bugdet": 1}, "Did you mean 'budget'"),
        ("locate", {"image": SCREEN, "description": ["x", 3]}, "description: expected a text; got 3"),
        ("locate", {"image": SCREEN, "description": []}, "description: expected a text or a list"),
        ("locate", {"image": 5, "description": "x"}, "image: expected a text; got 5"),
        ("locate", {"image": SCREEN, "description": "x", "budget": 1.5}, "budget"),
        ("locate", {"image": SCREEN, "description": "x", "budget": True}, "budget"),
        ("locate", {"image": SCREEN, "description": "x", "policy": "sideways"}, "policy: expected one of"),
        ("locate", {"image": SCREEN, "description": "x", "region": [0, 0, 9999, 1]}, "inside the image of 3840x2160"),
        ("locate", {"image": SCREEN, "description": "x", "scale": 0}, "scale"),
        ("locate", {"image": SCREEN, "description": "x", "constrained": "yes"}, "expected true or false"),
        ("locate", {"image": SCREEN, "description": "x", "pixel_format": "bgra"}, "expected raw_size beside it"),
        ("locate", {"image": SCREEN, "description": "x", "raw_size": [3, 3]}, "bytes for 3x3 pixels"),
        ("locate", {"image": "http://127.0.0.1:9/a.png", "description": "x"}, "--allow-urls"),
        ("locate", {"image": "ftp://host/a.png", "description": "x"}, "expected a path, data URL"),
        ("locate", {"image": "data:image/png;base64,%%%", "description": "x"}, "base64"),
        ("locate", {"image": str(ROOT), "description": "x"}, "is a folder"),
        ("locate", {"image": __file__, "description": "x"}, "image"),
        ("ask", {"image": SCREEN, "question": " "}, "question: expected a text"),
        ("ask", {"image": [SCREEN, SCREEN], "question": "?", "region": [0, 0, 9, 9]}, "region"),
        ("plan", {}, "got neither"),
        ("plan", {"image": SCREEN, "size": [1, 1]}, "got both"),
        ("plan", {"size": [0, 5]}, "size"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_line_that_names_them(served: Tools, tool: str, values: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        getattr(served, tool)(values)
    assert message in str(caught.value)
    document = tools.error(caught.value)
    jsonschema.validate(document, SCHEMA)
    assert document["error"]["kind"] == "input"
    assert "\n" not in document["error"]["message"]


JUNK: list[Any] = [
    *(True, 0, -1, 1.5, 1e300, float("inf"), float("nan"), 10**30, 10**5000, "", "junk", "\ud800", "\0"),
    *([], [1], ["x", 5], [1, 2], [0, 0, 1, 1], [1e300] * 4, [10**5000] * 4, [10**5000] * 2, [None] * 2, [[1]]),
    *({}, {"budget": "x"}, {"max_pixels": 10**40}),
]


@pytest.mark.parametrize("tool", ["locate", "ask", "plan"])
def test_any_value_of_any_argument_gives_a_document_or_a_mistake(served: Tools, tool: str) -> None:
    """No value ends in an error that we did not foresee, nor in a number that JSON lacks."""
    full = {"image": SCREEN, "description": "the red dialog", "question": "?", "budget": 64, "max_tokens": 2}
    known = getattr(arguments, tool.upper())
    values = {name: value for name, value in full.items() if name in known.properties}
    for name in known.properties:
        for junk in JUNK:
            changed = {**values, name: junk}
            if tool == "plan" and name == "size":
                del changed["image"]
            try:
                document = getattr(served, tool)(changed)
            except (InputError, OSError) as error:
                assert len(tools.message_of(error)) < 600
            else:
                json.dumps(document, allow_nan=False)


def test_urls_are_fetched_only_where_they_are_allowed() -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(encoded())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{web.server_port}/a.png?secret"
        assert ImageAccess(urls=True).open(url).size == (64, 48)
        thread.join()
        with pytest.raises(InputError, match="--allow-urls"):
            ImageAccess().open(url)


def test_missing_file_says_where_a_relative_path_begins(served: Tools, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        served.locate({"image": "nowhere.png", "description": "x"})
    with pytest.raises(FileNotFoundError) as caught:
        served.locate({"image": "/nowhere.png", "description": "x"})
    assert tools.error(caught.value)["error"]["kind"] == "file"


def test_an_image_in_every_form_has_the_same_pixels(tmp_path: Path, monkeypatch: Any) -> None:
    data, access = encoded(), ImageAccess()
    (tmp_path / "a.png").write_bytes(data)
    monkeypatch.setenv("HOME", str(tmp_path))
    plain, pixels = base64.b64encode(data).decode(), media.open_image(data).pixels
    wrapped = "\n".join(plain[i : i + 76] for i in range(0, len(plain), 76))
    path = tmp_path / "a.png"
    for text in (str(path), path.as_uri(), "~/a.png", plain, wrapped, f"data:image/png;base64,{plain}"):
        assert (access.open(text).frame().pixels == pixels).all()
    for file_format in ("JPEG", "GIF", "TIFF", "WEBP"):
        text = base64.b64encode(encoded(file_format=file_format)).decode()
        assert access.open(text).size == (64, 48)
        assert image_arguments.name_of(text) == "base64"


def test_raw_pixels_are_read_in_their_order() -> None:
    red = "data:;base64," + base64.b64encode(bytes([0, 0, 255, 0]) * 6).decode()
    image = ImageAccess().open(red, raw_size=[3, 2], pixel_format="bgrx")
    assert image.size == (3, 2)
    assert image.frame().pixels[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(InputError, match="pixel_format"):
        ImageAccess().open(red, raw_size=[3, 2]).frame()


def test_no_paths_leaves_only_what_the_client_sends() -> None:
    access = ImageAccess(paths=False)
    assert access.open(base64.b64encode(encoded()).decode()).size == (64, 48)
    for text in (SCREEN, Path(SCREEN).as_uri(), "~/a.png"):
        with pytest.raises(InputError, match="reads no files"):
            access.open(text)


def test_too_many_bytes_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, path = base64.b64encode(encoded()).decode(), tmp_path / "a.png"
    path.write_bytes(encoded())
    monkeypatch.setattr(image_arguments, "MAX_TEXT_BYTES", 300)
    monkeypatch.setattr(image_arguments, "MAX_FILE_BYTES", 300)
    for source in (text, f"data:image/png;base64,{text}", str(path)):
        with pytest.raises(InputError, match="expected at most"):
            ImageAccess().open(source)


def test_the_engine_is_loaded_once_at_the_first_request_and_again_after_a_failure(engine: saccade.Engine) -> None:
    loads: list[int] = []

    def load() -> saccade.Engine:
        loads.append(len(loads))
        if len(loads) == 1:
            raise FileNotFoundError("model: no such file")
        return engine

    served = Tools(load)
    with pytest.raises(FileNotFoundError):
        served.plan({"size": [640, 480]})
    threads = [threading.Thread(target=served.plan, args=({"size": [640, 480]},)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [0, 1]
    assert served.is_loaded


def test_cancel_stops_a_request(served: Tools) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError) as caught:
        served.locate({"image": SCREEN, "description": "the red dialog"}, cancel=cancel)
    assert tools.error(caught.value)["error"]["kind"] == "interrupted"


def test_an_error_of_another_kind_is_internal_with_its_type() -> None:
    assert tools.error(TypeError("a\nb"))["error"] == {"kind": "internal", "message": "TypeError: a b"}
