"""A set of elements on disk: it resumes, keeps its images, takes decisions, and refuses those of another set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elements_truth import TruthAsker, frame_of
from PIL import Image

from mlx_saccade import scenes
from mlx_saccade.errors import InputError
from mlx_saccade.evals import datasets
from mlx_saccade.evals.elements import images, paired_sets, review, verdicts
from mlx_saccade.evals.elements.regions import Located, Settings
from mlx_saccade.evals.elements.run import LOG, ImageSteps, make_elements, open_log
from mlx_saccade.evals.elements.screen import Verdict

SIZE = (640, 360)
POINTS = Settings("points", stride=16)
FIELDS = {
    *("img_filename", "bbox", "instruction", "id", "application", "platform", "img_size", "ui_type", "group"),
    *("verdict", "reason", "evidence"),
}


class StoppedError(Exception):
    """What ends a run in the middle."""


class StoppingAsker(TruthAsker):
    """Ends the run after a number of questions."""

    most = 10**9

    def locate(self, look: Any) -> Any:
        if self.looks >= self.most:
            raise StoppedError
        return super().locate(look)


def run_once(folder: Path, seed: int, most: int) -> tuple[list[dict[str, Any]], int]:
    """Run the stages on one screen; return the elements and the questions that were asked."""
    scene = scenes.generate(seed, SIZE, ambiguous=True)
    asker = StoppingAsker(scene)
    asker.most = most
    with open_log(folder, POINTS, "digest") as log:
        steps = ImageSteps("images/a.png", "sha", log.entries, log.add)
        made = make_elements(asker, lambda: frame_of(scene), steps, POINTS)
    assert made is not None
    entries = verdicts.entries_of("images/a.png", *made)
    verdicts.write_set(folder, POINTS, "digest", entries)
    verdicts.write_lists(folder, entries)
    return entries, asker.looks


def test_stopped_run_resumes_to_the_same_set_without_asking_again(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    stopped.mkdir()
    entries, looks = run_once(whole, 1, 10**9)
    spent = 0
    for most in (700, 100, 20):
        with pytest.raises(StoppedError):
            run_once(stopped, 1, most)
    with (stopped / LOG).open("a") as stream:
        stream.write('{"stage": "scr')  # as a kill leaves it
    again, spent = run_once(stopped, 1, 10**9)
    assert again == entries
    assert spent < looks
    for name in (verdicts.SET, "annotations.json", verdicts.REJECTED):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes()
    assert run_once(stopped, 1, 10**9)[1] == 0


def test_run_with_other_settings_is_refused(tmp_path: Path) -> None:
    with open_log(tmp_path, POINTS, "a") as log:
        log.add(_step())
        with pytest.raises(InputError, match=r"elements.jsonl"):  # a second process
            open_log(tmp_path, POINTS, "a")
    with pytest.raises(InputError, match=r"elements.jsonl: expected answers of this model"):
        open_log(tmp_path, POINTS, "b")
    with pytest.raises(InputError, match=r"elements.jsonl: expected answers to this setup"):
        open_log(tmp_path, Settings("list"), "a")


def _step() -> Any:
    from mlx_saccade.evals.elements.run import Step

    return Step("size", "images/a.png", "sha", 0, [640, 360])


def test_until_ends_after_its_stage(tmp_path: Path) -> None:
    scene = scenes.generate(1, SIZE)
    steps: list[Any] = []
    asker = TruthAsker(scene)
    for until, stages in (("propose", {"size", "propose"}), ("localize", {"size", "propose", "localize"})):
        made = make_elements(
            asker, lambda: frame_of(scene), ImageSteps("a", "b", steps, steps.append), POINTS, until=until
        )  # type: ignore[arg-type]
        assert made is None
        assert {step.stage for step in steps} == stages


def test_entries_have_the_fields_and_whole_boxes_inside_their_image(tmp_path: Path) -> None:
    entries, _ = run_once(tmp_path, 1, 10**9)
    assert entries
    for entry in entries:
        assert entry.keys() == FIELDS
        x1, y1, x2, y2 = entry["bbox"]
        assert 0 <= x1 < x2 <= SIZE[0] and 0 <= y1 < y2 <= SIZE[1]
        assert all(isinstance(value, int) for value in entry["bbox"])
        assert entry["verdict"] in ("accepted", "ambiguous", "unverified", "not localized", "duplicate")
        assert entry["reason"]
    assert len({entry["id"] for entry in entries}) == len(entries)
    lists = [json.loads((tmp_path / name).read_text()) for name in ("annotations.json", "rejected.json")]
    assert {entry["verdict"] for entry in lists[0]} == {"accepted"}
    assert "accepted" not in {entry["verdict"] for entry in lists[1]}
    assert sorted(map(json.dumps, (*lists[0], *lists[1]))) == sorted(map(json.dumps, entries))


def test_entry_of_a_region_without_a_box_has_its_rough_one() -> None:
    region = Located("the icon", (-3.2, 5.0, 700.0, 5.2), None, (0, 0, 10, 10), reason="gone")
    (entry,) = verdicts.entries_of("images/a.png", SIZE, [Verdict(region, "not localized", "gone")])
    assert entry["bbox"] == [0, 5, 640, 6]


# Images.


def picture(path: Path, value: int = 0) -> str:
    Image.fromarray(np.full((40, 60, 3), value, np.uint8)).save(path)
    return str(path)


def test_images_are_copied_and_those_no_browser_shows_become_png(tmp_path: Path) -> None:
    folder = images.check_folder(tmp_path / "set")
    sources = [picture(tmp_path / "a.png"), picture(tmp_path / "b.bmp", 9)]
    added = images.add_images(folder, sources)
    assert [one.name for one in added] == ["images/a.png", "images/b.bmp.png"]
    assert (folder / "images/a.png").read_bytes() == Path(sources[0]).read_bytes()
    assert (np.asarray(Image.open(folder / "images/b.bmp.png")) == 9).all()
    assert images.add_images(folder, sources) == added
    steps = [_step()]
    assert [one.name for one in images.all_images(folder, added[1:], steps)] == ["images/a.png", "images/b.bmp.png"]


def test_images_that_cannot_be_in_a_set_are_refused_before_any_is_copied(tmp_path: Path) -> None:
    folder = images.check_folder(tmp_path / "set")
    (tmp_path / "other").mkdir()
    first = picture(tmp_path / "a.png")
    same_name = picture(tmp_path / "other" / "a.png", 7)
    with pytest.raises(InputError, match=r"other/a.png: expected a name that no other image of .* has; got a.png"):
        images.add_images(folder, [first, same_name])
    with pytest.raises(FileNotFoundError, match=r"missing.png"):
        images.add_images(folder, [first, str(tmp_path / "missing.png")])
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(InputError, match=r"text.png"):
        images.add_images(folder, [first, str(tmp_path / "text.png")])
    assert list((folder / "images").iterdir()) == []
    images.add_images(folder, [first])
    with pytest.raises(InputError, match="Rename it"):
        images.add_images(folder, [same_name])
    with pytest.raises(InputError, match="expected a folder; got a file"):
        images.check_folder(tmp_path / "a.png")


# Decisions.


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """A set of three elements: one that the screening accepted, and two that it left out."""
    box = (10.0, 20.0, 30.0, 40.0)
    several = [
        Verdict(Located("the icon", box, box, (0, 0, 60, 40)), "accepted", "found twice"),
        Verdict(Located("the button", (40, 1, 50, 9), (40, 1, 50, 9), (0, 0, 60, 40)), "ambiguous", "also there"),
        Verdict(Located("</script><b>x", (1, 1, 9, 9), None, (0, 0, 60, 40), reason="gone"), "not localized", "gone"),
    ]
    entries = verdicts.entries_of("images/a.png", (60, 40), several)
    verdicts.write_set(tmp_path, POINTS, "digest", entries)
    verdicts.write_lists(tmp_path, entries)
    return tmp_path


def decision(entry: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
    judged = {name: entry[name] for name in ("id", "img_filename", "bbox", "instruction")}
    return {**judged, "decision": kind, "reason": "", **more}


def write_decisions(folder: Path, *decisions: Any) -> Path:
    path = folder / "from-page.json"
    path.write_text(json.dumps({"schema": "mlx-saccade/decisions/1", "decisions": decisions}))
    return path


def lists_of(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return annotations and rejected ones by description."""
    accepted, rejected = (json.loads((folder / name).read_text()) for name in ("annotations.json", "rejected.json"))
    return {one["instruction"]: one for one in accepted}, {one["instruction"]: one for one in rejected}


