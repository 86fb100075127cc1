"""Screen regions: out if the description also matches another region, or if the crop around the box does not verify.

The published sweep lost more at high budgets on targets whose descriptions match several things. So a description is
searched for wherever else it might match: in every crop that was proposed from, and in the image with its own region
painted over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade.errors import quantity
from mlx_saccade.evals.elements.asking import Finding, Look
from mlx_saccade.evals.elements.localize import crop_around
from mlx_saccade.evals.elements.propose import crops_of
from mlx_saccade.evals.elements.regions import (
    Located,
    Settings,
    agrees,
    crop_of,
    edges,
    is_same,
    part_inside,
    phrase,
    rounded,
)
from mlx_saccade.evals.metrics import iou
from mlx_saccade.evals.targets import Edges
from mlx_saccade.policies.trail import Crop

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.asking import Asker
    from mlx_saccade.media import Frame

__all__ = ["VERDICTS", "Match", "Verdict", "match", "screen", "without_duplicates"]

VERDICTS: Final = ("accepted", "ambiguous", "unverified", "not localized", "duplicate")
# The crop that verifies is closer than the one that localized, so that the model sees other pixels.
_CLOSER, _CLOSER_ROOM = 0.7, 1.4
_MOST_OTHERS: Final = 3  # other regions that are checked for one description


@dataclass(frozen=True)
class Match:
    """A place that the model gave for a description in a crop, of one of the regions or of another one.

    Attributes:
        description: the words.
        box: in pixels of the image.
        crop: part of the image that the model saw.
        erased: True if the description's own region was painted over.
    """

    description: str
    box: Edges
    crop: Crop
    erased: bool = False

    @classmethod
    def of_dict(cls, line: dict[str, Any]) -> Match:
        """Return the match of a line of JSON; raises TypeError, KeyError or ValueError if it is damaged."""
        return cls(str(line["description"]), edges(line["box"]), crop_of(line["crop"]), bool(line["erased"]))


@dataclass(frozen=True)
class Verdict:
    """The decision of the screening about a region.

    Attributes:
        region: that was screened.
        verdict: one of `VERDICTS`; "accepted" keeps it in the set.
        reason: for people, with numbers.
        evidence: what the decision rests on, for JSON.
    """

    region: Located
    verdict: str
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_dict(cls, line: dict[str, Any]) -> Verdict:
        """Return the verdict of a line of JSON; raises TypeError, KeyError or ValueError if it is damaged."""
        return cls(Located.of_dict(line["region"]), line["verdict"], line["reason"], dict(line["evidence"]))


def without_duplicates(regions: Sequence[Located]) -> tuple[list[Located], list[Verdict]]:
    """Return regions, each once, and the verdicts of those without a box and of repetitions.

    Of two regions with one description and mostly one box, that with more crops is kept.
    """
    unique: list[Located] = []
    out: list[Verdict] = []
    for region in sorted(regions, key=lambda one: -one.seen_in):
        twin = next((one for one in unique if _is_repeated(one, region)), None)
        if region.box is None:
            out.append(Verdict(region, "not localized", region.reason))
        elif twin is None:
            unique.append(region)
        else:
            out.append(Verdict(region, "duplicate", f"the same as {_text(twin.box)}"))
    order = {id(region): number for number, region in enumerate(regions)}
    return sorted(unique, key=lambda one: order[id(one)]), sorted(out, key=lambda one: order[id(one.region)])


def match(asker: Asker, frame: Frame, crop: Crop, descriptions: Sequence[str]) -> list[Match]:
    """Return where the model finds each description in one crop; those that it does not find are left out."""
    findings = asker.locate_all(frame, crop, descriptions)
    pairs = zip(descriptions, findings, strict=True)
    return [place for words, finding in pairs for place in _places(Look(crop, words), finding)]


def _places(look: Look, finding: Finding | None) -> list[Match]:
    """Return the places that a look gave for its description, none where it shows something else."""
    if finding is None or not agrees(look.description, finding.label):
        return []
    erased = look.erased is not None
    return [Match(look.description, rounded(box), look.crop, erased) for box in (finding.box, *finding.others)]


def screen(
    asker: Asker,
    frame: Frame,
    regions: Sequence[Located],
    among: Sequence[Located],
    matches: Sequence[Match],
    settings: Settings,
) -> list[Verdict]:
    """Return a verdict on each region.

    Args:
        asker: asks the model.
        frame: the image.
        regions: to screen, each with a box.
        among: all regions of the image, whose descriptions may be the same.
        matches: of `match`, in every crop that was proposed from.
        settings: of the set.
    """
    verdicts, places = _verify(asker, frame, regions, settings)
    others = {
        number: _others(region, among, [*places[number], *matches])
        for number, region in enumerate(regions)
        if places[number]
    }
    _ambiguous(asker, frame, regions, others, verdicts, settings)
    # The costly looks, at the image without the region, only where nothing else was found.
    pending = [number for number, one in enumerate(verdicts) if one.verdict == "accepted"]
    erased = _erased_matches(asker, frame, [regions[number] for number in pending], settings)
    again = {number: _others(regions[number], (), erased) for number in pending}
    _ambiguous(asker, frame, regions, again, verdicts, settings)
    return verdicts


def _verify(
    asker: Asker, frame: Frame, regions: Sequence[Located], settings: Settings
) -> tuple[list[Verdict], list[list[Match]]]:
    """Return "accepted" or "unverified" for each region, by a closer crop around its box.

    The second list has the places where the crop shows the description, its own among them.
    """
    size = frame.source_size
    boxes = [box for region in regions if (box := region.box) is not None]
    crops = [crop_around(asker, size, box, zoom=_CLOSER, room=_CLOSER_ROOM) for box in boxes]
    looks = [Look(crop, region.description) for crop, region in zip(crops, regions, strict=True)]
    findings = asker.locate_each(frame, looks)
    names: Sequence[str | None] = [None] * len(boxes)
    if asker.names_boxes:
        names = asker.name_boxes(frame, list(zip(crops, boxes, strict=True)))
    verdicts: list[Verdict] = []
    places: list[list[Match]] = []
    for region, box, look, finding, name in zip(regions, boxes, looks, findings, names, strict=True):
        places.append(_places(look, finding))
        overlap = 0.0 if finding is None else round(iou(finding.box, box), 3)
        evidence = {"crop": list(look.crop), "crop_iou": overlap, "name_in_box": name}
        reason = _doubt(region.description, finding, overlap, name, settings.least_iou)
        is_closer = look.crop != region.crop
        again = f"in a closer one at IoU {overlap:.2f}" if is_closer else "it is too large for a closer one"
        support = f"recognized in {quantity(region.seen_in, 'crop')}; {again}"
        verdicts.append(Verdict(region, "unverified" if reason else "accepted", reason or support, evidence))
    return verdicts, places


def _doubt(description: str, finding: Finding | None, overlap: float, name: str | None, least: float) -> str:
    """Return why a closer crop does not verify a box, or ""."""
    if finding is None:
        return "the closer crop does not show it"
    if not agrees(description, finding.label):
        return f"the closer crop shows {finding.label!r}"
    if overlap < least:
        return f"the closer crop has it at IoU {overlap:.2f}, below {least}"
    if name is not None and phrase(name) != phrase(description):
        return f"the model names the box {name!r}" if name else "the model sees nothing in the box"
    return ""


def _others(region: Located, among: Sequence[Located], matches: Sequence[Match]) -> list[Match]:
    """Return other places that a description may match, each once, at most three."""
    box, words = region.box, phrase(region.description)
    assert box is not None
    places = [Match(one.description, one.box, one.crop) for one in among if one.box is not None] + list(matches)
    others: list[Match] = []
    for place in places:
        known = [box, *(other.box for other in others)]
        if phrase(place.description) == words and not any(is_same(place.box, one) for one in known):
            others.append(place)
    return others[:_MOST_OTHERS]


def _erased_matches(asker: Asker, frame: Frame, regions: Sequence[Located], settings: Settings) -> list[Match]:
    """Return where descriptions are found with their own regions painted over, in the whole image and in a tile."""
    crops = crops_of(frame.source_size, settings)
    looks = []
    for region in regions:
        assert region.box is not None
        nearest = max(crops, key=lambda crop: (round(part_inside(region.box, crop), 2), -_area(crop)))  # type: ignore[arg-type]
        looks += [Look(crop, region.description, region.box) for crop in dict.fromkeys((crops[0], nearest))]
    findings = asker.locate_each(frame, looks)
    return [place for look, finding in zip(looks, findings, strict=True) for place in _places(look, finding)]


def _ambiguous(
    asker: Asker,
    frame: Frame,
    regions: Sequence[Located],
    others: dict[int, list[Match]],
    verdicts: list[Verdict],
    settings: Settings,
) -> list[int]:
    """Judge regions whose other places a zoom confirms as ambiguous; return their numbers."""
    size = frame.source_size
    places = [(number, place) for number, several in others.items() for place in several]
    crops = [crop_around(asker, size, place.box) for _, place in places]
    looks = [
        Look(crop, place.description, regions[number].box)
        for (number, place), crop in zip(places, crops, strict=True)
    ]  # fmt: skip
    findings = asker.locate_each(frame, looks)
    names: Sequence[str | None] = [None] * len(places)
    if asker.names_boxes:
        names = asker.name_boxes(frame, [(crop, place.box) for (_, place), crop in zip(places, crops, strict=True)])
    judged = []
    for (number, place), finding, name in zip(places, findings, names, strict=True):
        overlap = 0.0 if finding is None else round(iou(finding.box, place.box), 3)
        if number in judged or _doubt(place.description, finding, overlap, name, settings.least_iou):
            continue
        before, how = verdicts[number], " with its own region painted over" if place.erased else ""
        reason = f"its description also matches {_text(place.box)}{how}, confirmed by a zoom at IoU {overlap:.2f}"
        other = {"box": list(place.box), "crop": list(place.crop), "erased": place.erased, "zoom_iou": overlap}
        evidence = {**before.evidence, "other": other}
        verdicts[number] = replace(before, verdict="ambiguous", reason=reason, evidence=evidence)
        judged.append(number)
    return judged


def _is_repeated(one: Located, other: Located) -> bool:
    if one.box is None or other.box is None:
        return False
    return phrase(one.description) == phrase(other.description) and is_same(one.box, other.box)


def _text(box: Edges | None) -> str:
    return "nothing" if box is None else f"[{', '.join(str(round(value)) for value in box)}]"


def _area(crop: Crop) -> float:
    return float((crop[2] - crop[0]) * (crop[3] - crop[1]))
