"""The stages of `elements` on screens whose truth is known: proposals, zooms, and why a region is left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from elements_truth import TruthAsker, clip, frame_of, name

from mlx_saccade import media, scenes
from mlx_saccade.evals.elements.asking import Finding, Look, check_proposer, erase
from mlx_saccade.evals.elements.audit import audit_screen, judge, summarize
from mlx_saccade.evals.elements.localize import crop_around, localize
from mlx_saccade.evals.elements.propose import crops_of, merge, propose
from mlx_saccade.evals.elements.regions import Located, Proposal, Settings, part_inside
from mlx_saccade.evals.elements.run import ImageSteps, make_elements
from mlx_saccade.evals.elements.screen import Verdict, match, screen, without_duplicates
from mlx_saccade.evals.metrics import iou
from mlx_saccade.scenes import Scene

SIZE = (640, 360)
POINTS = Settings("points", stride=12)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A screen on which several descriptions fit two elements."""
    return next(one for one in (scenes.generate(seed, SIZE, ambiguous=True) for seed in range(20)) if one.ambiguous)


def verdicts_of(asker: TruthAsker, settings: Settings = POINTS) -> list[Verdict]:
    made = make_elements(asker, lambda: frame_of(asker.scene), ImageSteps(), settings)
    assert made is not None and made[0] == asker.scene.size
    return made[1]


def test_crops_of_an_image_begin_with_all_of_it_and_cover_it() -> None:
    crops = crops_of(SIZE, Settings("points", grids=(1, 2, 3)))
    assert crops[0] == (0, 0, *SIZE)
    assert len(crops) == 1 + 4 + 9
    for grid in (crops[1:5], crops[5:]):
        covered = np.zeros(SIZE[::-1], bool)
        for x1, y1, x2, y2 in grid:
            covered[y1:y2, x1:x2] = True
        assert covered.all()
    assert crops_of((1, 1), POINTS) == [(0, 0, 1, 1)]


@pytest.mark.parametrize("proposer", ["points", "list"])
def test_propose_with_a_perfect_model_finds_the_elements(scene: Scene, proposer: str) -> None:
    asker = TruthAsker(scene, proposer)  # type: ignore[arg-type]
    proposals = [one for crop in crops_of(SIZE, POINTS) for one in propose(asker, frame_of(scene), crop, POINTS)]
    found = {one.description for one in proposals}
    shown = {name(one) for one in scene.elements if min(one.box[2] - one.box[0], one.box[3] - one.box[1]) > 30}
    assert found >= shown
    assert found <= {name(one) for one in scene.elements}
    assert len(merge(proposals)) < len(proposals)


def test_propose_drops_a_name_that_the_model_does_not_find_again(scene: Scene) -> None:
    class Doubtful(TruthAsker):
        def name_points(self, frame: media.Frame, crop: object, points: Sequence[tuple[float, float]]) -> list[str]:
            return ["the purple moon icon"] + [""] * (len(points) - 1)

        def locate(self, look: Look) -> Finding | None:
            return None

    assert propose(Doubtful(scene), frame_of(scene), (0, 0, *SIZE), POINTS) == []


def test_merge_keeps_the_largest_of_a_region_and_counts_its_crops() -> None:
    whole, tile = (0, 0, 100, 100), (0, 0, 60, 60)
    window = Proposal("the Window", (10, 10, 90, 90), (50, 50), whole)
    cut = Proposal("the window.", (10, 10, 60, 60), (30, 30), tile)
    other = Proposal("the icon", (10, 10, 60, 60), (30, 30), tile)
    assert merge([cut, window, other]) == [(window, 2), (other, 1)]


def test_localize_zooms_until_the_box_is_whole(scene: Scene) -> None:
    largest = max(scene.elements, key=lambda one: (one.box[2] - one.box[0]) * (one.box[3] - one.box[1]))
    x1, y1, x2, y2 = largest.box
    center = (x1 + x2) / 2, (y1 + y2) / 2
    rough = (center[0] - 4, center[1] - 4, center[0] + 4, center[1] + 4)
    asker = TruthAsker(Scene(scene.image, (largest,), "light"), seen=(40, 40))
    asker.least = 0.0
    (located,) = localize(asker, frame_of(scene), [(Proposal(name(largest), rough, center, (0, 0, *SIZE)), 1)])
    assert located.box == largest.box
    assert located.crop[2] - located.crop[0] > 40