def test_merged_decisions_move_and_correct_elements(small_set: Path) -> None:
    entries = {one["instruction"]: one for one in verdicts.read_set(small_set)}
    new = {"new_bbox": [38, 1, 50, 9], "new_instruction": "the left button"}
    path = write_decisions(
        small_set,
        decision(entries["the icon"], "reject", reason="wrong box"),
        decision(entries["the button"], "correct", **new),
    )
    assert verdicts.merge_decisions(small_set, path) == 2
    verdicts.write_lists(small_set, verdicts.read_set(small_set))
    accepted, rejected = lists_of(small_set)
    assert accepted.keys() == {"the left button"}
    corrected = accepted["the left button"]
    assert corrected["bbox"] == [38, 1, 50, 9]
    assert corrected["proposed"] == {"bbox": [40, 1, 50, 9], "instruction": "the button"}
    assert corrected["decision"] == "correct"
    assert rejected["the icon"]["decision_reason"] == "wrong box"
    # A later decision takes the place of the earlier one; the others stay.
    verdicts.merge_decisions(small_set, write_decisions(small_set, decision(entries["the icon"], "accept")))
    verdicts.write_lists(small_set, verdicts.read_set(small_set))
    assert lists_of(small_set)[0].keys() == {"the icon", "the left button"}