def test_localize_says_why_a_region_has_no_box(scene: Scene) -> None:
    one = scene.elements[-1]
    asker, whole = TruthAsker(scene), (0, 0, *SIZE)
    x, y = (one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2
    absent = Proposal(scene.absent(1), one.box, (x, y), whole)
    elsewhere = Proposal(name(one), one.box, (one.box[0] - 30.0, one.box[1] - 30.0), whole)
    located = localize(asker, frame_of(scene), [(absent, 1), (elsewhere, 1)])
    assert [region.box for region in located] == [None, None]
    assert located[0].reason == "the zoom does not find it"
    assert "elsewhere" in located[1].reason

    class OtherName(TruthAsker):
        def locate(self, look: Look) -> Finding | None:
            return Finding(one.box, "the red toaster")

    (renamed,) = localize(OtherName(scene), frame_of(scene), [(Proposal(name(one), one.box, (x, y), whole), 1)])
    assert renamed.reason == "the zoom finds 'the red toaster' in its place"


def test_native_crop_has_one_source_pixel_for_a_model_pixel(scene: Scene) -> None:
    asker = TruthAsker(scene)
    assert crop_around(asker, SIZE, (300, 200, 310, 210)) == (145, 115, 465, 295)
    assert crop_around(asker, SIZE, (0, 0, 600, 300)) == (0, 0, *SIZE)


@pytest.mark.parametrize("proposer", ["points", "list"])
def test_perfect_model_loses_every_ambiguous_description_and_nothing_else(scene: Scene, proposer: str) -> None:
    asker = TruthAsker(scene, proposer)  # type: ignore[arg-type]
    judged = judge(scene, verdicts_of(asker))
    assert {one.truth for one in judged} == {"good", "contaminated"}
    for one in judged:
        assert one.verdict == ("accepted" if one.truth == "good" else "ambiguous"), one
        if one.truth == "good":
            assert one.iou > 0.99


def test_ambiguous_verdict_names_the_other_place(scene: Scene) -> None:
    pair = scene.ambiguous[0]
    asker = TruthAsker(scene)
    first, second = (Located(pair.description, box, box, (0, 0, *SIZE)) for box in pair.boxes)

    def other_of(region: Located, *among: Located) -> dict[str, Any]:
        (verdict,) = screen(asker, frame_of(scene), [region], [region, *among], [], POINTS)
        assert verdict.verdict == "ambiguous"
        assert f"also matches [{', '.join(map(str, map(round, verdict.evidence['other']['box'])))}]" in verdict.reason
        return verdict.evidence["other"]

    # The model always gives the first, so that only a look without it finds the second.
    assert other_of(first) == {"box": list(pair.boxes[1]), "crop": [0, 0, *SIZE], "erased": True, "zoom_iou": 1.0}
    assert other_of(first, second)["erased"] is False
    assert other_of(second)["box"] == list(pair.boxes[0])


def test_second_box_of_one_answer_is_another_place(scene: Scene) -> None:
    class Generous(TruthAsker):
        def locate(self, look: Look) -> Finding | None:
            finding = super().locate(look)
            boxes = [clip(box, look.crop) for box in pair.boxes if part_inside(box, look.crop) > 0.5]
            return finding and dataclasses.replace(finding, others=tuple(boxes[1:]))

    pair = scene.ambiguous[0]
    region = Located(pair.description, pair.boxes[0], pair.boxes[0], (0, 0, *SIZE))
    asker = Generous(scene)
    places = match(asker, frame_of(scene), (0, 0, *SIZE), [pair.description])
    assert [place.box for place in places] == list(pair.boxes)
    (verdict,) = screen(asker, frame_of(scene), [region], [region], places, POINTS)
    assert verdict.verdict == "ambiguous"
    assert verdict.evidence["other"]["erased"] is False


def test_other_place_that_no_zoom_confirms_is_no_ambiguity(scene: Scene) -> None:
    one = next(e for e in scene.elements if not e.relation and e.container is not None)
    region = Located(name(one), one.box, one.box, (0, 0, *SIZE))
    ghost = dataclasses.replace(region, box=(5.0, 5.0, 25.0, 25.0))
    (verdict,) = screen(TruthAsker(scene), frame_of(scene), [region], [region, ghost], [], POINTS)
    assert verdict.verdict == "accepted"


def test_unverified_verdicts_say_what_the_closer_crop_shows(scene: Scene) -> None:
    one = next(e for e in scene.elements if not e.relation and e.container is not None)
    region = Located(name(one), one.box, one.box, (0, 0, *SIZE))

    def reason(located: Located, **answers: object) -> str:
        asker = TruthAsker(scene)
        for method, answer in answers.items():
            setattr(asker, method, answer)
        (verdict,) = screen(asker, frame_of(scene), [located], [located], [], POINTS)
        assert verdict.verdict == "unverified"
        return verdict.reason

    assert reason(region, locate=lambda look: None) == "the closer crop does not show it"
    assert reason(region, locate=lambda look: Finding(one.box, "a toaster")) == "the closer crop shows 'a toaster'"
    assert (
        reason(region, name_boxes=lambda frame, boxes: ["the toaster"] * len(boxes))
        == "the model names the box 'the toaster'"
    )
    assert reason(region, name_boxes=lambda frame, boxes: [""] * len(boxes)) == "the model sees nothing in the box"
    x1, y1, x2, y2 = one.box
    moved = dataclasses.replace(region, box=(x1, y1, x1 + (x2 - x1) / 4, y2))
    assert reason(moved) == "the closer crop has it at IoU 0.25, below 0.5"


def test_without_duplicates_keeps_the_one_with_more_crops() -> None:
    once = Located("the icon", (0, 0, 10, 10), (0, 0, 10, 10), (0, 0, 50, 50), seen_in=1)
    twice = dataclasses.replace(once, seen_in=2)
    far = dataclasses.replace(once, box=(30, 30, 40, 40))
    lost = dataclasses.replace(once, box=None, reason="the zoom does not find it")
    kept, out = without_duplicates([once, far, twice, lost])
    assert kept == [far, twice]
    assert [(one.verdict, one.region) for one in out] == [("duplicate", once), ("not localized", lost)]


def test_erase_paints_the_box_in_the_color_around_it_and_nothing_else() -> None:
    pixels = np.full((40, 60, 3), 200, np.uint8)
    pixels[10:20, 15:30] = (255, 0, 0)
    frame = media.open_image(pixels)
    erased = erase(frame, (15, 10, 30, 20), (5, 5, 55, 35)).pixels
    assert erased.shape == (30, 50, 3)
    assert (erased == 200).all()
    assert (frame.pixels[10:20, 15:30] == (255, 0, 0)).all()
    assert erase(frame, (0, 0, 60, 40), (0, 0, 60, 40)).pixels.shape == (40, 60, 3)  # nothing is left around it


def test_check_proposer_knows_the_packaged_checkpoint(tmp_path: object) -> None:
    from pathlib import Path

    from mlx_saccade.checkpoint import hub

    assert check_proposer(None, hub.find(None)) == "points"
    assert check_proposer(None, Path(str(tmp_path))) == "list"
    assert check_proposer("list", hub.find(None)) == "list"
    with pytest.raises(ValueError, match="proposer: expected one of points, list; got 'grid'"):
        check_proposer("grid", hub.find(None))


def test_audit_of_a_perfect_model_catches_all_and_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_saccade.evals.elements import audit

    monkeypatch.setattr(audit, "AUDIT_SIZE", SIZE)
    audits = []
    for seed in range(audit.FIRST_SEED, audit.FIRST_SEED + 12):
        asker = TruthAsker(scenes.generate(seed, SIZE, ambiguous=bool(seed % 2)))
        audits.append(audit_screen(asker, seed, POINTS))
    figures = summarize(audits)
    assert figures["screens"] == 12
    assert figures["contaminated_caught"]["value"] == 1
    assert figures["contaminated_caught"]["n"] > 12
    by_side = [figures[f"contaminated_caught_{words}"]["n"] for words in audit.SIDES]
    assert sum(by_side) == figures["contaminated_caught"]["n"]
    assert figures["good_lost"]["value"] == 0
    assert figures["contaminated_after"]["value"] == 0
    assert figures["survivors_iou"]["value"] > 0.99
    low, high = figures["contaminated_before"]["interval"]
    assert 0 < low < figures["contaminated_before"]["value"] < high < 1


def test_audit_counts_a_box_elsewhere_as_wrong(scene: Scene) -> None:
    one = next(e for e in scene.elements if not e.relation)
    inside = Located(name(one), one.box, one.box, (0, 0, *SIZE))
    beside = dataclasses.replace(inside, box=(0, 0, 3, 3))
    assert iou(one.box, (0, 0, 3, 3)) < 0.5
    judged = judge(scene, [Verdict(inside, "accepted", ""), Verdict(beside, "accepted", "")])
    assert [j.truth for j in judged] == ["good", "wrong"]
    assert judged[0].side == min(one.box[2] - one.box[0], one.box[3] - one.box[1])
    assert (
        judge(scene, [Verdict(inside, "duplicate", ""), Verdict(Located("x", one.box, None, (0, 0, 1, 1)), "", "")])
        == []
    )