def test_decisions_on_changed_elements_are_left_out_of_the_lists(small_set: Path) -> None:
    entries = verdicts.read_set(small_set)
    verdicts.merge_decisions(small_set, write_decisions(small_set, decision(entries[1], "reject")))
    entries[1]["bbox"] = [0, 0, 5, 5]
    _, _, differing = verdicts.write_lists(small_set, entries)
    assert differing == [entries[1]["id"]]


def other_box(one: dict[str, Any]) -> None:
    one["bbox"] = [0, 0, 5, 5]


CASES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda one: one.update(id="b.png-0000"), "got b.png-0000, which is not in the set"),
    (other_box, r"got a.png-0000, whose bbox is \[0, 0, 5, 5\] and not \[1, 1, 9, 9\]"),
    (lambda one: one.update(instruction="x"), "got a.png-0000, whose instruction is 'x' and not"),
    (lambda one: one.update(decision="maybe"), "decision 1: expected decision accept, reject, correct; got 'maybe'"),
    (lambda one: one.pop("id"), "decision 1: expected an object with id"),
    (lambda one: one.pop("bbox"), "decision 1: expected bbox; got none"),
    (lambda one: one.update(reason=3), "expected reason as text; got 3"),
    (lambda one: one.update(decision="correct"), "expected new_instruction as text; got None"),
    (lambda one: one.update(decision="correct", new_instruction="x", new_bbox=[1, 2, 1, 4]), "expected new_bbox"),
    (lambda one: one.update(decision="correct", new_instruction="x", new_bbox=[1, 2, float("nan"), 4]), "new_bbox"),
    (lambda one: one.update(decision="correct", new_instruction="x", new_bbox=[1, 2, 61, 4]), "inside 60 x 40"),
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_wrong_decisions_are_refused_and_change_nothing(
    small_set: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    before = {path.name: path.read_bytes() for path in small_set.iterdir()}
    one = decision(next(e for e in verdicts.read_set(small_set) if e["id"] == "a.png-0000"), "accept")
    change(one)
    path = write_decisions(small_set, one)
    with pytest.raises(InputError, match=message):
        verdicts.merge_decisions(small_set, path)
    path.unlink()
    assert {path.name: path.read_bytes() for path in small_set.iterdir()} == before


def test_files_that_are_no_decisions_or_no_set_are_refused(small_set: Path, tmp_path: Path) -> None:
    entry = verdicts.read_set(small_set)[0]
    twice = write_decisions(small_set, decision(entry, "accept"), decision(entry, "reject"))
    with pytest.raises(InputError, match="decision 2: a second decision on"):
        verdicts.merge_decisions(small_set, twice)
    with pytest.raises(FileNotFoundError, match=r"no-such.json"):
        verdicts.merge_decisions(small_set, tmp_path / "no-such.json")
    with pytest.raises(InputError, match="expected decisions of a review page"):
        verdicts.merge_decisions(small_set, small_set / "annotations.json")
    (small_set / "text").write_text("{")
    with pytest.raises(InputError, match="expected JSON"):
        verdicts.merge_decisions(small_set, small_set / "text")
    (small_set / "set.json").write_text('{"schema": "mlx-saccade/elements/1", "elements": [{}]}')
    with pytest.raises(InputError, match=r"set.json: expected a set of"):
        review.write_page(small_set)
    with pytest.raises(FileNotFoundError, match="Run `mlx-saccade elements run"):
        review.write_page(tmp_path / "nowhere")


def test_page_holds_the_set_and_no_text_of_it_as_markup(small_set: Path) -> None:
    path, count = review.write_page(small_set)
    page = path.read_text()
    assert count == 3
    assert "</script><b>x" not in page
    assert page.count("</script>") == 2
    assert "http:" not in page and "https:" not in page
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert {one["instruction"] for one in data["elements"]} == {"the icon", "the button", "</script><b>x"}
    assert data["decisions"] == []


# The two sets that show what contamination does.


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_paired_sets_differ_in_ambiguous_descriptions_alone(tmp_path: Path, share: float) -> None:
    seeds = range(6)
    written = paired_sets.write_paired_sets(tmp_path, seeds, SIZE, share)
    contaminated, clean = (
        json.loads((tmp_path / name).read_text()) for name in (paired_sets.CONTAMINATED, paired_sets.CLEAN)
    )
    assert len(contaminated) == len(clean) == written.targets
    assert abs(written.ambiguous / written.targets - share) < 0.1
    screens = {f"scene-{seed:06d}.png": scenes.generate(seed, SIZE, ambiguous=True) for seed in seeds}
    for doubtful, plain in zip(contaminated, clean, strict=True):
        scene = screens[plain["img_filename"]]
        assert doubtful["img_filename"] == plain["img_filename"] and doubtful["id"] == plain["id"]
        assert [one.box for one in scene.matching(plain["instruction"])] == [tuple(plain["bbox"])]
        assert not plain["ambiguous"]
        if not doubtful["ambiguous"]:
            assert doubtful == plain
            continue
        boxes = [one.box for one in scene.matching(doubtful["instruction"])]
        assert len(boxes) == 2 and tuple(doubtful["bbox"]) in boxes
        assert doubtful["group"] == plain["group"]
    assert sum(one["ambiguous"] for one in contaminated) == written.ambiguous
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert paired_sets.write_paired_sets(tmp_path, seeds, SIZE, share) == written
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert {one["img_filename"] for one in clean} == {name for name in first if name.endswith(".png")}


def test_lists_are_read_as_data_sets_of_a_sweep(tmp_path: Path) -> None:
    written = paired_sets.write_paired_sets(tmp_path / "pairs", range(4), SIZE, 0.5)
    for name in (paired_sets.CONTAMINATED, paired_sets.CLEAN):
        assert len(datasets.open_data(tmp_path / "pairs" / name).targets) == written.targets
    folder = images.check_folder(tmp_path / "set")
    scene = scenes.generate(1, SIZE, ambiguous=True)
    Image.fromarray(scene.image).save(folder / "images" / "a.png")
    entries, _ = run_once(folder, 1, 10**9)
    data = datasets.open_data(folder / "annotations.json")
    accepted = [entry for entry in entries if entry["verdict"] == "accepted"]
    assert {one.id for one in data.targets} == {entry["id"] for entry in accepted}
    assert all(one.image_size == SIZE for one in data.targets)


def test_paired_sets_refuse_a_share_out_of_range(tmp_path: Path) -> None:
    for share in (0.0, 1.1, -1.0, float("nan")):
        with pytest.raises(InputError, match=r"--share: expected above 0 and at most 1"):
            paired_sets.write_paired_sets(tmp_path / "x", range(1), SIZE, share)
    assert not (tmp_path / "x").exists()
